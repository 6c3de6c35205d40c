"""Looks into tastytrade's books: what became of an order of ours, and what moved in the account."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta

from tastytrade import Account
from tastytrade.order import PlacedOrder

from thetaloom.brokers.tastytrade.history import History
from thetaloom.brokers.tastytrade.parse import broker_order, stood
from thetaloom.brokers.tastytrade.session import TastytradeSession, WireRefusal
from thetaloom.brokers.tastytrade.told import Teller
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.clock import Clock

LOOK_BACK = timedelta(days=3)  # in the books: what is booked late has the date of the day it happened
ORDERS_PAGE, HISTORY_PAGE = 200, 2_000  # the most of each that it takes


class Lookups:
    """Reads books anew, in the loop of the session."""

    def __init__(
        self, session: TastytradeSession, account: Account, book: ReportBook, teller: Teller, clock: Clock
    ) -> None:
        self._session = session
        self._account = account
        self._book = book
        self._teller = teller
        self._clock = clock
        self._history = History(book, clock)

    async def placed(self, client_order_id: ClientOrderId) -> list[PlacedOrder]:
        """Return all that stood in the market for an order of ours, oldest first: a replacement is one more."""
        sent = await asyncio.to_thread(self._book.sent, client_order_id)
        live = await self._account.get_live_orders(self._session)
        found = {one.id: one for one in live if self._teller.client_order_id_of(one) == client_order_id}
        for known in () if sent is None else sent.broker_order_ids:
            if int(known) not in found:
                found |= await self._one(int(known))
        if not found and sent is not None:
            start = sent.order.staged_at.date() - timedelta(days=1)
            past = await self._account.get_order_history(
                self._session, per_page=ORDERS_PAGE, page_offset=None, start_date=start
            )
            found = {one.id: one for one in past if self._teller.client_order_id_of(one) == client_order_id}
        return [found[number] for number in sorted(found) if stood(found[number])]

    async def read_transactions(self) -> None:
        """Write what moved in the account since the last look."""
        mark = await asyncio.to_thread(self._book.mark, "transactions")
        today = self._clock.now().date()
        start = None if mark is None else min(today, date.fromisoformat(mark)) - LOOK_BACK
        found = await self._account.get_history(
            self._session, per_page=HISTORY_PAGE, page_offset=None, sort="Asc", start_date=start
        )
        found = sorted(found, key=lambda one: (one.executed_at, one.id))
        untold = await asyncio.to_thread(self._history.record, found, frozenset[int]())
        for number in untold:
            for order in (await self._one(number)).values():
                await asyncio.to_thread(self._take, order)
        if untold:
            await asyncio.to_thread(self._history.record, found, untold)
        if mark != today.isoformat():
            await asyncio.to_thread(self._book.put_mark, "transactions", today.isoformat())

    def as_one(self, client_order_id: ClientOrderId, chain: Sequence[PlacedOrder]) -> BrokerOrder | None:
        """Return an order and all that replaced it as the one order that it is to us."""
        found = [order for one in chain if (order := broker_order(one, client_order_id)) is not None]
        if not found:
            return None
        newest = next((order for order in reversed(found) if order.is_open), found[-1])
        sent = self._book.sent(client_order_id)
        return BrokerOrder(
            client_order_id=client_order_id,
            broker_order_id=newest.broker_order_id,
            is_open=newest.is_open,
            filled=sum(order.filled for order in found),
            limit_price=newest.limit_price,
            legs=newest.legs if sent is None else sent.order.legs,
            quantity=found[0].quantity if sent is None else sent.order.quantity,
            status=newest.status,
            placed_at=found[0].placed_at,
        )

    async def _one(self, number: int) -> dict[int, PlacedOrder]:
        try:
            return {number: await self._account.get_order(self._session, number)}
        except WireRefusal:
            return {}

    def _take(self, order: PlacedOrder) -> None:
        with suppress(BrokerUnavailable):  # what tells nonsense keeps its own transactions back, and no others
            self._teller.take(order)
