"""A minute of the anomaly library, played to a running engine that holds a put spread with a stop and a target."""

from datetime import timedelta
from decimal import Decimal

from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import (
    ExitGuard,
    ExitKind,
    ExitUnit,
    ExpirationRule,
    GuardMode,
    SelectBy,
    Side,
    Unit,
)
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import Right
from thetaloom.store.database import Database
from thetaloom.testing import builders
from thetaloom.testing.anomalies import Minute, TrueMove, make_minute
from thetaloom.testing.anomaly_world import DIVIDEND_YIELD, RATE, STEP_SECONDS, STEPS, Tape
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread
from thetaloom.testing.guard_trial import met_steps
from thetaloom.testing.spoilers import Anomaly

STRUCTURE = "put credit spread"
WIDTH_MAX = 10.0  # dollars, so that the account may hold it
WARM_SECONDS = 40
SEEDS_MAX = 4000


def find_minutes(kind: Anomaly | TrueMove, count: int) -> list[Minute]:
    """Return minutes of a kind with a put spread of an American option, that deceive the naive mid where any do."""
    found, others = list[Minute](), list[Minute]()
    for seed in range(SEEDS_MAX):
        minute = make_minute(kind, seed)
        world = minute.world
        strikes = [one.strike for one in world.contracts[:2]]
        is_fit = world.structure == STRUCTURE and world.is_american and abs(strikes[0] - strikes[1]) <= WIDTH_MAX
        if is_fit and float(world.net(world.fair)[0]) < -0.05:
            (found if met_steps(minute).any() else others).append(minute)
        if len(found) == count or (seed > 600 and len(found) + len(others) >= count):
            break
    return [*found, *others][:count]


class AnomalyBench:
    """Plays one minute; the engine settles at every quarter of a second, and whenever it asked to be woken."""

    def __init__(self, database: Database, minute: Minute, *, mode: GuardMode = GuardMode.ROBUST) -> None:
        self.minute = minute
        settings = {"rates": RateCurve.flat(RATE), "dividend_yield": DIVIDEND_YIELD}
        self.desk = DeskBench(database, settings=settings)
        self.desk.market.always_fresh = False
        days = max(1, round(minute.world.years * 365))
        expires_on = (builders.NOW + timedelta(days=days)).date()
        self.contracts = [
            builders.contract(f"SPY {expires_on} {'C' if one.is_call else 'P'} {one.strike:g}")
            for one in minute.world.contracts
        ]
        self.run = self._enter(mode, days)

    def play(self) -> float | None:
        """Play the minute; return the second at which the exit began, if any."""
        started_at = self.desk.clock.now()
        for step in range(STEPS):
            self.desk.pass_time(to=started_at + timedelta(seconds=step * STEP_SECONDS))
            self._quote(self.minute.tape, step, began=started_at.timestamp())
            self.desk.engine.settle()
            if self.desk.run(self.run).status is not RunStatus.MONITORING:
                return step * STEP_SECONDS
        return None

    def _enter(self, mode: GuardMode, days: int) -> RunId:
        clean, minute = self.minute.world.clean, self.minute
        self._quote(clean, 0)
        entry = Decimal(f"{-float(minute.world.net_mid(clean)[0]):.2f}")
        kinds = (ExitKind.STOP_LOSS, ExitKind.PROFIT_TARGET)
        kind, other = kinds if minute.falls_to else kinds[::-1]
        dollars = abs(float(entry) + minute.threshold) * 100
        sold, bought = self.contracts[:2]
        strategy = put_credit_spread(
            legs=(
                builders.leg_rule("short_put", Side.SELL, Right.PUT, SelectBy.STRIKE, sold.strike, Unit.DOLLARS),
                builders.leg_rule("long_put", Side.BUY, Right.PUT, SelectBy.STRIKE, bought.strike, Unit.DOLLARS),
            ),
            expiration=ExpirationRule(dte_min=0, dte_max=60, dte_target=days),
            exits=(exit_rule(kind, f"{dollars:.4f}", ExitUnit.DOLLARS), exit_rule(other, 100_000, ExitUnit.DOLLARS)),
            guard=ExitGuard(mode=mode),
        )
        run = self.desk.enter(strategy, at=entry)
        for _ in range(WARM_SECONDS):
            self.desk.clock.advance(seconds=1)
            self._quote(clean, 0)
            self.desk.engine.settle()
        return run

    def _quote(self, tape: Tape, step: int, began: float | None = None) -> None:
        now = self.desk.clock.now()
        self.desk.market.set_spot("SPY", f"{float(tape.spot[step]):.2f}")
        for place, contract in enumerate(self.contracts):
            sides = [float(side[step, place]) for side in (tape.bid, tape.ask)]
            bid, ask = (f"{side:.4f}" if side == side else None for side in sides)
            quoted = 0.0 if began is None else float(tape.quoted[step, place]) - step * STEP_SECONDS
            self.desk.market.set_quote(contract, bid, ask, quoted_at=now + timedelta(seconds=quoted))
