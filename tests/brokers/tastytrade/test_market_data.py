"""Chains, quotes, candles and metrics from tastytrade."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from tastytrade.dxfeed import Greeks as SdkGreeks
from tastytrade.dxfeed import Quote as SdkQuote

from tests.brokers.tastytrade.conftest import PATIENCE_SECONDS, Desk, until
from thetaloom.brokers.tastytrade.compact import BadEvents, CompactDecoder
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.events import Dividend, Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.tastytrade.wire import Asked, Told
from thetaloom.testing.clock import FakeClock

SOLD, BOUGHT = (leg.contract for leg in b.legs())
BARS = [
    Bar(session_on=date(2025, 12, day), open=570.0, high=576.5, low=569.25, close=575.0 + day / 100, volume=1e6)
    for day in (29, 30, 31)
]


def test_a_chain_lists_every_strike_with_its_quotes_and_the_spot(desk: Desk) -> None:
    market = desk.opened[-1].market
    chain = market.chain("SPY", desk.clock.now())

    assert chain is not None and chain.source == "tastytrade" and not chain.synthetic
    assert len(chain) == 4 and chain.spot == Price(575)
    quote = chain.quote_of(SOLD)
    assert quote is not None and (quote.bid, quote.ask, quote.bid_size) == (Price("2.00"), Price("2.10"), 10)


def test_a_symbol_without_options_has_no_chain(desk: Desk) -> None:
    market = desk.opened[-1].market

    assert market.chain("NONE", desk.clock.now()) is None and market.underlying("NONE") is None


def test_watched_quotes_come_as_they_change(desk: Desk) -> None:
    market = desk.opened[-1].market
    market.watch([SOLD])
    assert until(lambda: market.poll() is not None)
    desk.market.set_quote(SOLD, "2.20", "2.30")

    found: dict[OptionContract, Quote] = {}
    assert until(lambda: bool((batch := market.poll()) and found.update(batch.quotes)) or SOLD in found)
    assert found[SOLD].bid == Price("2.20")


def test_greeks_of_the_feed_stand_in_the_chain(desk: Desk) -> None:
    desk.market.set_column("delta", {SOLD.notation: -0.25})
    desk.market.set_column("iv", {SOLD.notation: 0.18})
    chain = desk.opened[-1].market.chain("SPY", desk.clock.now())

    assert chain is not None
    index = chain.find(SOLD)
    assert index is not None and (chain.delta[index], chain.iv[index]) == (-0.25, 0.18)


def test_daily_candles_are_bars_of_closed_sessions_and_volatilities(desk: Desk) -> None:
    desk.market.set_history("SPY", BARS)
    desk.market.set_iv_history("SPY", [(bar.session_on, 0.15 + bar.session_on.day / 1000) for bar in BARS])
    market = desk.opened[-1].market

    assert market.history("SPY", date(2025, 12, 30), date(2026, 1, 5)) == BARS[1:]
    assert market.iv_history("SPY", date(2025, 12, 1), date(2026, 1, 5)) == [
        (bar.session_on, 0.15 + bar.session_on.day / 1000) for bar in BARS
    ]


def test_what_is_held_of_a_class_of_shares_is_priced_without_its_chain(desk: Desk) -> None:
    market, put = desk.opened[-1].market, b.contract("BRKB 2026-01-16 P 480")
    desk.market.set_quote(put, "1.90", "2.10")
    desk.market.set_spot("BRKB", 500)
    desk.market.set_history("BRKB", BARS)

    market.watch([put])

    assert until(lambda: market.board.spot("BRKB", desk.clock.now()) == Price(500))
    assert market.history("BRKB", date(2025, 12, 30), date(2026, 1, 5)) == BARS[1:]


def test_while_nobody_tells_how_a_symbol_is_listed_it_is_watched_under_its_own(desk: Desk) -> None:
    market, ask = desk.opened[-1].market, desk.server.rest.answer
    paths: list[str] = []

    def silent(asked: Asked, *, late: bool = False) -> Told:
        paths.append(asked.path)
        return Told(status=503) if asked.path == "/instruments/equities" else ask(asked, late=late)

    desk.server.rest.answer = silent  # type: ignore[method-assign]  # the one request that must not go through
    market.watch([SOLD])

    assert until(lambda: market.board.spot("SPY", desk.clock.now()) == Price(575))
    assert "/instruments/equities" in paths


def test_the_root_of_an_index_is_no_underlying(desk: Desk) -> None:
    desk.market.set_quote("SPXW 2026-01-16 P 5600", "20.00", "21.00")
    market = desk.opened[-1].market

    assert market.underlying("SPXW") is None and market.chain("SPX", desk.clock.now()) is not None


def test_a_symbol_without_history_has_none(desk: Desk) -> None:
    assert desk.opened[-1].market.history("NONE", date(2025, 12, 30), date(2026, 1, 5)) == []


def test_the_newest_complete_minutes_are_told(desk: Desk) -> None:
    bars = [replace(BARS[0], session_on=date(2026, 1, 5), close=570.0 + at) for at in range(5)]
    desk.market.set_intraday("SPY", 5, bars)

    assert desk.opened[-1].market.intraday("SPY", 5, 3) == bars[-3:]


def test_the_test_site_knows_no_events(desk: Desk) -> None:
    market = desk.opened[-1].market

    assert market.corporate_events("SPY", date(2026, 1, 5), date(2026, 6, 1)) is None and market.iv_rank("SPY") is None


def test_a_live_session_tells_rank_earnings_and_dividends(clean_desk: Desk) -> None:
    desk = clean_desk
    desk.backend.is_live = True
    desk.market.set_iv_history(
        "SPY", [(date(2025, 12, 29), 0.10), (date(2025, 12, 30), 0.30), (date(2025, 12, 31), 0.25)]
    )
    known = Events(
        as_of=desk.clock.now(),
        source="test",
        earnings=(date(2026, 1, 28),),
        dividends=(Dividend(ex_on=date(2026, 2, 6), amount=Decimal("0.26")),),
    )
    desk.market.set_events("SPY", known)
    market = desk.connect(is_live=True).market
    events = market.corporate_events("SPY", date(2026, 1, 5), date(2026, 6, 1))

    assert market.iv_rank("SPY") == pytest.approx(75)
    assert events is not None and events.earnings == known.earnings and events.dividends == known.dividends
    assert events.earnings_known_until == date(2026, 1, 28) and events.dividends_known_until == date(2026, 2, 6)


def test_after_a_drop_nothing_counts_as_confirmed_until_it_is_said_again(desk: Desk) -> None:
    market = desk.opened[-1].market
    market.chain("SPY", desk.clock.now())
    told_at = desk.clock.now()
    desk.server.go_down(True)
    assert until(lambda: not market.links()[0].is_up)
    desk.clock.advance(minutes=5)
    old = market.quotes([SOLD], desk.clock.now())[SOLD]
    desk.server.go_down(False)

    assert old.quoted_at == told_at
    assert until(lambda: market.quotes([SOLD], desk.clock.now())[SOLD].quoted_at == desk.clock.now())
    assert market.links()[0].drops == 1


def test_a_stream_that_falls_silent_is_opened_anew(hurried_desk: Desk) -> None:
    market = hurried_desk.opened[-1].market
    hurried_desk.server.mute(True)
    assert until(lambda: not market.links()[0].is_up)
    hurried_desk.server.mute(False)

    assert market.wait_up(PATIENCE_SECONDS)


def test_the_token_is_given_only_after_it_was_asked_for(clean_desk: Desk) -> None:
    clean_desk.server.dxlink.ask_seconds = 0.1
    market = clean_desk.connect().market

    assert market.links()[0].is_up and clean_desk.server.faults == []


def frame(kind: str, events: list[dict[str, object]], names: list[str]) -> list[object]:
    return [kind, [one.get(name, "NaN") for one in events for name in names]]


@pytest.fixture
def board() -> QuoteBoard:
    return QuoteBoard(FakeClock(), "test")


def test_our_decoder_reads_what_the_models_of_the_sdk_read(board: QuoteBoard) -> None:
    at = int(b.NOW.timestamp() * 1000) - 5000
    names = [field.alias or name for name, field in SdkQuote.model_fields.items()]
    head = {"eventTime": 0, "sequence": 0, "timeNanoPart": 0, "bidExchangeCode": "C", "askExchangeCode": "C"}
    events = [
        {**head, "eventSymbol": SOLD.streamer, "bidTime": at, "askTime": at - 9, "bidPrice": 2.05, "askPrice": 2.1,
         "bidSize": 7, "askSize": 12},
        {**head, "eventSymbol": BOUGHT.streamer, "bidTime": at, "askTime": at, "bidPrice": 0, "askPrice": 1.35,
         "bidSize": "NaN", "askSize": 3},
    ]  # fmt: skip
    compact = frame("Quote", events, names)
    models = {one.event_symbol: one for one in SdkQuote.from_stream(compact[1])}  # type: ignore[arg-type]  # a flat list
    decoder = CompactDecoder(board, FakeClock())
    decoder.configure({"Quote": names})
    decoder.listen({one.streamer: board.place(one) for one in (SOLD, BOUGHT)}, {})
    decoder.take(compact)
    found = board.quotes((SOLD, BOUGHT), b.NOW)

    for contract in (SOLD, BOUGHT):
        model = models[contract.streamer]
        assert (found[contract].bid, found[contract].ask) == (model.bid_price, model.ask_price)
        assert found[contract].ask_size == model.ask_size
        assert (found[contract].bid_size or 0) == model.bid_size
    assert found[SOLD].quoted_at.timestamp() * 1000 == max(
        models[SOLD.streamer].bid_time, models[SOLD.streamer].ask_time
    )


def test_greeks_decode_as_the_models_of_the_sdk_do(board: QuoteBoard) -> None:
    names = [field.alias or name for name, field in SdkGreeks.model_fields.items()]
    numbers = dict.fromkeys(("eventTime", "eventFlags", "index", "time", "sequence"), 1)
    event = {**numbers, "eventSymbol": SOLD.streamer, "price": 2.0, "volatility": 0.2213, "delta": -0.31, "gamma": 0.01,
             "theta": -0.1, "rho": 0.1, "vega": 0.5}  # fmt: skip
    compact = frame("Greeks", [event], names)
    (model,) = SdkGreeks.from_stream(compact[1])  # type: ignore[arg-type]  # a flat list
    decoder = CompactDecoder(board, FakeClock())
    decoder.configure({"Greeks": names})
    slots = board.list_chain("SPY", [SOLD])
    decoder.listen({SOLD.streamer: int(slots[0])}, {})
    decoder.take(compact)
    board.put_spot("SPY", 575, b.NOW)
    chain = board.chain("SPY", b.NOW)

    assert chain is not None and (chain.iv[0], chain.delta[0]) == (float(model.volatility), float(model.delta))


def test_events_come_as_objects_too(board: QuoteBoard) -> None:
    decoder = CompactDecoder(board, FakeClock())
    decoder.listen({SOLD.streamer: board.place(SOLD)}, {})
    told = {"eventType": "Quote", "eventSymbol": SOLD.streamer, "bidPrice": 2.0, "askPrice": "NaN"}

    assert decoder.take([told]) == 1
    found = board.quotes([SOLD], b.NOW)[SOLD]
    assert (found.bid, found.ask) == (Price(2), None)


def test_values_that_do_not_fit_the_fields_end_the_line(board: QuoteBoard) -> None:
    with pytest.raises(BadEvents):
        CompactDecoder(board, FakeClock()).take(["Quote", [".SPY", 1]])


def test_a_symbol_nobody_asked_for_changes_nothing(board: QuoteBoard) -> None:
    decoder = CompactDecoder(board, FakeClock())
    before = board.counts()
    decoder.take(["Greeks", [".SPY260116P1", 0.2, -0.1]])

    assert board.counts() == before
