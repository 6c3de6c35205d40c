"""A database is brought up to date, kept, refused and repaired with one clear word each time."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text

from tests.builders import ANNA, a_run
from thetaloom.domain.values.ids import AccountId
from thetaloom.errors import ConfigError, InvariantError, StoreDamaged, StoreUnavailable
from thetaloom.store.backup import backup, restore
from thetaloom.store.database import Database, open_database
from thetaloom.store.schema import metadata, runs
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import check_version, revisions, schema_version, upgrade

REPOSITORY = Path(__file__).parents[2]


def add_runs(database: Database, *numbers: int) -> None:
    with SqlStore(database).unit_of_work() as work:
        for number in numbers:
            work.runs.add(a_run(number))
        work.commit()


# SQLite writes a column that was added to a table without rebuilding it onto the line of the one before.
APPENDED = re.compile(r", (?=\w+ (?:TEXT|BIGINT|INTEGER|BOOLEAN)\b)")


def count_runs(database: Database) -> int:
    return int(database.first(select(func.count()).select_from(runs)))


def test_the_migrated_schema_is_the_one_in_the_code(database: Database) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_migrated_schema_has_every_index_and_constraint_of_the_code(tmp_path: Path) -> None:
    migrated, created = open_database(tmp_path / "migrated.db"), open_database(tmp_path / "created.db")
    upgrade(migrated)
    with created.begin() as connection:
        metadata.create_all(connection)

    found = []
    for database in (migrated, created):
        with database.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"))
            found.append(
                {
                    row.name: sorted(
                        part.replace('"', "")
                        for line in (row.sql or "").splitlines()
                        for part in APPENDED.split(line.strip(" \t,"))
                    )
                    for row in rows
                }
            )
    assert found[0] == found[1]


@pytest.mark.parametrize("start", [None, *revisions()])
def test_every_earlier_version_can_be_upgraded(tmp_path: Path, start: str | None) -> None:
    database = open_database(tmp_path / "thetaloom.db")
    if start is not None:
        upgrade(database, to=start)

    upgrade(database)

    check_version(database)
    assert schema_version(database) == revisions()[-1]


def test_an_upgrade_that_is_not_needed_changes_nothing(database: Database) -> None:
    installation = SqlStore(database).installation_id()

    upgrade(database, installation_id="another")

    assert SqlStore(database).installation_id() == installation


def test_a_new_installation_can_be_given_its_id(tmp_path: Path) -> None:
    database = open_database(tmp_path / "thetaloom.db")
    upgrade(database, installation_id="simulated")

    assert SqlStore(database).installation_id() == "simulated"


def test_the_database_file_belongs_to_its_owner_alone(sqlite_database: Database) -> None:
    assert sqlite_database.path.stat().st_mode & 0o077 == 0


def test_an_empty_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="empty"):
        check_version(open_database(tmp_path / "thetaloom.db"))


def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for refuse in (check_version, upgrade):
        with pytest.raises(ConfigError, match="9999"):
            refuse(database)
    assert schema_version(database) == "9999"


@pytest.mark.parametrize("where", ["nonsense", "mysql://host/name", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_is_none_of_ours_is_refused(where: str) -> None:
    with pytest.raises(ConfigError):
        open_database(where)


def test_a_file_that_is_no_database_gives_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "thetaloom.db"
    path.write_bytes(b"this is no database at all, only words " * 100)

    with pytest.raises(StoreDamaged, match="not a database") as caught:
        check_version(open_database(path))

    assert "restore" in caught.value.advice


def test_a_damaged_file_gives_one_clear_error(sqlite_database: Database) -> None:
    add_runs(sqlite_database, *range(200))
    sqlite_database.close()
    content = bytearray(sqlite_database.path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    sqlite_database.path.write_bytes(content)

    with pytest.raises(StoreDamaged):
        count_runs(sqlite_database)


@pytest.mark.parametrize("is_durable", [False, True], ids=["lease", "fact"])
def test_only_what_says_so_leaves_the_flush_to_the_next_commit(database: Database, is_durable: bool) -> None:
    setting, (flushed, left) = (
        ("PRAGMA synchronous", (2, 1)) if database.is_sqlite else ("SHOW synchronous_commit", ("on", "off"))
    )

    found = []
    for asked in (True, is_durable, True):
        with database.begin(durable=asked) as connection:
            found.append(connection.exec_driver_sql(setting).scalar_one())

    assert found == [flushed, flushed if is_durable else left, flushed]


def test_what_joins_a_transaction_lasts_as_that_one_does(sqlite_database: Database) -> None:
    with sqlite_database.transaction() as outer, sqlite_database.begin(durable=False) as joined:
        assert joined is outer.connection
        assert joined.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_what_was_not_flushed_outlives_the_process(sqlite_database: Database) -> None:
    with sqlite_database.begin(durable=False) as connection:
        connection.execute(metadata.tables["meta"].insert(), {"name": "lease", "content": "mine"})
    other = open_database(sqlite_database.path)

    found = other.first(select(metadata.tables["meta"].c.content).where(metadata.tables["meta"].c.name == "lease"))

    other.close()
    assert found == "mine"


def test_a_full_disk_gives_one_clear_error_and_loses_nothing(sqlite_database: Database) -> None:
    add_runs(sqlite_database, 1)
    with sqlite_database.begin() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreUnavailable, match="disk of the database is full"):
        add_runs(sqlite_database, *range(2, 500))

    assert count_runs(sqlite_database) == 1
    with sqlite_database.begin() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    add_runs(sqlite_database, *range(2, 500))
    assert count_runs(sqlite_database) == 499


def test_a_missing_folder_gives_one_clear_error(tmp_path: Path) -> None:
    database = open_database(tmp_path / "absent" / "thetaloom.db")

    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        add_runs(database, 1)


def test_a_reader_cannot_write(database: Database) -> None:
    with database.connect() as connection, pytest.raises(StoreUnavailable, match="only be read"):
        connection.execute(text("DELETE FROM runs"))


@pytest.mark.postgres
def test_a_server_that_is_away_gives_one_clear_error(tmp_path: Path) -> None:
    database = open_database(f"postgresql+psycopg://postgres@/none?host={tmp_path}")

    with pytest.raises(StoreUnavailable, match="does not answer"):
        schema_version(database)


def test_readers_go_on_while_a_unit_is_open(store: SqlStore) -> None:
    add_runs(store.database, 1)
    with store.unit_of_work() as work:
        work.runs.add(a_run(2))
        counts: list[int] = []
        reader = threading.Thread(target=lambda: counts.append(count_runs(store.database)))
        reader.start()
        reader.join(timeout=5)

        assert counts == [1]


def test_a_reader_sees_one_moment(store: SqlStore) -> None:
    add_runs(store.database, 1)
    count = select(func.count()).select_from(runs)
    with store.database.connect() as connection:
        before = connection.scalar(count)
        add_runs(store.database, 2)

        assert connection.scalar(count) == before == 1


def test_a_thread_opens_one_unit_at_a_time(store: SqlStore) -> None:
    with store.unit_of_work(), pytest.raises(InvariantError), store.unit_of_work():
        pass


def test_every_commit_is_announced_before_and_after(tmp_path: Path) -> None:
    calls: list[str] = []
    database = open_database(tmp_path / "thetaloom.db", on_commit=calls.append)
    upgrade(database)
    calls.clear()

    add_runs(database, 1)
    with SqlStore(database).unit_of_work() as work:
        work.runs.add(a_run(2))

    assert calls == ["before", "after"]


def test_a_commit_that_is_stopped_just_before_is_undone(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(phase: str) -> None:
        if phase == "before":
            raise Killed

    upgrade(open_database(tmp_path / "thetaloom.db"))
    database = open_database(tmp_path / "thetaloom.db", on_commit=kill)

    with pytest.raises(Killed):
        add_runs(database, 1)

    assert count_runs(database) == 0


def test_a_backup_made_while_runs_are_written_is_whole(sqlite_database: Database, tmp_path: Path) -> None:
    add_runs(sqlite_database, *range(50))
    stop = threading.Event()

    def write() -> None:
        number = 50
        while not stop.is_set():
            add_runs(sqlite_database, number, number + 1)
            number += 2

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup(sqlite_database, tmp_path / "copy.db")
    finally:
        stop.set()
        writer.join()

    copied = open_database(tmp_path / "copy.db")
    check_version(copied)
    assert count_runs(copied) >= 50 and count_runs(copied) % 2 == 0, "a unit of two runs is whole or absent"


def test_a_backup_is_restored_over_what_was_written_since(sqlite_database: Database, tmp_path: Path) -> None:
    add_runs(sqlite_database, 1, 2)
    backup(sqlite_database, tmp_path / "copy.db")
    add_runs(sqlite_database, 3)

    restore(sqlite_database, tmp_path / "copy.db")

    assert count_runs(sqlite_database) == 2
    add_runs(sqlite_database, 3)


def test_a_backup_is_restored_where_there_was_nothing(sqlite_database: Database, tmp_path: Path) -> None:
    add_runs(sqlite_database, 1)
    backup(sqlite_database, tmp_path / "copy.db")
    other = open_database(tmp_path / "other.db")

    restore(other, tmp_path / "copy.db")

    check_version(other)
    assert count_runs(other) == 1


@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_backup_brings_no_leave_for_real_money_back(
    sqlite_database: Database, tmp_path: Path, is_allowed: bool
) -> None:
    account = AccountId("LIVE-1")
    add_runs(sqlite_database, 1)
    with SqlStore(sqlite_database).unit_of_work() as uow:
        uow.accounts.ensure(account, ANNA, "alpaca", is_live=True)
        uow.commit()
    backup(sqlite_database, tmp_path / "copy.db")
    with SqlStore(sqlite_database).unit_of_work() as uow:
        uow.accounts.allow_live(account, is_allowed=is_allowed)
        uow.commit()

    forbidden = restore(sqlite_database, tmp_path / "copy.db")
    elsewhere = restore(open_database(tmp_path / "other.db"), tmp_path / "copy.db")

    assert (forbidden, elsewhere) == ([] if is_allowed else [account], [account])
    with SqlStore(sqlite_database).reading() as uow:
        assert uow.accounts.is_live(account) is is_allowed


def test_a_backup_never_writes_over_a_file(sqlite_database: Database, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("something dear")

    with pytest.raises(ConfigError, match="exists"):
        backup(sqlite_database, tmp_path / "copy.db")


def test_what_is_no_whole_backup_is_not_restored(sqlite_database: Database, tmp_path: Path) -> None:
    add_runs(sqlite_database, 1)
    (tmp_path / "words.db").write_bytes(b"only words " * 500)
    sqlite3.connect(tmp_path / "foreign.db").execute("CREATE TABLE x (y)").connection.close()

    for name, error in (("words.db", StoreDamaged), ("foreign.db", ConfigError), ("absent.db", ConfigError)):
        with pytest.raises(error):
            restore(sqlite_database, tmp_path / name)
    assert count_runs(sqlite_database) == 1


@pytest.mark.postgres
def test_the_backup_of_postgres_is_its_own_matter(postgres_database: Database, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SQLite"):
        backup(postgres_database, tmp_path / "copy")


WRITER = """
import sys
from tests.builders import a_record, a_run
from thetaloom.store.database import open_database
from thetaloom.store.unit_of_work import SqlStore

store = SqlStore(open_database(sys.argv[1]))
number = 0
while True:
    number += 1
    with store.unit_of_work() as work:
        work.runs.add(a_run(number))
        work.lineage.append(a_record(a_run(number), 1))
        work.commit()
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(database: Database) -> None:
    command = [sys.executable, "-c", WRITER, database.url.render_as_string(hide_password=False)]
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        acknowledged = 0
        while acknowledged < 60:
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout.read().splitlines())])

    kept = count_runs(database)
    assert kept in (acknowledged, acknowledged + 1), "the last commit may be kept without having been acknowledged"
    with SqlStore(database).unit_of_work() as work:
        for number in range(1, kept + 1):
            assert len(work.lineage.of_run(a_run(number).id)) == 1
