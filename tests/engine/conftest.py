"""Desks for the tests of the engine, over both kinds of database."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.store.database import Database, open_database
from thetaloom.testing.desk import DeskBench, paper_broker

MEMORY = Path("/dev/shm")  # no test pulls the plug, so a commit need not wait for a disk


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of this test alone, in memory where the machine has such a place."""
    with tempfile.TemporaryDirectory(prefix="thetaloom-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def sqlite_database(sqlite_template: Path, folder: Path) -> Iterator[Database]:
    """An upgraded SQLite database of this test alone."""
    database = open_database(Path(shutil.copy(sqlite_template, folder)))
    yield database
    database.close()


@pytest.fixture
def bench(database: Database) -> DeskBench:
    """A desk with a scripted broker, once on each kind of database."""
    return DeskBench(database)


@pytest.fixture
def lite(sqlite_database: Database) -> DeskBench:
    """A desk with a scripted broker on SQLite alone: for what does not depend on the database."""
    return DeskBench(sqlite_database)


@pytest.fixture
def paper(database: Database, folder: Path) -> Iterator[DeskBench]:
    """A desk with a paper broker, once on each kind of database."""
    bench = DeskBench(database, make_broker=paper_broker(f"sqlite:///{folder / 'paper.db'}"))
    yield bench
    assert isinstance(bench.made, PaperBroker)
    bench.made.close()
