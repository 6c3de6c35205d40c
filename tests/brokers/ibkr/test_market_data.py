"""Quotes, chains and history come within the lines that TWS allows."""

from datetime import date
from functools import partial

import pytest

from thetaloom.brokers.ibkr.market_data import IbkrMarket
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.ports.market_data import Bar
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr.rig import LONG, SHORT, Bench

PUTS = [f"SPY 2026-01-16 P {strike}" for strike in range(540, 600, 2)]


@pytest.fixture
def market(bench: Bench) -> IbkrMarket:
    """The market data of an adapter with five lines."""
    for text in PUTS:
        bench.market.set_quote(text, "1.00", "1.10")
    bench.quote_spread()
    bench.market.set_quote("SPY 2026-01-16 P 300", "0.01", "0.02")
    bench.market.set_quote("SPY 2026-06-19 P 560", "9.00", "9.20")
    bench.server.shared.lines_max = 5
    bench.connect(market_lines="5")
    found = bench.connection.market
    assert isinstance(found, IbkrMarket)
    return found


def quote_of(market: IbkrMarket, contract: OptionContract) -> tuple[Price | None, Price | None] | None:
    known = market.quotes([contract], b.NOW).get(contract)
    return None if known is None else (known.bid, known.ask)


def test_a_chain_is_listed_near_the_money_and_swept_over_five_lines(bench: Bench, market: IbkrMarket) -> None:
    chain = market.chain("SPY", bench.clock.now())

    assert chain is not None and len(chain) == len({*map(b.contract, PUTS), SHORT, LONG})
    assert (chain.spot, chain.source, chain.synthetic) == (Price(575), "ibkr", False)
    assert not any(bid != bid for bid in chain.bid)


def test_no_more_lines_are_open_than_tws_allows(bench: Bench, market: IbkrMarket) -> None:
    market.watch([b.contract(text) for text in PUTS])
    bench.soon(lambda: quote_of(market, b.contract(PUTS[0])) is not None)

    (client,) = bench.server.shared.clients
    assert len(client.quoting.tickers) <= 5


def test_a_watched_quote_moves_with_the_market(bench: Bench, market: IbkrMarket) -> None:
    market.watch([SHORT])
    bench.soon(lambda: quote_of(market, SHORT) == (Price("1.95"), Price("2.05")))

    bench.market.set_quote(SHORT, "1.80", "1.90")

    bench.soon(lambda: quote_of(market, SHORT) == (Price("1.80"), Price("1.90")))


def test_the_models_greeks_are_the_feeds_own(bench: Bench, market: IbkrMarket) -> None:
    bench.market.set_column("iv", {SHORT.notation: 0.21})
    bench.market.set_column("delta", {SHORT.notation: -0.31})

    chain = market.chain("SPY", bench.clock.now())

    row = None if chain is None else chain.find(SHORT)
    assert chain is not None and row is not None and (chain.iv[row], chain.delta[row]) == (0.21, -0.31)


def test_lines_are_asked_for_anew_when_tws_lost_them(bench: Bench, market: IbkrMarket) -> None:
    market.watch([SHORT])
    bench.soon(lambda: quote_of(market, SHORT) is not None)
    bench.server.do(partial(bench.server.shared.clients[0].quoting.tickers.clear))

    bench.server.say_error(1101, "Connectivity between IB and TWS has been restored - data lost.")
    bench.market.set_quote(SHORT, "1.70", "1.80")

    bench.soon(lambda: quote_of(market, SHORT) == (Price("1.70"), Price("1.80")))


def test_history_and_volatility_are_of_closed_sessions_only(bench: Bench, market: IbkrMarket) -> None:
    days = [date(2025, 12, 31), date(2026, 1, 2)]
    bars = [Bar(session_on=day, open=570.0, high=576.0, low=569.0, close=575.0, volume=1000.0) for day in days]
    bench.market.set_history("SPY", bars)
    bench.market.set_iv_history("SPY", [(day, 0.18) for day in days])

    assert list(market.history("SPY", date(2025, 12, 1), date(2026, 1, 5))) == bars
    assert market.iv_history("SPY", date(2026, 1, 1), date(2026, 1, 5)) == [(days[1], 0.18)]


def test_there_is_no_history_of_what_tws_does_not_know(market: IbkrMarket) -> None:
    assert market.history("NOSUCH", date(2025, 12, 1), date(2026, 1, 5)) == []
    assert market.underlying("NOSUCH") is None and market.chain("NOSUCH", b.NOW) is None
