"""The paper broker's own books: transactions in a database that outlives any crash.

On SQLite they lie in a file of their own, so that the broker's truth and ours fail apart, as with a real broker.
Every change and its report are one transaction under the account's lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

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
from thetaloom.errors import BrokerUnavailable, ConfigError
from thetaloom.links.books_database import commit_books, connect_books

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
        self._engine = connect_books(url, "paper broker")
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
                commit_books(transaction, "paper broker")
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
