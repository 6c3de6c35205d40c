"""Frames that say what cannot be: no number of theirs is believed, and what was known is good no longer."""

import math
from typing import Any

import msgpack
import pytest

from tests.brokers.alpaca.conftest import Desk
from tests.brokers.alpaca.waiting import until
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b

SHORT = b.legs()[0].contract
QUOTE = {"T": "q", "S": SHORT.compact, "bp": 1, "bs": 1, "ap": 2, "as": 1, "t": msgpack.Timestamp(1_767_600_000)}
FRAMES: dict[str, Any] = {
    "no MessagePack": b"\xc1\xc1",
    "cut in the middle": msgpack.packb([QUOTE])[:-3],
    "no list": msgpack.packb(5),
    "no object in the list": msgpack.packb([5]),
    "a quote without a time": msgpack.packb([{**QUOTE, "t": None}]),
    "too many symbols": msgpack.packb([{"T": "error", "code": 405, "msg": "symbol limit exceeded"}]),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_that_cannot_be_read_end_the_line_and_the_next_tells_anew(desk: Desk, name: str) -> None:
    market = desk.connect().market
    market.watch([SHORT])
    until(lambda: desk.server.sockets.watched() >= {SHORT.compact}, lambda: "not subscribed")

    desk.server.sockets.tell_raw(FRAMES[name])

    until(lambda: market.links()[0].drops == 1 and market.links()[0].is_up, lambda: str(market.links()))
    assert market.quotes([SHORT], b.NOW)[SHORT].bid == Price("2.00")


def test_sides_of_a_frame_that_cannot_be_are_unknown(desk: Desk) -> None:
    market = desk.connect().market
    market.watch([SHORT])
    until(lambda: desk.server.sockets.watched() >= {SHORT.compact}, lambda: "not subscribed")
    at = msgpack.Timestamp.from_datetime(b.NOW)
    strange = {"bp": "x", "ap": math.inf, "bs": -1, "as": True, "t": at}

    desk.server.sockets.tell_raw(msgpack.packb([{"T": "new kind"}, QUOTE | strange]))

    until(lambda: SHORT not in market._board.quotes([SHORT], b.NOW), lambda: "still quoted")
    assert market.links()[0].drops == 0
