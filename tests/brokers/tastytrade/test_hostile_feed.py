"""A feed that says what cannot be: no number of it is believed, and what was known is good no longer."""

import json
import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.brokers.tastytrade.conftest import Desk, until
from thetaloom.brokers.tastytrade.compact import CompactDecoder
from thetaloom.domain.values.money import Price
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.links.quote_slots import IV_MAX, NUMBER_MAX
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock

SHORT = b.legs()[0].contract
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "x", "", "1"]),
)
DEEP = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner), max_leaves=6
)


def decoder() -> tuple[CompactDecoder, QuoteBoard]:
    board = QuoteBoard(FakeClock(), "test")
    made = CompactDecoder(board, FakeClock())
    slots = board.list_chain("SPY", [SHORT])
    made.listen({SHORT.streamer: int(slots[0])}, {"SPY": "SPY"})
    return made, board


@settings(max_examples=25)
@given(numbers=st.lists(ODD, min_size=6, max_size=6), kind=st.sampled_from(["Quote", "Greeks", "Trade", "Summary"]))
def test_no_value_of_an_event_reaches_a_price_that_cannot_be(numbers: list[Any], kind: str) -> None:
    made, board = decoder()
    board.put_spot("SPY", 575, b.NOW)
    width = {"Quote": 6, "Greeks": 2, "Trade": 3, "Summary": 1}[kind]

    made.take([kind, [SHORT.streamer, *numbers[:width], "SPY", *numbers[:width]]])

    chain = board.chain("SPY", b.NOW)
    assert chain is not None and chain.spot is not None and 0 < chain.spot <= int(NUMBER_MAX)
    for column, most in (
        (chain.iv, IV_MAX),
        (np.abs(chain.delta), 1),
        (chain.volume, NUMBER_MAX),
        (chain.bid_size, NUMBER_MAX),
    ):
        assert all(math.isnan(number) or 0 <= number <= most for number in column)
    for quote in board.quotes([SHORT], b.NOW).values():
        assert quote.quoted_at <= b.NOW
        assert all(side is None or abs(side) <= int(NUMBER_MAX) for side in (quote.bid, quote.ask))


@settings(max_examples=25)
@given(told=st.lists(DEEP, max_size=4))
def test_data_of_any_shape_is_read_or_is_nonsense(told: list[Any]) -> None:
    made, _ = decoder()
    try:
        made.take(told)
    except NONSENSE:
        return


def test_a_price_of_true_is_no_dollar() -> None:
    made, board = decoder()

    made.take(["Quote", [SHORT.streamer, 0, 0, True, 2.1, 1, 1]])

    assert board.quotes([SHORT], b.NOW)[SHORT].bid is None


UNREADABLE = {
    "no JSON": '{"type":"FEED_DATA","channel":1,"data":["Quo',
    "no object": "17",
    "a row too short": '{"type":"FEED_DATA","channel":1,"data":["Quote",[".SPY260116P560",0,0]]}',
    "a kind without its rows": '{"type":"FEED_DATA","channel":1,"data":["Quote"]}',
    "no data at all": '{"type":"FEED_DATA","channel":1}',
    "bottomless": '{"type":"FEED_DATA","channel":1,"data":' + "[" * 5_000,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_events_that_cannot_be_read_end_the_line_and_the_next_tells_anew(desk: Desk, name: str) -> None:
    market = desk.opened[-1].market
    market.watch([SHORT])
    assert until(lambda: SHORT in market.quotes([SHORT], b.NOW))

    desk.server.in_thread(lambda: desk.server.dxlink.say_raw(UNREADABLE[name]))
    assert until(lambda: market.links()[0].drops == 1 and market.links()[0].is_up)

    desk.market.set_quote(SHORT, "2.20", "2.30")
    assert until(lambda: market.quotes([SHORT], b.NOW)[SHORT].bid == Price("2.20"))


def test_messages_that_nobody_asked_for_change_nothing(desk: Desk) -> None:
    market = desk.opened[-1].market
    market.watch([SHORT])
    assert until(lambda: SHORT in market.quotes([SHORT], b.NOW))
    noise = [
        {"type": "NOVELTY", "channel": 0},
        {"type": "FEED_DATA", "channel": 77, "data": ["Profile", [1, 2, 3]]},
        {"type": "FEED_DATA", "channel": 1, "data": ["Quote", ["?", 0, 0, 1, 2, 3, 4]]},
        {},
    ]

    for one in noise:
        desk.server.in_thread(partial(desk.server.dxlink.say_raw, json.dumps(one)))
    desk.market.set_quote(SHORT, "2.20", "2.30")

    assert until(lambda: market.quotes([SHORT], b.NOW)[SHORT].bid == Price("2.20"))
    assert market.links()[0].drops == 0
