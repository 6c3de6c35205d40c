"""The memory of watched positions: one row each, written over as marks rise."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from thetaloom.domain.book.ladder import LadderState
from thetaloom.domain.book.watch import PositionWatch, merged
from thetaloom.domain.values.ids import AccountId, PositionId
from thetaloom.store.schema import position_watch as table
from thetaloom.store.schema import positions
from thetaloom.store.statements import columns_of, names_of, row_of, rows_in, value_of, values_of

_SELECT = select(*columns_of(table, PositionWatch))
_GET = _SELECT.where(table.c.position_id == bindparam("of_id"))
_MANY = _SELECT.where(table.c.position_id.in_(bindparam("of_any", expanding=True)))
_KEY = "position_id"
_MARKS = ("high_close", "high_water", "high_at")
_UPDATE_MARKS = (
    update(table).where(table.c.position_id == bindparam("of_id")).values({name: bindparam(name) for name in _MARKS})
)
_UPDATE = (
    update(table)
    .where(table.c.position_id == bindparam("of_id"))
    .values({name: bindparam(name) for name in names_of(PositionWatch) if name != _KEY})
)


class SqlWatches:
    """Memories in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, position: PositionId) -> PositionWatch | None:
        """Return what is remembered of a position."""
        row = self._connection.execute(_GET, {"of_id": position}).first()
        return None if row is None else value_of(PositionWatch, row)

    def many(self, positions: Iterable[PositionId]) -> Sequence[PositionWatch]:
        """Return what is remembered of these positions, in no order."""
        return values_of(PositionWatch, rows_in(self._connection, _MANY, positions))

    def of_open(self, account: AccountId) -> Sequence[PositionWatch]:
        """Return what is remembered of the account's open positions."""
        held = _SELECT.join(positions, positions.c.id == table.c.position_id)
        return values_of(
            PositionWatch,
            self._connection.execute(held.where(positions.c.is_open, positions.c.account_id == account)),
        )

    def save(self, watches: Iterable[PositionWatch]) -> Sequence[PositionWatch]:
        """Write memories, each with the higher marks that another process may have stored; return them so."""
        watches, new, marks, known, saved = tuple(watches), [], [], [], []
        before = {one.position_id: one for one in self.many(watch.position_id for watch in watches)}
        for watch in watches:
            stored = before.get(watch.position_id)
            whole = merged(watch, stored)
            saved.append(whole)
            if stored is None:
                new.append(row_of(whole))
            elif (whole.entry, whole.legs, whole.ladders) == (stored.entry, stored.legs, stored.ladders):
                marks.append({"of_id": whole.position_id} | {name: getattr(whole, name) for name in _MARKS})
            else:
                row = row_of(whole)
                known.append({**row, "of_id": row.pop(_KEY)})
        if new:
            self._connection.execute(insert(table), new)
        if marks:
            self._connection.execute(_UPDATE_MARKS, marks)
        if known:
            self._connection.execute(_UPDATE, known)
        return saved

    def set_ladders(self, position: PositionId, ladders: Mapping[str, LadderState]) -> None:
        """Write what the ladders of a position's spreads remember, in the row that is there."""
        wanted = update(table).where(table.c.position_id == position).values(ladders=dict(ladders))
        self._connection.execute(wanted)
