"""Cases for the calculators: one from options or many from a file, and what is printed of them."""

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.progress import track

from thetaloom.cli.output import JsonOption as JsonOption
from thetaloom.cli.output import console, emit_cases, exit_code, note, pairs, table
from thetaloom.domain.values.plain import NUMBER, read_date
from thetaloom.domain.values.plain import refuse as refuse
from thetaloom.domain.values.plain import shown as shown
from thetaloom.errors import InvalidInput, ThetaloomError

Case = Mapping[str, Any]
Outcome = dict[str, object]


class Place(NamedTuple):
    """Which case of how many, from 1."""

    number: int
    total: int


Also = Callable[[Case, Outcome, Place], Outcome]

FILE_BYTES_MAX = 256 * 2**20
PROGRESS_FROM = 1000  # fewer cases are done before a bar is drawn
COLUMNS_MAX = 12
ABSENT_WORDS = {"max_profit": "unlimited", "max_loss": "unlimited"}  # what null says of these, to people

FileOption = Annotated[
    str | None,
    typer.Option("--file", metavar="PATH", help="Many cases from a JSON or CSV file with these names; - is stdin."),
]


@dataclass(frozen=True, slots=True)
class Fields:
    """Reads the fields of one case and names the one that does not fit."""

    case: Case

    def has(self, name: str) -> bool:
        """Tell whether the case says anything for ``name``; an empty cell says nothing."""
        given = self.case.get(name)
        return given is not None and not (isinstance(given, str) and not given.strip())

    def text(self, name: str, default: str | None = None) -> str:
        """Return the text of a field."""
        if not self.has(name):
            return default if default is not None else refuse(name, "is missing")
        given = self.case[name]
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            refuse(name, f"{shown(given)} is not a text")
        return str(given).strip()

    def number(
        self,
        name: str,
        default: float | None = None,
        *,
        above: float | None = None,
        least: float = -math.inf,
        most: float,
    ) -> float:
        """Return the finite number of a field, within its bounds."""
        if not self.has(name):
            return default if default is not None else refuse(name, "is missing")
        number = as_number(name, self.case[name])
        if above is not None and not number > above:
            refuse(name, f"{number:g} is not above {above:g}")
        if number < least:
            refuse(name, f"{number:g} is below {least:g}")
        if number > most:
            refuse(name, f"{number:g} is above {most:g}")
        return number

    def date(self, name: str) -> date:
        """Return the date of a field."""
        return read_date(name, self.text(name))

    def word(self, name: str, words: Sequence[str], default: str) -> str:
        """Return one of a few words, in lower case."""
        word = self.text(name, default).lower()
        if word not in words:
            refuse(name, f"{shown(word)} is not one of {', '.join(words)}")
        return word


def as_number(name: str, given: object) -> float:
    """Read a number that JSON, a CSV cell or an option gave."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        refuse(name, f"{shown(given)} is not a number")
    if isinstance(given, str) and not NUMBER.fullmatch(given.strip()):
        refuse(name, f"{shown(given)} is not a number")
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        refuse(name, f"{shown(given)} is not a finite number")
    return number + 0.0  # there is no -0


def as_instant(name: str, given: str) -> date | datetime:
    """Read a date, or an instant with its time zone."""
    if len(given) <= 10:
        return read_date(name, given)
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        refuse(name, f"{shown(given)} is neither a date nor an instant like 2026-01-16T15:00:00Z")
    if at.tzinfo is None:
        refuse(name, f"{shown(given)} carries no time zone; write it like 2026-01-16T15:00:00Z")
    return at


def calculate(
    given: Mapping[str, object],
    file: str | None,
    one: Callable[[Case], Outcome],
    *,
    title: str,
    as_json: bool,
    also: Also | None = None,
    units: Mapping[str, str] | None = None,
) -> None:
    """Do the case of the options, or each case of a file with the options as defaults, and print the answers.

    ``also`` is done with each case that has an answer, and may add to the answer.

    A single case that fails fails the command. A file with failing cases does not: each failing one carries its
    error, and standard error says how many there are. ``units`` are shown to people, by the answer's names.
    """
    options = {name: entry for name, entry in given.items() if entry is not None and entry != []}
    if file is None:
        _print_single(_answered(_with(one, also, Place(1, 1)), options), title, units, as_json=as_json)
        return
    cases = [{**options, **case} if isinstance(case, Mapping) else case for case in read_cases(file)]
    answers = _answer_all(one, also, cases)
    if as_json:
        emit_cases(_record(answer) for answer in answers)
    else:
        _print_many(answers, title)
    failed = sum(isinstance(answer, ThetaloomError) for answer in answers)
    if failed:
        note(f"[yellow]{failed} of {len(answers)} cases failed[/]")


def read_cases(file: str) -> list[object]:
    """Read the cases of a JSON or CSV file; ``-`` is the standard input."""
    text = _read_text(file)
    is_json = file.lower().endswith(".json") or (not file.lower().endswith(".csv") and text.lstrip()[:1] in ("[", "{"))
    return _read_json(text) if is_json else _read_csv(text)


def _read_text(file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(file).expanduser().open("rb") as opened:
                content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidInput(f"file: {file} cannot be read: {error.strerror or error}") from error
    if len(content) > FILE_BYTES_MAX:
        raise InvalidInput(f"file: {file} has more than {FILE_BYTES_MAX // 2**20} MB", advice="Split it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"file: {file} is not UTF-8 text: byte {error.start} does not fit") from error


def _read_json(text: str) -> list[object]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"file: not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of too many digits
        raise InvalidInput(f"file: not JSON that can be read: {error}") from error
    if isinstance(found, Mapping):
        listed = found.get("cases")
        return list(listed) if isinstance(listed, list) else [found]
    if not isinstance(found, list):
        raise InvalidInput(f"file: the JSON is {shown(found)}, neither a case nor an array of cases")
    return found


def _read_csv(text: str) -> list[object]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(row)]
    except csv.Error as error:
        raise InvalidInput(f"file: not CSV: {error}") from error
    if not rows:
        raise InvalidInput("file: it is empty", advice="Its first line names the columns.")
    names = [name.strip().lower() for name in rows[0]]
    parted = next((mark for mark in (";", "\t", "|") if len(names) == 1 and mark in names[0]), None)
    if parted:
        raise InvalidInput(f"file: its columns are parted by {shown(parted)}", advice="Part them by commas.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InvalidInput(f"file: column {', '.join(twice)} appears more than once")
    return [_row(names, row) for row in rows[1:]]


def _row(names: Sequence[str], cells: Sequence[str]) -> object:
    if len(cells) > len(names) and any(cells[len(names) :]):
        return InvalidInput(f"row: {len(cells)} cells where the first line names {len(names)} columns")
    return {name: entry for name, entry in zip(names, cells, strict=False) if entry.strip()}


def _answer_all(
    one: Callable[[Case], Outcome], also: Also | None, cases: Sequence[object]
) -> list[Outcome | ThetaloomError]:
    watched = console(stderr=True)
    silent = not watched.is_terminal or len(cases) < PROGRESS_FROM
    places = (Place(number, len(cases)) for number in range(1, len(cases) + 1))
    answers = (_answered(_with(one, also, place), case) for place, case in zip(places, cases, strict=True))
    return list(track(answers, "cases", len(cases), console=watched, transient=True, disable=silent))


def _with(one: Callable[[Case], Outcome], also: Also | None, place: Place) -> Callable[[Case], Outcome]:
    return one if also is None else lambda case: also(case, one(case), place)


def _answered(one: Callable[[Case], Outcome], case: object) -> Outcome | ThetaloomError:
    if isinstance(case, ThetaloomError):
        return case
    if not isinstance(case, Mapping):
        return InvalidInput(f"case: {shown(case)} is not an object with fields")
    try:
        return one(case)
    except ThetaloomError as error:
        return error
    except ArithmeticError:  # all decimals and floats end somewhere
        return InvalidInput("case: its numbers together are too large or too small to be calculated")
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        # whatever a case holds, the others must still get their answers
        return InvalidInput(f"case: cannot be calculated: {type(error).__name__}: {str(error)[:200]}")


def _record(answer: Outcome | ThetaloomError) -> Mapping[str, object]:
    if isinstance(answer, ThetaloomError):
        return {"error": {"code": answer.code, "message": answer.message}}
    return answer


def _print_single(
    answer: Outcome | ThetaloomError, title: str, units: Mapping[str, str] | None, *, as_json: bool
) -> None:
    if as_json:
        emit_cases([_record(answer)])
    if isinstance(answer, ThetaloomError):
        if as_json:
            raise typer.Exit(exit_code(answer))
        raise answer
    if not as_json:
        pairs(title, {name: _spoken(name, entry) for name, entry in answer.items()}, units)


def _print_many(answers: Sequence[Outcome | ThetaloomError], title: str) -> None:
    names: dict[str, None] = {}
    for answer in answers:
        if not isinstance(answer, ThetaloomError):
            names.update(dict.fromkeys(answer))
    columns = list(names)[:COLUMNS_MAX]
    failing = any(isinstance(answer, ThetaloomError) for answer in answers)
    rows: list[list[object]] = []
    for number, answer in enumerate(answers, start=1):
        if isinstance(answer, ThetaloomError):
            rows.append([number, *([None] * len(columns)), answer.message])
        else:
            rows.append([number, *(_spoken(name, answer.get(name)) for name in columns), *([""] if failing else [])])
    table(title, ["#", *columns, *(["error"] if failing else [])], rows)


def _spoken(name: str, entry: object) -> object:
    return ABSENT_WORDS.get(name) if entry is None else _brief(entry)


def _brief(entry: object) -> object:
    match entry:
        case {"name": str(name), "initial": initial}:  # a part of a margin requirement
            return f"{name} {initial:,.2f}"
        case list():
            return ", ".join(str(_brief(part)) for part in entry) or None
        case dict():
            return " ".join(str(_brief(part)) for part in entry.values())
        case float():
            return round(entry, 6)
        case bool():
            return "yes" if entry else "no"
    return entry
