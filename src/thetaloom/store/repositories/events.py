"""Events, numbered in the order in which they become visible."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, text

from thetaloom.domain.run.events import Event
from thetaloom.domain.values.ids import UserId
from thetaloom.ports.store import StoredEvent
from thetaloom.store.database import Database
from thetaloom.store.schema import events as table
from thetaloom.store.statements import columns_of, row_of, value_of

_NUMBERED = select(table.c.sequence, *columns_of(table, Event)).order_by(table.c.sequence)
_SINCE = _NUMBERED.where(table.c.sequence > bindparam("after")).limit(bindparam("at_most"))
_INSERT = insert(table).returning(table.c.sequence)
# Otherwise number 8 could become visible before 7, and a reader who stands at 8 would never see 7.
_IN_ORDER_OF_COMMIT = text("SELECT pg_advisory_xact_lock(7108002)")


class SqlEvents:
    """Events in the database. On PostgreSQL, writers queue from their first event to their commit: add events last."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._is_sqlite = database.is_sqlite

    def add(self, event: Event) -> int:
        """Write the fact and return its number."""
        if not self._is_sqlite:
            self._connection.execute(_IN_ORDER_OF_COMMIT)
        return int(self._connection.execute(_INSERT, row_of(event)).scalar_one())

    def since(self, sequence: int, limit: int = 1000) -> Sequence[StoredEvent]:
        """Return the facts of all users after number ``sequence``."""
        return read_events(self._connection, sequence, limit)


def read_events(connection: Connection, after: int, limit: int, user: UserId | None = None) -> tuple[StoredEvent, ...]:
    """Return the facts after number ``after``, of one user or of all."""
    chosen = _SINCE if user is None else _SINCE.where(table.c.user_id == user)
    rows = connection.execute(chosen, {"after": after, "at_most": limit})
    return tuple(StoredEvent(sequence=row.sequence, event=value_of(Event, row)) for row in rows)
