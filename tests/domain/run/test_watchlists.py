"""Watchlists: what is a symbol, what a file may hold, and how many go into the mail."""

import pytest

from thetaloom.domain.run.watchlists import (
    LIQUID,
    LIQUID_SYMBOLS,
    Watchlist,
    check_digest,
    clean_symbols,
    digest_symbols,
    read_symbols,
)
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput
from thetaloom.testing.builders import NOW


def watchlist(*symbols: str, name: str = "mine", in_digest: bool = False) -> Watchlist:
    """A list of Anna's."""
    return Watchlist(user_id=UserId("anna"), name=name, symbols=symbols, in_digest=in_digest, changed_at=NOW)


def test_a_file_of_symbols_may_be_lines_or_a_table_and_says_what_it_refuses() -> None:
    text = (
        '\ufeffSymbol,Name\nspy,SPDR S&P 500\n\n# mine\nBRK.B;Berkshire\n"qqq"\t1\nspy\n^VIX\nno good\n=HYPERLINK()\n'
    )

    found = read_symbols(text)

    assert found.symbols == ("SPY", "BRKB", "QQQ", "VIX")
    assert found.repeated == 1
    assert [(one.line, one.text) for one in found.refused] == [(9, "no good"), (10, "=HYPERLINK()")]


def test_symbols_are_written_in_capitals_and_once() -> None:
    assert clean_symbols([" spy", "SPY", "qqq", ""]) == ("SPY", "QQQ")
    with pytest.raises(InvalidInput, match="is no symbol"):
        clean_symbols(["SPY; DROP TABLE"])


@pytest.mark.parametrize(
    ("name", "symbols"), [("", ("SPY",)), ("Tech", ("SPY",)), ("../x", ()), ("a", ("spy",)), ("a", ("SPY", "SPY"))]
)
def test_a_list_that_is_none_cannot_be_made(name: str, symbols: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        watchlist(*symbols, name=name)


def test_at_most_twenty_symbols_go_into_the_mail_over_all_lists() -> None:
    twenty = [f"A{number}" for number in range(20)]

    check_digest([watchlist(*twenty[:10], in_digest=True), watchlist(*twenty, name="b", in_digest=True)])
    check_digest([watchlist(*twenty, "B1", "B2")])
    with pytest.raises(InvalidInput, match="21 symbols"):
        check_digest([watchlist(*twenty, in_digest=True), watchlist("B1", name="b", in_digest=True)])


def test_who_watches_nothing_hears_of_spy() -> None:
    assert digest_symbols([]) == ("SPY",)
    assert digest_symbols([watchlist("QQQ"), watchlist("GLD", "TLT", name="b", in_digest=True)]) == ("GLD", "TLT")


def test_the_shipped_list_has_fifteen_names() -> None:
    assert len(LIQUID_SYMBOLS) == 15
    assert watchlist(*LIQUID_SYMBOLS, name=LIQUID).symbols == LIQUID_SYMBOLS
