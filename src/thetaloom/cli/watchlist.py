"""``watchlist``: symbols under names, for scans, schedules and the daily mail."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, note, say, table, to_plain
from thetaloom.domain.run.watchlists import ImportedSymbols, Watchlist, clean_symbols, read_symbols
from thetaloom.domain.values.ids import UserId
from thetaloom.engine.schedule_commands import RemoveWatchlist, SaveWatchlist
from thetaloom.errors import InvalidInput
from thetaloom.store.database import Database
from thetaloom.store.queries.scans import all_watchlists, watchlist_named

app = typer.Typer(help="Keep lists of symbols.", no_args_is_help=True, add_completion=False)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The list's name.")]
SymbolsArgument = Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="Symbols.")]
DigestOption = Annotated[
    bool | None, typer.Option("--digest/--no-digest", help="Whether the list goes into the daily mail.")
]
FILE_BYTES_MAX = 1_000_000


@app.callback()
def watchlist() -> None:
    """Keep lists of symbols: of any size for scans, together at most twenty symbols for the daily mail."""


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the watchlists; ``liquid`` ships with the package."""
    with reading() as read:
        found = all_watchlists(read.database, read.user)
    if as_json:
        emit(found)
        return
    rows = [(one.name, len(one.symbols), "yes" if one.in_digest else "", " ".join(one.symbols[:8])) for one in found]
    table(
        "1 watchlist" if len(rows) == 1 else f"{len(rows)} watchlists",
        ("name", "symbols", "in the mail", "first"),
        rows,
    )


@app.command("show")
def show_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Show the symbols of a list."""
    with reading() as read:
        found = watchlist_named(read.database, read.user, name)
    if as_json:
        emit(found)
    else:
        say(f"[bold]{found.name}[/] {' '.join(found.symbols)}", wrapped=True)


@app.command("add")
def add_command(
    name: NameArgument, symbols: SymbolsArgument, digest: DigestOption = None, as_json: JsonOption = False
) -> None:
    """Add symbols to a list, which is made if there is none."""
    with opened() as platform:
        known = _symbols_of(platform.database, platform.user_id, name)
        wanted = tuple(dict.fromkeys((*known, *clean_symbols(symbols))))
        command = SaveWatchlist(user_id=platform.user_id, name=name, symbols=wanted, in_digest=digest)
        _say_saved(carry_out(platform, command), as_json=as_json)


@app.command("drop")
def drop_command(name: NameArgument, symbols: SymbolsArgument, as_json: JsonOption = False) -> None:
    """Take symbols out of a list."""
    gone = set(clean_symbols(symbols))
    with opened() as platform:
        found = watchlist_named(platform.database, platform.user_id, name)
        missing = sorted(gone - set(found.symbols))
        if missing:
            raise InvalidInput(f"{name} does not hold {', '.join(missing)}", details={"part": "symbols"})
        kept = tuple(symbol for symbol in found.symbols if symbol not in gone)
        command = SaveWatchlist(user_id=platform.user_id, name=name, symbols=kept)
        _say_saved(carry_out(platform, command), as_json=as_json)


@app.command("import")
def import_command(
    name: NameArgument,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="One symbol a line, or a CSV with symbols first.")],
    replace: Annotated[bool, typer.Option("--replace", help="In the place of what the list holds.")] = False,
    digest: DigestOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the symbols of a file to a list, and say which lines are none."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise InvalidInput(f"{path} is larger than {FILE_BYTES_MAX:,} bytes")
    try:
        found = read_symbols(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in UTF-8", details={"byte": error.start}) from error
    if not found.symbols:
        raise InvalidInput(f"{path} names no symbol; a good line: SPY")
    with opened() as platform:
        known = () if replace else _symbols_of(platform.database, platform.user_id, name)
        wanted = tuple(dict.fromkeys((*known, *found.symbols)))
        command = SaveWatchlist(user_id=platform.user_id, name=name, symbols=wanted, in_digest=digest)
        _say_saved(carry_out(platform, command), as_json=as_json, imported=found)


@app.command("remove")
def remove_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a list out."""
    with opened() as platform:
        carry_out(platform, RemoveWatchlist(user_id=platform.user_id, name=name))
    if as_json:
        emit({"removed": name})
    else:
        say(f"[bold]{escape(name)}[/] is removed")


def _symbols_of(database: Database, user: UserId, name: str) -> tuple[str, ...]:
    found = {one.name: one for one in all_watchlists(database, user)}.get(name)
    return () if found is None else found.symbols


def _say_saved(answer: object, *, as_json: bool, imported: ImportedSymbols | None = None) -> None:
    if not isinstance(answer, Watchlist):
        raise TypeError("a watchlist was expected")
    refused = () if imported is None else imported.refused
    if as_json:
        emit({**to_plain(answer), "refused": to_plain(refused)})
        return
    say(f"[bold]{answer.name}[/] has {len(answer.symbols)} symbols")
    for one in refused:
        note(f"[yellow]line {one.line}:[/] {escape(one.text)!s} is no symbol")
