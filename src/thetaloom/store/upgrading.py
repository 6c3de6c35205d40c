"""Which version a database has, and how it gets to ours."""

import secrets
from importlib.resources import files

from sqlalchemy import Connection, column, inspect, select, table

from thetaloom.errors import ConfigError
from thetaloom.store import schema
from thetaloom.store.database import Database
from thetaloom.store.statements import insert_or_skip

INSTALLATION_ID = "installation_id"
_ADVICE_UPGRADE = "Run `thetaloom db upgrade`; it is wise to run `thetaloom db backup` before."
_ADVICE_NEWER = "Start the newer Thetaloom that wrote it, or restore a backup made with this one."
_UPGRADING = 7_108_001  # the number of the lock under which PostgreSQL lets one process upgrade at a time


def revisions() -> tuple[str, ...]:
    """Return the schema versions this code knows, oldest first."""
    names = (entry.name for entry in files("thetaloom.store.migrations").joinpath("versions").iterdir())
    return tuple(sorted(name.split("_")[0] for name in names if name[:4].isdigit()))


def schema_version(database: Database) -> str | None:
    """Return the version of the database's schema; ``None`` for an empty database."""
    if database.is_sqlite and not database.path.exists():
        return None
    with database.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.scalar(select(column("version_num")).select_from(table("alembic_version")))


def check_version(database: Database) -> None:
    """Refuse a database that is newer than this code or was not upgraded to it."""
    found, known = schema_version(database), revisions()
    if found is None:
        raise ConfigError("the database is empty", advice="Run `thetaloom db upgrade` to set it up.")
    if found not in known:
        raise ConfigError(
            f"the database has schema {found}; this Thetaloom knows none newer than {known[-1]}", advice=_ADVICE_NEWER
        )
    if found != known[-1]:
        raise ConfigError(f"the database has schema {found}; this Thetaloom needs {known[-1]}", advice=_ADVICE_UPGRADE)


def upgrade(database: Database, *, installation_id: str | None = None, to: str = "head") -> None:
    """Bring the database to our schema in one transaction; at once when it is there already.

    A new database gets its installation id here, by chance unless one is given.
    """
    found, known = schema_version(database), revisions()
    if found == known[-1]:
        return
    if found is not None and found not in known:
        check_version(database)
    if database.is_sqlite:
        # what it will hold is nobody else's business
        database.path.touch(mode=0o600)
    with database.begin() as connection:
        _migrate(connection, to)
        _fill(connection, database, installation_id or secrets.token_hex(16))


def _fill(connection: Connection, database: Database, installation_id: str) -> None:
    # in the transaction of the migration: no database ever is without its id and its counter
    connection.execute(insert_or_skip(database, schema.meta), {"name": INSTALLATION_ID, "content": installation_id})
    connection.execute(insert_or_skip(database, schema.counters), {"name": "run", "number": 0})


def _migrate(connection: Connection, to: str) -> None:
    from alembic import command  # a tenth of a second that only an upgrade should pay
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "thetaloom.store:migrations")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADING})")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
