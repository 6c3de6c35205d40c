"""Between rows and values: what every repository and query needs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Insert, Select, Table, Update, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from thetaloom.errors import StaleVersionError
from thetaloom.store.database import Database

T = TypeVar("T")
KEYS_MAX = 500  # in one list; SQLite once took no more than 999 parameters


@cache
def names_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the fields of a dataclass; its columns carry the same names."""
    return tuple(field.name for field in fields(kind))


def columns_of(table: Table, kind: type) -> list[ColumnElement[Any]]:
    """Return the columns that make up a value of ``kind``."""
    return [table.c[name] for name in names_of(kind)]


def row_of(value: Any, **more: object) -> dict[str, Any]:
    """Return the value's fields by name, and ``more``."""
    kind: Any = type(value)
    return {name: getattr(value, name) for name in names_of(kind)} | more


def value_of(kind: type[T], row: Any) -> T:
    """Rebuild a value from its row; columns that are no field of it are left out."""
    columns: Mapping[str, Any] = row._mapping
    of: Any = kind
    return kind(**{name: columns[name] for name in names_of(of)})


def values_of(kind: type[T], rows: Iterable[Any]) -> tuple[T, ...]:
    """Rebuild a value from each row."""
    return tuple(value_of(kind, row) for row in rows)


def rows_in(connection: Connection, statement: Select[Any], wanted: Iterable[str]) -> Iterator[Any]:
    """Run a statement with an expanding parameter ``of_any`` for all wanted keys, a limited number at once."""
    keys = list(wanted)
    for first in range(0, len(keys), KEYS_MAX):
        yield from connection.execute(statement, {"of_any": keys[first : first + KEYS_MAX]})


def insert_or_skip(database: Database, table: Table) -> Insert:
    """Return an insert that leaves a row alone that is there already."""
    return _insert_or_skip(table, is_sqlite=database.is_sqlite)


@cache
def _insert_or_skip(table: Table, *, is_sqlite: bool) -> Insert:
    # Made once: each transaction would put it together anew, and compare it with those that were run before.
    if is_sqlite:
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def insert_once(connection: Connection, database: Database, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row and return True; False where it is there already."""
    # Not by the count of rows: of an insert, drivers need not tell it.
    key = next(iter(table.primary_key.columns))
    return connection.execute(insert_or_skip(database, table).returning(key), row).first() is not None


def count_up(connection: Connection, database: Database, counters: Table, name: str) -> int:
    """Count one up and return where the counter stands; a counter begins where it is first needed."""
    moved = update(counters).where(counters.c.name == name).values(number=counters.c.number + 1)
    number = connection.scalar(moved.returning(counters.c.number))
    if number is None:
        connection.execute(insert_or_skip(database, counters), {"name": name, "number": 0})
        number = connection.scalar(moved.returning(counters.c.number))
    return int(number or 0)


def versioned_update(table: Table) -> Update:
    """Return an update of the row with ``of_id`` that only takes place at ``of_version``."""
    return update(table).where(table.c.id == bindparam("of_id"), table.c.version == bindparam("of_version"))


def swap(connection: Connection, statement: Update, value: Any, **more: object) -> None:
    """Write ``value``, whose version is one ahead, over the version it was made from."""
    row = row_of(value, **more)
    key = {"of_id": row.pop("id"), "of_version": value.version - 1}
    if connection.execute(statement, row | key).rowcount != 1:
        raise StaleVersionError(
            f"{key['of_id']} is no longer at version {key['of_version']}: somebody else moved it first",
            details={"id": key["of_id"], "version": key["of_version"]},
        )
