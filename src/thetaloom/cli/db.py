"""``db``: the database's schema, and copies of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import is_served
from thetaloom.cli.output import JsonOption, emit, note, say
from thetaloom.config import load_settings
from thetaloom.errors import NotAllowed
from thetaloom.store.backup import backup as write_backup
from thetaloom.store.backup import copy_back, copy_out
from thetaloom.store.backup import restore as restore_backup
from thetaloom.store.database import Database, open_database
from thetaloom.store.upgrading import check_version, schema_version
from thetaloom.store.upgrading import upgrade as upgrade_schema

app = typer.Typer(help="Upgrade, back up and restore the database.", no_args_is_help=True, add_completion=False)
PathArgument = Annotated[Path, typer.Argument(metavar="PATH", help="File of the backup.")]


@app.command()
def upgrade(as_json: JsonOption = False) -> None:
    """Bring the database to the schema of this version; a new one is made."""
    with _database() as database:
        before = schema_version(database)
        upgrade_schema(database)
        after = schema_version(database)
    if as_json:
        emit({"before": before, "after": after})
    else:
        say(f"schema {after}" + (", as before" if before == after else f", before: {before or 'none'}"))


@app.command()
def backup(path: PathArgument, as_json: JsonOption = False) -> None:
    """Copy the database, and the books of its brokers beside it, while they are in use, and check the copies."""
    with _database() as database:
        check_version(database)
        write_backup(database, path)
        # The books second: what they know more is read again from the last report that the database has seen.
        for broker, books in _books().items():
            copy_out(books, _beside(path, broker))
        _report("backed up to", path, as_json=as_json)


@app.command()
def restore(
    path: PathArgument,
    confirm: Annotated[bool, typer.Option("--confirm", help="Really replace all that the database holds.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of the database; no server may be running."""
    with _database() as database:
        if schema_version(database) is not None:
            if is_served(database):
                raise NotAllowed("server_is_running", "a server works on this database", advice="Stop it first.")
            if not confirm:
                raise NotAllowed(
                    "confirmation_needed",
                    f"all that the database holds would be replaced by {path}",
                    advice="Back it up, then add --confirm.",
                )
        forbidden = restore_backup(database, path)
        settings = load_settings()
        for broker, copied in _copied(path).items():
            copy_back(copied, _file_of(settings.books_url(broker)))
        _report("restored from", path, as_json=as_json)
        for account in forbidden:
            note(f"real money is allowed on {account} no more: `thetaloom broker allow-live {account}`")


def _books() -> dict[str, Path]:
    settings = load_settings()
    if not settings.database.startswith("sqlite"):
        return {}  # they live in the database itself
    pattern = _file_of(settings.books_url("*"))
    return _by_broker(pattern.parent, pattern.name)


def _copied(path: Path) -> dict[str, Path]:
    return _by_broker(path.parent, _beside(path, "*").name)


def _by_broker(folder: Path, pattern: str) -> dict[str, Path]:
    # Whatever broker this home has lived with, also where the settings name another one by now.
    before, after = pattern.split("*")
    found = sorted(one for one in folder.iterdir() if one.name.startswith(before) and one.name.endswith(after))
    names = {one.name.removeprefix(before).removesuffix(after): one for one in found}
    return {name: one for name, one in names.items() if name and one.is_file()}


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _beside(path: Path, broker: str) -> Path:
    return path.with_name(f"{path.stem}-{broker}-broker{path.suffix}")


@contextmanager
def _database() -> Iterator[Database]:
    settings = load_settings()
    settings.home_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = open_database(settings.database)
    try:
        yield database
    finally:
        database.close()


def _report(done: str, path: Path, *, as_json: bool) -> None:
    if as_json:
        emit({"file": str(path), "bytes": path.stat().st_size})
    else:
        say(f"{done} {escape(str(path))}, {path.stat().st_size:,} bytes")
