"""Cells of vendors' originals against what was imported of them, read by other means: ``csv`` and ``Decimal``."""

import csv
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import

RAW = Path(__file__).parents[4] / "shared" / "data" / "raw"
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not RAW.is_dir(), reason="the recorded data is not beside this checkout"),
]
EVERY = 7
Rows = Callable[[], pl.DataFrame]
Cell = float | int | None


def number(text: str) -> Cell:
    """The number of a cell, rounded once; none where the vendor has none."""
    return float(Decimal(text)) if text.strip() else None


def count(text: str) -> Cell:
    return int(Decimal(text)) if text.strip() else None


def percent(text: str) -> Cell:
    return float(Decimal(text) / 100) if text.strip() else None


def greek(text: str) -> Cell:
    return None if Decimal(text) in (-999, 999) else number(text)


def volatility(text: str) -> Cell:
    """Yahoo writes 1e-5 where it knows none, others zero."""
    return number(text) if Decimal(text) > Decimal("0.000011") else None


QUOTES = {"bid": ("bid", number), "ask": ("ask", number)}
GREEKS = {name: (name, greek) for name in ("delta", "gamma", "theta", "vega")}
# By original: the headers of expiration, strike and right, and of each of our columns.
ORIGINALS: dict[str, tuple[tuple[str, str, str], dict[str, tuple[str, Callable[[str], Cell]]]]] = {
    "yfinance_csv/AAPL_20251201.csv": (
        ("expiration", "strike", "type"),
        {
            **QUOTES,
            "last": ("lastPrice", number),
            "volume": ("volume", count),
            "open_interest": ("openInterest", count),
            "implied_vol": ("impliedVolatility", volatility),
            "underlying_price": ("spot_price", number),
        },
    ),
    "deltaneutral_csv/spy_options_20150105.csv": (
        ("expiration", "strike", "put/call"),
        {**QUOTES, **GREEKS, "last": ("price", number), "open_interest": ("open interest", count)},
    ),
    "historicaloptiondata_l3_csv/spx_sample.csv": (
        ("expiration", "strike", "type"),
        {**QUOTES, **GREEKS, "volume": ("volume", count), "underlying_price": ("underlying_last", number)},
    ),
    "deribit_csv/deribit_20260717.csv": (
        ("expiry", "strike", "type"),
        {**QUOTES, "mark_price": ("mark_price", number), "implied_vol": ("mark_iv", percent)},
    ),
}


def lines_of(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a file by their lines, as the standard library reads them."""
    with path.open(encoding="utf-8", newline="") as stream:
        headers = [name.strip() for name in next(stream).rstrip("\r\n").split(",")]
        yield from enumerate(csv.DictReader(stream, fieldnames=headers), start=2)


def rejected_lines(found: dict[str, Any]) -> set[int]:
    path = found["files"][0]["rejected_to"]
    if path is None:
        return set()
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return {int(row["line"]) for row in csv.DictReader(stream)}


@pytest.mark.parametrize("name", ORIGINALS)
def test_each_cell_of_an_original_is_the_number_that_stands_there(name: str, import_file: Import, rows: Rows) -> None:
    found = import_file(RAW / name)
    (expiration, strike, right), columns = ORIGINALS[name]
    lines = list(lines_of(RAW / name))
    aside = rejected_lines(found)
    has_days = "quotedate" in lines[0][1]  # the others are of one day
    imported = {
        (
            row["underlying"],
            row.get("root") or "",
            str(row["session_date"]) if has_days else "",
            row["expiration"],
            row["strike"],
            row["right"],
        ): row
        for row in rows().iter_rows(named=True)
    }
    by_contract = {(key[0], *key[2:]): row for key, row in imported.items()}
    assert len(imported) == found["rows"] == len(lines) - len(aside)
    compared = 0
    for line, told in lines[::EVERY]:
        if line in aside:
            continue
        underlying = told.get("underlying") or told.get("under") or "AAPL"
        day = told.get("quotedate", "")
        contract = (day, date.fromisoformat(told[expiration]), float(Decimal(told[strike])), told[right][0].upper())
        symbol = told.get("symbol", "")
        row = imported.get((underlying, symbol[:6].strip(), *contract)) or by_contract[underlying, *contract]
        expected = {ours: read(told[theirs]) for ours, (theirs, read) in columns.items()}
        if not expected["bid"] and not expected["ask"]:
            expected |= {"bid": None, "ask": None}
        assert {ours: row[ours] for ours in expected} == expected, (line, told)
        compared += 1
    assert compared > len(lines) // (2 * EVERY)


def test_each_quote_of_leans_minutes_stands_at_its_end(import_file: Import, rows: Rows) -> None:
    path = RAW / "lean" / "option" / "usa" / "minute" / "goog" / "20151224_quote_american.zip"
    import_file(path)
    midnight = datetime(2015, 12, 24, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    frame = rows().select("expiration", "strike", "right", "quote_time", "bid", "ask", "bid_size")
    imported = {row[:4]: row[4:] for row in frame.iter_rows()}
    compared = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist()[::71]:
            *_, right, strike, expiration = Path(member).stem.split("_")
            contract = (date.fromisoformat(expiration), float(Decimal(strike) / 10_000), right[0].upper())
            with archive.open(member) as stream:
                for cells in csv.reader(TextIOWrapper(stream, encoding="utf-8", newline="")):
                    at = midnight + timedelta(milliseconds=int(cells[0]), minutes=1)
                    bid, ask = (float(Decimal(cell) / 10_000) if cell else None for cell in (cells[4], cells[9]))
                    if not bid and not ask:
                        bid = ask = None
                    assert imported[*contract, at] == (bid, ask, int(cells[5] or 0)), (member, cells)
                    compared += 1
    assert compared > 1_000
