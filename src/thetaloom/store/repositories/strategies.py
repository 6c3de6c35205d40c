"""Strategies: revisions that never change, the newest first in use."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, bindparam, insert, select, tuple_, update
from sqlalchemy.sql.functions import max as newest

from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import StrategyId, UserId
from thetaloom.ports.store import StoredStrategy
from thetaloom.store.schema import strategies as table
from thetaloom.store.statements import columns_of, value_of, values_of

_SELECT = select(*columns_of(table, StoredStrategy))
_OF_ONE = (table.c.user_id == bindparam("of_user"), table.c.id == bindparam("of_id"))
# Each run asks for these at every step: made once, they are not put together and compared again each time.
_NEWEST = _SELECT.add_columns(table.c.hidden_at).where(*_OF_ONE).order_by(table.c.revision.desc()).limit(1)
_REVISION = _SELECT.where(*_OF_ONE, table.c.revision == bindparam("of_revision"))


def newest_of(user: UserId) -> Select[tuple[object, ...]]:
    """Select the newest revision of each strategy of ``user`` that is not deleted."""
    newest_keys = select(table.c.id, newest(table.c.revision)).where(table.c.user_id == user).group_by(table.c.id)
    return (
        _SELECT.where(table.c.user_id == user, tuple_(table.c.id, table.c.revision).in_(newest_keys))
        .where(table.c.hidden_at.is_(None))
        .order_by(table.c.id)
    )


class SqlStrategies:
    """Strategies in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest(self, user: UserId, strategy: StrategyId) -> StoredStrategy | None:
        """Return the newest revision; ``None`` for one that never was or is deleted."""
        row = self._connection.execute(_NEWEST, {"of_user": user, "of_id": strategy}).first()
        return None if row is None or row.hidden_at is not None else value_of(StoredStrategy, row)

    def revision(self, user: UserId, strategy: StrategyId, revision: int) -> StoredStrategy | None:
        """Return one revision, deleted or not."""
        row = self._connection.execute(_REVISION, {"of_user": user, "of_id": strategy, "of_revision": revision}).first()
        return None if row is None else value_of(StoredStrategy, row)

    def all_latest(self, user: UserId) -> Sequence[StoredStrategy]:
        """Return the newest revision of each strategy that is not deleted, by id."""
        return values_of(StoredStrategy, self._connection.execute(newest_of(user)))

    def save(self, user: UserId, strategy: Strategy, now: datetime) -> StoredStrategy:
        """Add a revision; content equal to the newest revision adds none."""
        latest = self.latest(user, strategy.id)
        if latest is not None and latest.strategy == strategy:
            return latest
        key = (table.c.user_id == user, table.c.id == strategy.id)
        last: int = self._connection.scalar(select(newest(table.c.revision)).where(*key)) or 0
        added = StoredStrategy(strategy=strategy, revision=last + 1, saved_at=now)
        row = {"user_id": user, "id": strategy.id, "revision": added.revision, "strategy": strategy, "saved_at": now}
        self._connection.execute(insert(table), row)
        return added

    def delete(self, user: UserId, strategy: StrategyId, now: datetime) -> bool:
        """Hide the strategy from lists; its revisions stay for the runs that used them."""
        latest = self.latest(user, strategy)
        if latest is None:
            return False
        key = (table.c.user_id == user, table.c.id == strategy, table.c.revision == latest.revision)
        self._connection.execute(update(table).where(*key).values(hidden_at=now))
        return True
