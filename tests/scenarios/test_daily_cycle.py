"""Senex's automated cycle through a whole recorded half-day: every due time has its answer, one entry at most."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from thetaloom import bootstrap
from thetaloom.bootstrap import Platform
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.book.orders import Order, OrderPurpose
from thetaloom.domain.run.daily_cycle import CycleMove, decide_cycle
from thetaloom.domain.run.schedules import Firing, FiringStatus, Schedule, ScheduleKind
from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import SaveStrategy
from thetaloom.engine.engine import DECIDERS
from thetaloom.engine.lineage import replay_run, verify_run
from thetaloom.engine.schedule_commands import AddSchedule
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.database import open_database
from thetaloom.store.upgrading import upgrade

DEMO = StrategyId("goog-demo-put-credit-spread")
TEN = datetime(2015, 12, 24, 15, 0, tzinfo=UTC)  # on the wall in New York
CLOSE = datetime(2015, 12, 24, 18, 0, tzinfo=UTC)  # three hours early
QUARTER = timedelta(minutes=15)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform on the recorded day, a quarter of an hour before the cycle's first due time."""
    settings = load_settings(home=tmp_path, market=MarketSource.RECORDED)
    bootstrap.prepare_home(settings)
    database = open_database(settings.database)
    upgrade(database)
    made = bootstrap.build(settings, database, start=TEN - QUARTER, clock_kind="virtual")
    made.engine.start()
    with made.store.reading() as uow:
        stored = uow.strategies.latest(made.user_id, DEMO)
    assert stored is not None
    automatic = replace(stored.strategy, approval=ApprovalRule(mode=ApprovalMode.AUTOMATIC))
    made.engine.handle(SaveStrategy(user_id=made.user_id, strategy=automatic))
    yield made
    made.close()


def add_cycle(platform: Platform, *, dry_run: bool = False) -> Schedule:
    """The daily cycle of the demo's strategy on GOOG."""
    command = AddSchedule(
        user_id=platform.user_id,
        kind=ScheduleKind.DAILY_CYCLE,
        strategy_id=DEMO,
        symbols=("GOOG",),
        dry_run=dry_run,
    )
    added = platform.engine.handle(command)
    assert isinstance(added, Schedule)
    return added


def pass_day(platform: Platform, until: datetime) -> None:
    """Let the market's clock pass from one instant at which something is due or quoted to the next."""
    clock, engine, market = platform.clock, platform.engine, platform.replayed
    assert isinstance(clock, VirtualClock)
    engine.settle()
    while clock.now() < until:
        coming = (engine.next_at, market.next_change(clock.now()), until)
        clock.move_to(min(at for at in coming if at is not None and at > clock.now()))
        engine.settle()


def firings(platform: Platform, schedule: Schedule) -> list[Firing]:
    """The firings of a schedule, oldest first."""
    with platform.store.reading() as uow:
        return list(reversed(uow.schedules.recent(schedule.id, 100)))


def entries(platform: Platform, cycle: Firing) -> list[Order]:
    """The entry orders of a cycle's run."""
    with platform.store.reading() as uow:
        return [one for run in cycle.run_ids for one in uow.orders.of_run(run) if one.purpose is OrderPurpose.ENTRY]


def test_a_whole_half_day_of_cycles_enters_once_and_answers_every_due_time(platform: Platform) -> None:
    schedule = add_cycle(platform)

    pass_day(platform, CLOSE + timedelta(hours=4))

    fired = firings(platform, schedule)
    # 10:00 to 12:45: the early close ends the day's due times, at 13:00 nothing is due any more
    assert [one.due_at for one in fired] == [TEN + QUARTER * step for step in range(12)]
    assert all(one.late_seconds == 0 and one.finished_at is not None for one in fired)
    assert not any(one.is_standing for one in fired)
    entered = [one for one in fired if one.run_ids]
    assert entered, [(one.reason, one.looks) for one in fired]
    standing = [order for one in entered for order in entries(platform, one) if order.filled > 0]
    assert len(standing) == 1
    (order,) = standing
    after = [one for one in fired if one.due_at > order.staged_at]
    assert Counter(one.reason for one in after) == {"trade_exists_today": len(after)}
    assert all(one.status is FiringStatus.SKIPPED and not one.run_ids for one in after)


def test_each_look_of_the_day_can_be_decided_again_and_its_runs_replayed(platform: Platform) -> None:
    schedule = add_cycle(platform)

    pass_day(platform, TEN + 2 * QUARTER)

    for one in firings(platform, schedule):
        assert [look.attempt for look in one.looks] == list(range(len(one.looks)))
        moves = [decide_cycle(look).move for look in one.looks]
        assert moves[-1] is (CycleMove.START if one.run_ids else CycleMove.END)
        assert set(moves[:-1]) <= {CycleMove.SETTLE, CycleMove.RETRY}
        waits = [later.at - look.at for look, later in zip(one.looks, one.looks[1:], strict=False)]
        assert waits == [timedelta(seconds=3), *[timedelta(seconds=5)] * 2][: len(waits)]
        with platform.store.reading() as uow:
            for run in uow.runs.many(one.run_ids):
                assert verify_run(uow, run) == []
                assert replay_run(uow, run.id, DECIDERS, platform.desk.codec).identical


def test_a_day_in_dry_run_mode_starts_nothing(platform: Platform) -> None:
    schedule = add_cycle(platform, dry_run=True)

    pass_day(platform, CLOSE)

    fired = firings(platform, schedule)
    assert len(fired) == 12
    assert not any(one.run_ids for one in fired)
    assert "dry_run_mode" in {one.reason for one in fired}
    with platform.store.reading() as uow:
        assert not uow.orders.entries_since(platform.desk.broker.account_id, TEN - QUARTER)


def test_the_next_cycle_after_the_half_day_is_on_monday(platform: Platform) -> None:
    schedule = add_cycle(platform)

    pass_day(platform, CLOSE)

    with platform.store.reading() as uow:
        stored = uow.schedules.get(schedule.id)
    assert stored is not None
    assert stored.next_due_at == datetime(2015, 12, 28, 15, 0, tzinfo=UTC)
