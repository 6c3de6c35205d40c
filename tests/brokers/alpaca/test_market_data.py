"""Chains, quotes and their ages, from snapshots and from the stream."""

from datetime import date, timedelta

import pytest

from tests.brokers.alpaca.conftest import Desk
from tests.brokers.alpaca.waiting import until
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b

SHORT, LONG = (leg.contract for leg in b.legs())


def test_a_chain_has_every_listed_contract_with_quotes_greeks_and_spot(opened: Desk) -> None:
    opened.market.set_column("delta", {"SPY 2026-01-16 P 560": -0.31})
    opened.market.set_column("iv", {"SPY 2026-01-16 P 560": 0.21})

    chain = opened.opened[0].market.chain("SPY", opened.clock.now())

    assert chain is not None and chain.source == "alpaca" and not chain.synthetic and chain.spot == Price(575)
    assert chain.strike.tolist() == [555_000, 560_000] and chain.bid.tolist() == [1.0, 2.0]
    assert chain.delta.tolist()[1] == -0.31 and chain.iv.tolist()[1] == 0.21
    assert chain.as_of == opened.clock.now() and chain.open_interest.tolist() == [237.0, 237.0]


@pytest.mark.parametrize("told", [{"size": "50"}, {"multiplier": "10"}, {"tradable": False}], ids=str)
def test_a_contract_that_is_adjusted_or_halted_is_in_no_chain(opened: Desk, told: dict[str, object]) -> None:
    opened.server.data.adjusted[LONG.compact] = told

    chain = opened.opened[0].market.chain("SPY", opened.clock.now())

    assert chain is not None and chain.strike.tolist() == [560_000]


def test_watched_contracts_are_streamed_and_changes_polled_once(opened: Desk) -> None:
    market = opened.opened[0].market
    market.watch([SHORT, LONG])
    seen: dict[OptionContract, Quote] = {}

    def polled() -> bool:
        batch = market.poll()
        if batch is not None:
            seen.update(batch.quotes)
        return SHORT in seen and seen[SHORT].bid == Price("2.25")

    until(lambda: bool(opened.server.sockets.watched() >= {SHORT.compact, LONG.compact}), lambda: "not subscribed")
    opened.market.set_quote(SHORT, "2.25", "2.35")
    until(polled, lambda: str(seen))

    assert market.poll() is None


def test_the_free_feed_says_that_it_is_a_quarter_of_an_hour_late(desk: Desk) -> None:
    desk.options |= {"option_feed": "indicative"}
    market = desk.connect().market

    quotes = market.quotes([SHORT], desk.clock.now())

    assert quotes[SHORT].quoted_at == desk.clock.now() - timedelta(minutes=15)


def test_silence_is_a_failure_and_what_was_quoted_is_confirmed_no_more(desk: Desk) -> None:
    desk.options |= {"silence_seconds": "0.6"}
    desk.market.always_fresh = False
    market = desk.connect().market
    market.watch([SHORT])
    until(lambda: desk.server.sockets.watched() >= {SHORT.compact}, lambda: "not subscribed")
    until(lambda: SHORT in market._board.quotes([SHORT], desk.clock.now()), lambda: "not quoted")
    quoted_at = desk.clock.now()

    desk.server.mute(True)
    until(lambda: market.links()[0].drops == 1, lambda: "still up")
    desk.clock.advance(seconds=90)

    assert market._board.quotes([SHORT], desk.clock.now())[SHORT].quoted_at == quoted_at
    desk.server.mute(False)
    until(lambda: market.links()[0].is_up, lambda: f"not back: {market.links()}")
    until(lambda: desk.server.sockets.watched() == {SHORT.compact}, lambda: "not subscribed again")


def test_history_ends_with_the_last_session_that_has_closed(opened: Desk) -> None:
    days = [date(2025, 12, 31), date(2026, 1, 2), date(2026, 1, 5)]
    opened.market.set_history("SPY", [Bar(session_on=on, open=1, high=3, low=1, close=2, volume=10) for on in days])

    bars = opened.opened[0].market.history("SPY", days[0], days[-1])

    assert [bar.session_on for bar in bars] == days[:2] and bars[0].close == 2


def test_an_unknown_symbol_is_not_carried(opened: Desk) -> None:
    assert opened.opened[0].market.underlying("NOPE") is None
    assert opened.opened[0].market.underlying("SPY") is not None


def test_a_class_of_shares_has_its_history_under_our_symbol(opened: Desk) -> None:
    days = [date(2025, 12, 31), date(2026, 1, 2)]
    opened.market.set_history("BRKB", [Bar(session_on=on, open=1, high=3, low=1, close=2, volume=10) for on in days])
    opened.market.set_spot("BRKB", 500)
    market = opened.opened[0].market

    assert [bar.session_on for bar in market.history("BRKB", days[0], days[-1])] == days
    assert market.spot("BRKB", opened.clock.now()) == Price(500)
