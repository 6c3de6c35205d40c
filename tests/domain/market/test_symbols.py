from datetime import UTC, datetime

import pytest

from thetaloom.domain.market.symbols import SymbolRecord, matching_symbols, why_no_underlying


@pytest.mark.parametrize("symbol", ["SPY", "BRKB", "SPX", "XEQ", "X", "NOPE", "7203", "RY.TO", "VOD.L"])
def test_what_may_be_an_underlying_is_for_the_source_to_know(symbol: str) -> None:
    assert why_no_underlying(symbol) == ""


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("SPXW", "a root of SPX: name SPX"),
        ("NDXP", "a root of NDX"),
        ("VIXW", "a root of VIX"),
        ("RUTW", "a root of RUT"),
        ("AAPL1", "an adjusted root of AAPL"),
        ("/ESZ6", "is a future"),
        ("./ESZ6 EW1Z6 261204C6000", "is a future"),
        ("BAC/PRL", "is a preferred share"),
        ("BAC-PL", "is a preferred share"),
        ("XYZ WS", "a warrant"),
        ("XYZ.U", "a unit"),
        ("", "is no symbol"),
        ("=CMD()", "is no symbol"),
        ("A" * 13, "is no symbol"),
    ],
)
def test_what_is_none_is_refused_with_its_reason(symbol: str, words: str) -> None:
    assert words in why_no_underlying(symbol)


@pytest.mark.parametrize("query", ["BRKB", "BRK.B", "brk/b", "brk b"])
def test_a_class_of_shares_is_found_however_it_is_typed(query: str) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    known = [SymbolRecord(symbol=symbol, name="", kind="equity", refreshed_at=at) for symbol in ("BRKB", "SPY")]

    assert [one.symbol for one in matching_symbols(known, query)] == ["BRKB"]
