"""Delimited text as frames of text: finds the header, cuts batches of whole lines, keeps every line's number.

Nothing is typed here. A line with more or fewer fields than the header is told apart, because its cells stand
under the wrong headers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from thetaloom.marketdata.importers.layouts import plain_header
from thetaloom.marketdata.importers.opening import utf8_blocks

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = (",", ";", "\t", "|")
HEADER_LINES_MAX = 40  # above the header stand a title and a date, never more than a page
BATCH_BYTES = 24_000_000
FEW = 100
COUNTED_AT_ONCE = 1 << 17  # bytes that stay in the processor's own memory
LINE_CHARACTERS_MAX = 100_000  # no row of any format is longer
LINE, EXTRA = "#line", "#extra"
TOO_FEW, TOO_MANY = "too_few_fields", "too_many_fields"
REPEATED_HEADER, OTHER_HEADER = "repeated_header", "other_header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Where the header stands and what it names; the second column of a name is called ``name#2``."""

    names: tuple[str, ...]
    separator: str
    line: int  # counted from 1
    preamble: tuple[str, ...]
    mark: str = ""  # the longest of its names as the file spells it: no row has it, and a second header does


class Originals(Protocol):
    """The original rows of one batch, by number."""

    def __getitem__(self, number: int) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows as text, under the header's names beside ``LINE``, and the lines they were read from."""

    frame: pl.DataFrame
    count: int  # of lines, those among them that hold nothing
    lines: Originals
    torn: Mapping[int, str]  # the reason, by the line, for those that do not have the header's fields


class Lines:
    """The original lines of one batch, by number."""

    __slots__ = ("_first", "_found", "_start", "_text")

    def __init__(self, text: bytes, first: int, start: int = 0) -> None:
        self._text, self._first, self._start = text, first, start
        self._found: list[bytes] | None = None

    def __getitem__(self, number: int) -> str:
        return self.all()[number - self._first].rstrip(b"\r").decode(errors="replace")

    def all(self) -> list[bytes]:
        """Return every line, split when first asked for: most batches never are."""
        if self._found is None:
            self._found = self._text[self._start :].split(b"\n")
            self._found.pop()
        return self._found


def find_heading(
    text: str, wanted: Collection[str], read: Callable[[Sequence[str]], Sequence[str] | None] | None = None
) -> Heading | None:
    """Return the first line among those at the top that has all ``wanted`` headers; ``read`` names them otherwise."""
    lines = text.split("\n") if "\n" in text else text.split("\r")
    for number, line in enumerate(lines[:HEADER_LINES_MAX], start=1):
        letters = plain_header(line)
        if not all(name in letters for name in wanted):
            continue
        for separator in sorted(SEPARATORS, key=line.count, reverse=True):
            names = split_line(line.strip("\r\ufeff"), separator)
            plain = [plain_header(name) for name in names]
            told = plain if read is None else read(plain)
            if told is not None and set(wanted) <= set(plain):
                above = tuple(one.strip("\r\ufeff") for one in lines[: number - 1])
                mark = max((name.strip() for name in names), key=len)
                return Heading(names=_numbered(told), separator=separator, line=number, preamble=above, mark=mark)
    return None


def split_line(line: str, separator: str) -> list[str]:
    """Split one line as CSV; a quote that is never closed ends with the line, and a stray end of line is a space."""
    if len(line) > LINE_CHARACTERS_MAX:
        return line.split(separator)
    return next(csv.reader([line.replace("\r", " ")], delimiter=separator, skipinitialspace=True), [])


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    numbered = []
    for at, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        told = name or f"#{at}"
        numbered.append(told if seen[name] == 1 or not name else f"{name}#{seen[name]}")
    while numbered and numbered[-1].startswith("#"):
        numbered.pop()  # a separator at the end of the header names nothing
    return tuple(numbered)


def read_batches(
    stream: BinaryIO,
    heading: Heading,
    wanted: Collection[str],
    *,
    numeric: Collection[str] = (),
    size: int = BATCH_BYTES,
    name: str = "",
    is_one_page: bool = False,
) -> Iterator[Batch]:
    """Give the rows below the header, with the ``wanted`` of its columns.

    The ``numeric`` ones are numbers already where every cell of theirs in the batch is one, or empty; else text.
    Below a second header that names other columns no row can be read, nor below any where the file ``is_one_page``.
    """
    number, is_readable = 1, True
    for block in utf8_blocks(stream, size, name):
        start = 0
        while number <= heading.line and start < len(block):
            start = block.index(b"\n", start) + 1
            number += 1
        if start < len(block):
            first = number
            batch = read_batch(block, first, heading, wanted, numeric, start)
            number += batch.count
            if not is_readable or (heading.mark and block.find(heading.mark.encode(), start) >= 0):
                torn, is_readable = _below_headers(block[start:], first, heading, is_readable, is_one_page=is_one_page)
                batch = replace(batch, torn={**batch.torn, **torn})
            yield batch


def read_batch(
    text: bytes, first: int, heading: Heading, wanted: Collection[str], numeric: Collection[str] = (), start: int = 0
) -> Batch:
    """Read the whole lines behind ``start``, the first of which has the number ``first``."""
    import polars as pl

    lines = Lines(text, first, start)
    kept = [name for name in heading.names if name in wanted]
    last = heading.names[-1]
    columns = list(dict.fromkeys([*kept, last, EXTRA]))
    frame = _parse(text, start, heading, columns, frozenset(numeric) - {columns[0], last}) if numeric else None
    if frame is None:
        frame = _parse(text, start, heading, columns)
    count = _count(text, b"\n", start)
    if frame is None or frame.height != count:
        frame = _parse_by_line(lines, heading, columns)
    numbers = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True)
    frame = frame.insert_column(0, numbers.alias(LINE))
    if frame[last].null_count():
        is_blank = _is_blank(frame, columns)
        frame = frame.filter(~is_blank) if is_blank.any() else frame
    torn = _torn(frame, text, start, lines, first, heading)
    return Batch(frame=frame.select(LINE, *kept), count=count, lines=lines, torn=torn)


def _count(text: bytes, letter: bytes, start: int) -> int:
    # Where a letter is frequent numpy counts it several times as fast as ``bytes.count``.
    letters = np.frombuffer(text, np.uint8)
    parts = (letters[at : at + COUNTED_AT_ONCE] for at in range(start, len(letters), COUNTED_AT_ONCE))
    return sum(int(np.count_nonzero(part == letter[0])) for part in parts)


def _below_headers(
    text: bytes, first: int, heading: Heading, is_readable: bool, *, is_one_page: bool
) -> tuple[dict[int, str], bool]:
    torn = {}
    mark = heading.mark.encode()
    for number, line in enumerate(text.split(b"\n")[:-1], start=first):
        if mark in line:
            fields = map(plain_header, split_line(line.decode(errors="replace").rstrip("\r"), heading.separator))
            names = _numbered([*fields])
            if len(set(names) & set(heading.names)) * 2 > len(heading.names):
                torn[number] = REPEATED_HEADER
                is_readable = names == heading.names and not is_one_page
                continue
        if not is_readable:
            torn[number] = OTHER_HEADER
    return torn, is_readable


def _is_blank(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    import polars as pl

    rest = pl.all_horizontal(pl.col(name).is_null() for name in columns[1:])
    nothing = pl.col(columns[0]).fill_null("").str.strip_chars() == ""
    is_short = frame.select(rest).to_series()
    return frame.select(nothing & is_short).to_series() if is_short.any() else is_short


def _torn(frame: pl.DataFrame, text: bytes, start: int, lines: Lines, first: int, heading: Heading) -> dict[int, str]:
    import polars as pl

    torn: dict[int, str] = {}
    if frame[EXTRA].null_count() < frame.height:
        more = frame.filter(pl.col(EXTRA).str.strip_chars() != "")[LINE]
        torn = dict.fromkeys(more.to_list(), TOO_MANY)
    short = frame.filter(pl.col(heading.names[-1]).is_null())[LINE]
    if short.len() > FEW and not torn and text.find(b'"', start) < 0:
        # The last column is one that may be empty. Where no line has too many fields, all together tell of too few.
        between = _count(text, heading.separator.encode(), start)
        if between >= frame.height * (len(heading.names) - 1):
            return torn
    if short.len() > FEW:
        # The separators of all lines are counted at once.
        whole = pl.read_lines(text[start:])["line"].gather(short - first)
        short = short.filter(whole.str.count_matches(heading.separator, literal=True) < len(heading.names) - 1)
    for number in short.to_list():
        if len(split_line(lines[number], heading.separator)) < len(heading.names):
            torn[number] = TOO_FEW
    return torn


def _parse(
    text: bytes, start: int, heading: Heading, columns: Sequence[str], numeric: Collection[str] = ()
) -> pl.DataFrame | None:
    import polars as pl

    names = [*heading.names, EXTRA]
    head = heading.separator.join(f"c{at}" for at in range(len(names))).encode() + b"\n"
    try:
        frame = pl.read_csv(
            b"".join((head, memoryview(text)[start:])),
            separator=heading.separator,
            infer_schema=False,
            schema_overrides={f"c{at}": pl.Float64 for at, name in enumerate(names) if name in numeric},
            truncate_ragged_lines=True,
            columns=[f"c{names.index(name)}" for name in columns],
            quote_char='"' if text.find(b'"', start) >= 0 else None,
        )
    except pl.exceptions.PolarsError:
        return None
    return frame.rename({f"c{names.index(name)}": name for name in columns})


def _parse_by_line(lines: Lines, heading: Heading, columns: Sequence[str]) -> pl.DataFrame:
    # A quote that is never closed would swallow the lines after it: each line is read for itself.
    import polars as pl

    at = [[*heading.names, EXTRA].index(name) for name in columns]
    cells: list[list[str | None]] = [[] for _ in columns]
    for line in lines.all():
        fields = split_line(line.rstrip(b"\r").decode(errors="replace"), heading.separator)
        for column, place in zip(cells, at, strict=True):
            column.append((fields[place] or None) if place < len(fields) else None)
    return pl.DataFrame(dict(zip(columns, cells, strict=True)), schema=dict.fromkeys(columns, pl.String))
