"""Schedules and firings: no due time of a schedule has two firings, whoever tries."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from thetaloom.domain.run.schedules import STANDING, Firing, FiringStatus, Schedule
from thetaloom.domain.values.ids import AccountId, ScheduleId, UserId
from thetaloom.store.database import Database
from thetaloom.store.schedule_tables import firings, scheduler_pulse
from thetaloom.store.schedule_tables import schedules as table
from thetaloom.store.schema import counters
from thetaloom.store.statements import (
    columns_of,
    count_up,
    insert_once,
    insert_or_skip,
    row_of,
    swap,
    value_of,
    values_of,
    versioned_update,
)

_SELECT = select(*columns_of(table, Schedule)).where(table.c.removed_at.is_(None))
_FIRINGS = select(*columns_of(firings, Firing))
_UPDATE = versioned_update(table)


class SqlSchedules:
    """Schedules in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def next_number(self) -> int:
        """Return the next number of a schedule; never the same twice."""
        return count_up(self._connection, self._database, counters, "schedule")

    def add(self, schedule: Schedule) -> None:
        """Write a new schedule."""
        self._connection.execute(insert(table), row_of(schedule))

    def get(self, schedule: ScheduleId) -> Schedule | None:
        """Return a schedule that was not removed."""
        row = self._connection.execute(_SELECT.where(table.c.id == schedule)).first()
        return None if row is None else value_of(Schedule, row)

    def of_user(self, user: UserId) -> Sequence[Schedule]:
        """Return the user's schedules, oldest first."""
        found = _SELECT.where(table.c.user_id == user).order_by(table.c.created_at, table.c.id)
        return values_of(Schedule, self._connection.execute(found))

    def save(self, schedule: Schedule) -> Schedule:
        """Write the schedule if its version is still the stored one and return it with the next version."""
        saved = replace(schedule, version=schedule.version + 1)
        swap(self._connection, _UPDATE, saved)
        return saved

    def remove(self, schedule: ScheduleId, now: datetime) -> bool:
        """Take a schedule out; its firings stay."""
        gone = update(table).where(table.c.id == schedule, table.c.removed_at.is_(None))
        changes = {"removed_at": now, "next_due_at": None, "version": table.c.version + 1}
        return self._connection.execute(gone.values(**changes)).rowcount == 1

    def due(self, now: datetime) -> Sequence[Schedule]:
        """Return the schedules that are due, the longest due first."""
        found = _SELECT.where(table.c.next_due_at <= now).order_by(table.c.next_due_at, table.c.id)
        return values_of(Schedule, self._connection.execute(found))

    def next_due_at(self) -> datetime | None:
        """Return when the first schedule is due, or a firing is to be looked at, if any ever is."""
        planned = self._connection.scalar(select(func.min(table.c.next_due_at)).where(table.c.removed_at.is_(None)))
        working = firings.c.status == FiringStatus.RUNNING
        looked = self._connection.scalar(select(func.min(firings.c.look_at)).where(working))
        return min((at for at in (planned, looked) if at is not None), default=None)

    def fire(self, firing: Firing) -> bool:
        """Write a firing; False when this due time of this schedule has one already."""
        return insert_once(self._connection, self._database, firings, row_of(firing))

    def save_firing(self, firing: Firing) -> None:
        """Write what became of a firing."""
        row = row_of(firing)
        mine = (firings.c.schedule_id == row.pop("schedule_id"), firings.c.due_at == row.pop("due_at"))
        self._connection.execute(update(firings).where(*mine).values(**row))

    def firing(self, schedule: ScheduleId, due_at: datetime) -> Firing | None:
        """Return what became of a due time."""
        mine = (firings.c.schedule_id == schedule, firings.c.due_at == due_at)
        row = self._connection.execute(_FIRINGS.where(*mine)).first()
        return None if row is None else value_of(Firing, row)

    def standing(self, schedule: ScheduleId | None = None) -> Sequence[Firing]:
        """Return the firings that something is still to be done for, oldest first."""
        wanted = _FIRINGS.where(firings.c.status.in_(sorted(STANDING)))
        if schedule is not None:
            wanted = wanted.where(firings.c.schedule_id == schedule)
        ordered = wanted.order_by(firings.c.due_at, firings.c.schedule_id)
        return values_of(Firing, self._connection.execute(ordered))

    def recent(self, schedule: ScheduleId, count: int) -> Sequence[Firing]:
        """Return the newest firings of a schedule, newest first."""
        wanted = _FIRINGS.where(firings.c.schedule_id == schedule).order_by(firings.c.due_at.desc()).limit(count)
        return values_of(Firing, self._connection.execute(wanted))

    def looked(self, account: AccountId, now: datetime) -> None:
        """Write that the scheduler looks now."""
        row = {"account_id": account, "looked_at": now}
        self._connection.execute(insert_or_skip(self._database, scheduler_pulse), row)
        mine = update(scheduler_pulse).where(scheduler_pulse.c.account_id == account)
        self._connection.execute(mine.values(looked_at=now))

    def last_look(self, account: AccountId) -> datetime | None:
        """Return when the scheduler last looked."""
        pulse = select(scheduler_pulse.c.looked_at).where(scheduler_pulse.c.account_id == account)
        found: datetime | None = self._connection.scalar(pulse)
        return found
