"""Documents of JSON and files of no use: said in plain words, entry by entry where some can be read."""

import json
import zipfile
from io import BytesIO
from typing import Any

import pytest

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import DOLTHUB_HEADER, text_of

GOOD = {"option": "SPY230915C00450000", "bid": 2.05, "ask": 2.1, "iv": 0.12, "delta": 0.5, "open_interest": 10}
SCHWAB_GOOD = {
    "putCall": "CALL",
    "symbol": "SPY   230915C00450000",
    "bid": 2.05,
    "ask": 2.1,
    "strikePrice": 450.0,
    "quoteTimeInLong": 1694716200000,
    "volatility": 12.0,
}


def cboe(*entries: object, **changes: object) -> str:
    """A document of Cboe's."""
    data: dict[str, Any] = {"options": list(entries), "current_price": 450.81, "symbol": "SPY"}
    return json.dumps({"timestamp": "2023-09-14 18:31:00", "data": data | changes})


def schwab(*entries: object, **changes: object) -> str:
    """A document of Schwab's."""
    strikes = {str(400 + at): [entry] for at, entry in enumerate(entries)}
    document: dict[str, Any] = {
        "symbol": "SPY",
        "status": "SUCCESS",
        "underlyingPrice": 450.8,
        "callExpDateMap": {"2023-09-15:1": strikes},
        "putExpDateMap": {},
    }
    return json.dumps(document | changes)


@pytest.mark.parametrize(
    ("text", "rows", "reasons"),
    [
        (cboe(GOOD, {**GOOD, "option": "nothing"}), 1, {"no_expiration": 1}),
        (cboe(GOOD, {**GOOD, "bid": -1}), 1, {"duplicate": 0, "negative_price": 1}),
        (cboe(GOOD, {**GOOD, "bid": "x"}), 1, {"bad_price": 1}),
        (cboe(GOOD, {**GOOD, "ask": 9.99e37}), 1, {"price_too_large": 1}),
        (cboe(GOOD, GOOD), 1, {"duplicate": 1}),
        (cboe(GOOD, {**GOOD, "option": "QQQ230915C00450000"}), 1, {"other_underlying": 1}),
        (cboe(GOOD, {**GOOD, "option": "SPY1230915C00450000"}), 2, {}),
        (cboe(GOOD, None, 7, "text", []), 1, {"bad_entry": 4}),
        (cboe(GOOD, {**GOOD, "option": "SPY200915C00450000"}), 1, {"expired": 1}),
        (cboe(GOOD, {**GOOD, "option": "SPY230915C00000000"}), 1, {"bad_strike": 1}),
        (cboe(GOOD, {**GOOD, "option": "SPY230915X00450000"}), 1, {"no_expiration": 1}),
        (cboe({**GOOD, "iv": None, "delta": -999}), 1, {}),
        (cboe({**GOOD, "bid": None, "ask": None}), 1, {}),
        (cboe({**GOOD, "bid": {"nested": 1}}), 1, {}),
        (schwab(SCHWAB_GOOD, {**SCHWAB_GOOD, "strikePrice": 455.0}), 1, {"symbol_mismatch": 1}),
        (schwab(SCHWAB_GOOD, None, 7), 1, {"bad_entry": 2}),
        (schwab({**SCHWAB_GOOD, "multiplier": 10.0}), 0, {"odd_deliverable": 1}),
        (schwab({**SCHWAB_GOOD, "nonStandard": True, "multiplier": 100.0}), 0, {"odd_deliverable": 1}),
        (schwab({**SCHWAB_GOOD, "mini": True, "symbol": "SPY7  230915C00450000"}), 1, {}),
        (schwab(SCHWAB_GOOD, {**SCHWAB_GOOD, "bid": "NaN"}), 1, {"duplicate": 1}),
        (schwab({**SCHWAB_GOOD, "delta": -999.0, "volatility": "NaN"}), 1, {}),
        (schwab({**SCHWAB_GOOD, "bid": -999.0}), 0, {"negative_price": 1}),
        (schwab(SCHWAB_GOOD, putExpDateMap=None), 1, {}),
    ],
)
def test_entries_that_cannot_be_right_go_aside(
    text: str, rows: int, reasons: dict[str, int], import_file: Import
) -> None:
    found = import_file(text, "SPY.json")

    assert found["files"][0]["error"] is None, found["files"][0]["error"]
    assert (found["rows"], found["reasons"]) == (rows, {name: count for name, count in reasons.items() if count})


@pytest.mark.parametrize(
    "content",
    [
        cboe(GOOD)[:-9],
        "{",
        "[]",
        "null",
        '{"data": {"options": "none", "bid": 1, "option": 2}}',
        '{"data": null, "x": {"option": 1, "bid": 2}}',
        '{"timestamp": "soon", "data": {"options": [{"option": "A", "bid": 1}]}}',
        '{"callExpDateMap": []}',
        '{"callExpDateMap": {"2023-09-15:1": {"450": [{"putCall": "CALL"}]}}}',
        '{"status": "FAILED", "callExpDateMap": {}, "putExpDateMap": {}}',
        "[" * 100_000,
        '{"callExpDateMap": ' + "[" * 100_000,
        "<html><body>Access denied</body></html>",
        "date,act_symbol\n",
        "\n\n\n",
        "\x00\x00\x00\x00",
        "PK\x03\x04 and no more",
        "\x1f\x8b\x08 and no more",
        ";;;;;;;\n",
        '"' * 1000,
    ],
)
def test_a_file_of_no_use_is_refused_in_words(content: str, import_file: Import) -> None:
    found = import_file(content.encode("latin-1"), "file.json")

    assert found["rows"] == 0
    assert found["files"][0]["error"]["message"]


def test_a_header_alone_is_no_rows_and_no_fault(import_file: Import) -> None:
    found = import_file(f"{DOLTHUB_HEADER}\n")

    assert (found["rows"], found["rejected"], found["files"][0]["output"]) == (0, 0, None)
    assert found["files"][0]["error"] is None


def test_members_of_an_archive_fail_one_by_one(import_file: Import) -> None:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("good.csv", text_of("dolthub"))
        archive.writestr("readme.txt", "call us\n")
        archive.writestr("../outside.csv", text_of("dolthub").replace("2020-11-27", "2020-11-30"))

    found = import_file(stream.getvalue(), "all.zip")

    assert found["rows"] == 4
    assert ["none of the known" in str(one["error"]) for one in found["files"]] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "as_format", "says"),
    [
        (cboe(), "cboe_json", "is a document without options"),
        ('{"errors": [{"status": "401", "title": "Unauthorized"}]}', "schwab_json", "Unauthorized"),
        (json.dumps({"symbol": "X", "status": "FAILED", "callExpDateMap": {}}), "auto", '"status": "FAILED"'),
        ("<!DOCTYPE html><html><title>403 Forbidden</title>", "cboe_csv", "looks like a web page"),
        ('\n<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "cboe_json", "looks like a web page"),
    ],
    ids=["no-options", "refused", "failed", "page", "xml"],
)
def test_an_answer_that_is_no_chain_is_shown(text: str, as_format: str, says: str, import_file: Import) -> None:
    found = import_file(text, "SPY.json", as_format=as_format)

    assert found["rows"] == 0
    error = found["files"][0]["error"]
    assert says in error["message"]
    assert error["advice"]


def test_zeros_in_a_small_file_spoil_their_own_row_alone(import_file: Import) -> None:
    text = text_of("dolthub")

    found = import_file(text + text.split("\n")[1].replace("AAPL", "AA\0PL") + "\n")

    assert (found["rows"], found["reasons"]) == (2, {"bad_symbol": 1})


def test_a_table_packed_under_its_own_name_is_no_bar_of_leans(import_file: Import) -> None:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("aapl.csv", text_of("dolthub"))

    found = import_file(stream.getvalue(), "aapl.zip")

    assert (found["rows"], [one["format"] for one in found["files"]]) == (2, ["dolthub"])
