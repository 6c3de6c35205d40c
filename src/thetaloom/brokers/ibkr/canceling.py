"""Canceling what was not placed by this connection, or much of it at once.

TWS lets only the number that placed an order cancel it (client 0 also orders placed by hand). The one other way cancels
everything that works, of everybody; it is taken only where everything is what shall be canceled.
"""

import asyncio
from collections.abc import Mapping

from ib_async import Trade

from thetaloom.brokers.ibkr.books import TwsBooks
from thetaloom.brokers.ibkr.hearing import SETTLE_SECONDS
from thetaloom.brokers.ibkr.session import Session
from thetaloom.brokers.ibkr.settings import IbkrSettings
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.errors import InvalidInput, NotFound, OutcomeUnknown


class Canceling:
    """Cancels by the permanent id of TWS; its coroutines run in the loop of the connection."""

    def __init__(self, session: Session, books: TwsBooks, settings: IbkrSettings) -> None:
        self._session = session
        self._books = books
        self._settings = settings

    async def orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel a working order, and wait until it is gone."""
        found = await self._working(frozenset({broker_order_id}))
        if not found:
            raise NotFound(f"no order {broker_order_id} works")
        if not self._may_cancel(found[0]):
            raise InvalidInput(self._why_not(found[0]), advice="Cancel it in TWS.")
        self._send(found[0])
        deadline = asyncio.get_running_loop().time() + self._settings.request_timeout_seconds
        while await self._working(frozenset({broker_order_id})):
            if asyncio.get_running_loop().time() > deadline:
                raise OutcomeUnknown(f"TWS did not say what became of the cancel of {broker_order_id}")
            await asyncio.sleep(SETTLE_SECONDS)

    async def together(self, broker_order_ids: frozenset[BrokerOrderId]) -> Mapping[BrokerOrderId, str]:
        """Ask to cancel working orders; return why it cannot be asked, by order."""
        everything = await self._books.everything()
        wanted = [one for one in everything if _number(one) in broker_order_ids]
        others = [one for one in wanted if not self._may_cancel(one)]
        if others and len(wanted) == len(everything):
            self._session.count_order()
            self._session.trading.wire.reqGlobalCancel()
            return {}
        for one in wanted:
            if one not in others:
                await self._session.pace()
                self._send(one)
        return {_number(one): self._why_not(one) for one in others}

    async def _working(self, broker_order_ids: frozenset[BrokerOrderId]) -> list[Trade]:
        return [one for one in await self._books.working() if _number(one) in broker_order_ids]

    def _send(self, trade: Trade) -> None:
        self._session.count_order()
        self._session.trading.wire.cancelOrder(trade.order.orderId)

    def _may_cancel(self, trade: Trade) -> bool:
        return trade.order.clientId == self._session.client_id and bool(trade.order.orderId)

    def _why_not(self, trade: Trade) -> str:
        return (
            f"order {_number(trade)} was placed by another connection (client id {trade.order.clientId}), and TWS lets"
            " no other cancel it: end the program that holds that number and try again, or cancel it in TWS"
        )


def _number(trade: Trade) -> BrokerOrderId:
    return BrokerOrderId(str(trade.order.permId))
