"""The account streamer: orders as they change, by the SDK's ``AlertStreamer`` and the heartbeats that it lacks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import structlog
from httpx2.websockets import HTTPXWSException, WebSocketDisconnect
from tastytrade import Account, AlertStreamer
from tastytrade.order import PlacedComplexOrder, PlacedOrder
from tastytrade.streamer import SubscriptionType
from tastytrade.utils import TastytradeError

from thetaloom.brokers.tastytrade.breaks import why_broken
from thetaloom.brokers.tastytrade.guarding import without_rules
from thetaloom.brokers.tastytrade.session import TastytradeSession
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.nonsense import NONSENSE

log = structlog.get_logger()

FOREIGN = (httpx2.HTTPError, HTTPXWSException, WebSocketDisconnect, TastytradeError, *NONSENSE)
READ = ("Order", "ComplexOrder")  # balances, positions and all else are asked for when they are wanted
Hear = Callable[[], None]
TakeOrder = Callable[[PlacedOrder], Awaitable[None]]


class _HeardStreamer(AlertStreamer):
    """The SDK's streamer, which tells of every message that comes in."""

    def __init__(self, session: TastytradeSession, url: str, hear: Hear, unread: Hear) -> None:
        super().__init__(session)
        self.base_url = url or self.base_url
        self._hear = hear
        self._unread = unread

    async def _map_message(self, type_str: str, data: dict[str, Any]) -> None:
        self._hear()
        if type_str not in READ:  # the SDK would keep it for a reader for ever
            return
        try:
            await super()._map_message(type_str, without_rules(data))
        except NONSENSE as error:  # one message that cannot be read is no reason to lose the next
            log.warning("tastytrade_message_unreadable", kind=type_str, error=type(error).__name__)
            self._unread()

    async def beat(self) -> None:
        """Say that we are here, and wait for the answer."""
        await self._subscribe(SubscriptionType.HEARTBEAT)
        self._hear()


class AccountLine:
    """One connection to the account streamer. The SDK's streamer lives in one task from its first to its last word."""

    def __init__(
        self,
        session: TastytradeSession,
        account: Account,
        take: TakeOrder,
        hear: Hear,
        *,
        unread: Hear,
        url: str,
        heartbeat_seconds: float,
    ) -> None:
        self._session = session
        self._account = account
        self._take = take
        self._hear = hear
        self._unread = unread
        self._url = url
        self._heartbeat_seconds = heartbeat_seconds
        self._is_open = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> "AccountLine":
        """Connect and subscribe to the account."""
        self._task = asyncio.get_running_loop().create_task(self._serve())
        opening = asyncio.ensure_future(self._is_open.wait())
        try:
            await asyncio.wait({self._task, opening}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            opening.cancel()
        if self._task.done():
            await self.run()
            raise BrokerUnavailable("tastytrade's account streamer hung up at once")
        return self

    async def subscribe(self, added: frozenset[str], removed: frozenset[str]) -> None:
        """Do nothing: the account is all there is to subscribe."""

    async def run(self) -> None:
        """Wait until the line ends."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self) -> None:
        try:
            await self._stream()
        except* FOREIGN as group:
            raise BrokerUnavailable(f"tastytrade's account streamer broke: {why_broken(group)}") from group
        except* TimeoutError as group:
            raise BrokerUnavailable("tastytrade's account streamer does not answer") from group
        except* BrokerUnavailable as group:  # no token within the SDK's own groups of tasks
            raise BrokerUnavailable(f"tastytrade's account streamer broke: {why_broken(group)}") from group

    async def _stream(self) -> None:
        await self._session.refresh(force=True)  # a line never starts with an old token
        async with _HeardStreamer(self._session, self._url, self._hear, self._unread) as streamer:
            await streamer.subscribe_accounts([self._account])
            self._is_open.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._orders(streamer))
                group.create_task(self._complex_orders(streamer))
                group.create_task(self._beat(streamer))

    async def _orders(self, streamer: AlertStreamer) -> None:
        async for order in streamer.listen(PlacedOrder):
            await self._take(order)

    async def _complex_orders(self, streamer: AlertStreamer) -> None:
        async for group in streamer.listen(PlacedComplexOrder):
            for order in (group.trigger_order, *group.orders):
                if order is not None:
                    await self._take(order)

    async def _beat(self, streamer: _HeardStreamer) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            await streamer.beat()
