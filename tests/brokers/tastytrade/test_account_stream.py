"""The account streamer tells of everything in the account; only orders are read from it."""

import asyncio
from functools import partial
from typing import Any

import pytest

from tests.brokers.tastytrade.conftest import Desk
from thetaloom.brokers.tastytrade.account_stream import _HeardStreamer
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.testing import builders as b

# As the documentation names them, and one that nobody knows yet.
OTHERS = (
    "AccountBalance",
    "CurrentPosition",
    "ExternalTransaction",
    "OrderChain",
    "PublicWatchlists",
    "QuoteAlert",
    "TradingStatus",
    "UnderlyingYearGainSummary",
    "UserMessage",
    "WordOfTomorrow",
)


@pytest.mark.parametrize("data", [{}, {"account-number": b.ACCOUNT, "cash-balance": "1.0"}, [], None], ids=str)
def test_what_is_no_order_is_heard_and_neither_read_nor_kept(desk: Desk, data: Any) -> None:
    heard: list[str] = []
    streamer = _HeardStreamer(
        desk.broker._session, "", partial(heard.append, "heard"), partial(heard.append, "cannot be read")
    )

    async def tell() -> None:
        for kind in OTHERS:
            await streamer._map_message(kind, data)

    asyncio.run(tell())

    kept: Any = [*streamer._queues.values()]
    assert heard == ["heard"] * len(OTHERS)
    assert [one.statistics().current_buffer_used for one in kept] == [0] * len(kept)


def test_an_order_is_read_behind_whatever_else_is_told(desk: Desk) -> None:
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    for kind in (*OTHERS, "Order", "ComplexOrder"):  # orders that cannot be read, too
        desk.server.in_thread(partial(desk.server.account_socket.tell_other, kind, {}))
    desk.fill(order)

    desk.expect(order, K.ACCEPTED, K.FILLED)
    assert desk.broker.links()[0].drops == 0
