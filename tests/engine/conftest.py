"""Desks for the tests of the engine, over both kinds of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.store.database import Database
from thetaloom.testing.desk import DeskBench, paper_broker


@pytest.fixture
def bench(database: Database) -> DeskBench:
    """A desk with a scripted broker, once on each kind of database."""
    return DeskBench(database)


@pytest.fixture
def lite(sqlite_database: Database) -> DeskBench:
    """A desk with a scripted broker on SQLite alone: for what does not depend on the database."""
    return DeskBench(sqlite_database)


@pytest.fixture
def paper(database: Database, tmp_path: Path) -> Iterator[DeskBench]:
    """A desk with a paper broker, once on each kind of database."""
    bench = DeskBench(database, make_broker=paper_broker(f"sqlite:///{tmp_path / 'paper.db'}"))
    yield bench
    assert isinstance(bench.made, PaperBroker)
    bench.made.close()
