"""The scheduler: what is due fires once, in one transaction with what it starts and with the next due time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.run.scans import Scan, ScanStatus
from thetaloom.domain.run.schedules import (
    QUEUE_MAX,
    SYMBOLS_MAX,
    Firing,
    FiringStatus,
    Overlap,
    Schedule,
    ScheduleKind,
    gap_of,
    next_due,
    objection,
    plan_of,
)
from thetaloom.domain.values.ids import RunId, make_scan_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.daily_cycle import look_again, settle_run
from thetaloom.engine.desk import Desk
from thetaloom.engine.starting import wanted_run, watchlist_of, write_run
from thetaloom.engine.step import tell_user
from thetaloom.errors import AnswerPending, InvalidInput, NotFound, StaleVersionError, Unavailable
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

LOOK_EVERY = timedelta(seconds=1)  # how soon a schedule that another process wrote is found
PULSE_EVERY = timedelta(seconds=15)
BALANCES_EVERY = timedelta(minutes=15)  # of what the account is worth
PULSE_FRESH = timedelta(seconds=60)  # an older heartbeat means that nobody looks
RECENT = 20  # firings whose runs are looked at for an overlap
ENTERING = frozenset({RunStatus.SCANNING, RunStatus.EVALUATING, RunStatus.PENDING_APPROVAL, RunStatus.EXECUTING})


class Scheduler:
    """Fires what is due and follows up what is under way."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._read_at: datetime | None = None
        self._pulse_at: datetime | None = None
        self._due_at: datetime | None = None
        self._balances_at: datetime | None = None
        self._standing = False

    @property
    def next_at(self) -> datetime | None:
        """When something is due next."""
        if self._read_at is None:
            self._read(self._desk.clock.now())
        return self._due_at

    def forget(self) -> None:
        """Read anew before the next use: somebody may have changed a schedule."""
        self._read_at = None

    def turn(self, *, has_news: bool) -> list[RunId]:
        """Fire what is due and return the runs that start; ``has_news``: some run has moved."""
        now = self._desk.clock.now()
        self._beat(now)
        is_time = self._read_at is None or now - self._read_at >= LOOK_EVERY
        if is_time:
            self._read(now)
        is_due = self._due_at is not None and self._due_at <= now
        if not is_due and not (self._standing and (is_time or has_news)):
            return []
        started = [run for schedule in self._due(now) for run in _if_answered(partial(self._fire, schedule, now))]
        started += self._follow_up(now)
        self._read(now)
        for run in started:
            self._desk.dispatch.enqueue(run, now)
        return started

    def _beat(self, now: datetime) -> None:
        if self._pulse_at is not None and now - self._pulse_at < PULSE_EVERY:
            return
        try:
            balances = self._balances(now)
        except AnswerPending:
            return  # the next turn has it
        self._pulse_at = now
        with self._desk.store.unit_of_work() as uow:
            uow.schedules.looked(self._desk.broker.account_id, now)
            if balances is not None:
                uow.accounts.note_balances(balances)
            uow.commit()

    def _balances(self, now: datetime) -> AccountSnapshot | None:
        if self._balances_at is not None and now - self._balances_at < BALANCES_EVERY:
            return None
        try:
            found = self._desk.broker.account()
        except AnswerPending:
            raise
        except Unavailable:
            return None  # asked again with the next beat
        self._balances_at = now
        return found

    def _read(self, now: datetime) -> None:
        with self._desk.store.reading() as uow:
            self._due_at = uow.schedules.next_due_at()
            self._standing = bool(uow.schedules.standing())
        self._read_at = now

    def _due(self, now: datetime) -> Sequence[Schedule]:
        with self._desk.store.reading() as uow:
            return uow.schedules.due(now)

    def _fire(self, schedule: Schedule, now: datetime) -> list[RunId]:
        calendar = self._desk.calendar
        gap = gap_of(schedule, calendar, now)
        plan = plan_of(schedule, gap, may_fire=not _objection(self._desk, schedule, now))
        started: list[RunId] = []
        try:
            with self._desk.store.unit_of_work() as uow:
                last = max((*plan.start, *plan.record), default=schedule.last_due_at)
                following = next_due(schedule, calendar, now)
                uow.schedules.save(replace(schedule, last_due_at=last, next_due_at=following, updated_at=now))
                for at in plan.record:
                    uow.schedules.fire(_ended(_firing(schedule, at, now), FiringStatus.MISSED, Reason.MISSED_RUN, now))
                if plan.record:
                    count = len(plan.record) + gap.uncounted
                    facts = {"schedule": schedule.id, "count": count, "newest": plan.record[-1].isoformat()}
                    tell_user(uow, schedule.user_id, EventKind.SCHEDULE_MISSED, now, **facts)
                for at in plan.start:
                    firing = _firing(schedule, at, now)
                    if uow.schedules.fire(firing):  # before anything starts: no due time fires twice
                        begun = begin(self._desk, uow, schedule, firing, now)
                        uow.schedules.save_firing(begun)
                        started += begun.run_ids
                uow.commit()
        except StaleVersionError:
            log.info("schedule_fired_by_another_process", schedule=schedule.id)
            return []
        return started

    def _follow_up(self, now: datetime) -> list[RunId]:
        with self._desk.store.reading() as uow:
            standing = uow.schedules.standing()
        return [run for firing in standing for run in _if_answered(partial(self._go_on, firing, now))]

    def _go_on(self, firing: Firing, now: datetime) -> Sequence[RunId]:
        with self._desk.store.unit_of_work() as uow:
            stored = uow.schedules.firing(firing.schedule_id, firing.due_at)
            schedule = uow.schedules.get(firing.schedule_id)
            if stored != firing:
                return ()
            moved = self._moved(uow, schedule, firing, now)
            if moved is None or moved == firing:
                return ()
            uow.schedules.save_firing(moved)
            if not moved.is_standing:
                tell_firing(uow, EventKind.FIRING_ENDED, moved, now)
            uow.commit()
        return [run for run in moved.run_ids if run not in firing.run_ids]

    def _moved(self, uow: UnitOfWork, schedule: Schedule | None, firing: Firing, now: datetime) -> Firing | None:
        if schedule is None and not firing.run_ids and firing.scan_id is None:  # removed before it began
            return _ended(firing, FiringStatus.SKIPPED, Reason.CANCELED_BY_USER, now)
        if firing.status is FiringStatus.QUEUED and schedule is not None:
            return self._released(uow, schedule, firing, now)
        if firing.run_ids:
            return settle_run(uow, firing, now)
        if firing.look_at is not None and firing.look_at <= now and schedule is not None:
            return look_again(self._desk, uow, schedule, firing, now)
        return None

    def _released(self, uow: UnitOfWork, schedule: Schedule, firing: Firing, now: datetime) -> Firing | None:
        if _objection(self._desk, schedule, now):
            return _ended(firing, FiringStatus.SKIPPED, Reason.WINDOW_PASSED, now)
        waiting = [one for one in uow.schedules.standing(schedule.id) if one.status is FiringStatus.QUEUED]
        if waiting[0] != firing or is_entering(uow, schedule):
            return None
        return start_work(self._desk, uow, schedule, replace(firing, fired_at=now), now)


def _if_answered(work: Callable[[], Sequence[RunId]]) -> Sequence[RunId]:
    try:
        return work()
    except AnswerPending:  # nothing was written: the next turn does it
        return ()


def begin(desk: Desk, uow: UnitOfWork, schedule: Schedule, firing: Firing, now: datetime) -> Firing:
    """Return a firing as it stands after its beginning: started, or held back by the one before."""
    if schedule.overlap is not Overlap.ALLOW and is_entering(uow, schedule):
        if schedule.overlap is Overlap.SKIP:
            begun = _ended(firing, FiringStatus.SKIPPED, Reason.OVERLAPPING, now)
        else:
            queued = [one for one in uow.schedules.standing(schedule.id) if one.status is FiringStatus.QUEUED]
            is_full = len(queued) > QUEUE_MAX  # this one is among them
            begun = _ended(firing, FiringStatus.SKIPPED, Reason.QUEUE_FULL, now) if is_full else firing
    else:
        begun = start_work(desk, uow, schedule, firing, now)
    tell_firing(uow, EventKind.SCHEDULE_FIRED, begun, now)
    return begun


def is_entering(uow: UnitOfWork, schedule: Schedule) -> bool:
    """Tell whether a firing of the schedule still looks for its entry; a position that is held is none of it."""
    recent = uow.schedules.recent(schedule.id, RECENT)
    if any(one.status is FiringStatus.RUNNING for one in recent):
        return True
    runs = uow.runs.many([run for one in recent for run in one.run_ids])
    return any((run.returns_to if run.status is RunStatus.PAUSED else run.status) in ENTERING for run in runs)


def start_work(desk: Desk, uow: UnitOfWork, schedule: Schedule, firing: Firing, now: datetime) -> Firing:
    """Do what the schedule asks for, and return the firing as it stands then."""
    if schedule.kind is ScheduleKind.DAILY_CYCLE:
        return replace(firing, status=FiringStatus.RUNNING, look_at=now)
    try:
        symbols = symbols_of(uow, schedule, now)
    except (NotFound, InvalidInput) as error:
        failed = _ended(firing, FiringStatus.FAILED, Reason.UNKNOWN_SYMBOL, now)
        return replace(failed, facts={"message": error.message})
    if schedule.kind is ScheduleKind.SCAN:
        scan = _scan_of(desk, uow, schedule, firing, symbols, now)
        uow.scans.add(scan)
        return replace(firing, status=FiringStatus.RUNNING, scan_id=scan.id)
    if schedule.dry_run:
        return _ended(firing, FiringStatus.SKIPPED, Reason.DRY_RUN_MODE, now)
    runs = [run for symbol in symbols if (run := _start(desk, uow, schedule, firing, symbol, now)) is not None]
    if not runs:
        return _ended(firing, FiringStatus.FAILED, Reason.STRATEGY_NOT_FOUND, now)
    return replace(_ended(firing, FiringStatus.DONE, None, now), run_ids=tuple(run.id for run in runs))


def symbols_of(uow: UnitOfWork, schedule: Schedule, now: datetime) -> tuple[str, ...]:
    """Return the symbols that a schedule is about now. Raises ``NotFound`` or ``InvalidInput``."""
    if not schedule.watchlist:
        return schedule.symbols
    symbols = watchlist_of(uow, schedule.user_id, schedule.watchlist, now).symbols
    if not symbols or (schedule.kind is ScheduleKind.START and len(symbols) > SYMBOLS_MAX):
        raise InvalidInput(f"watchlist {schedule.watchlist} has {len(symbols)} symbols; 1 to {SYMBOLS_MAX} can start")
    return symbols


def tell_firing(uow: UnitOfWork, kind: EventKind, firing: Firing, now: datetime) -> None:
    """Write an event about a firing."""
    facts = {
        "schedule": firing.schedule_id,
        "due_at": firing.due_at.isoformat(),
        "status": firing.status.value,
        "reason": firing.reason,
        "runs": " ".join(firing.run_ids),
    }
    tell_user(uow, firing.user_id, kind, now, **facts)


def _start(
    desk: Desk, uow: UnitOfWork, schedule: Schedule, firing: Firing, symbol: str, now: datetime
) -> WorkflowRun | None:
    if schedule.strategy_id is None:
        return None
    return write_run(desk, uow, wanted_run(firing, schedule.strategy_id, symbol), now)


def _scan_of(
    desk: Desk, uow: UnitOfWork, schedule: Schedule, firing: Firing, symbols: tuple[str, ...], now: datetime
) -> Scan:
    return Scan(
        id=make_scan_id(desk.store.installation_id(), uow.scans.next_number()),
        user_id=schedule.user_id,
        status=ScanStatus.RUNNING,
        symbols=symbols,
        strategy_ids=() if schedule.strategy_id is None else (schedule.strategy_id,),
        watchlist=schedule.watchlist,
        best=0 if schedule.dry_run else schedule.best,
        schedule_id=schedule.id,
        due_at=firing.due_at,
        asked_at=now,
    )


def _firing(schedule: Schedule, due_at: datetime, now: datetime) -> Firing:
    return Firing(
        schedule_id=schedule.id,
        due_at=due_at,
        user_id=schedule.user_id,
        status=FiringStatus.QUEUED,
        fired_at=now,
    )


def _ended(firing: Firing, status: FiringStatus, reason: Reason | None, now: datetime) -> Firing:
    return replace(firing, status=status, reason="" if reason is None else reason.value, finished_at=now, look_at=None)


def _objection(desk: Desk, schedule: Schedule, now: datetime) -> str:
    try:
        return objection(schedule, desk.calendar, now)
    except InvalidInput as error:  # beyond the calendar
        return error.message
