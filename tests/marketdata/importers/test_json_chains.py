"""Chains as JSON: Cboe's delayed quotes and Schwab's option chain."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import

Rows = Callable[[], pl.DataFrame]


def cboe_document(**changes: Any) -> dict[str, Any]:
    """The answer of the free delayed chain, with a call and a put."""
    greeks = {"iv": 0.21, "delta": 0.5, "gamma": 0.01, "vega": 1.1, "theta": -0.2, "rho": 0.3, "theo": 5.0}
    quote = {"bid": 5.0, "bid_size": 10.0, "ask": 5.2, "ask_size": 12.0, "open_interest": 100.0, "volume": 7.0}
    both = [{"option": f"SPXW260821{right}07650000", **quote, **greeks, "last_trade_price": 5.1} for right in "CP"]
    inner = {"symbol": "^SPX", "current_price": 7651.5, "last_trade_time": "2026-08-05T14:31:10", "options": both}
    return {"timestamp": "2026-08-05 18:46:20", "data": {**inner, **changes}}


def schwab_document(**changes: Any) -> dict[str, Any]:
    """The answer of Schwab's chain, with a call and a put."""

    def listed(right: str, **own: Any) -> dict[str, Any]:
        return {
            "putCall": right,
            "symbol": f"LUNR  250411{right[0]}00008000",
            "bid": 0.4,
            "ask": 0.5,
            "last": 0.45,
            "bidSize": 120,
            "askSize": 13,
            "totalVolume": 10,
            "quoteTimeInLong": 1744315199486,
            "volatility": 96.6,
            "delta": 0.5,
            "gamma": 0.2,
            "theta": -0.6,
            "vega": 0.1,
            "rho": 0.0,
            "openInterest": 21,
            "strikePrice": 8.0,
            "expirationDate": "2025-04-11T20:00:00.000+00:00",
            **own,
        }

    return {
        "symbol": "LUNR",
        "status": "SUCCESS",
        "underlyingPrice": 7.865,
        "callExpDateMap": {"2025-04-11:1": {"8.0": [listed("CALL", **changes)]}},
        "putExpDateMap": {"2025-04-11:1": {"8.0": [listed("PUT")]}},
    }


def test_cboe_json_is_stamped_with_the_underlyings_last_trade(import_file: Import, rows: Rows) -> None:
    found = import_file(json.dumps(cboe_document()), "_SPX.json")

    assert (found["rows"], found["rejected"], found["files"][0]["format"]) == (2, 0, "cboe_json")
    call = rows().filter(pl.col("right") == "C").row(0, named=True)
    assert call["quote_time"] == datetime(2026, 8, 5, 18, 31, 10, tzinfo=UTC)
    assert (call["underlying"], call["root"], call["strike"]) == ("SPX", "SPXW", 7650.0)
    assert (call["bid"], call["ask"], call["bid_size"], call["open_interest"]) == (5.0, 5.2, 10, 100)
    assert (call["implied_vol"], call["theta"], call["underlying_price"]) == (0.21, -0.2, 7651.5)


def test_cboe_json_without_a_last_trade_is_older_than_its_document(import_file: Import, rows: Rows) -> None:
    import_file(json.dumps(cboe_document(last_trade_time=None)), "_SPX.json")

    assert set(rows()["quote_time"]) == {datetime(2026, 8, 5, 18, 31, 20, tzinfo=UTC)}


def test_an_entry_that_is_none_is_kept_aside(import_file: Import, out: Any) -> None:
    document = cboe_document()
    document["data"]["options"] += ["text", {"option": "SPXW260821X07650000", "bid": 1.0, "ask": 2.0}, {"bid": -4.0}]

    found = import_file(json.dumps(document), "_SPX.json")

    assert found["rows"] == 2
    assert found["reasons"] == {"bad_entry": 1, "no_expiration": 2}
    assert '"text"' in (out / "rejected" / "_SPX.csv").read_text().replace('""', '"')


def test_schwab_volatility_is_percent_and_its_instant_the_newest_quote(import_file: Import, rows: Rows) -> None:
    found = import_file(json.dumps(schwab_document()), "LUNR.json")

    assert (found["rows"], found["rejected"], found["files"][0]["format"]) == (2, 0, "schwab_json")
    call = rows().filter(pl.col("right") == "C").row(0, named=True)
    assert call["quote_time"] == datetime(2025, 4, 10, 19, 59, 59, 486000, tzinfo=UTC)
    assert (call["expiration"], call["implied_vol"], call["underlying_price"]) == (date(2025, 4, 11), 0.966, 7.865)


@pytest.mark.parametrize("marker", [-999.0, "NaN", None, "-999.0"])
def test_schwabs_markers_are_unknown(marker: Any, import_file: Import, rows: Rows) -> None:
    names = ("volatility", "delta", "gamma", "theta", "vega", "rho")
    found = import_file(json.dumps(schwab_document(**dict.fromkeys(names, marker))), "LUNR.json")

    assert (found["rows"], found["rejected"]) == (2, 0)
    call = rows().filter(pl.col("right") == "C").row(0, named=True)
    assert [call[name] for name in ("implied_vol", "delta", "gamma", "theta", "vega", "rho")] == [None] * 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(cboe_document())[:-40], "cut short"),
        (json.dumps([cboe_document()]), "no object"),
        (json.dumps(cboe_document(last_trade_time="soon")).replace("2026-08-05 18:46:20", "now"), "when it was quoted"),
        ("[" * 100_000, "is not cboe_json"),
    ],
    ids=["cut", "array", "no-time", "deep"],
)
def test_json_that_is_no_chain_is_refused(text: str, says: str, import_file: Import) -> None:
    found = import_file(text, "_SPX.json", as_format="cboe_json")

    assert says in found["files"][0]["error"]["message"]
