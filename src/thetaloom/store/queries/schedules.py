"""Schedules with their firings, and the heartbeat of the scheduler."""

from datetime import datetime

from sqlalchemy import func, select

from thetaloom.domain.run.schedules import Firing, FiringStatus, Schedule
from thetaloom.domain.values.ids import ScheduleId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.schedule_tables import firings, scheduler_pulse, schedules
from thetaloom.store.statements import columns_of, value_of

FIRINGS = Listing(
    table=firings,
    kind=Firing,
    usual=(firings.c.due_at.desc(), firings.c.schedule_id),
    sorts={
        **sortable(firings, "due_at", "status", "reason", "schedule_id"),
        "late": firings.c.fired_at - firings.c.due_at,
    },
    texts=(firings.c.schedule_id, firings.c.reason, firings.c.scan_id, firings.c.run_ids),
    choices={"status": each_of(firings.c.status, FiringStatus)},
    words={"schedule": firings.c.schedule_id},
)


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
    database: Database,
    user: UserId,
    *,
    schedule: ScheduleId | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Firing]:
    """Return the user's firings, newest first; those of removed schedules, too."""
    return FIRINGS.page(database, user, *matching(firings.c.schedule_id, schedule), wish=wish, window=window)


def heartbeat(database: Database) -> datetime | None:
    """Return when the scheduler last looked, by the market's clock."""
    with database.connect() as connection:
        found: datetime | None = connection.scalar(select(func.max(scheduler_pulse.c.looked_at)))
    return found
