from thetaloom.domain.values.instruments import INDEX_ROOTS, ROOT_PATTERN
from thetaloom.marketdata.symbols import SECTORS, describe, known_symbols
from thetaloom.marketdata.synthetic.models import MODELS


def test_every_known_symbol_can_be_the_underlying_of_an_option() -> None:
    assert all(ROOT_PATTERN.fullmatch(symbol) for symbol in known_symbols())
    assert all(one.symbol == symbol and one.name for symbol, one in known_symbols().items())


def test_sectors_are_those_of_gics_and_all_of_them_occur() -> None:
    sectors = {one.sector for one in known_symbols().values()} - {None}

    assert len(SECTORS) == 11
    assert sectors == SECTORS


def test_every_stock_has_a_sector_and_no_index_has() -> None:
    stocks = [one for one in known_symbols().values() if one.kind == "equity"]

    assert len(stocks) >= 120
    assert all(one.sector for one in stocks)
    assert all(one.sector is None for one in known_symbols().values() if one.kind == "index")
    assert {root.underlying for root in INDEX_ROOTS.values()} == {
        one.symbol for one in known_symbols().values() if one.kind == "index"
    }


def test_well_known_facts() -> None:
    assert describe("AAPL").sector == "Information Technology"
    assert describe("GOOG").sector == "Communication Services"
    assert describe("XLE").sector == "Energy"
    assert (describe("SPY").kind, describe("SPY").sector) == ("etf", None)
    assert (describe("SPX").kind, describe("SPX").sector) == ("index", None)


def test_of_an_unknown_symbol_the_sector_is_unknown() -> None:
    assert (describe("NOBODY").kind, describe("NOBODY").name, describe("NOBODY").sector) == ("equity", "NOBODY", None)


def test_every_made_up_underlying_is_known() -> None:
    assert set(MODELS) <= set(known_symbols())
