"""What a command prints: tables and sentences for people, JSON for programs, and every error in one way."""

import json
import math
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from thetaloom.errors import InvalidInput, NotAllowed, OutcomeUnknown, ThetaloomError, Unavailable

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_UNAVAILABLE, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130
WIDTH_MAX = 1000
PIPED_WIDTH = 200  # no terminal to fit: wide enough that nothing is cut
JSON_ASKED = "thetaloom.json"
ABSENT = "–"
GAP = 2  # between columns without lines
STATUS_STYLES = {
    "COMPLETED": "green",
    "MONITORING": "cyan",
    "PENDING_APPROVAL": "yellow",
    "ERROR": "bold red",
    "PAUSED": "magenta",
    "FILLED": "green",
    "REJECTED": "red",
    "DENIED": "red",
    "pending": "yellow",
    "approved": "green",
    "rejected": "red",
    "allow": "green",
    "deny": "red",
    "unknown": "yellow",
    "done": "green",
    "denied": "red",
    "failed": "bold red",
    "skipped": "dim",
}


def _remember_json(context: typer.Context, asked: bool) -> bool:
    if asked:
        context.find_root().meta[JSON_ASKED] = True
    return asked


JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print JSON for programs.", callback=_remember_json, is_eager=True),
]


def console(*, stderr: bool = False) -> Console:
    """Return a console on the standard output or error of this moment."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else PIPED_WIDTH)


def say(text: str, *, wrapped: bool = False) -> None:
    """Print a sentence for people; rich markup applies, so outside text goes through ``escape``.

    Only a ``wrapped`` one is broken between words where the terminal ends.
    """
    console().print(text, soft_wrap=not wrapped)


def note(text: str) -> None:
    """Print a remark on standard error, where it is in no program's way."""
    console(stderr=True).print(text, soft_wrap=True)


def indented(text: str, *, word: str = "", style: str = "", indent: int = 2) -> None:
    """Print a sentence below what it belongs to, wrapped with its lines in one column; ``word`` goes before it."""
    out, lead = console(), f"{word}: " if word else ""
    width = max(out.width - 1, indent + 20)
    lines = textwrap.wrap(lead + text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))
    for number, line in enumerate(lines):
        shown = Text(line)
        if word and number == 0:
            shown.stylize(style, indent, indent + len(word) + 1)
        out.print(shown, soft_wrap=True)


def emit(plain: object) -> None:
    """Print JSON: UTF-8, strict, one document."""
    typer.echo(json.dumps(to_plain(plain), ensure_ascii=False, allow_nan=False, indent=2))


def emit_cases(results: Iterable[Mapping[str, object]]) -> None:
    """Print one JSON array with a case a line."""
    lines = (json.dumps(to_plain(result), ensure_ascii=False, allow_nan=False) for result in results)
    text = ",\n  ".join(lines)
    typer.echo(f"[\n  {text}\n]" if text else "[]")


def to_plain(entry: Any) -> Any:
    """Turn domain values into what JSON can say: decimals and dates as text, what is not finite as null."""
    match entry:
        case bool() | int() | None:
            return entry
        case float():
            return entry if math.isfinite(entry) else None
        case Decimal():
            return format(entry, "f")
        case datetime():
            return instant(entry)
        case str() | date():
            return str(entry)
        case Mapping():
            return {str(key): to_plain(part) for key, part in entry.items()}
        case Sequence() | set() | frozenset():
            return [to_plain(part) for part in entry]
    fields = getattr(entry, "__dataclass_fields__", None)
    if fields is not None:
        return {name: to_plain(getattr(entry, name)) for name in fields if not name.startswith("_")}
    return str(entry)


def instant(at: datetime) -> str:
    """Write an instant in UTC as programs read it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds" if at.microsecond else "seconds").replace("+00:00", "Z")


def shown_instant(at: datetime | None) -> str:
    """Write an instant in UTC as people read it."""
    return ABSENT if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: Collection[str] = ()) -> None:
    """Print rows under headings: numbers to the right, known words in color, absence as a dash.

    Columns that are ``whole`` are never broken; where the terminal is narrow the others are, between words.
    Where not even the longest words fit beside each other, each row is printed as names and contents.
    """
    given = [list(row) for row in rows]
    kept = [[cell(entry) for entry in row] for row in given]
    if not kept:
        say(f"[dim]{escape(title or 'nothing')}[/]")
        return
    grid = Table(title=escape(title) if title else None, title_justify="left", title_style="bold", header_style="bold")
    for index, name in enumerate(columns):
        numeric = all(_is_number(row[index]) for row in given)
        grid.add_column(escape(name), justify="right" if numeric else "left", overflow="fold", no_wrap=name in whole)
    for row in kept:
        grid.add_row(*row)
    out = console()
    if Measurement.get(out, out.options.update(width=WIDTH_MAX), grid).maximum > out.width:
        grid.box, grid.padding = None, (0, GAP, 0, 0)  # without lines more of it fits
        widths = _widths(columns, kept, whole, out.width)
        if not widths:
            _one_by_one(title, columns, given)
            return
        for column, width in zip(grid.columns, widths, strict=True):
            column.width = width
    out.print(grid)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Text]], whole: Collection[str], width: int) -> list[int]:
    # Each column gets its longest word; what is left goes to those that need the least more. None at all: no room.
    least: list[int] = []
    needs: list[int] = []
    for index, name in enumerate(columns):
        texts = [name, *(row[index].plain for row in rows)]
        longest = max(len(line) for text in texts for line in text.split("\n"))
        least.append(longest if name in whole else max(len(word) for text in texts for word in text.split() or [""]))
        needs.append(longest)
    left = width - sum(least) - GAP * len(columns)
    if left < 0:
        return []
    for place, index in enumerate(sorted(range(len(least)), key=lambda each: needs[each] - least[each])):
        more = min(needs[index] - least[index], left // (len(least) - place))
        least[index] += more
        left -= more
    return least


def _one_by_one(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if title:
        say(f"[bold]{escape(title)}[/]")
    for row in rows:
        pairs(cell(row[0]).plain, dict(zip(columns[1:], row[1:], strict=True)))


def pairs(title: str, entries: Mapping[str, object], units: Mapping[str, str] | None = None) -> None:
    """Print one thing as names and contents, with the units of those that have one."""
    if title:
        say(f"[bold]{escape(title)}[/]")
    grid = Table(box=None, show_header=False)
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    grid.add_column(style="dim")
    for name, entry in entries.items():
        unit = "" if units is None or entry is None else units.get(name, "")
        grid.add_row(escape(name), cell(entry), escape(unit))
    console().print(grid)


def cell(entry: object) -> Text:
    """Write one entry of a table."""
    if entry is None or entry == "":
        return Text(ABSENT, style="dim")
    if isinstance(entry, Text):
        return entry
    if isinstance(entry, datetime):
        return Text(shown_instant(entry))
    text = _number_text(entry) if isinstance(entry, float) else str(entry)
    return Text(text, style=STATUS_STYLES.get(text, ""))


def fail(error: ThetaloomError, *, as_json: bool) -> NoReturn:
    """Say what went wrong, where, and what to do, and leave with the exit code of its class."""
    if as_json:
        emit({"error": error_record(error)})
    else:
        where = f" [dim]({escape(error.code)})[/]"
        note(f"[bold red]error:[/] {escape(error.message)}{where}")
        if error.advice:
            note(f"[yellow]→[/] {escape(error.advice)}")
    raise typer.Exit(exit_code(error))


def error_record(error: ThetaloomError) -> dict[str, object]:
    """Return an error as programs get it."""
    return {"code": error.code, "message": error.message, "advice": error.advice, "details": error.details}


def exit_code(error: ThetaloomError) -> int:
    """Return the exit code of an error's class."""
    match error:
        case NotAllowed():
            return EXIT_REFUSED
        case Unavailable() | OutcomeUnknown():
            return EXIT_UNAVAILABLE
        case InvalidInput():
            return EXIT_USAGE
    return EXIT_FAILED


def _is_number(entry: object) -> bool:
    if isinstance(entry, Text):
        return not entry.plain  # an empty place says nothing of its column
    return entry is None or (isinstance(entry, int | float | Decimal) and not isinstance(entry, bool))


def _number_text(number: float) -> str:
    return f"{number:,.6f}".rstrip("0").rstrip(".") if abs(number) >= 1e-4 or number == 0 else f"{number:.4g}"
