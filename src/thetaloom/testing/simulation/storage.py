"""The database file of a simulated world: copied, opened anew after each death, full or locked at times."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import insert

from thetaloom.domain.values.ids import AccountId, UserId
from thetaloom.domain.values.people import Role
from thetaloom.store.database import BUSY_TIMEOUT_SECONDS, CommitHook, Database, open_database
from thetaloom.store.schema import users
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import upgrade

MEMORY = Path("/dev/shm")  # a process dies here, never the machine: nothing has to reach a disk
PAGES_MAX = 1_073_741_823  # SQLite's own


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder in memory, where the machine has such a place, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="thetaloom-sim-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


class Storage:
    """One database file and the faults of its disk."""

    def __init__(self, where: Path, user: UserId, account: AccountId, now: datetime) -> None:
        self.path = where / "thetaloom.db"
        self.path.write_bytes(_template())
        self._blocker: sqlite3.Connection | None = None
        self._is_full = self._is_locked = False
        self.database = open_database(self.path)
        with self.database.begin() as connection:
            connection.execute(insert(users), {"id": user, "name": user, "role": Role.TRADER, "created_at": now})
        with SqlStore(self.database).unit_of_work() as uow:
            uow.accounts.ensure(account, user, "lying", is_live=False)
            uow.commit()
        self.database.close()

    def open(self, on_commit: CommitHook) -> Database:
        """Open the file as a process that starts does."""
        self.database = open_database(self.path, on_commit)
        self._apply()
        return self.database

    def close(self) -> None:
        """Let go of everything, as the death of a process does."""
        self.database.close()

    def remove(self) -> None:
        """Let go of everything for good."""
        if self._blocker is not None:
            self._blocker.close()
        self.database.close()

    def fill_disk(self) -> None:
        """Let no page more fit on the disk."""
        self._is_full = True
        self._apply()

    def lock(self) -> None:
        """Let another program hold the file."""
        self._is_locked = True
        self._apply()

    def heal(self) -> None:
        """Free the disk and the file."""
        self._is_full = self._is_locked = False
        self._apply()

    def _apply(self) -> None:
        # On the writing connection itself, of which there is one: SQLite then fails as on a full disk, and at once
        # where another program holds the file.
        if self._blocker is not None:
            self._blocker.close()
            self._blocker = None
        with self.database.transaction() as transaction:
            connection = transaction.connection
            pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages if self._is_full else PAGES_MAX}")
            connection.exec_driver_sql(f"PRAGMA busy_timeout={0 if self._is_locked else 1000 * BUSY_TIMEOUT_SECONDS}")
        if self._is_locked:
            self._blocker = sqlite3.connect(self.path, isolation_level=None)
            self._blocker.execute("BEGIN IMMEDIATE")


@lru_cache(maxsize=1)
def _template() -> bytes:
    # Migrations take longer than many a world lives: they run once a process.
    with folder() as where:
        database = open_database(where / "template.db")
        upgrade(database, installation_id="simulation")
        database.close()
        copied = Path(shutil.copy(where / "template.db", where / "copy.db"))
        return copied.read_bytes()
