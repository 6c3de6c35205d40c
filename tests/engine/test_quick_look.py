"""The quick look over arrays: it may name a position too many, and never one too few."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thetaloom.domain.book.exits import ExitAnswer, decide_exit
from thetaloom.domain.book.marks import MarketFacts
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.spreads import Lot, Spread
from thetaloom.domain.book.watch import EntryFacts, PositionWatch, observed, raised, watch_of
from thetaloom.domain.market.words import DealerGamma, MarketBias, Regime
from thetaloom.domain.strategy.exit_rules import BY_THE_CLOCK, EXIT_UNITS, MAY_BE_ZERO
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit, Strategy
from thetaloom.domain.values.ids import FillId
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import mark
from thetaloom.engine.position_views import read_view
from thetaloom.engine.quick_look import ends_week_on, moment_of, slot_of
from thetaloom.engine.watch_slots import Look, instant_of
from thetaloom.engine.watch_table import WatchTable
from thetaloom.maths.black_scholes import bsm_price
from thetaloom.store.database import open_database
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.desk import DeskBench
from thetaloom.testing.market import FixedMarket

CALENDAR = builders.trading_calendar()
OPENED = builders.new_york("2026-01-05 10:30")
STRUCTURES = (
    ("-1 {s} 2026-01-16 P 560", "+1 {s} 2026-01-16 P 555"),
    ("+1 {s} 2026-01-16 P 560", "-1 {s} 2026-01-16 P 555"),
    ("-1 {s} 2026-01-16 P 560", "+1 {s} 2026-01-16 P 555", "-1 {s} 2026-01-16 C 590", "+1 {s} 2026-01-16 C 595"),
    ("+1 {s} 2026-01-16 C 575",),
    ("-1 {s} 2026-01-16 C 580",),
    ("-2 {s} 2026-01-16 P 560", "+1 {s} 2026-01-16 P 570", "+1 {s} 2026-01-16 P 550"),
    ("-1 {s} 2026-01-16 C 580", "+1 {s} 2026-02-20 C 580"),
)
MINUTES = ("09:30", "10:31", "12:59", "15:44", "15:45", "15:59", "16:00", "19:00")
DAYS = ("2026-01-05", "2026-01-06", "2026-01-09", "2026-01-12", "2026-01-15", "2026-01-16")


class Case:
    """One position with its rules, and a market, all drawn by chance."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        chance, self.now = self.chance, builders.new_york(f"{self.one(DAYS)} {self.one(MINUTES)}")
        self.now = max(self.now, OPENED) + timedelta(seconds=int(chance.integers(50)))
        self.clock = FakeClock(OPENED)
        self.market = FixedMarket(self.clock)
        self.desk = replace(desk, market=self.market, clock=self.clock)
        self.symbol = self.one(("SPY", "SPY", "XSP"))
        self.position = self._position()
        self.rules = tuple(self._rule() for _ in range(chance.integers(1, 5)))
        self.spot = chance.uniform(545, 605)
        self.watch = self._watch()
        self.facts = self._facts()
        self.beside = chance.random() < 0.2
        self._quote(OPENED)

    def one(self, of: Any) -> Any:
        known = tuple(of)
        return known[self.chance.integers(len(known))]

    def maybe(self, known: Any, share: float = 0.8) -> Any:
        return known if self.chance.random() < share else None

    def number(self, low: float, high: float, places: int = 2) -> Decimal:
        return Decimal(f"{self.chance.uniform(low, high):.{places}f}")

    @property
    def strategy(self) -> Strategy:
        made = builders.strategy()
        object.__setattr__(made, "exits", self.rules)  # also rules that no strategy may have
        return made

    def _position(self) -> Position:
        texts = [text.format(s=self.symbol) for text in self.one(STRUCTURES)]
        held = builders.position(*texts, entry=self.number(-6, 6), quantity=int(self.chance.integers(1, 5)))
        spreads = list(held.spreads)
        if len(held.legs) == 4 and self.chance.random() < 0.6:
            halves = (("puts", held.legs[:2]), ("calls", held.legs[2:]))
            spreads = [Spread(name=name, legs=legs, lots=self._lots(), opened_quantity=9) for name, legs in halves]
            if self.chance.random() < 0.3:
                spreads[0] = replace(spreads[0], lots=())
        fired = tuple(index for index in range(4) if self.chance.random() < 0.1)
        realized = Money(self.number(-300, 300)) if self.chance.random() < 0.3 else Money(0)
        return replace(
            held, spreads=tuple(spreads), opened_quantity=9, realized=realized, exits_fired=fired, opened_at=OPENED
        )

    def _lots(self) -> tuple[Lot, ...]:
        return tuple(
            Lot(
                fill_id=FillId(f"fill-{number}"),
                quantity=int(self.chance.integers(1, 4)),
                price=Price(self.number(-3, 3)),
                opened_at=OPENED,
            )
            for number in range(self.chance.integers(1, 4))
        )

    def _rule(self) -> ExitRule:
        kind = self.one(ExitKind)
        unit = self.one(sorted(EXIT_UNITS[kind]))
        most = {ExitUnit.DELTA: 0.8, ExitUnit.SHARE: 0.5, ExitUnit.R: 1.5, ExitUnit.DAYS: 12, ExitUnit.MINUTES: 60}
        threshold = Decimal(0) if unit is ExitUnit.NONE else self.number(0.01, most.get(unit, 60))
        if kind in {ExitKind.UNDERLYING_ABOVE, ExitKind.UNDERLYING_BELOW}:
            threshold = self.number(550, 600)
        if kind in MAY_BE_ZERO and self.chance.random() < 0.3:
            threshold = Decimal(0)
        trails = kind is ExitKind.TRAILING
        return ExitRule(
            kind=kind,
            unit=unit,
            threshold=Decimal(int(threshold)) if unit in {ExitUnit.DAYS, ExitUnit.MINUTES} else threshold,
            at=self.one(MINUTES) if kind in BY_THE_CLOCK else None,
            intraday_only=kind is ExitKind.CLOCK and self.chance.random() < 0.5,
            activates_at=self.maybe(self.number(1, 40), 0.4) if trails else None,
            only_if_profit_above=self.maybe(self.number(-80, 40), 0.15),
            only_if_profit_below=self.maybe(self.number(-40, 80), 0.15),
            only_if_loss=self.chance.random() < 0.1,
            quantity_percent=self.one((100, 100, 50)),
            priority=int(self.chance.integers(1, 4)),
        )

    def _watch(self) -> PositionWatch:
        entry = EntryFacts(
            spot=self.maybe(Price(self.number(550, 600))),
            iv=self.maybe(self.number(0.1, 0.9, 4)),
            atr=self.maybe(self.number(1, 12)),
            delta=self.maybe(self.number(-0.3, 0.3, 3)),
            dealer=self.maybe(self.one(DealerGamma)),
            zero_gamma=self.maybe(Price(self.number(550, 600))),
            closing_cost_max=self.maybe(Money(self.number(200, 900))),
        )
        watch = replace(watch_of(self.position), entry=self.maybe(entry, 0.95))
        if self.position.quantity and self.chance.random() < 0.6:
            watch = raised(watch, self.position, Price(self.number(-4, 4, 4)), OPENED)
        return replace(watch, legs=()) if self.chance.random() < 0.1 else watch

    def _facts(self) -> MarketFacts:
        past = tuple(date(2026, 1, day) for day in range(2, 16) if self.chance.random() < 0.1)
        return MarketFacts(
            atr=self.maybe(self.number(1, 12)),
            dealer=self.maybe(self.one(DealerGamma)),
            zero_gamma=self.maybe(Price(self.number(550, 600))),
            days_to_earnings=self.maybe(int(self.chance.integers(15))),
            past_earnings=self.maybe(past),
            regime=self.maybe(self.one(Regime)),
            regime_confidence=self.maybe(self.number(0, 100)),
            bias=self.maybe(self.one(MarketBias)),
            bias_confidence=self.maybe(self.number(0, 100)),
        )

    def _quote(self, at: datetime) -> None:
        if self.chance.random() < 0.95:
            self.market.set_spot(self.symbol, f"{self.spot:.2f}", at=at)
        ill = self.chance.random() < 0.15
        for leg in self.position.legs:
            contract = leg.contract
            years = max(CALENDAR.year_fraction(at, contract), 1e-5)
            iv, half = self.chance.uniform(0.08, 0.5), self.one((0.005, 0.01, 0.05, 0.2))
            fair = bsm_price(contract.right.value == "C", self.spot, float(contract.strike), years, 0.04, 0.012, iv)
            bid, ask = f"{max(0.0, fair - half):.4f}", f"{fair + half:.4f}"
            if ill and self.chance.random() < 0.4:
                sides = ((ask, bid), (None, ask), (bid, None), (None, None), ("0", "0.10"), ("0", "0.5"), ("-1", ask))
                bid, ask = self.one((*sides, (bid + "31", ask + "77")))
            self.market.set_quote(contract, bid, ask, at=at)

    def at_the_edge(self) -> None:
        """Let each rule act exactly at the number that it watches now."""
        checks = self.exact(self.watch)[0].checks
        self.rules = tuple(
            replace(rule, threshold=check.value)
            if rule.unit is not ExitUnit.NONE and check.value is not None and check.value > 0
            else rule
            for rule, check in zip(self.rules, checks, strict=True)
        )

    def exact(self, watch: PositionWatch) -> tuple[Any, PositionWatch]:
        view = read_view(self.desk, self.position, self.strategy, self.clock.now(), watch=watch, facts=self.facts)
        marks = mark(view)
        seen, fired = observed(watch, self.position, marks), frozenset(self.position.exits_fired)
        said = decide_exit(self.rules, self.position, marks, fired, beside_target=self.beside, watch=seen)
        return said, seen

    def table(self) -> WatchTable:
        table = WatchTable(self.desk.calendar, self.desk.settings.rates.at, self.desk.settings.dividend_yield)
        slot = slot_of(
            self.position, self.strategy, self.watch, self.facts, self.desk.calendar, beside_target=self.beside
        )
        table.put(slot)
        return table

    def look(self, table: WatchTable) -> Look:
        """Tell the table the market of now and look, as the monitor does."""
        now = self.clock.now()
        contracts = [leg.contract for leg in self.position.legs]
        table.take(self.market.quotes(contracts, now), {self.symbol: self.market.spot(self.symbol, now)})
        if ends_week_on(self.position, self.desk.calendar, now):
            table.set_friday(self.position.run_id, self.desk.calendar.exchange_date(now).toordinal())
        found = table.look(moment_of(self.desk.calendar, now))
        table.has_looked()
        return found


def replace_rules(case: Case, rules: tuple[ExitRule, ...]) -> Case:
    case.rules = rules
    return case


def missed(case: Case) -> tuple[list[str], ExitKind | None, bool]:
    """Play a few looks; return what the quick look missed, the kind that closed at last, and whether it was named."""
    table, watch, faults = case.table(), case.watch, []
    for at in (OPENED + timedelta(seconds=1), case.now):
        case.clock.move_to(max(at, case.clock.now()))
        if case.chance.random() < 0.7:
            case.spot *= case.chance.uniform(0.99, 1.01)
            case._quote(case.clock.now())
        look = case.look(table)
        said, watch = case.exact(watch)
        named = case.position.run_id in look.met
        if said.answer is ExitAnswer.CLOSE and not named:
            faults.append(f"missed {said.rule}")
        risen = table.risen(case.position.run_id)
        if risen is not None:
            case.watch = raised(case.watch, case.position, risen[0], instant_of(risen[1]))
        if named:  # what is named is seen exactly
            case.watch = watch
            table.set_high(
                case.position.run_id,
                watch.high_close if watch.legs == case.position.held_legs else None,
                None if watch.high_water is None else float(watch.high_water),
            )
        if (case.watch.high_close, case.watch.high_water) != (watch.high_close, watch.high_water):
            faults.append(f"remembers {case.watch.high_close}, {case.watch.high_water}; not {watch.high_close}")
    return faults, None if said.rule is None else said.rule.kind, named


@pytest.fixture(scope="module")
def desk(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose market and clock are replaced by each case's own."""
    database = open_database(Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("quick"))))
    yield DeskBench(database).desk
    database.close()


def test_no_position_that_a_rule_closes_is_missed(desk: Desk) -> None:
    @settings(max_examples=400, deadline=None)
    @given(seed=st.integers(0, 2**48), at_the_edge=st.booleans())
    @example(seed=173972975943302, at_the_edge=True)  # a bid above zero that the table's grid has at zero
    def holds(seed: int, at_the_edge: bool) -> None:
        case = Case(desk, seed)
        if at_the_edge:
            case.clock.move_to(OPENED + timedelta(seconds=1))
            case.at_the_edge()
            case = replace_rules(Case(desk, seed), case.rules)

        assert missed(case)[0] == []

    holds()


def test_every_kind_of_exit_was_found_and_most_positions_need_no_exact_look(desk: Desk) -> None:
    closed: Counter[ExitKind] = Counter()
    needless = quiet = 0

    for seed in range(1500):
        faults, kind, named = missed(Case(desk, seed))
        assert faults == []
        if kind is not None:
            closed[kind] += 1
        else:
            quiet += 1
            needless += named

    assert set(closed) == set(ExitKind)
    assert needless < quiet / 4
