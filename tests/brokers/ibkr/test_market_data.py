"""Quotes, chains and history come within the lines that TWS allows."""

from contextlib import suppress
from datetime import date
from functools import partial

import pytest
from numpy import isnan

from thetaloom.brokers.ibkr import chains, quote_lines
from thetaloom.brokers.ibkr.market_data import IbkrMarket
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataPending, MarketDataUnavailable
from thetaloom.ports.market_data import Bar
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.quoting import ASK, BID
from thetaloom.testing.broker_servers.ibkr.rig import LONG, SHORT, Bench
from thetaloom.testing.broker_servers.ibkr.wire import framed

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


def sides(market: IbkrMarket, told: dict[OptionContract, Quote]) -> tuple[Price | None, Price | None] | None:
    """Return what was polled last of the sold put, and keep it; to ask for its quote would lend it a line."""
    batch = market.poll()
    told |= {} if batch is None else batch.quotes
    return (told[SHORT].bid, told[SHORT].ask) if SHORT in told else None


def has_come(market: IbkrMarket, found: list[OptionChain | None]) -> bool:
    """Ask for the chain, and keep it; say whether it was no longer pending."""
    with suppress(MarketDataPending):
        found.append(market.chain("SPY", b.NOW))
    return bool(found)


def is_price(message: bytes, *kinds: int) -> bool:
    """Say whether a message of TWS tells a price of such a kind."""
    told = message[4:].split(b"\0")
    return told[0] == b"1" and int(told[3]) in kinds


def test_a_chain_is_listed_near_the_money_and_swept_over_five_lines(bench: Bench, market: IbkrMarket) -> None:
    chain = market.chain("SPY", bench.clock.now())

    assert chain is not None and len(chain) == len({*map(b.contract, PUTS), SHORT, LONG})
    assert (chain.spot, chain.source, chain.synthetic) == (Price(575), "ibkr", False)
    assert not any(bid != bid for bid in chain.bid)


def test_a_chain_is_swept_anew_when_its_quotes_are_a_minute_old(bench: Bench, market: IbkrMarket) -> None:
    assert market.chain("SPY", bench.clock.now()) is not None
    bench.market.set_quote(PUTS[0], "1.20", "1.30")
    bench.clock.advance(seconds=61)

    chain = market.chain("SPY", bench.clock.now())

    assert chain is not None
    row = chain.find(b.contract(PUTS[0]))
    assert row is not None and (chain.bid[row], chain.ask[row]) == (1.20, 1.30)
    assert {chain.quote(each).quoted_at for each in range(len(chain))} == {bench.clock.now()}


def test_nobody_decides_on_half_a_chain(bench: Bench, market: IbkrMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "WAIT_SECONDS", 0.0)

    with pytest.raises(MarketDataPending, match="quotes of SPY"):
        market.chain("SPY", bench.clock.now())

    found: list[OptionChain | None] = []
    bench.soon(lambda: has_come(market, found))
    assert found[0] is not None and not isnan(found[0].bid).any()


def test_contracts_that_nobody_watches_say_their_quotes_when_asked(bench: Bench, market: IbkrMarket) -> None:
    wanted = [b.contract(text) for text in PUTS[:9]]  # more than there are lines

    assert {*map(partial(quote_of, market), wanted)} == {(Price("1.00"), Price("1.10"))}

    for text in PUTS[:9]:
        bench.market.set_quote(text, "1.20", "1.30")
    bench.clock.advance(seconds=301)
    assert {*map(partial(quote_of, market), wanted)} == {(Price("1.20"), Price("1.30"))}
    assert {one.quoted_at for one in market.quotes(wanted, b.NOW).values()} == {bench.clock.now()}


def test_what_has_expired_or_is_not_listed_is_not_asked_for_again_and_again(bench: Bench, market: IbkrMarket) -> None:
    refused: list[bytes] = []

    def noted(message: bytes) -> bytes:
        refused.extend([message] if b"No security definition" in message else [])
        return message

    bench.server.shared.twist = noted
    odd = [b.contract("SPY 2025-12-19 P 560"), b.contract("SPY 2026-01-16 P 123")]

    assert [market.quotes(odd, b.NOW) for _ in range(3)] == 3 * [{}]
    assert market.underlying("NOSUCH") is None and len(refused) == 2  # one contract of the two, and this symbol


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


def test_a_quote_stands_as_long_as_anything_is_heard(bench: Bench) -> None:
    bench.connect(silence_seconds="600")  # TWS is asked for the time every 200 seconds
    market = bench.connection.market
    assert isinstance(market, IbkrMarket)
    market.watch([SHORT, LONG])
    bench.soon(lambda: {SHORT, LONG} == market.quotes([SHORT, LONG], b.NOW).keys())

    bench.clock.advance(seconds=400)
    bench.market.set_quote(LONG, "1.05", "1.15")

    bench.soon(lambda: market.quotes([SHORT], b.NOW)[SHORT].quoted_at == bench.clock.now())


def test_a_new_line_on_the_same_contract_knows_nothing_of_what_the_old_one_said(
    bench: Bench, market: IbkrMarket
) -> None:
    told: dict[OptionContract, Quote] = {}
    market.watch([SHORT])
    bench.soon(lambda: sides(market, told) == (Price("1.95"), Price("2.05")))
    market.watch([])
    bench.soon(lambda: not market.lines.is_open(SHORT))
    bench.server.shared.twist = lambda message: b"" if is_price(message, BID) else message
    bench.market.set_quote(SHORT, "1.75", "1.85")

    market.watch([SHORT])

    bench.soon(lambda: sides(market, told) == (None, Price("1.85")))


def test_a_contract_that_is_watched_again_shows_its_old_quote_with_the_age_it_has(
    bench: Bench, market: IbkrMarket
) -> None:
    told: dict[OptionContract, Quote] = {}
    market.watch([SHORT])
    bench.soon(lambda: sides(market, told) == (Price("1.95"), Price("2.05")))
    market.watch([])
    bench.soon(lambda: not market.lines.is_open(SHORT))
    bench.server.shared.twist = lambda message: b"" if is_price(message, BID, ASK) else message
    bench.clock.advance(seconds=600)

    market.watch([SHORT])

    bench.soon(lambda: market.lines.is_open(SHORT))
    assert sides(market, told) == (Price("1.95"), Price("2.05")) and told[SHORT].quoted_at == b.NOW


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


def line_of(bench: Bench, contract: OptionContract) -> int:
    (client,) = bench.server.shared.clients
    return next(number for number, ticker in client.quoting.tickers.items() if ticker.option == contract)


def test_a_line_that_tws_says_has_ended_confirms_nothing_and_is_opened_again(
    bench: Bench, market: IbkrMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quote_lines, "TURN_SECONDS", 0.05)
    monkeypatch.setattr(quote_lines, "DEAD_SECONDS", 0.0)
    market.watch([SHORT])
    bench.soon(lambda: quote_of(market, SHORT) == (Price("1.95"), Price("2.05")))
    first = line_of(bench, SHORT)

    bench.server.say_error(10197, "No market data during competing live session", first)
    bench.server.do(lambda: bench.server.shared.clients[0].quoting.tickers.pop(first))
    bench.soon(lambda: not market.lines.is_open(SHORT))
    bench.server.shared.twist = lambda message: b"" if is_price(message, BID, ASK) else message
    bench.clock.advance(seconds=600)
    assert bench.connection.broker.account().cash is not None  # the line to TWS stands
    assert market.quotes([SHORT], bench.clock.now())[SHORT].quoted_at == b.NOW

    bench.server.shared.twist = None
    bench.market.set_quote(SHORT, "1.70", "1.80")
    bench.soon(lambda: quote_of(market, SHORT) == (Price("1.70"), Price("1.80")))
    assert line_of(bench, SHORT) != first


def test_a_part_that_is_not_subscribed_leaves_the_rest_of_a_line_as_it_is(bench: Bench, market: IbkrMarket) -> None:
    market.watch([SHORT])
    bench.soon(lambda: quote_of(market, SHORT) is not None)

    bench.server.say_error(10090, "Part of requested market data is not subscribed.", line_of(bench, SHORT))

    assert bench.connection.broker.account().cash is not None
    assert market.lines.is_open(SHORT)


def test_a_delayed_quote_is_no_quote(bench: Bench, market: IbkrMarket) -> None:
    def as_delayed(message: bytes) -> bytes:
        told = message[4:].split(b"\0")
        return framed(58, 1, told[2].decode(), 3) if told[0] == b"58" else message

    bench.server.shared.twist = as_delayed
    market.watch([SHORT])
    bench.soon(lambda: market.lines.is_open(SHORT))

    assert quote_of(market, SHORT) is None


def test_history_and_volatility_are_of_closed_sessions_only(bench: Bench, market: IbkrMarket) -> None:
    days = [date(2025, 12, 31), date(2026, 1, 2)]
    bars = [Bar(session_on=day, open=570.0, high=576.0, low=569.0, close=575.0, volume=1000.0) for day in days]
    bench.market.set_history("SPY", bars)
    bench.market.set_iv_history("SPY", [(day, 0.18) for day in days])

    assert list(market.history("SPY", date(2025, 12, 1), date(2026, 1, 5))) == bars
    assert market.iv_history("SPY", date(2026, 1, 1), date(2026, 1, 5)) == [(days[1], 0.18)]


def test_a_class_of_shares_has_its_history_under_our_symbol(bench: Bench, market: IbkrMarket) -> None:
    bar = Bar(session_on=date(2026, 1, 2), open=500.0, high=506.0, low=499.0, close=505.0, volume=1000.0)
    bench.market.set_history("BRKB", [bar])

    assert list(market.history("BRKB", date(2025, 12, 1), date(2026, 1, 5))) == [bar]


def test_a_history_that_was_asked_for_too_often_is_not_none_at_all(bench: Bench, market: IbkrMarket) -> None:
    def too_often(message: bytes) -> bytes:
        told = message[4:].decode().split("\0")
        text = "Historical Market Data Service error message:Historical data request pacing violation"
        return telling.error(int(told[2]), 162, text) if told[:1] == ["4"] and told[3] == "162" else message

    assert market.history("SPY", date(2025, 12, 1), date(2026, 1, 5)) == []
    bench.server.shared.twist = too_often

    with pytest.raises(MarketDataUnavailable, match="pacing violation"):
        market.history("SPY", date(2025, 12, 1), date(2026, 1, 5))


def test_there_is_no_history_of_what_tws_does_not_know(market: IbkrMarket) -> None:
    assert market.history("NOSUCH", date(2025, 12, 1), date(2026, 1, 5)) == []
    assert market.underlying("NOSUCH") is None and market.chain("NOSUCH", b.NOW) is None
