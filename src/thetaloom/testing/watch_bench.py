"""Many open positions on many underlyings, and a market that tells of any of their contracts at once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from sqlalchemy import delete

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.spreads import Lot, whole_spread
from thetaloom.domain.market.quotes import Quote, price_from_float
from thetaloom.domain.run.runs import RunStatus, StepName, TriggerKind, WorkflowRun
from thetaloom.domain.strategy.rules import ExitGuard, GuardMode
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit, Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import FillId, RunId, StrategyId, make_position_id
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.engine.engine import Engine
from thetaloom.maths.black_scholes import bsm_price
from thetaloom.ports.market_data import QuoteBatch
from thetaloom.store.database import open_database
from thetaloom.store.schema import account_looks
from thetaloom.store.upgrading import upgrade
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule
from thetaloom.testing.market import FixedMarket

EXPIRES_ON = date(2026, 2, 20)
SYMBOLS = 50
STRIKE_STEP = 5
STOPPED_OUT_MAX = 50
IV, RATE, YIELD = 0.25, 0.04, 0.012
STOP = exit_rule(ExitKind.STOP_LOSS, 200, ExitUnit.PERCENT_OF_PREMIUM)
TARGET = exit_rule(ExitKind.PROFIT_TARGET, 80, ExitUnit.PERCENT_OF_PREMIUM)
EXITS = (
    (TARGET, STOP, exit_rule(ExitKind.DTE, 5, ExitUnit.DAYS)),
    (TARGET, STOP, exit_rule(ExitKind.SHORT_DELTA, "0.5", ExitUnit.DELTA)),
    (STOP, exit_rule(ExitKind.TRAILING, 60, ExitUnit.PERCENT_OF_PEAK, activates_at=Decimal(40))),
    (TARGET, STOP, exit_rule(ExitKind.SHORT_STRIKE, 0, ExitUnit.DOLLARS)),
)


class WatchMarket(FixedMarket):
    """A market of many contracts, each at its model's price for its underlying's spot."""

    def __init__(self, clock: FakeClock, spots: Mapping[str, float]) -> None:
        super().__init__(clock)
        self.levels = dict(spots)
        self.quoted: dict[OptionContract, Quote] = {}
        self.now = clock.now
        self.watched: list[OptionContract] = []

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the newest quotes."""
        return {contract: self.quoted[contract] for contract in contracts if contract in self.quoted}

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the newest spot."""
        return price_from_float(self.levels[underlying]) if underlying in self.levels else None

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Tell of these contracts, by the very values that were asked for, as feeds do."""
        self.watched = list(contracts)

    def poll(self) -> QuoteBatch | None:
        """Return nothing: who measures hands the batches over."""
        return None

    def move(self, contracts: Iterable[OptionContract], *, widen: float = 0.0) -> QuoteBatch:
        """Quote these contracts anew at their underlyings' spots."""
        at, found = self.now(), {}
        years = max((builders.trading_calendar().settles_at(next(iter(self.quoted or contracts))) - at).days, 1) / 365
        for contract in contracts:
            spot, strike = self.levels[contract.underlying], float(contract.strike)
            fair = bsm_price(contract.right is Right.CALL, spot, strike, years, RATE, YIELD, IV)
            half = 0.02 + widen
            bid, ask = price_from_float(max(0.01, fair - half)), price_from_float(fair + half + 0.01)
            found[contract] = Quote(bid=bid, ask=ask, quoted_at=at)
        self.quoted |= found
        symbols = {contract.underlying for contract in found}
        spots = {symbol: price_from_float(self.levels[symbol]) for symbol in symbols}
        return QuoteBatch(
            as_of=at, quotes=found, spots={name: spot for name, spot in spots.items() if spot is not None}
        )


class WatchBench:
    """An engine over a database that holds this many open iron condors."""

    def __init__(self, folder: Path, positions: int) -> None:
        database = open_database(folder / "watch.db")
        upgrade(database)
        self.desk_bench = DeskBench(database)
        self.clock = self.desk_bench.clock
        numbers = self._numbers = np.random.default_rng(7)
        spots = {f"W{chr(65 + n // 26)}{chr(65 + n % 26)}": float(numbers.uniform(150, 600)) for n in range(SYMBOLS)}
        self.market = WatchMarket(self.clock, spots)
        self.desk = replace(self.desk_bench.desk, market=self.market)
        self.legs = [
            _condor(self.market, numbers, symbol)
            for symbol, _ in zip(_round(list(spots)), range(positions), strict=False)
        ]
        self.contracts = sorted({leg.contract for legs in self.legs for leg in legs})
        self.market.move(self.contracts)
        shared = Counter(leg.contract for legs in self.legs for leg in legs)
        self.alone = [number for number, legs in enumerate(self.legs) if shared[legs[0].contract] == 1]
        self._store()
        self.engine = Engine(self.desk)

    def moved(self, share: float, move: float) -> QuoteBatch:
        """Let every spot move a little and quote a share of the watched contracts anew, a fifth of a second later."""
        self.clock.advance(seconds=0.2)
        for symbol in self.market.levels:
            self.market.levels[symbol] *= 1 + self._numbers.normal(0, move)
        watched = self.market.watched
        some = max(1, round(len(watched) * share))
        chosen = (
            range(len(watched)) if some == len(watched) else self._numbers.choice(len(watched), some, False).tolist()
        )
        return self.market.move([watched[place] for place in chosen])

    def stop_out(self, number: int) -> QuoteBatch:
        """Let one leg that one position alone sold cost what breaks its stop."""
        self.clock.advance(seconds=0.2)
        number = self.alone[number]
        short = self.legs[number][0].contract
        batch = self.market.move([contract for contract in self.market.watched if contract == short])
        (known,) = batch.quotes.values()
        dear = replace(known, bid=Price("30.00"), ask=Price("30.10"))
        self.market.quoted |= {contract: dear for contract in batch.quotes}
        return replace(batch, quotes=dict.fromkeys(batch.quotes, dear))

    def has_closing_order(self, number: int) -> bool:
        """Say whether an order that closes this position stands in the books."""
        number = self.alone[number]
        with self.desk.store.reading() as uow:
            return any(order.effect is Effect.CLOSE for order in uow.orders.of_run(_run_id(number)))

    def close(self) -> None:
        """Close the database."""
        self.desk_bench.database.close()

    def _store(self) -> None:
        now = self.clock.now()
        with self.desk.store.unit_of_work() as uow:
            strategies = [_strategy(number) for number in range(len(EXITS))]
            # One leg that leaps alone is a bad quote to every guard: what is to be stopped out goes without.
            bare = replace(strategies[0], id=StrategyId("watched-bare"), guard=ExitGuard(mode=GuardMode.OFF))
            for strategy in (*strategies, bare):
                uow.strategies.save(ANNA, strategy, now)
            stopped_out = frozenset(self.alone[:STOPPED_OUT_MAX])
            for number, legs in enumerate(self.legs):
                strategy = bare if number in stopped_out else strategies[number % len(strategies)]
                run = _run(number, strategy.id, legs[0].contract.underlying, now)
                uow.runs.add(run)
                uow.positions.add(self._position(run, legs))
            uow.commit()
        with self.desk_bench.database.begin() as connection:
            connection.execute(delete(account_looks))  # nobody looked before the broker held all this
        held = Counter[OptionContract]()
        for leg in (leg for legs in self.legs for leg in legs):
            held[leg.contract] += leg.ratio
        self.desk_bench.broker.held |= {contract: number for contract, number in held.items() if number}

    def _position(self, run: WorkflowRun, legs: tuple[Leg, ...]) -> Position:
        mids = {leg.contract: self.market.quoted[leg.contract].mid or Price(0) for leg in legs}
        credit = sum((mids[leg.contract] * -leg.ratio for leg in legs), Price(0))
        lot = Lot(fill_id=FillId(f"{run.id}-fill"), quantity=1, price=credit, opened_at=run.created_at)
        return Position(
            id=make_position_id(run.id),
            run_id=run.id,
            user_id=run.user_id,
            account_id=builders.ACCOUNT,
            strategy_id=run.strategy_id,
            symbol=run.symbol,
            legs=legs,
            spreads=(replace(whole_spread(legs), lots=(lot,), opened_quantity=1),),
            opened_quantity=1,
            opened_at=run.created_at,
        )


def _round(of: list[str]) -> Iterable[str]:
    while True:
        yield from of


def _condor(market: WatchMarket, numbers: np.random.Generator, symbol: str) -> tuple[Leg, ...]:
    spot = market.levels[symbol]

    def leg(ratio: int, right: Right, away: float) -> Leg:
        strike = Decimal(round(spot * (1 + away) / STRIKE_STEP) * STRIKE_STEP)
        return Leg(contract=OptionContract(root=symbol, expires_on=EXPIRES_ON, right=right, strike=strike), ratio=ratio)

    put, call = numbers.uniform(0.05, 0.15), numbers.uniform(0.05, 0.15)
    return (
        leg(-1, Right.PUT, -put),
        leg(1, Right.PUT, -put - 0.08),
        leg(-1, Right.CALL, call),
        leg(1, Right.CALL, call + 0.08),
    )


def _strategy(number: int) -> Strategy:
    return replace(builders.strategy(exits=EXITS[number]), id=StrategyId(f"watched-{number}"))


def _run_id(number: int) -> RunId:
    return RunId(f"run-{number:06}")


def _run(number: int, strategy: StrategyId, symbol: str, now: datetime) -> WorkflowRun:
    return WorkflowRun(
        id=_run_id(number),
        user_id=ANNA,
        account_id=builders.ACCOUNT,
        strategy_id=strategy,
        strategy_revision=1,
        symbol=symbol,
        trigger=TriggerKind.MANUAL,
        status=RunStatus.MONITORING,
        next_step=StepName.MANAGE_POSITION,
        due_at=now + timedelta(hours=1),
        created_at=now,
        updated_at=now,
    )
