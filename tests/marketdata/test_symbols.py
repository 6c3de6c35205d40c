"""What the offline sources say of symbols."""

import pytest

from thetaloom.marketdata.symbols import describe


@pytest.mark.parametrize(
    ("symbol", "kind"), [("SPX", "index"), ("XEO", "equity"), ("OEX", "index"), ("SPY", "etf"), ("GOOG", "equity")]
)
def test_a_symbol_is_an_index_a_fund_or_a_stock(symbol: str, kind: str) -> None:
    assert describe(symbol).kind == kind


def test_a_symbol_nobody_knows_is_named_by_itself() -> None:
    assert describe("XYZ").name == "XYZ"
