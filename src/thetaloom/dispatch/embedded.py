"""Dispatch on the table of runs itself: a lease is three columns of the row, and what is due is an index.

It works on SQLite and PostgreSQL and knows neither: it is given the database and the table.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, Table, bindparam, func, or_, select, text, update

from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.values.ids import RunId
from thetaloom.ports.dispatch import Lane

CAPS: Mapping[Lane, int | None] = {Lane.EVALUATION: 5, Lane.EXECUTION: 3, Lane.CARE: None}
LEASE = timedelta(seconds=60)
CLAIMED_MAX = 100  # runs that one claim takes from an uncapped lane
_ONE_CLAIM_AT_A_TIME = text("SELECT pg_advisory_xact_lock(7108003)")  # else two workers could both take the last place


class Transactions(Protocol):
    """What dispatch needs of a database."""

    def connect(self) -> AbstractContextManager[Connection]: ...
    def begin(self, *, durable: bool = True) -> AbstractContextManager[Connection]: ...
    def after_commit(self, call: Callable[[], None]) -> None: ...


class EmbeddedDispatch:
    """Leases on the rows of ``runs``; ``owner`` is unique to each start of a worker.

    To give and to take back a lease waits for no disk: where the power takes its owner too, a lost lease is none and
    one that comes back is freed by ``take_over``; where it takes only the database, of two that hold a run the version
    of the run lets one move it.
    """

    def __init__(
        self,
        database: Transactions,
        runs: Table,
        *,
        owner: str,
        lease: timedelta = LEASE,
        caps: Mapping[Lane, int | None] = CAPS,
        on_enqueue: Callable[[], None] | None = None,
        is_gone: Callable[[str], bool] = lambda owner: False,
    ) -> None:
        self._database = database
        self._owner = owner
        self._lease = lease
        self._caps = caps
        self._on_enqueue = on_enqueue
        self._is_gone = is_gone
        self._statements = _Statements(runs)

    def enqueue(self, run: RunId, due_at: datetime) -> None:
        """Wake the run at ``due_at``, or earlier if it waits for something earlier.

        A run that really is to wake earlier gets the next version: whoever works on an older copy of it must
        read again and cannot write over the wake-up. A completed run stays asleep.
        """
        with self._database.begin() as connection:
            connection.execute(self._statements.wake, {"of_run": run, "at": due_at})
            self._wake_up()

    def claim(self, now: datetime) -> Sequence[RunId]:
        """Lease the due runs, oldest first, as many as the caps of their lanes leave room for."""
        if not self._has_work(now):
            return ()
        claimed: list[Any] = []
        with self._database.begin(durable=False) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_ONE_CLAIM_AT_A_TIME)
            for lane, room in self._room(connection, now).items():
                if room > 0:
                    claimed += connection.execute(self._statements.lease, self._terms(lane, room, now)).all()
        # RETURNING promises no order
        return tuple(RunId(row.id) for row in sorted(claimed, key=lambda row: (row.due_at, row.id)))

    def done(self, run: RunId) -> None:
        """Give the lease back, unless it ended and somebody else has the run now."""
        with self._database.begin(durable=False) as connection:
            connection.execute(self._statements.release, {"of_run": run, "mine": self._owner})
            self._wake_up()

    def take_over(self) -> None:
        """Free the runs of workers that certainly live no more; without it they wait for their leases to end."""
        with self._database.connect() as connection:
            owners = connection.scalars(self._statements.owners).all()
        gone = [owner for owner in owners if self._is_gone(owner)]
        if gone:
            with self._database.begin() as connection:
                connection.execute(self._statements.free, [{"gone": owner} for owner in gone])
                self._wake_up()

    def next_due_at(self) -> datetime | None:
        """Return when a claim may find something next; ``None`` when nothing waits.

        That is when the earliest run is due in a lane with room, or when the lease of another worker ends: if
        that worker died, its run is due then.
        """
        with self._database.connect() as connection:
            others, *by_lane = connection.execute(self._statements.next, {"mine": self._owner}).one()
        leased, earliest = by_lane[: len(Lane)], by_lane[len(Lane) :]
        found = [
            at for lane, count, at in zip(Lane, leased, earliest, strict=True) if self._has_room(lane, count) and at
        ]
        return min([*found, *([] if others is None else [others])], default=None)

    def _has_work(self, now: datetime) -> bool:
        # Without this look, each idle claim would wait for its turn to write.
        with self._database.connect() as connection:
            counts = connection.execute(self._statements.has_work, {"now": now}).one()
        leased, due = counts[: len(Lane)], counts[len(Lane) :]
        return any(
            is_due and self._has_room(lane, count) for lane, count, is_due in zip(Lane, leased, due, strict=True)
        )

    def _has_room(self, lane: Lane, leased: int) -> bool:
        return _room_left(self._caps.get(lane), leased) > 0

    def _room(self, connection: Connection, now: datetime) -> dict[Lane, int]:
        live = connection.execute(self._statements.live_leases, {"now": now})
        leased: dict[Lane, int] = {lane: count for lane, count in live}
        return {lane: _room_left(self._caps.get(lane), leased.get(lane, 0)) for lane in Lane}

    def _terms(self, lane: Lane, room: int, now: datetime) -> dict[str, object]:
        until = now + self._lease
        return {"of_lane": lane, "room": room, "now": now, "mine": self._owner, "until": until}

    def _wake_up(self) -> None:
        if self._on_enqueue is not None:
            self._database.after_commit(self._on_enqueue)


class _Statements:
    def __init__(self, runs: Table) -> None:
        c = runs.c
        waits = c.due_at.is_not(None)
        now = bindparam("now", type_=c.due_at.type)
        is_due = (waits, c.due_at <= now, or_(c.lease_until.is_(None), c.lease_until <= now))
        self.due = (
            select(c.id)
            .where(c.lane == bindparam("of_lane", type_=c.lane.type), *is_due)
            .order_by(c.due_at, c.id)
            .limit(bindparam("room"))
        )
        self.lease = (
            update(runs)
            .where(c.id.in_(select(self.due.with_for_update(skip_locked=True).cte("due").c.id)))
            .values(lease_owner=bindparam("mine"), lease_until=bindparam("until", type_=c.lease_until.type))
            .returning(c.id, c.due_at)
        )
        self.release = (
            update(runs)
            .where(c.id == bindparam("of_run"), c.lease_owner == bindparam("mine"))
            .values(lease_owner=None, lease_until=None)
        )
        self.owners = select(c.lease_owner).where(c.lease_until.is_not(None)).distinct()
        self.free = (
            update(runs)
            .where(c.lease_owner == bindparam("gone"), c.lease_until.is_not(None))
            .values(lease_owner=None, lease_until=None)
        )
        at = bindparam("at", type_=c.due_at.type)
        self.wake = (
            update(runs)
            .where(c.id == bindparam("of_run"), c.status != RunStatus.COMPLETED, or_(c.due_at.is_(None), c.due_at > at))
            .values(due_at=at, version=c.version + 1)
        )
        count = select(c.lane, func.count()).group_by(c.lane)
        self.live_leases = count.where(c.lease_until > now)
        # The two that every turn of the engine asks, all lanes at once: each part of them is one look at an index.
        is_leased = c.lease_until.is_not(None)
        others = select(func.min(c.lease_until)).where(is_leased, c.lease_owner != bindparam("mine"))
        free = select(c.due_at).where(waits, c.lease_until.is_(None)).order_by(c.due_at).limit(1)
        held = select(func.count()).select_from(runs)
        self.next = select(
            others.scalar_subquery(),
            *(held.where(is_leased, c.lane == lane).scalar_subquery() for lane in Lane),
            *(free.where(c.lane == lane).scalar_subquery() for lane in Lane),
        )
        self.has_work = select(
            *(held.where(c.lease_until > now, c.lane == lane).scalar_subquery() for lane in Lane),
            *(select(c.id).where(c.lane == lane, *is_due).exists() for lane in Lane),
        )


def _room_left(cap: int | None, leased: int) -> int:
    return CLAIMED_MAX if cap is None else cap - leased
