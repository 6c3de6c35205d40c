"""The store as the engine sees it: one transaction, all repositories on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select

from thetaloom.errors import ConfigError, InvariantError
from thetaloom.ports import care_store, schedule_store, store
from thetaloom.ports.notifications import Notifications
from thetaloom.ports.prompts import Prompts, Scores
from thetaloom.ports.signals import Signals
from thetaloom.store.database import Database
from thetaloom.store.repositories.accounts import SqlAccounts
from thetaloom.store.repositories.alerts import SqlAlerts
from thetaloom.store.repositories.care import SqlCare
from thetaloom.store.repositories.events import SqlEvents
from thetaloom.store.repositories.lineage import SqlLineage
from thetaloom.store.repositories.looks import SqlLooks
from thetaloom.store.repositories.notifications import SqlNotifications
from thetaloom.store.repositories.opinions import SqlOpinions
from thetaloom.store.repositories.orders import SqlOrders
from thetaloom.store.repositories.positions import SqlPositions
from thetaloom.store.repositories.prompts import SqlPrompts
from thetaloom.store.repositories.proposals import SqlProposals
from thetaloom.store.repositories.rolls import SqlRolls
from thetaloom.store.repositories.runs import SqlRuns
from thetaloom.store.repositories.scans import SqlScans, SqlWatchlists
from thetaloom.store.repositories.schedules import SqlSchedules
from thetaloom.store.repositories.scores import SqlScores
from thetaloom.store.repositories.share_orders import SqlShareOrders
from thetaloom.store.repositories.signals import SqlSignals
from thetaloom.store.repositories.strategies import SqlStrategies
from thetaloom.store.repositories.symbols import SqlSymbols
from thetaloom.store.repositories.violations import SqlViolations
from thetaloom.store.repositories.watches import SqlWatches
from thetaloom.store.schema import meta
from thetaloom.store.upgrading import INSTALLATION_ID


class SqlUnitOfWork:
    """One writing transaction; ``commit`` may be called again for what follows it in the block."""

    def __init__(self, connection: Connection, database: Database, commit: Callable[[], None]) -> None:
        self.commit = commit
        self.strategies: store.Strategies = SqlStrategies(connection)
        self.runs: store.Runs = SqlRuns(connection)
        self.proposals: store.Proposals = SqlProposals(connection)
        self.orders: store.Orders = SqlOrders(connection, database)
        self.positions: store.Positions = SqlPositions(connection)
        self.lineage: store.Lineage = SqlLineage(connection, database)
        self.events: store.Events = SqlEvents(connection, database)
        self.accounts: store.Accounts = SqlAccounts(connection, database)
        self.violations: store.Violations = SqlViolations(connection)
        self.watches: care_store.Watches = SqlWatches(connection)
        self.rolls: store.Rolls = SqlRolls(connection)
        self.share_orders: store.ShareOrders = SqlShareOrders(connection)
        self.alerts: care_store.Alerts = SqlAlerts(connection)
        self.looks: store.Looks = SqlLooks(connection, database)
        self.opinions: store.Opinions = SqlOpinions(connection)
        self.care: care_store.Care = SqlCare(connection)
        self.prompts: Prompts = SqlPrompts(connection)
        self.scores: Scores = SqlScores(connection, database)
        self.signals: Signals = SqlSignals(connection, database)
        self.schedules: schedule_store.Schedules = SqlSchedules(connection, database)
        self.watchlists: schedule_store.Watchlists = SqlWatchlists(connection)
        self.scans: schedule_store.Scans = SqlScans(connection, database)
        self.symbols: schedule_store.Symbols = SqlSymbols(connection, database)
        self.notifications: Notifications = SqlNotifications(connection, database)


class SqlStore:
    """The store on SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @contextmanager
    def unit_of_work(self) -> Iterator[store.UnitOfWork]:
        """Open a writing transaction; on SQLite only one at a time can be open."""
        with self.database.transaction() as transaction:
            yield SqlUnitOfWork(transaction.connection, self.database, transaction.commit)

    @contextmanager
    def reading(self) -> Iterator[store.UnitOfWork]:
        """Open one snapshot to read from; on SQLite it runs beside the writer."""
        with self.database.connect() as connection:
            yield SqlUnitOfWork(connection, self.database, _refuse_commit)

    def installation_id(self) -> str:
        """Return the id of this database, made once when it was created."""
        found = self.database.first(select(meta.c.content).where(meta.c.name == INSTALLATION_ID))
        if found is None:
            raise ConfigError("the database was never set up", advice="Run `thetaloom db upgrade`.")
        return str(found)


def _refuse_commit() -> None:
    raise InvariantError("a snapshot that was opened for reading has nothing to commit")
