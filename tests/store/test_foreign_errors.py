"""Whatever a driver says becomes one of our errors with words for a person, or stays what it is: a fault of ours."""

import sqlite3

import psycopg
import pytest
from psycopg import errors as postgres

from thetaloom.errors import InvariantError, StoreDamaged, StoreUnavailable, ThetaloomError
from thetaloom.store.foreign_errors import named

FROM_SQLITE = {
    "SQLITE_FULL": StoreUnavailable,
    "SQLITE_READONLY": StoreUnavailable,
    "SQLITE_READONLY_DIRECTORY": StoreUnavailable,
    "SQLITE_CANTOPEN": StoreUnavailable,
    "SQLITE_CANTOPEN_ISDIR": StoreUnavailable,
    "SQLITE_PERM": StoreUnavailable,
    "SQLITE_BUSY": StoreUnavailable,
    "SQLITE_BUSY_SNAPSHOT": StoreUnavailable,
    "SQLITE_LOCKED": StoreUnavailable,
    "SQLITE_IOERR_FSYNC": StoreUnavailable,
    "SQLITE_CORRUPT": StoreDamaged,
    "SQLITE_NOTADB": StoreDamaged,
}
FROM_POSTGRES = {
    postgres.DiskFull: StoreUnavailable,
    postgres.TooManyConnections: StoreUnavailable,
    postgres.ReadOnlySqlTransaction: StoreUnavailable,
    postgres.SerializationFailure: StoreUnavailable,
    postgres.DeadlockDetected: StoreUnavailable,
    postgres.AdminShutdown: StoreUnavailable,
    postgres.ConnectionFailure: StoreUnavailable,
    postgres.InvalidPassword: StoreUnavailable,
    postgres.InvalidCatalogName: StoreUnavailable,
    postgres.DataCorrupted: StoreDamaged,
    psycopg.OperationalError: StoreUnavailable,
}


@pytest.mark.parametrize(("name", "expected"), FROM_SQLITE.items())
def test_an_error_of_sqlite_gets_our_name(name: str, expected: type[ThetaloomError]) -> None:
    error = sqlite3.OperationalError("the driver's words")
    error.sqlite_errorname = name

    found = named(error)

    assert type(found) is expected
    assert found is not None and "the driver's words" in found.message and found.advice


@pytest.mark.parametrize(("kind", "expected"), FROM_POSTGRES.items())
def test_an_error_of_postgres_gets_our_name(kind: type[psycopg.Error], expected: type[ThetaloomError]) -> None:
    found = named(kind("the driver's words"))

    assert type(found) is expected
    assert found is not None and "the driver's words" in found.message and found.advice


def test_a_conflict_of_rows_is_a_contradiction_in_our_books() -> None:
    assert type(named(sqlite3.IntegrityError("UNIQUE constraint failed"), is_conflict=True)) is InvariantError


@pytest.mark.parametrize("error", [sqlite3.OperationalError("no such column: x"), postgres.SyntaxError("near x")])
def test_a_fault_of_ours_keeps_its_own_name(error: Exception) -> None:
    assert named(error) is None
