"""Exits under the quote guard in a running engine: quotes that lie close nothing, moves of the market close in time."""

from datetime import timedelta

import pytest

from tests.engine.anomaly_bench import AnomalyBench, find_minutes
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import ExitGuard, ExitKind, ExitUnit, GuardMode
from thetaloom.domain.values.ids import RunId
from thetaloom.maths.black_scholes import bsm_price
from thetaloom.store.database import Database
from thetaloom.testing import builders
from thetaloom.testing.anomalies import TrueMove
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread
from thetaloom.testing.spoilers import Anomaly

STOP = exit_rule(ExitKind.STOP_LOSS, 100, ExitUnit.PERCENT_OF_PREMIUM)
EARLY_STOP = exit_rule(ExitKind.STOP_LOSS, 30, ExitUnit.PERCENT_OF_PREMIUM)
GUARD = ExitGuard()
DEADLINE = 2.0
LIES = (
    *(Anomaly.CROSSED, Anomaly.STUB, Anomaly.ZERO_BID, Anomaly.STALE_LEG, Anomaly.WIDE, Anomaly.FLASH),
    *(Anomaly.WRONG_DECIMAL, Anomaly.JUMP_WITHOUT_SPOT, Anomaly.SPOT_SPIKE, Anomaly.SINGLE_STRIKE_SPIKE),
)


@pytest.mark.parametrize("kind", LIES)
def test_quotes_that_lie_close_nothing(sqlite_database: Database, kind: Anomaly) -> None:
    (minute,) = find_minutes(kind, 1)
    played = AnomalyBench(sqlite_database, minute)

    assert played.play() is None
    assert EventKind.EXIT_TRIGGERED not in played.desk.events(played.run)


def test_without_the_guard_a_flash_quote_does_close(sqlite_database: Database) -> None:
    (minute,) = find_minutes(Anomaly.FLASH, 1)
    played = AnomalyBench(sqlite_database, minute, mode=GuardMode.OFF)

    assert played.play() is not None


@pytest.mark.parametrize("kind", [TrueMove.TREND, TrueMove.GAP, TrueMove.SLOW_BLEED])
def test_a_true_move_closes_by_the_deadline_and_replays(sqlite_database: Database, kind: TrueMove) -> None:
    (minute,) = find_minutes(kind, 1)
    played = AnomalyBench(sqlite_database, minute)
    fired_at = played.play()

    assert fired_at is not None and minute.crossed_at is not None
    assert fired_at - minute.crossed_at <= DEADLINE
    assert played.desk.replay(played.run).identical


def quote_market(bench: DeskBench, spot: float, *, iv: float = 0.28) -> None:
    """Quote puts and calls about the spread as a market would."""
    bench.market.set_spot("SPY", f"{spot:.2f}")
    expires_at = builders.new_york("2026-01-16 16:00")
    years = (expires_at - bench.clock.now()) / timedelta(days=365)
    for strike in (545, 550, 555, 560, 565, 570):
        for right in "CP":
            fair = bsm_price(right == "C", spot, float(strike), years, 0.04, 0.0, iv)
            bench.market.set_quote(f"SPY 2026-01-16 {right} {strike}", f"{fair - 0.03:.2f}", f"{fair + 0.03:.2f}")


def watched(bench: DeskBench, *, seconds: int = 40, **changes: object) -> RunId:
    """Enter a guarded position and let its guard see what is usual."""
    bench.market.always_fresh = False
    quote_market(bench, 575)
    run = bench.enter(put_credit_spread(**({"guard": GUARD, "exits": (STOP,)} | changes)))
    for _ in range(seconds):
        bench.clock.advance(seconds=1)
        quote_market(bench, 575)
        bench.engine.settle()
    return run


def test_a_stop_that_the_underlying_explains_fires_at_once(bench: DeskBench) -> None:
    run = watched(bench)
    quote_market(bench, 555)
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.CLOSING
    assert bench.facts(EventKind.EXIT_TRIGGERED)["believed_by"] == "spot"
    assert bench.replay(run).identical


def test_what_nothing_explains_waits_for_the_deadline_and_wakes_the_engine(bench: DeskBench) -> None:
    run = watched(bench, exits=(EARLY_STOP,))
    quote_market(bench, 575, iv=0.75)
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.MONITORING
    assert bench.engine.next_at is not None
    assert bench.engine.next_at <= bench.clock.now() + timedelta(seconds=DEADLINE)

    bench.clock.advance(seconds=1)
    quote_market(bench, 575, iv=0.75)
    bench.pass_time(seconds=1)

    assert bench.run(run).status is RunStatus.CLOSING
    assert bench.replay(run).identical


def test_a_delta_rule_does_not_fire_on_a_leg_below_the_floor(lite: DeskBench) -> None:
    delta = exit_rule(ExitKind.SHORT_DELTA, "0.5", ExitUnit.DELTA)
    run = watched(lite, exits=(delta,))
    lite.market.set_quote("SPY 2026-01-16 P 560", "0.01", "60.00")
    lite.pass_time(seconds=5)
    assert lite.run(run).status is RunStatus.MONITORING

    quote_market(lite, 548)
    lite.engine.settle()
    lite.clock.advance(seconds=2)
    quote_market(lite, 548)
    lite.engine.settle()

    assert lite.run(run).reason == "delta_breach"


def test_minute_quotes_close_at_the_second_one_at_the_latest(lite: DeskBench) -> None:
    run = watched(lite, seconds=2, exits=(EARLY_STOP,))
    lite.pass_time(minutes=1)
    quote_market(lite, 575, iv=0.75)
    lite.pass_time(minutes=1)
    assert lite.run(run).status is RunStatus.MONITORING

    quote_market(lite, 575, iv=0.75)
    lite.engine.settle()

    assert lite.run(run).status is RunStatus.CLOSING


def test_a_high_mark_of_a_bad_quote_makes_no_trailing_stop_fire(lite: DeskBench) -> None:
    trailing = exit_rule(ExitKind.TRAILING, 40, ExitUnit.PERCENT_OF_PREMIUM)
    run = watched(lite, exits=(trailing,))
    lite.market.set_quote("SPY 2026-01-16 P 560", "1.30", "1.36")  # of the spread, a third of its worth
    lite.pass_time(seconds=1)
    for _ in range(5):
        quote_market(lite, 575)
        lite.pass_time(seconds=1)

    assert lite.run(run).status is RunStatus.MONITORING


def test_a_position_whose_quotes_stay_bad_is_told_once_and_again_when_they_are_good(lite: DeskBench) -> None:
    run = watched(lite)
    lite.market.set_quote("SPY 2026-01-16 P 560", "4.00", "3.00")
    lite.pass_time(seconds=1)
    lite.pass_time(seconds=60)
    assert lite.events(run).count(EventKind.POSITION_BLINDED) == 1
    assert "crossed" in lite.facts(EventKind.POSITION_BLINDED)["quotes"]

    for _ in range(3):
        quote_market(lite, 575)
        lite.pass_time(seconds=1)

    assert lite.events(run).count(EventKind.POSITION_SIGHTED) == 1
    assert lite.events(run).count(EventKind.POSITION_BLINDED) == 1
    assert lite.run(run).status is RunStatus.MONITORING
