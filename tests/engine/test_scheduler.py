"""What is due starts once: on time, after a kill, in two processes, and by each policy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import time, timedelta
from typing import Any, cast

import pytest

from thetaloom.domain.run.daily_cycle import CycleMove, decide_cycle
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, TriggerKind
from thetaloom.domain.run.schedules import (
    Firing,
    FiringStatus,
    Hours,
    Missed,
    Overlap,
    Schedule,
    ScheduleKind,
    objection,
)
from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule
from thetaloom.domain.values.ids import RunId, ScheduleId, StrategyId
from thetaloom.engine import schedule_commands as commands
from thetaloom.engine.commands import CancelRun
from thetaloom.engine.engine import Engine
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.store import UnitOfWork
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.testing.builders import NOW, new_york, trading_calendar
from thetaloom.testing.desk import ANNA, BERT, STRATEGY, DeskBench, put_credit_spread

MANUAL = ApprovalRule(mode=ApprovalMode.MANUAL)


class Killed(BaseException):
    """The process is gone."""


class DyingStore:
    """A store whose process dies before or after the commit of a schedule's first firing."""

    def __init__(self, store: SqlStore, schedule: ScheduleId, kill: str) -> None:
        self._store = store
        self._schedule = schedule
        self._kill = kill
        self.reading = store.reading
        self.installation_id = store.installation_id

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """Open a transaction that may be the last."""
        with self._store.unit_of_work() as uow:
            yield cast(UnitOfWork, DyingWork(uow, self._schedule, self._kill))


class DyingWork:
    """A transaction in which the process may die."""

    def __init__(self, uow: UnitOfWork, schedule: ScheduleId, kill: str) -> None:
        self._uow = uow
        self._schedule = schedule
        self._kill = kill

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uow, name)

    def commit(self) -> None:
        """Commit, or die around it."""
        has_fired = bool(self._uow.schedules.recent(self._schedule, 1))
        if not has_fired or self._kill == "after":
            self._uow.commit()
        if has_fired:
            raise Killed


def add(bench: DeskBench, **changes: Any) -> Schedule:
    """Add a schedule of Anna's, every quarter of an hour."""
    fields: dict[str, Any] = {"strategy_id": STRATEGY, "symbols": ("SPY",), "cron": "*/15 * * * *"}
    added = bench.engine.handle(commands.AddSchedule(user_id=ANNA, **(fields | changes)))
    assert isinstance(added, Schedule)
    return added


def firings(bench: DeskBench, schedule: Schedule) -> list[Firing]:
    """The firings of a schedule, oldest first."""
    with bench.store.reading() as uow:
        return list(reversed(uow.schedules.recent(schedule.id, 1000)))


def told(bench: DeskBench, schedule: Schedule) -> list[tuple[str, str, str]]:
    """When each firing was due in New York, how it stands and why."""
    zone = new_york("2026-01-05 10:00")
    hours = timedelta(hours=10) - timedelta(hours=zone.hour, minutes=zone.minute)
    return [(f"{one.due_at + hours:%H:%M}", one.status.value, one.reason) for one in firings(bench, schedule)]


def runs_of(bench: DeskBench, schedule: Schedule) -> list[RunId]:
    """The runs that a schedule started."""
    return [run for one in firings(bench, schedule) for run in one.run_ids]


def test_a_due_time_starts_a_run_at_that_very_instant_and_plans_the_next(bench: DeskBench) -> None:
    schedule = add(bench)
    assert schedule.next_due_at == NOW + timedelta(minutes=15)
    assert bench.engine.scheduled_at == schedule.next_due_at

    bench.pass_time(minutes=15)

    (run,) = runs_of(bench, schedule)
    assert bench.run(run).trigger is TriggerKind.SCHEDULE
    assert bench.run(run).created_at == NOW + timedelta(minutes=15)
    assert told(bench, schedule) == [("10:45", "done", "")]
    assert bench.order(run).is_open
    assert bench.replay(run).identical
    with bench.store.reading() as uow:
        stored = uow.schedules.get(schedule.id)
        assert uow.schedules.last_look(bench.made.account_id) is not None
    assert stored is not None
    assert stored.next_due_at == NOW + timedelta(minutes=30)
    assert EventKind.SCHEDULE_FIRED in bench.events()


def test_nothing_is_due_before_its_time_or_while_paused(lite: DeskBench) -> None:
    schedule = add(lite)
    lite.engine.handle(commands.PauseSchedule(user_id=ANNA, schedule_id=schedule.id))

    lite.pass_time(minutes=40)
    assert told(lite, schedule) == []
    resumed = lite.engine.handle(commands.ResumeSchedule(user_id=ANNA, schedule_id=schedule.id))
    assert isinstance(resumed, Schedule) and resumed.next_due_at == NOW + timedelta(minutes=45)
    lite.pass_time(minutes=5)

    assert told(lite, schedule) == [("11:15", "done", "")]


def test_a_due_time_fires_once_in_two_processes(bench: DeskBench) -> None:
    schedule = add(bench, overlap=Overlap.ALLOW)
    other = Engine(bench.desk)
    other.start()
    bench.clock.advance(minutes=15)

    bench.engine.settle()
    other.settle()

    assert len(runs_of(bench, schedule)) == 1


def test_a_firing_that_exists_already_starts_nothing(lite: DeskBench) -> None:
    schedule = add(lite)
    before = Firing(
        schedule_id=schedule.id,
        due_at=NOW + timedelta(minutes=15),
        user_id=ANNA,
        status=FiringStatus.DONE,
        fired_at=NOW,
    )
    lite.write(lambda uow: uow.schedules.fire(before))

    lite.pass_time(minutes=15)

    assert firings(lite, schedule) == [before]


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_kill_around_the_commit_neither_loses_nor_doubles_a_firing(lite: DeskBench, kill: str) -> None:
    schedule = add(lite)
    lite.clock.advance(minutes=15)
    dying = DyingStore(lite.store, schedule.id, kill)
    lite.engine = Engine(replace(lite.desk, store=dying))
    with pytest.raises(Killed):
        lite.engine.settle()
    lite.restart()
    lite.engine.settle()

    (run,) = runs_of(lite, schedule)
    assert told(lite, schedule) == [("10:45", "done", "")]
    assert lite.order(run).is_open


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        (Missed.SKIP, ["missed"] * 4),
        (Missed.RUN_ONCE, ["missed", "missed", "missed", "done"]),
        (Missed.RUN_ALL, ["missed", "missed", "done", "done"]),
    ],
)
def test_what_was_missed_is_recorded_and_handled_by_policy(
    lite: DeskBench, missed: Missed, expected: list[str]
) -> None:
    schedule = add(lite, missed=missed, missed_max=2, overlap=Overlap.ALLOW)
    lite.clock.advance(minutes=67)

    lite.restart()
    lite.engine.settle()

    assert [status for _, status, _ in told(lite, schedule)] == expected
    assert len(runs_of(lite, schedule)) == expected.count("done")
    if expected.count("missed"):
        assert lite.facts(EventKind.SCHEDULE_MISSED)["count"] == str(expected.count("missed"))


def test_what_was_missed_does_not_run_after_its_window(lite: DeskBench) -> None:
    schedule = add(lite, missed=Missed.RUN_ONCE, window_from=time(10), window_to=time(11))
    lite.clock.move_to(new_york("2026-01-05 11:20"))

    lite.engine.settle()

    assert told(lite, schedule) == [("10:45", "missed", "missed_run"), ("11:00", "missed", "missed_run")]


def test_a_firing_is_skipped_while_the_one_before_looks_for_its_entry(lite: DeskBench) -> None:
    lite.save(put_credit_spread(approval=MANUAL, open_runs_max=5))
    schedule = add(lite)

    lite.pass_time(minutes=30)

    assert told(lite, schedule) == [("10:45", "done", ""), ("11:00", "skipped", "overlapping")]


def test_a_position_that_is_held_is_no_overlap(lite: DeskBench) -> None:
    lite.save(put_credit_spread(open_runs_max=5))
    schedule = add(lite)
    lite.pass_time(minutes=15)
    (run,) = runs_of(lite, schedule)
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()
    assert lite.run(run).status is RunStatus.MONITORING

    lite.pass_time(minutes=15)

    assert [status for _, status, _ in told(lite, schedule)] == ["done", "done"]


def test_a_queued_firing_starts_as_soon_as_the_one_before_is_done(lite: DeskBench) -> None:
    lite.save(put_credit_spread(approval=MANUAL, open_runs_max=5))
    schedule = add(lite, overlap=Overlap.QUEUE)
    lite.pass_time(minutes=31)
    assert [status for _, status, _ in told(lite, schedule)] == ["done", "queued"]

    (run,) = runs_of(lite, schedule)
    lite.engine.handle(CancelRun(user_id=ANNA, run_id=run))
    lite.engine.settle()

    assert [status for _, status, _ in told(lite, schedule)] == ["done", "done"]
    assert len(runs_of(lite, schedule)) == 2


def test_a_queued_firing_whose_window_is_over_is_skipped(lite: DeskBench) -> None:
    lite.save(put_credit_spread(approval=MANUAL, open_runs_max=5))
    schedule = add(lite, overlap=Overlap.QUEUE, window_from=time(10), window_to=time(11))

    lite.pass_time(to=new_york("2026-01-05 11:02"))

    assert told(lite, schedule) == [("10:45", "done", ""), ("11:00", "skipped", "window_passed")]


def test_a_dry_run_starts_nothing_and_says_so(lite: DeskBench) -> None:
    schedule = add(lite, dry_run=True)

    lite.pass_time(minutes=15)

    assert told(lite, schedule) == [("10:45", "skipped", "dry_run_mode")]


def test_a_schedule_of_a_deleted_strategy_fails_with_a_reason(lite: DeskBench) -> None:
    schedule = add(lite)
    lite.write(lambda uow: uow.strategies.delete(ANNA, STRATEGY, NOW))

    lite.pass_time(minutes=15)

    assert told(lite, schedule) == [("10:45", "failed", "strategy_not_found")]


def test_a_removed_schedule_leaves_its_firings(lite: DeskBench) -> None:
    schedule = add(lite)
    lite.pass_time(minutes=15)
    lite.engine.handle(commands.RemoveSchedule(user_id=ANNA, schedule_id=schedule.id))

    lite.pass_time(minutes=30)

    assert len(firings(lite, schedule)) == 1
    with pytest.raises(NotFound):
        lite.engine.handle(commands.PauseSchedule(user_id=ANNA, schedule_id=schedule.id))


def test_nobody_reaches_the_schedules_of_others(lite: DeskBench) -> None:
    schedule = add(lite)

    for command in (commands.PauseSchedule, commands.ResumeSchedule, commands.RemoveSchedule):
        with pytest.raises(NotFound):
            lite.engine.handle(command(user_id=BERT, schedule_id=schedule.id))


@pytest.mark.parametrize(
    "changes",
    [
        {"cron": "61 * * * *"},
        {"cron": "0 3 * * *"},  # never in market hours
        {"zone": "Mars/Olympus"},
        {"symbols": ("no symbol",)},
        {"kind": ScheduleKind.DAILY_CYCLE, "cron": "0 10 * * *"},
    ],
)
def test_a_schedule_that_would_never_do_is_refused(lite: DeskBench, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        add(lite, **changes)


def test_a_schedule_needs_a_strategy_and_a_watchlist_that_exist(lite: DeskBench) -> None:
    with pytest.raises(NotFound):
        add(lite, strategy_id=StrategyId("nope"))
    with pytest.raises(NotFound):
        add(lite, symbols=(), watchlist="nope")


def test_a_watchlist_is_read_when_the_schedule_fires(lite: DeskBench) -> None:
    lite.engine.handle(commands.SaveWatchlist(user_id=ANNA, name="mine", symbols=("QQQ",)))
    schedule = add(lite, symbols=(), watchlist="mine")
    lite.engine.handle(commands.SaveWatchlist(user_id=ANNA, name="mine", symbols=("SPY", "IWM")))

    lite.pass_time(minutes=15)

    assert [lite.run(run).symbol for run in runs_of(lite, schedule)] == ["SPY", "IWM"]


@pytest.mark.parametrize("symbols", [(), tuple(f"A{number}" for number in range(501))])
def test_a_watchlist_without_symbols_or_with_too_many_starts_nothing(lite: DeskBench, symbols: tuple[str, ...]) -> None:
    lite.engine.handle(commands.SaveWatchlist(user_id=ANNA, name="mine", symbols=symbols))
    schedule = add(lite, symbols=(), watchlist="mine")

    lite.pass_time(minutes=15)

    (firing,) = firings(lite, schedule)
    assert (firing.status, firing.reason) == (FiringStatus.FAILED, "unknown_symbol")
    assert f"{len(symbols)} symbols" in firing.facts["message"]


def test_what_is_due_in_closed_hours_is_due_on_time(lite: DeskBench) -> None:
    schedule = add(lite, cron="0 20 * * *", hours=Hours.ANY)

    lite.pass_time(to=new_york("2026-01-05 21:00"))

    (firing,) = firings(lite, schedule)
    assert (firing.late_seconds, firing.status) == (0, FiringStatus.DONE)
    (run,) = firing.run_ids
    assert lite.run(run).reason == "market_closed"


# the daily cycle


def cycle(bench: DeskBench, **changes: Any) -> Schedule:
    """The daily cycle of Anna's strategy on SPY."""
    return add(bench, kind=ScheduleKind.DAILY_CYCLE, cron="", **changes)


def test_a_daily_cycle_is_due_every_quarter_of_an_hour_from_ten_to_a_quarter_to_three(lite: DeskBench) -> None:
    schedule = cycle(lite, dry_run=True)

    lite.pass_time(to=new_york("2026-01-06 16:00"))

    due = [one.due_at for one in firings(lite, schedule)]
    tuesday = [at for at in due if at >= new_york("2026-01-06 00:00")]
    assert tuesday == [new_york("2026-01-06 10:00") + timedelta(minutes=15) * step for step in range(20)]
    assert due[0] == new_york("2026-01-05 10:45")


def test_a_daily_cycle_settles_for_three_seconds_then_enters_once_a_day(bench: DeskBench) -> None:
    bench.save(put_credit_spread(open_runs_max=5))
    schedule = cycle(bench)

    bench.pass_time(minutes=16)
    first = firings(bench, schedule)[0]
    (run,) = first.run_ids
    bench.broker.fill(bench.order(run).client_order_id)
    bench.pass_time(minutes=15)

    due = first.due_at
    assert [look.at - due for look in first.looks] == [timedelta(0), timedelta(seconds=3)]
    assert bench.run(run).created_at == due + timedelta(seconds=3)
    assert (first.status, first.facts["result"]) == (FiringStatus.DONE, "success")
    second = firings(bench, schedule)[1]
    assert (second.status, second.reason, second.facts["result"]) == (
        FiringStatus.SKIPPED,
        "trade_exists_today",
        "skipped",
    )
    assert [decide_cycle(look).move for look in first.looks] == [CycleMove.SETTLE, CycleMove.START]


def test_an_entry_that_was_canceled_lets_the_next_cycle_try(lite: DeskBench) -> None:
    lite.save(put_credit_spread(open_runs_max=5))
    schedule = cycle(lite)
    lite.pass_time(minutes=16)
    (run,) = runs_of(lite, schedule)
    lite.engine.handle(CancelRun(user_id=ANNA, run_id=run))
    lite.engine.settle()

    lite.pass_time(minutes=15)

    assert [one.status for one in firings(lite, schedule)] == [FiringStatus.DONE, FiringStatus.DONE]


def test_a_daily_cycle_looks_three_times_at_stale_prices_five_seconds_apart(lite: DeskBench) -> None:
    schedule = cycle(lite)
    lite.market.always_fresh = False

    lite.pass_time(minutes=16)

    (firing,) = firings(lite, schedule)
    seconds = [(look.at - firing.due_at).total_seconds() for look in firing.looks]
    assert seconds == [0, 3, 8, 13]
    assert (firing.status, firing.reason) == (FiringStatus.FAILED, "stale_prices")
    assert not firing.run_ids


def test_a_daily_cycle_without_a_credit_looks_again_and_takes_the_first_good_one(lite: DeskBench) -> None:
    schedule = cycle(lite)
    lite.market.set_quote("SPY 2026-01-16 P 560", "0.80", "0.90")  # less than the wing costs
    lite.pass_time(to=NOW + timedelta(minutes=15, seconds=4))
    (firing,) = firings(lite, schedule)
    assert (len(firing.looks), firing.looks[-1].verdict) == (2, "not_a_credit")
    lite.market.set_quote("SPY 2026-01-16 P 560", "1.90", "2.10")

    lite.pass_time(seconds=20)

    (firing,) = firings(lite, schedule)
    assert (firing.status, len(firing.looks)) == (FiringStatus.DONE, 3)


def test_a_daily_cycle_says_when_a_limit_refuses(lite: DeskBench) -> None:
    schedule = cycle(lite)
    lite.write(lambda uow: uow.accounts.set_limit(ANNA, "max_positions", "0", NOW))

    lite.pass_time(minutes=16)

    (firing,) = firings(lite, schedule)
    assert (firing.status, firing.reason) == (FiringStatus.SKIPPED, "risk_validation_failed")


def test_a_daily_cycle_in_dry_run_mode_decides_all_but_starts_nothing(lite: DeskBench) -> None:
    schedule = cycle(lite, dry_run=True)

    lite.pass_time(minutes=16)

    (firing,) = firings(lite, schedule)
    assert (firing.status, firing.reason, len(firing.looks)) == (FiringStatus.SKIPPED, "dry_run_mode", 2)
    assert firing.looks[-1].mid_price is not None


def test_a_daily_cycle_of_who_does_not_own_the_account_is_skipped(lite: DeskBench) -> None:
    lite.save(put_credit_spread(), BERT)
    command = commands.AddSchedule(user_id=BERT, kind=ScheduleKind.DAILY_CYCLE, strategy_id=STRATEGY, symbols=("SPY",))
    schedule = lite.engine.handle(command)
    assert isinstance(schedule, Schedule)

    lite.pass_time(minutes=16)

    (firing,) = firings(lite, schedule)
    assert (firing.status, firing.reason) == (FiringStatus.SKIPPED, "no_active_account")


def test_a_cycle_goes_on_where_a_kill_left_it(lite: DeskBench) -> None:
    schedule = cycle(lite)
    lite.pass_time(to=NOW + timedelta(minutes=15, seconds=1))
    lite.restart()

    lite.pass_time(minutes=1)

    (firing,) = firings(lite, schedule)
    assert (firing.status, len(firing.looks), len(firing.run_ids)) == (FiringStatus.DONE, 2, 1)


@pytest.mark.parametrize("at", ["2026-11-26 10:15", "2026-11-27 13:00", "2026-11-28 10:15"])
def test_a_cycle_is_not_due_on_holidays_after_an_early_close_or_on_weekends(at: str) -> None:
    made = Schedule(
        id=ScheduleId("sched-x"),
        user_id=ANNA,
        kind=ScheduleKind.DAILY_CYCLE,
        strategy_id=STRATEGY,
        symbols=("SPY",),
        cron="*/15 10-14 * * 1-5",
        window_from=time(10),
        window_to=time(14, 45),
        created_at=NOW,
        updated_at=NOW,
    )
    assert objection(made, trading_calendar(), new_york(at))
    assert not objection(made, trading_calendar(), new_york("2026-11-27 12:45"))
