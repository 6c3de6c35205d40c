import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.domain.values.symbols import canonical_symbol, spellings

MARKS = ("/", ".", " ", "-")


@pytest.mark.parametrize("text", ["BRKB", "BRK.B", "BRK/B", "BRK B", "BRK-B", "brk b", " brk.b "])
def test_however_a_class_of_shares_is_written_it_is_one_symbol(text: str) -> None:
    assert canonical_symbol(text) == "BRKB"


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("spy", "SPY"),
        ("^SPX", "SPX"),
        ("$VIX", "VIX"),
        ("BF/B", "BFB"),
        ("VOD.L", "VOD.L"),  # of London
        ("SPAQ.U", "SPAQ.U"),  # a unit
        ("BAC/PRL", "BAC/PRL"),  # a preferred
        ("XYZ WS", "XYZ WS"),  # a warrant
        ("/ESZ6", "/ESZ6"),  # a future
        ("BTC-USD", "BTC-USD"),
    ],
)
def test_what_is_no_class_of_shares_keeps_its_marks(text: str, symbol: str) -> None:
    assert canonical_symbol(text) == symbol


@given(st.from_regex(r"\A[A-Z]{1,6}\Z"), st.sampled_from(MARKS))
def test_every_spelling_of_a_symbol_is_read_as_that_symbol(symbol: str, mark: str) -> None:
    assert symbol == spellings(symbol, mark)[0]
    assert {canonical_symbol(name) for name in spellings(symbol, mark)} == {symbol}


def test_no_index_and_no_fund_without_a_class_is_asked_for_twice() -> None:
    known = (*INDEX_ROOTS, "SPY", "QQQ", "IWM", "AAPL", "V")

    assert [symbol for symbol in known if len(spellings(symbol, "/")) > 1] == ["XND"]
