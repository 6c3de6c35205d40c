"""Rolls: saved by compare-and-swap."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, insert, select, update

from thetaloom.domain.book.rolls import Roll, RollState
from thetaloom.domain.values.ids import PositionId, RunId
from thetaloom.errors import StaleVersionError
from thetaloom.store.schema_rolls import rolls as table
from thetaloom.store.statements import columns_of, names_of, row_of, value_of, values_of

_SELECT = select(*columns_of(table, Roll))
_GET = _SELECT.where(table.c.run_id == bindparam("of_run"))
_CLOSING = _SELECT.where(table.c.position_id == bindparam("of_position"), table.c.state == RollState.CLOSING)
_UPDATE = (
    update(table)
    .where(table.c.run_id == bindparam("of_run"), table.c.version == bindparam("of_version"))
    .values({name: bindparam(name) for name in names_of(Roll) if name != "run_id"})
)


class SqlRolls:
    """Rolls in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, roll: Roll) -> None:
        """Write a new roll."""
        self._connection.execute(insert(table), row_of(roll))

    def get(self, run: RunId) -> Roll | None:
        """Return the roll that this run proposes and opens; ``None`` for any other run."""
        row = self._connection.execute(_GET, {"of_run": run}).first()
        return None if row is None else value_of(Roll, row)

    def of_position(self, position: PositionId) -> Sequence[Roll]:
        """Return everything that was ever asked of the position."""
        found = _SELECT.where(table.c.position_id == position).order_by(table.c.run_id)
        return values_of(Roll, self._connection.execute(found))

    def closing(self, position: PositionId) -> Roll | None:
        """Return the approved roll for which the position is to be closed, if there is one."""
        row = self._connection.execute(_CLOSING, {"of_position": position}).first()
        return None if row is None else value_of(Roll, row)

    def save(self, roll: Roll) -> Roll:
        """Write the roll if its version is still the stored one and return it with the next version."""
        saved = replace(roll, version=roll.version + 1)
        row = row_of(saved)
        key = {"of_run": row.pop("run_id"), "of_version": roll.version}
        if self._connection.execute(_UPDATE, row | key).rowcount != 1:
            raise StaleVersionError(f"the roll of {roll.run_id} is no longer at version {roll.version}")
        return saved
