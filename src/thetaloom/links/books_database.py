"""The database of a broker's books: on SQLite a file of its own, since the broker's truth and ours must fail apart."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from thetaloom.errors import ConfigError, OutcomeUnknown

BUSY_TIMEOUT_SECONDS = 10


def connect_books(url: str, whose: str) -> sa.Engine:
    """Connect to the books at ``url``; a transaction that writes says so by the execution option ``writes``."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise ConfigError(f"{whose}: the URL of its database cannot be read") from error
    in_memory = parsed.database in (None, "", ":memory:")
    engine = sa.create_engine(
        parsed,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        **({"poolclass": StaticPool} if in_memory else {}),
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def commit_books(transaction: sa.RootTransaction, whose: str) -> None:
    """Commit; a commit without an answer may have been made."""
    try:
        transaction.commit()
    except DBAPIError as error:
        raise OutcomeUnknown(f"{whose}: its books gave no answer to a commit: {error.orig}") from error


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would begin late and without the write lock
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
