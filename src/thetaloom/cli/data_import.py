"""``data import``, ``formats`` and ``list``: other programs' files as recordings, and what lies in a folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from thetaloom.cli.cases import refuse
from thetaloom.cli.output import EXIT_FAILED, JsonOption, console, emit, note, pairs, say, table
from thetaloom.cli.price import shipped_calendar
from thetaloom.config import load_settings
from thetaloom.errors import InvalidInput

if TYPE_CHECKING:
    from thetaloom.market_parts import Heard

QUALITY_WORDS = {
    "crossed": "bid above ask",
    "locked": "bid equals ask",
    "zero_bid": "an ask, and a bid of zero",
    "one_sided": "one side alone",
    "unquoted": "neither side",
    "duplicates": "same contract, same instant, in one file or in two: rejected",
    "merged": "trades, open interest and underlyings that stand in another row",
    "unreadable_cells": "text where a number belongs, in columns that may be empty",
    "missing_markers": "such as -999, or impossible: taken as unknown",
    "vols_of_other_unit": "volatilities in percent where fractions belong, or the other way about: brought to ours",
    "stale": "older than 15 minutes, in the chains judged",
    "gaps": "sessions without a row between a symbol's first and last",
}


def import_files(
    named: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files, archives, or folders of them; a format may be named before them."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the recordings.")],
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="The underlying, for files that do not name it.")
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option("--format", help="One of `thetaloom data formats`; without one each file tells by its contents."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Import also what was imported before.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn files of other programs and vendors into recordings: Parquet that the recorded market plays.

    Rows that cannot be right are kept in OUT/rejected with their reasons. What was imported before is skipped, so
    that an import ended in the middle goes on where it stood. Exit code 1 when a file could not be read.
    """
    from thetaloom.market_parts import Wish, import_paths  # heavy, and only here

    known_format, paths = _format_and_paths(named, format_name)
    wish = Wish(
        format_name=known_format,
        out=out,
        symbol=symbol,
        calendar=shipped_calendar(),
        rates=load_settings().rate_curve,
    )
    try:
        with _progress(silent=as_json) as heard:
            found = import_paths(paths, wish, again=again, heard=heard)
    except KeyboardInterrupt:
        note("Ended. What was finished stays; the same command goes on from there.")
        raise
    told = found.as_dict()
    if as_json:
        emit(told)
    else:
        _print(told)
    for one in found.failed:
        error = one.error or {}
        note(f"[bold red]error:[/] {escape(str(error.get('message')))}")
        if error.get("advice"):
            note(f"[yellow]→[/] {escape(str(error['advice']))}")
    if found.failed:
        raise typer.Exit(EXIT_FAILED)


def _format_and_paths(named: list[str], option: str | None) -> tuple[str, list[Path]]:
    """Part the format from the paths: the first word is one where it is no path, or other words follow it."""
    from thetaloom.market_parts import AUTO, format_named

    if option is not None:
        return format_named(option), [Path(one) for one in named]
    first = Path(named[0])
    if len(named) == 1 and (first.exists() or first.suffix or len(first.parts) > 1):
        return AUTO, [first]
    try:
        known_format = format_named(named[0])
    except InvalidInput:
        if not first.exists():
            raise
        return AUTO, [Path(one) for one in named]
    if len(named) == 1:
        refuse("path", f"nothing is named to be imported as {known_format}")
    return known_format, [Path(one) for one in named[1:]]


@contextmanager
def _progress(*, silent: bool) -> "Iterator[Heard]":
    printer = console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=printer, disable=silent or not printer.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def heard(source: str, number: int, of: int, rows: int) -> None:
            bar.update(task, description=f"{number} of {of}  {escape(Path(source).name)}  {rows:,} rows")

        yield heard


def _print(told: Mapping[str, Any]) -> None:
    rows = [
        (
            one["source"],
            one["format"],
            one["rows"],
            one["rejected"],
            "cannot be read" if one["error"] else "imported before" if one["skipped"] else one["output"] or "nothing",
        )
        for one in told["files"]
    ]
    table("", ("source", "format", "rows", "rejected", "recording"), rows)
    if told["reasons"]:
        from thetaloom.market_parts import REASONS

        listed = [(name, count, REASONS.get(name, "")) for name, count in told["reasons"].items()]
        table("Rejected", ("reason", "rows", "what it means"), listed, whole=("reason",))
    for one in told["files"]:
        if one["note"]:
            note(escape(one["note"]))
    quality = told["quality"]
    lines: dict[str, object] = {
        name: f"{quality[name]:,}  {words}" for name, words in QUALITY_WORDS.items() if quality.get(name)
    }
    lines["parity pairs inside half-widths"] = _of(quality["parity_pairs_inside"], quality["parity_pairs"])
    lines["vertical arbitrages"] = _of(quality["vertical_arbitrages"], quality["vertical_pairs"])
    lines["chains judged for both"] = _of(quality["chains_judged"], quality["chains"])
    pairs("Quality", lines)
    say(f"{told['rows']:,} rows imported, {told['rejected']:,} rejected")


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}"


def list_formats(as_json: JsonOption = False) -> None:
    """List the formats that can be imported."""
    from thetaloom.market_parts import list_formats as formats

    found = formats()
    if as_json:
        emit(found)
        return
    rows = [(one.name, one.title, ", ".join(one.needs), one.note) for one in found]
    table("", ("format", "what", "columns it needs", "note"), rows, whole=("format",))


def list_recordings(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """List the recordings of a folder: symbols, sessions, instants and rows of each."""
    from thetaloom.market_parts import folders_below, list_folder

    found = list_folder(folder)
    if as_json:
        emit(found)
        return
    rows = [(one.file, " ".join(one.symbols), one.first, one.last, one.instants, one.rows) for one in found]
    table("", ("file", "symbols", "first", "last", "instants", "rows"), rows)
    below = ", ".join(str(one) for one in folders_below(folder))
    if below:
        say(f"[bold]more recordings, each folder listed by itself:[/] {escape(below)}")
