"""Copies of an SQLite database: made while it is in use, checked before they are trusted."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from thetaloom.errors import ConfigError, StoreDamaged
from thetaloom.store.database import BUSY_TIMEOUT_SECONDS, Database, open_database
from thetaloom.store.foreign_errors import named
from thetaloom.store.upgrading import revisions, schema_version


def backup(database: Database, path: Path) -> None:
    """Write a consistent copy to ``path``, which must not exist; writers go on meanwhile."""
    copy_out(database.path, path)


def copy_out(source: Path, path: Path) -> None:
    """Copy any SQLite file to ``path``, which must not exist, and check the copy; writers go on meanwhile."""
    if path.exists():
        raise ConfigError(f"{path} exists already; a backup never writes over a file")
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with _named_errors():
            _copy(source, part)
            _check(part)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def restore(database: Database, path: Path) -> list[str]:
    """Put the backup at ``path`` in the place of all that the database holds; nothing else may have it open.

    A backup gives nobody a leave that was withdrawn since: real money stays allowed only where it is now as well. The
    accounts on which it was allowed in the backup alone are returned.
    """
    if not path.is_file():
        raise ConfigError(f"there is no backup {path}")
    target = database.path
    with _named_errors():
        _check(path)
    version = schema_version(open_database(path))
    if version not in revisions():
        raise ConfigError(f"{path} has schema {version}, which this Thetaloom does not know")
    allowed = set() if schema_version(database) is None else _allowed_accounts(target)
    database.close()
    copy_back(path, target)
    return _forbid_others(target, allowed)


def copy_back(path: Path, target: Path) -> None:
    """Put a copy made by ``copy_out`` in the place of ``target``; nothing else may have it open."""
    with _named_errors():
        _check(path)
    target.touch(mode=0o600)
    with _named_errors():
        _copy(path, target)


def _allowed_accounts(path: Path) -> set[str]:
    try:
        with closing(_connect(path)) as connection:
            return {account for (account,) in connection.execute("SELECT id FROM accounts WHERE is_live")}
    except sqlite3.DatabaseError:
        return set()  # damage is what backups are for; unknown is not allowed


def _forbid_others(path: Path, allowed: set[str]) -> list[str]:
    others = sorted(_allowed_accounts(path) - allowed)
    with _named_errors(), closing(_connect(path)) as connection, connection:
        connection.executemany("UPDATE accounts SET is_live = 0 WHERE id = ?", [(account,) for account in others])
    return others


def _copy(source: Path, target: Path) -> None:
    with closing(_connect(source)) as reading, closing(_connect(target)) as writing:
        reading.backup(writing)


def _check(path: Path) -> None:
    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # so that the copy is this one file
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreDamaged(f"{path} is damaged: {found}", advice="Use another backup.")


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise named(error) or StoreDamaged(f"the copy failed: {error}") from error
