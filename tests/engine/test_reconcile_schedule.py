"""When the books are compared without anybody asking: in market hours every so often, after an outage, never idly."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from thetaloom.domain.book.looks import Cause
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.engine.reconciliation.answers import Reconciled
from thetaloom.engine.reconciliation.schedule import LookSchedule
from thetaloom.errors import BrokerUnavailable
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench

CLOSES = "2026-01-05 16:00"
STRANGE = builders.contract("SPY 2026-01-16 C 600")


def looks(bench: DeskBench) -> list[tuple[datetime, str]]:
    """When the books were compared, and why."""
    with bench.store.reading() as uow:
        told = [stored.event for stored in uow.events.since(0)]
    return [(one.happened_at, one.facts["cause"]) for one in told if one.kind is EventKind.RECONCILED]


def live(bench: DeskBench, until: str, minutes: int = 1) -> None:
    """Let the engine turn once in so many minutes."""
    while bench.clock.now() < builders.new_york(until):
        bench.clock.advance(minutes=minutes)
        bench.engine.turn()


def test_the_books_are_compared_every_half_hour_of_market_hours_and_never_outside(lite: DeskBench) -> None:
    live(lite, CLOSES, 5)
    at_the_close = looks(lite)
    live(lite, "2026-01-06 09:25", 5)
    live(lite, "2026-01-06 09:29")
    overnight = looks(lite)
    live(lite, "2026-01-06 10:01")

    causes = [cause for _, cause in at_the_close]
    times = [at for at, cause in at_the_close if cause == Cause.SCHEDULE]
    assert causes == [Cause.START, *[Cause.SCHEDULE] * 10]  # 10:30 to 15:30; the close itself is outside
    assert times == [builders.new_york("2026-01-05 11:00") + timedelta(minutes=30 * step) for step in range(10)]
    assert overnight == at_the_close
    assert [at for at, _ in looks(lite)[len(overnight) :]] == [
        builders.new_york("2026-01-06 09:30"),
        builders.new_york("2026-01-06 10:00"),
    ]


def test_a_short_day_ends_at_its_own_close(lite: DeskBench) -> None:
    lite.clock.move_to(builders.new_york("2026-11-27 12:00"))  # the day after Thanksgiving closes at 13:00
    lite.restart()
    live(lite, "2026-11-27 16:00", 5)

    assert [at for at, cause in looks(lite) if cause == Cause.SCHEDULE] == [builders.new_york("2026-11-27 12:30")]


def test_how_often_is_a_setting(lite: DeskBench) -> None:
    bench = DeskBench(lite.database, settings={"reconcile_minutes": 7})
    before = len(looks(bench))
    live(bench, "2026-01-05 11:00")

    assert len(looks(bench)) - before == 4


def test_a_comparison_on_demand_puts_the_next_one_off(lite: DeskBench) -> None:
    lite.pass_time(minutes=20)
    lite.engine.handle(commands.Reconcile(user_id=ANNA))
    live(lite, "2026-01-05 11:10")

    assert [cause for _, cause in looks(lite)] == [Cause.START, Cause.DEMAND]
    live(lite, "2026-01-05 11:20")
    assert [cause for _, cause in looks(lite)] == [Cause.START, Cause.DEMAND, Cause.SCHEDULE]


def test_a_broker_that_answers_again_is_looked_at_once_even_at_night(lite: DeskBench) -> None:
    run = lite.enter()
    live(lite, "2026-01-05 17:00")
    before = len(looks(lite))
    lite.broker.is_down = True
    lite.pass_time(minutes=3)
    down = len(looks(lite))
    position = lite.position(run)
    assert position is not None
    lite.broker.is_down = False
    lite.broker.trade_elsewhere([replace(leg, ratio=-leg.ratio) for leg in position.legs], 1, Price("-0.40"))
    live(lite, "2026-01-05 17:10")

    assert down == before
    assert [cause for _, cause in looks(lite)[before:]] == [Cause.RECONNECT]
    assert lite.run(run).reason == "closed_elsewhere"


def test_an_outage_during_the_look_itself_calls_for_another(lite: DeskBench) -> None:
    schedule = LookSchedule(lite.desk)
    lite.broker.is_down = True
    schedule.lost()
    with pytest.raises(BrokerUnavailable):
        schedule.look_if_due()
    lite.broker.is_down = False

    again = schedule.look_if_due()

    assert isinstance(again, Reconciled) and schedule.look_if_due() is None
    assert looks(lite)[-1][1] == Cause.RECONNECT


def test_a_difference_that_stands_is_looked_at_ever_more_rarely(lite: DeskBench) -> None:
    lite.set_balances(cash=Money(90_000))
    lite.engine.handle(commands.Reconcile(user_id=ANNA))
    for _ in range(60):
        lite.clock.advance(seconds=1)
        lite.engine.turn()
    first_minute = looks(lite)
    live(lite, CLOSES, 5)
    at_the_close = looks(lite)
    live(lite, "2026-01-06 09:25", 5)

    with lite.store.reading() as uow:
        assert [one.key for one in uow.looks.standing(lite.broker.account_id)] == ["cash"]
    gaps = [(later - sooner).total_seconds() for (sooner, _), (later, _) in pairwise(first_minute[1:])]
    assert gaps == [5, 10, 20]  # 5: seen for the first time; then it stands and waits for a person
    assert len(at_the_close) - len(first_minute) <= 5 + 11  # the gap doubles up to the half-hour of every day
    assert looks(lite) == at_the_close


def test_a_difference_that_heals_is_over_soon_and_not_at_the_next_half_hour(lite: DeskBench) -> None:
    lite.engine.handle(commands.Reconcile(user_id=ANNA))
    lite.broker.held[STRANGE] = 2  # the list of holdings says so, and no transaction does
    lite.engine.handle(commands.Reconcile(user_id=ANNA))
    for _ in range(20):
        lite.clock.advance(seconds=1)
        lite.engine.turn()
    with lite.store.reading() as uow:
        stood = [one.key for one in uow.looks.standing(lite.broker.account_id)]
    del lite.broker.held[STRANGE]
    for _ in range(60):
        lite.clock.advance(seconds=1)
        lite.engine.turn()

    with lite.store.reading() as uow:
        left = [one.key for one in uow.looks.standing(lite.broker.account_id)]
    assert any(key.startswith("sums:") for key in stood) and left == []
