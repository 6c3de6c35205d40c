"""Commands on schedules: add, pause, resume, remove."""

from dataclasses import replace
from datetime import datetime, time

from thetaloom.domain.run.cron import check_cron, zone_of
from thetaloom.domain.run.daily_cycle import CRON, WINDOW_FROM, WINDOW_TO
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.schedules import EXCHANGE_ZONE, Hours, Overlap, Schedule, ScheduleKind, next_due
from thetaloom.domain.run.watchlists import clean_symbols
from thetaloom.domain.values.ids import ScheduleId, UserId, make_schedule_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.schedule_commands import AddSchedule, PauseSchedule, RemoveSchedule, ResumeSchedule
from thetaloom.engine.starting import watchlist_of
from thetaloom.engine.step import tell_user
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.store import UnitOfWork

SCHEDULES_MAX = 500  # of a user


def add_schedule(desk: Desk, command: AddSchedule) -> Schedule:
    """Write a schedule that is due at the next time of its expression."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        number = uow.schedules.next_number()
        schedule = schedule_of(command, make_schedule_id(desk.store.installation_id(), number), now)
        if len(uow.schedules.of_user(command.user_id)) >= SCHEDULES_MAX:
            raise InvalidInput(f"there are {SCHEDULES_MAX} schedules; remove one first")
        if schedule.strategy_id is not None and uow.strategies.latest(command.user_id, schedule.strategy_id) is None:
            raise NotFound(f"no strategy has the id {schedule.strategy_id!r}", advice=Reason.STRATEGY_NOT_FOUND.text)
        if schedule.watchlist:
            watchlist_of(uow, command.user_id, schedule.watchlist, now)
        planned = replace(schedule, next_due_at=_next(desk, schedule, now))
        uow.schedules.add(planned)
        _tell(uow, planned, EventKind.SCHEDULE_ADDED, now)
        uow.commit()
    return planned


def schedule_of(command: AddSchedule, schedule: ScheduleId, now: datetime) -> Schedule:
    """Return the schedule that a command describes. Raises ``InvalidInput`` with what is wrong."""
    zone_of(command.zone)
    if command.kind is ScheduleKind.DAILY_CYCLE:
        if command.cron or command.window_from or command.zone != EXCHANGE_ZONE or command.hours is not Hours.OPEN:
            raise InvalidInput(
                "a daily cycle has its own times: every quarter of an hour from 10:00 to 14:45 in New York",
                details={"part": "cron"},
            )
        cron, overlap = CRON, Overlap.SKIP
        window: tuple[time | None, time | None] = (WINDOW_FROM, WINDOW_TO)
    else:
        cron, window, overlap = check_cron(command.cron), (command.window_from, command.window_to), command.overlap
    return Schedule(
        id=schedule,
        user_id=command.user_id,
        kind=command.kind,
        strategy_id=command.strategy_id,
        symbols=clean_symbols(command.symbols),
        watchlist=command.watchlist,
        cron=cron,
        zone=command.zone,
        hours=command.hours,
        window_from=window[0],
        window_to=window[1],
        overlap=overlap,
        missed=command.missed,
        missed_max=command.missed_max,
        grace_seconds=command.grace_seconds,
        best=command.best,
        dry_run=command.dry_run,
        created_at=now,
        updated_at=now,
    )


def pause_schedule(desk: Desk, command: PauseSchedule) -> Schedule:
    """Set a schedule aside: nothing is due, and nothing counts as missed."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        schedule = own_schedule(uow, command.user_id, command.schedule_id)
        if schedule.is_paused:
            return schedule
        saved = uow.schedules.save(replace(schedule, paused_at=now, next_due_at=None, updated_at=now))
        _tell(uow, saved, EventKind.SCHEDULE_PAUSED, now)
        uow.commit()
    return saved


def resume_schedule(desk: Desk, command: ResumeSchedule) -> Schedule:
    """Let a schedule go on with its next due time from now."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        schedule = own_schedule(uow, command.user_id, command.schedule_id)
        if not schedule.is_paused:
            return schedule
        due_at = next_due(schedule, desk.calendar, now)
        saved = uow.schedules.save(replace(schedule, paused_at=None, next_due_at=due_at, updated_at=now))
        _tell(uow, saved, EventKind.SCHEDULE_RESUMED, now)
        uow.commit()
    return saved


def remove_schedule(desk: Desk, command: RemoveSchedule) -> Schedule:
    """Take a schedule out; what it started goes on, and its firings stay in the books."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        schedule = own_schedule(uow, command.user_id, command.schedule_id)
        uow.schedules.remove(schedule.id, now)
        _tell(uow, schedule, EventKind.SCHEDULE_REMOVED, now)
        uow.commit()
    return schedule


def own_schedule(uow: UnitOfWork, user: UserId, schedule: ScheduleId) -> Schedule:
    """Return the user's schedule. Raises ``NotFound``."""
    found = uow.schedules.get(schedule)
    if found is None or found.user_id != user:
        raise NotFound(f"no schedule has the id {schedule!r}", advice="`thetaloom schedule list` shows them.")
    return found


def _next(desk: Desk, schedule: Schedule, now: datetime) -> datetime:
    due_at = next_due(schedule, desk.calendar, now)
    if due_at is None:
        raise InvalidInput(
            f"{schedule.cron!r} is never due: its times, the window and hours {schedule.hours.value!r} have none "
            f"in common up to {desk.calendar.last_on}",
            details={"part": "cron"},
        )
    return due_at


def _tell(uow: UnitOfWork, schedule: Schedule, kind: EventKind, now: datetime) -> None:
    tell_user(uow, schedule.user_id, kind, now, schedule=schedule.id, cron=schedule.cron, about=schedule.aims_at)
