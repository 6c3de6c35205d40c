"""Runs: saved by compare-and-swap, and laid into the lane where dispatch finds them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from thetaloom.domain.run.runs import RunStatus, TriggerKind, WorkflowRun
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.errors import InvariantError
from thetaloom.ports.dispatch import lane_of
from thetaloom.store.schema import counters
from thetaloom.store.schema import runs as table
from thetaloom.store.statements import columns_of, row_of, rows_in, swap, value_of, values_of, versioned_update

_SELECT = select(*columns_of(table, WorkflowRun))
_GET = _SELECT.where(table.c.id == bindparam("of_id"))
_MANY = _SELECT.where(table.c.id.in_(bindparam("of_any", expanding=True)))
_OPEN_OF = _SELECT.where(
    table.c.user_id == bindparam("of_user"),
    table.c.strategy_id == bindparam("of_strategy"),
    table.c.symbol == bindparam("of_symbol"),
    table.c.status != RunStatus.COMPLETED,
).order_by(table.c.created_at, table.c.id)
_INSERT = insert(table)
_UPDATE = versioned_update(table)
_COUNT_UP = update(counters).where(counters.c.name == "run").values(number=counters.c.number + 1)


class SqlRuns:
    """Runs in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def next_number(self) -> int:
        """Return the next run number of this installation; never the same twice."""
        number = self._connection.scalar(_COUNT_UP.returning(counters.c.number))
        if number is None:
            raise InvariantError("the counter of runs is missing from the database")
        return int(number)

    def add(self, run: WorkflowRun) -> None:
        """Write a new run."""
        self._connection.execute(_INSERT, row_of(run, lane=lane_of(run)))

    def get(self, run: RunId) -> WorkflowRun | None:
        """Return the run as it stands."""
        row = self._connection.execute(_GET, {"of_id": run}).first()
        return None if row is None else value_of(WorkflowRun, row)

    def many(self, runs: Iterable[RunId]) -> Sequence[WorkflowRun]:
        """Return those of the runs that are stored, in no order."""
        return values_of(WorkflowRun, rows_in(self._connection, _MANY, runs))

    def save(self, run: WorkflowRun) -> WorkflowRun:
        """Write the run if its version is still the stored one and return it with the next version."""
        saved = replace(run, version=run.version + 1)
        swap(self._connection, _UPDATE, saved, lane=lane_of(saved))
        return saved

    def open_of(self, user: UserId, strategy: str, symbol: str) -> Sequence[WorkflowRun]:
        """Return the runs that are not completed, oldest first."""
        of = {"of_user": user, "of_strategy": strategy, "of_symbol": symbol}
        return values_of(WorkflowRun, self._connection.execute(_OPEN_OF, of))

    def restarts_since(self, user: UserId, strategy: str, symbol: str, since: datetime) -> int:
        """Count the runs of the pair that others started by their completion, from ``since`` on."""
        of = (table.c.user_id == user, table.c.strategy_id == strategy, table.c.symbol == symbol)
        wanted = (*of, table.c.trigger == TriggerKind.RESTART, table.c.created_at >= since)
        return self._connection.scalar(select(func.count()).where(*wanted)) or 0

    def created_since(self, user: UserId, since: datetime) -> int:
        """Count the user's runs from ``since`` on."""
        count = select(func.count()).where(table.c.user_id == user, table.c.created_at >= since)
        return self._connection.scalar(count) or 0
