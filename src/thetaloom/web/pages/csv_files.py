"""Tables as CSV files: plain numbers, instants in UTC, and no cell that a spreadsheet would take for a formula."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from starlette.responses import Response

from thetaloom.domain.values.money import Money, Price
from thetaloom.store.queries.listing import EXPORT_MAX
from thetaloom.web.pages.tables import TableRules

T = TypeVar("T")
CENT = Decimal("0.01")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what makes a spreadsheet compute a cell, or skip to its formula
PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def csv_file(rules: TableRules[T], rows: Iterable[T]) -> Response:
    """Answer with all rows as a file, no more than ``EXPORT_MAX``."""
    return Response(
        csv_text(rules.cells, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{rules.key}.csv"'},
    )


def csv_text(cells: Mapping[str, Callable[[T], object]], rows: Iterable[T]) -> str:
    """Write a header, then a line for each row."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(cells)
    for number, row in enumerate(rows):
        if number == EXPORT_MAX:
            break
        writer.writerow([cell_text(cell(row)) for cell in cells.values()])
    return out.getvalue()


def cell_text(cell: object) -> str:
    """Write one cell; a text that could be a formula gets an apostrophe before it."""
    text = _plain(cell)
    return f"'{text}" if text.startswith(FORMULA) and not PLAIN_NUMBER.fullmatch(text) else text


def _plain(cell: object) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case Enum():
            return str(cell.value)
        case datetime():
            return cell.astimezone(UTC).isoformat(timespec="seconds")
        case date() | time():
            return cell.isoformat()
        case Money() | Price():
            return format(cell if _has_cents(cell) else cell.quantize(CENT), "f")
        case Decimal():
            return format(cell, "f")
        case tuple() | list():
            return "; ".join(_plain(each) for each in cell)
    return str(cell)


def _has_cents(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent <= -2
