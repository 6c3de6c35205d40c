"""Jobs and health: scheduled work with its last and next time, what failed, and how big the database is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select, text

from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.run.schedules import Firing, FiringStatus, Schedule
from thetaloom.domain.values.ids import ScheduleId, UserId
from thetaloom.ports.store import StoredEvent
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, owned, page_of
from thetaloom.store.queries.schedules import list_schedules
from thetaloom.store.schedule_tables import firings
from thetaloom.store.schema import events, reconciliations
from thetaloom.store.statements import columns_of, value_of

FAILURES = (
    EventKind.RUN_FAILED,
    EventKind.SCHEDULE_MISSED,
    EventKind.RUNAWAY_STOPPED,
    EventKind.ORDER_UNRESOLVED,
    EventKind.ORDER_CONTRADICTED,
    EventKind.SETTLEMENT_MISSED,
)
SCHEDULES_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A schedule with its newest firing, and how many of its firings did not come to a good end."""

    schedule: Schedule
    last: Firing | None
    fired: int
    failed: int
    missed: int

    @property
    def took(self) -> timedelta | None:
        """How long the newest firing took, by the market's clock; ``None`` while it is at work."""
        if self.last is None or self.last.finished_at is None:
            return None
        return self.last.finished_at - self.last.fired_at


def list_jobs(database: Database, user: UserId) -> Sequence[Job]:
    """Return the user's schedules, the next due first."""
    schedules = list_schedules(database, user, window=Window(limit=SCHEDULES_MAX)).rows
    counts: dict[ScheduleId, dict[FiringStatus, int]] = {}
    by_status = (
        select(firings.c.schedule_id, firings.c.status, func.count())
        .where(owned(firings, user))
        .group_by(firings.c.schedule_id, firings.c.status)
    )
    newest = (
        select(firings.c.schedule_id, func.max(firings.c.due_at).label("due_at"))
        .where(owned(firings, user))
        .group_by(firings.c.schedule_id)
        .subquery()
    )
    joined = (firings.c.schedule_id == newest.c.schedule_id) & (firings.c.due_at == newest.c.due_at)
    with database.connect() as connection:
        for schedule_id, status, count in connection.execute(by_status):
            counts.setdefault(schedule_id, {})[status] = count
        rows = connection.execute(select(*columns_of(firings, Firing)).join(newest, joined))
        last: Mapping[ScheduleId, Firing] = {row.schedule_id: value_of(Firing, row) for row in rows}
    return [_job(schedule, last.get(schedule.id), counts.get(schedule.id, {})) for schedule in schedules]


def list_failures(database: Database, user: UserId, *, window: Window = FIRST_PAGE) -> Page[StoredEvent]:
    """Return what went wrong, newest first."""
    chosen = select(events).where(owned(events, user), events.c.kind.in_(FAILURES)).order_by(events.c.sequence.desc())
    with database.connect() as connection:
        return page_of(connection, chosen, window, _stored)


def last_reconciled_at(database: Database, user: UserId) -> datetime | None:
    """Return when our books were last compared with the broker's."""
    with database.connect() as connection:
        found: datetime | None = connection.scalar(
            select(func.max(reconciliations.c.looked_at)).where(owned(reconciliations, user))
        )
    return found


def database_bytes(database: Database) -> int:
    """Return how much the database takes."""
    if not database.is_sqlite:
        return int(database.first(text("SELECT pg_database_size(current_database())")))
    beside = (database.path, database.path.with_name(f"{database.path.name}-wal"))
    return sum(path.stat().st_size for path in beside if path.exists())


def _job(schedule: Schedule, last: Firing | None, counts: Mapping[FiringStatus, int]) -> Job:
    return Job(
        schedule=schedule,
        last=last,
        fired=sum(counts.values()),
        failed=counts.get(FiringStatus.FAILED, 0),
        missed=counts.get(FiringStatus.MISSED, 0),
    )


def _stored(row: Row[Any]) -> StoredEvent:
    return StoredEvent(sequence=row.sequence, event=value_of(Event, row))
