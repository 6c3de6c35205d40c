"""Schedules with their firings, and the heartbeat of the scheduler."""

from datetime import datetime

from sqlalchemy import func, select

from thetaloom.domain.run.schedules import Firing, Schedule
from thetaloom.domain.values.ids import ScheduleId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.schedule_tables import firings, scheduler_pulse, schedules
from thetaloom.store.statements import columns_of, value_of


def list_schedules(database: Database, user: UserId, *, window: Window = FIRST_PAGE) -> Page[Schedule]:
    """Return the user's schedules, the next due first, those that are never due last."""
    due = schedules.c.next_due_at
    chosen = select(*columns_of(schedules, Schedule)).where(owned(schedules, user), schedules.c.removed_at.is_(None))
    ordered = chosen.order_by(due.is_(None), due, schedules.c.created_at, schedules.c.id)
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(Schedule, row))


def schedule_of(database: Database, user: UserId, schedule: str) -> Schedule:
    """Return a schedule that was not removed. Raises ``NotFound``."""
    chosen = select(*columns_of(schedules, Schedule)).where(
        owned(schedules, user), schedules.c.removed_at.is_(None), schedules.c.id == schedule
    )
    with database.connect() as connection:
        row = connection.execute(chosen).first()
    if row is None:
        raise NotFound(f"no schedule has the id {schedule!r}", advice="`thetaloom schedule list` shows them.")
    return value_of(Schedule, row)


def list_firings(
    database: Database, user: UserId, *, schedule: ScheduleId | None = None, window: Window = FIRST_PAGE
) -> Page[Firing]:
    """Return the user's firings, newest first; those of removed schedules, too."""
    wanted = [owned(firings, user), *matching(firings.c.schedule_id, schedule)]
    chosen = select(*columns_of(firings, Firing)).where(*wanted)
    ordered = chosen.order_by(firings.c.due_at.desc(), firings.c.schedule_id)
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(Firing, row))


def heartbeat(database: Database) -> datetime | None:
    """Return when the scheduler last looked, by the market's clock."""
    with database.connect() as connection:
        found: datetime | None = connection.scalar(select(func.max(scheduler_pulse.c.looked_at)))
    return found
