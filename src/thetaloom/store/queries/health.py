"""Health and events: who works, what waits, and what happened since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.values.ids import UserId
from thetaloom.ports.dispatch import Lane
from thetaloom.ports.store import StoredEvent
from thetaloom.store.database import Database
from thetaloom.store.repositories.events import read_events
from thetaloom.store.schema import events, lineage, orders, positions
from thetaloom.store.schema import runs as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One start of a worker and the leases it holds."""

    owner: str
    leases: int
    first_ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What dispatch has before it, over all users."""

    due: Mapping[Lane, int]  # due now and not leased
    waiting: int  # due later
    oldest_due_at: datetime | None
    workers: tuple[Worker, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How much there is, over all users."""

    orders: Mapping[OrderStatus, int]  # every status, also those of which there is none
    open_positions: int
    lineage_records: int


def census(database: Database) -> Census:
    """Count what the books hold."""
    by_status = select(orders.c.status, func.count()).group_by(orders.c.status)
    with database.connect() as connection:
        return Census(
            orders=dict.fromkeys(OrderStatus, 0) | {status: count for status, count in connection.execute(by_status)},
            open_positions=connection.scalar(select(func.count()).where(positions.c.is_open)) or 0,
            lineage_records=connection.scalar(select(func.count()).select_from(lineage)) or 0,
        )


def backlog(database: Database, now: datetime) -> Backlog:
    """Return what is due, what waits, and who works on what."""
    is_due = table.c.due_at <= now
    free = table.c.lease_until.is_(None) | (table.c.lease_until <= now)
    with database.connect() as connection:
        due = select(table.c.lane, func.count()).where(is_due, free).group_by(table.c.lane)
        oldest = select(func.min(table.c.due_at)).where(table.c.lane.is_not(None), is_due, free)
        leases = (
            select(table.c.lease_owner, func.count(), func.min(table.c.lease_until))
            .where(table.c.lease_until > now)
            .group_by(table.c.lease_owner)
            .order_by(table.c.lease_owner)
        )
        return Backlog(
            due=dict.fromkeys(Lane, 0) | {lane: count for lane, count in connection.execute(due) if lane is not None},
            waiting=connection.scalar(select(func.count()).where(table.c.due_at > now)) or 0,
            oldest_due_at=connection.scalar(oldest),
            workers=tuple(
                Worker(owner=owner, leases=count, first_ends_at=ends_at)
                for owner, count, ends_at in connection.execute(leases)
            ),
        )


def events_since(database: Database, user: UserId, sequence: int, *, limit: int = 1000) -> tuple[StoredEvent, ...]:
    """Return the user's events after number ``sequence``, oldest first."""
    with database.connect() as connection:
        return read_events(connection, sequence, limit, user)


def last_sequence(database: Database) -> int:
    """Return the number of the newest event; 0 when there is none."""
    return database.first(select(func.max(events.c.sequence))) or 0
