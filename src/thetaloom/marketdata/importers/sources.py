"""Opens one source as a format: what is known of the file, and its batches of text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers import dolthub, historical_l3
from thetaloom.marketdata.importers.cells import plain_symbol
from thetaloom.marketdata.importers.formats import (
    AUTO,
    find_edition,
    is_json,
    looks_like,
    missing_columns,
    nearest,
    oddly_parted,
)
from thetaloom.marketdata.importers.json_chains import JSON_FORMATS, read_json
from thetaloom.marketdata.importers.layouts import PRICES, Facts, Layout, Told
from thetaloom.marketdata.importers.number_style import has_decimal_commas
from thetaloom.marketdata.importers.opening import Source, head_text, opened
from thetaloom.marketdata.importers.tables import BATCH_BYTES, Batch, Heading, read_batches

WHOLE_BYTES_MAX = 1 << 30  # of formats of which no row can be told before the last was read
SYMBOL_IN_NAME = re.compile(r"^\^?_?([A-Za-z]{1,6})(?=[_\-. 0-9]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedTable:
    """A source that has been recognized; ``batches`` may be read once."""

    format_name: str
    layout: Layout
    facts: Facts
    batches: Iterator[Batch]


def open_table(source: Source, format_name: str, symbol: str | None, calendar: TradingCalendar) -> OpenedTable:
    """Recognize a source; one of another format, or of none, raises ``InvalidInput`` that says what it looks like."""
    text = head_text(source)
    if not text.strip("\ufeff \r\n\t\0"):
        raise InvalidInput(f"{source.name} is empty", details={"path": source.name})
    if "\0" in text[:4096] and not looks_like(text):
        raise InvalidInput(
            f"{source.name} is not text; it looks like a program's own file",
            advice="Write it as CSV in the layout of one of the formats; `thetaloom data formats` lists them.",
            details={"path": source.name},
        )
    name = _told_by_content(source, text) if format_name == AUTO else format_name
    told = symbol or _symbol_of(source)
    if name in JSON_FORMATS:
        if not is_json(text) or name not in (looks_like(text) or (name,)):
            raise _other(source, name, text)
        layout, facts, batches = read_json(source, name, Facts(symbol=plain_symbol(symbol or ""), calendar=calendar))
        return OpenedTable(format_name=name, layout=layout, facts=facts, batches=batches)
    found = find_edition(text, name)
    if found is None:
        raise _other(source, name, text, missing=missing_columns(text, name))
    layout, heading = found
    _check_quotes(source, heading, layout)
    _check_names(source, heading, layout)
    named = plain_symbol(told) if told and (symbol or layout.needs_symbol) else None
    is_comma = has_decimal_commas(text, heading, layout.number_headers())
    facts = Facts(symbol=named, calendar=calendar, is_comma_decimal=is_comma)
    if layout.read_preamble is not None:
        facts = layout.read_preamble(heading.preamble, facts)
    if layout.told is Told.BY_FILE and facts.at is None:
        raise InvalidInput(
            f"{source.name}: the date of the page cannot be read above the header",
            advice="The line before the header should hold it, as in: Date: September 14, 2023 at 4:31 PM EDT.",
            details={"path": source.name},
        )
    return OpenedTable(format_name=name, layout=layout, facts=facts, batches=_batches(source, heading, layout, facts))


def is_companion(source: Source) -> bool:
    """Tell whether a source is a table that a vendor packs beside its options, as of the prices of shares."""
    header = head_text(source).lstrip("\ufeff \r\n\t").split("\n", 1)[0]
    columns = {name.strip(' \r"').lower() for name in header.split(",")}
    return any(columns >= known for known in (*historical_l3.COMPANIONS, *dolthub.COMPANIONS))


def _batches(source: Source, heading: Heading, layout: Layout, facts: Facts) -> Iterator[Batch]:
    is_whole = layout.told is Told.BY_NEWEST_TRADE
    with opened(source) as stream:
        batches = read_batches(
            stream,
            heading,
            layout.headers(),
            numeric=() if facts.is_comma_decimal else layout.number_headers(),
            size=WHOLE_BYTES_MAX if is_whole else BATCH_BYTES,
            name=source.name,
            is_one_page=layout.told is Told.BY_FILE,
        )
        for number, batch in enumerate(batches):
            if number and is_whole:
                raise InvalidInput(
                    f"{source.name} is larger than {WHOLE_BYTES_MAX:,} bytes: its newest trade tells when it is of",
                    advice="Part it by days.",
                    details={"path": source.name},
                )
            yield batch


def _symbol_of(source: Source) -> str | None:
    found = SYMBOL_IN_NAME.match(source.stem)
    return found[1].upper() if found else None


def _told_by_content(source: Source, text: str) -> str:
    found = looks_like(text)
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(
            f"{source.name} may be {' or '.join(found)}: it has the columns of each",
            advice=f"Say which, with --format {' or --format '.join(found)}.",
            details={"path": source.name, "candidates": list(found)},
        )
    odd = oddly_parted(text)
    if odd:
        raise InvalidInput(
            f"{source.name} names the columns of {' or '.join(odd)}, but parts them by none of comma, semicolon, tab "
            f"and |; it begins with {_start(text)!r}",
            advice="Save it with commas between the cells, and import that.",
            details={"path": source.name, "candidates": list(odd)},
        )
    near = nearest(text)
    raise InvalidInput(
        f"{source.name} looks like none of the known formats; it begins with {_start(text)!r}",
        advice=" ".join(
            [
                *(f"As {name} it lacks the columns {', '.join(missing)}." for name, missing in near.items()),
                "Name the format with --format; `thetaloom data formats` lists them with the columns they need.",
            ]
        ),
        details={"path": source.name, "candidates": list(near)},
    )


def _other(source: Source, wanted: str, text: str, missing: tuple[str, ...] = ()) -> InvalidInput:
    found = looks_like(text)
    if found:
        return InvalidInput(
            f"{source.name} is not {wanted}: it looks like {' or '.join(found)}",
            advice=f"Import it as {found[0]}, or as {AUTO}.",
            details={"path": source.name, "looks_like": found[0]},
        )
    told = f": no line at its top has the columns {', '.join(missing)}" if missing else ""
    return InvalidInput(
        f"{source.name} is not {wanted}{told}; it begins with {_start(text)!r}",
        advice="`thetaloom data formats` lists the formats with the columns they need.",
        details={"path": source.name, "missing": list(missing)},
    )


def _check_quotes(source: Source, heading: Heading, layout: Layout) -> None:
    # A file without quotes under a name that we know would become a recording without quotes.
    for ours in PRICES:
        for side in layout.sides.values() or ({},):
            named = side.get(ours) or layout.columns.get(ours, ())
            if not set(named) & set(heading.names):
                raise InvalidInput(
                    f"{source.name}, line {heading.line}: no column holds the {ours} of {layout.name}; "
                    f"it would be called {' or '.join(named)}",
                    advice="Name the column so, or import the file as what it is with --format.",
                    details={"path": source.name, "line": heading.line, "missing": list(named)},
                )


def _check_names(source: Source, heading: Heading, layout: Layout) -> None:
    # Of two columns of one name nothing tells which is meant; where the call and the put of a strike share a row
    # the second is the put's.
    known = layout.headers()
    twice = [name for name in heading.names if name.endswith("#2") and name.removesuffix("#2") in known - {name}]
    doubtful = [name.removesuffix("#2") for name in twice if name not in known]
    if doubtful:
        raise InvalidInput(
            f"{source.name}, line {heading.line}: the column {doubtful[0]} stands twice",
            advice="Leave one of them, or name the other otherwise: nothing tells which of the two is meant.",
            details={"path": source.name, "line": heading.line, "columns": doubtful},
        )


def _start(text: str) -> str:
    return text.lstrip("\ufeff \r\n\t").split("\n", 1)[0][:60]
