"""The paper broker's own books: transactions in a database that outlives any crash.

On SQLite they lie in a file of their own, so that the broker's truth and ours fail apart, as with a real broker.
Every change and its report are one transaction under the account's lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from thetaloom.brokers.paper.ledger import Ledger as Ledger
from thetaloom.brokers.paper.ledger import SettlesAt, as_text
from thetaloom.brokers.paper.tables import BOOKS_VERSION as BOOKS_VERSION
from thetaloom.brokers.paper.tables import BookedOrder as BookedOrder
from thetaloom.brokers.paper.tables import Settlement as Settlement
from thetaloom.brokers.paper.tables import accounts as accounts
from thetaloom.brokers.paper.tables import holdings as holdings
from thetaloom.brokers.paper.tables import meta as meta
from thetaloom.brokers.paper.tables import metadata as metadata
from thetaloom.brokers.paper.tables import orders as orders
from thetaloom.brokers.paper.tables import reports as reports
from thetaloom.brokers.paper.tables import settlements as settlements
from thetaloom.brokers.paper.tables import transactions as transactions
from thetaloom.brokers.paper.upgrading import upgrade_books
from thetaloom.domain.values.ids import AccountId
from thetaloom.domain.values.money import Money
from thetaloom.errors import BrokerUnavailable, ConfigError, OutcomeUnknown

BUSY_TIMEOUT_SECONDS = 10
CREATE_LOCK = 7_384_211  # any number that no other program locks in the same PostgreSQL database

Phase = Literal["before", "after"]


class Books:
    """The books of one paper account in the database at ``url``."""

    def __init__(
        self,
        url: str,
        account_id: AccountId,
        starting_cash: Money,
        *,
        opened_at: datetime,
        settles_at: SettlesAt,
        on_commit: Callable[[Phase], None] | None = None,
    ) -> None:
        self._account_id = account_id
        self._settles_at = settles_at
        self._on_commit = on_commit or (lambda _: None)
        self._engine = _connect(url)
        try:
            self._create(starting_cash, opened_at)
        except DBAPIError as error:
            raise ConfigError(f"paper broker: its books cannot be opened: {error.orig}") from error

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Ledger]:
        """Read the books as they are at one moment."""
        try:
            with self._engine.connect() as connection:
                yield Ledger(connection, self._account_id, self._settles_at)
        except DBAPIError as error:
            raise BrokerUnavailable(f"paper broker: its books cannot be read: {error.orig}") from error

    @contextmanager
    def write(self) -> Iterator[Ledger]:
        """Change the books in one transaction that nobody else writes beside; an exception undoes all of it."""
        try:
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin() as transaction:
                ledger = Ledger(connection, self._account_id, self._settles_at)
                ledger.lock()
                yield ledger
                if not ledger.changed:
                    return
                ledger.save()
                self._on_commit("before")
                _commit(transaction)
        except DBAPIError as error:
            raise BrokerUnavailable(f"paper broker: its books cannot be written: {error.orig}") from error
        self._on_commit("after")

    def _create(self, starting_cash: Money, opened_at: datetime) -> None:
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATE_LOCK)))
            metadata.create_all(connection)
            version = connection.scalar(sa.select(sa.func.max(meta.c.version)))
            if version is None:
                connection.execute(meta.insert().values(version=BOOKS_VERSION))
            elif version < BOOKS_VERSION:
                upgrade_books(connection, opened_at)
            elif version > BOOKS_VERSION:
                raise ConfigError(
                    f"paper broker: its books have version {version}, this program reads version {BOOKS_VERSION}",
                    advice="Use the newer program that wrote them, or name another database.",
                    details={"found": version, "known": BOOKS_VERSION},
                )
            mine = sa.select(accounts.c.cash).where(accounts.c.account_id == self._account_id)
            if connection.scalar(mine) is None:
                account = {
                    "account_id": self._account_id,
                    "cash": str(starting_cash),
                    "sequence": 0,
                    "orders": 0,
                    "transactions": 0,
                    "starting_cash": str(starting_cash),
                    "opened_at": as_text(opened_at),
                }
                connection.execute(accounts.insert().values(account))


def _connect(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise ConfigError("paper broker: the URL of its database cannot be read") from error
    in_memory = parsed.database in (None, "", ":memory:")
    engine = sa.create_engine(
        parsed,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        **({"poolclass": StaticPool} if in_memory else {}),
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would begin late and without the write lock
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _commit(transaction: sa.RootTransaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        raise OutcomeUnknown(f"paper broker: its books gave no answer to a commit: {error.orig}") from error
