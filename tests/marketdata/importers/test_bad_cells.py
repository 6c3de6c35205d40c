"""Bad cells in the file of each format: which rows go aside, and why; no row is lost on the way.

All values that are bad in a column stand in one file, a line for each.
"""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import FILES

# By format: the headers of strike, expiration, day of the quote, bid, ask, call or put.
COLUMNS: dict[str, tuple[str, str, str, str, str, str]] = {
    "optionsdx": ("[STRIKE]", "[EXPIRE_DATE]", "", "[C_BID]", "[C_ASK]", ""),
    "datashop": ("strike", "expiration", "quote_date", "bid_eod", "ask_eod", "option_type"),
    "dolthub": ("strike", "expiration", "date", "bid", "ask", "call_put"),
    "deltaneutral": ("strike", "expiration", "date", "bid", "ask", "put/call"),
    "l3": ("strike", "expiration", "quotedate", "bid", "ask", "type"),
    "yfinance": ("strike", "", "", "bid", "ask", ""),
    "deribit": ("strike", "expiry", "snapshot_utc", "bid", "ask", "type"),
    "cboe_csv": ("Strike", "Expiration Date", "", "Bid", "Ask", ""),
}
STRIKE, EXPIRATION, DAY, BID, ASK, RIGHT = range(6)
TWO_ROWS = ("optionsdx", "cboe_csv")  # formats with the call and the put in one line
HEADERS_AT = {"cboe_csv": 3}
NAMED_BY_SYMBOL = ("deltaneutral", "l3", "cboe_csv", "yfinance", "deribit")
BAD_STRIKES = {
    "text": "bad_strike",
    "-5": "bad_strike",
    "0": "bad_strike",
    "inf": "bad_strike",
    "1e999": "bad_strike",
    "12.34567": "bad_strike",
    "20000000": "strike_too_large",
    "100000": "strike_too_large",
}
BAD_DAYS = ("2020-02-30", "soon", "99/99/9999", "20201340", "0000-00-00", "2020-1x-05")
BAD_PRICES = {
    "-0.01": "negative_price",
    "-1": "negative_price",
    "-999": "negative_price",
    "1e6": "price_too_large",
    "9.99e+37": "price_too_large",
    "inf": "bad_price",
    "-inf": "bad_price",
    "quoted": "bad_price",
    "1.2.3": "bad_price",
    "#REF!": "bad_price",
}
NO_PRICES = ("", "NaN", "nan", "N/A", "null", "-", " ")
BAD_RIGHTS = dict.fromkeys(("X", "1", "straddle"), "bad_right")


def text_with(name: str, header: str, values: tuple[str, ...]) -> str:
    """The header of a format, and its first row once for each value of one column."""
    lines = list(FILES[name][1])
    at = HEADERS_AT.get(name, 0)
    headers, cells = (next(csv.reader([line], skipinitialspace=True)) for line in lines[at : at + 2])
    place = [each.strip() for each in headers].index(header)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([*cells[:place], value, *cells[place + 1 :]] for value in values)
    return "\n".join([*lines[: at + 1], stream.getvalue()])


def per_line(name: str) -> int:
    """How many rows a line of a format tells."""
    return 2 if name in TWO_ROWS else 1


def kept_aside(found: dict[str, Any]) -> list[dict[str, str]]:
    """The rejected rows, as they are read again."""
    with Path(found["files"][0]["rejected_to"]).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def check(name: str, place: int, bad: dict[str, str], aside: int, import_file: Import) -> None:
    """Every row of the file must go aside with its own reason, under its own line and text."""
    text = text_with(name, COLUMNS[name][place], tuple(bad))

    found = import_file(text, FILES[name][0], as_format=name)

    first = HEADERS_AT.get(name, 0) + 2
    expected = {(str(first + at), reason, text.split("\n")[first + at - 1]) for at, reason in enumerate(bad.values())}
    rows = [row for row in kept_aside(found) if row["reason"] != "duplicate"]
    assert {(row["line"], row["reason"], row["text"]) for row in rows} == expected
    assert len(rows) == aside * len(bad)
    assert found["rows"] + found["rejected"] == per_line(name) * len(bad)


@pytest.mark.parametrize("name", COLUMNS)
def test_strikes_that_cannot_be_go_aside(name: str, import_file: Import) -> None:
    check(name, STRIKE, BAD_STRIKES, per_line(name), import_file)


@pytest.mark.parametrize("name", [name for name in COLUMNS if COLUMNS[name][EXPIRATION]])
def test_expirations_that_cannot_be_go_aside(name: str, import_file: Import) -> None:
    bad = dict.fromkeys(BAD_DAYS, "bad_expiration") | {"1999-01-15": "expired"}
    if name not in NAMED_BY_SYMBOL:
        bad[""] = "no_expiration"

    check(name, EXPIRATION, bad, per_line(name), import_file)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("place", [BID, ASK], ids=["bid", "ask"])
def test_prices_that_cannot_be_go_aside(name: str, place: int, import_file: Import) -> None:
    check(name, place, BAD_PRICES, 1, import_file)


@pytest.mark.parametrize("name", [name for name in COLUMNS if COLUMNS[name][RIGHT]])
def test_rights_that_cannot_be_go_aside(name: str, import_file: Import) -> None:
    bad = BAD_RIGHTS if name in NAMED_BY_SYMBOL else BAD_RIGHTS | {"": "no_right"}

    check(name, RIGHT, bad, 1, import_file)


@pytest.mark.parametrize("name", [name for name in COLUMNS if COLUMNS[name][DAY]])
def test_days_that_cannot_be_go_aside(name: str, import_file: Import) -> None:
    bad = dict.fromkeys(BAD_DAYS, "bad_time") | {"": "no_time"}
    if name != "deribit":
        bad |= {"1987-10-19": "outside_calendar", "2099-01-05": "outside_calendar"}
    if name not in ("deribit", "dolthub"):
        bad |= {"2015-07-04": "not_a_session"}

    check(name, DAY, bad, 1, import_file)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_bid_that_is_not_told_is_unknown_and_no_fault(name: str, import_file: Import) -> None:
    text = text_with(name, COLUMNS[name][BID], NO_PRICES)

    found = import_file(text, FILES[name][0], as_format=name)

    # All lines are of one contract: the first of them stays, and the others are told as its duplicates.
    assert found["rows"] == per_line(name)
    assert set(found["reasons"]) == {"duplicate"}
    assert found["rows"] + found["rejected"] == per_line(name) * len(NO_PRICES)
    assert found["quality"]["one_sided"] == 1
