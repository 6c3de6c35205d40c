"""What tests of brokers share: a place for the paper broker's books on both kinds of database."""

from pathlib import Path

import pytest

from thetaloom.store.database import Database


@pytest.fixture
def sqlite_books(tmp_path: Path) -> str:
    """The address of a file for books of this test alone."""
    return f"sqlite:///{tmp_path}/paper.db"


@pytest.fixture
def postgres_books(postgres_database: Database) -> str:
    """The address of the PostgreSQL database in which the program keeps its own tables, too."""
    return postgres_database.url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def books_url(request: pytest.FixtureRequest) -> str:
    """An address for books of this test alone, once on each kind of database."""
    return str(request.getfixturevalue(f"{request.param}_books"))
