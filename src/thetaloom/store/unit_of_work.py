"""The store as the engine sees it: one transaction, all repositories on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from thetaloom.errors import ConfigError
from thetaloom.ports import store
from thetaloom.store.database import Database, Transaction
from thetaloom.store.repositories.accounts import SqlAccounts
from thetaloom.store.repositories.events import SqlEvents
from thetaloom.store.repositories.lineage import SqlLineage
from thetaloom.store.repositories.orders import SqlOrders
from thetaloom.store.repositories.positions import SqlPositions
from thetaloom.store.repositories.proposals import SqlProposals
from thetaloom.store.repositories.runs import SqlRuns
from thetaloom.store.repositories.strategies import SqlStrategies
from thetaloom.store.schema import meta
from thetaloom.store.upgrading import INSTALLATION_ID


class SqlUnitOfWork:
    """One writing transaction; ``commit`` may be called again for what follows it in the block."""

    def __init__(self, transaction: Transaction, database: Database) -> None:
        connection = transaction.connection
        self.commit = transaction.commit
        self.strategies: store.Strategies = SqlStrategies(connection)
        self.runs: store.Runs = SqlRuns(connection)
        self.proposals: store.Proposals = SqlProposals(connection)
        self.orders: store.Orders = SqlOrders(connection, database)
        self.positions: store.Positions = SqlPositions(connection)
        self.lineage: store.Lineage = SqlLineage(connection, database)
        self.events: store.Events = SqlEvents(connection, database)
        self.accounts: store.Accounts = SqlAccounts(connection, database)


class SqlStore:
    """The store on SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @contextmanager
    def unit_of_work(self) -> Iterator[store.UnitOfWork]:
        """Open a writing transaction; on SQLite only one at a time can be open."""
        with self.database.transaction() as transaction:
            yield SqlUnitOfWork(transaction, self.database)

    @contextmanager
    def snapshot(self) -> Iterator[store.UnitOfWork]:
        """Open a view to read through: it sees one moment, waits for nobody, and what it writes is undone."""
        with self.database.connect() as connection:
            yield SqlUnitOfWork(Transaction(connection, None), self.database)

    def installation_id(self) -> str:
        """Return the id of this database, made once when it was created."""
        found = self.database.first(select(meta.c.content).where(meta.c.name == INSTALLATION_ID))
        if found is None:
            raise ConfigError("the database was never set up", advice="Run `thetaloom db upgrade`.")
        return str(found)
