"""One DXLink connection: the handshake in its order, four channels, subscriptions in pieces, compact events."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from thetaloom.brokers.tastytrade.breaks import why_broken
from thetaloom.brokers.tastytrade.compact import FIELDS, CompactDecoder
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.nonsense import NONSENSE

VERSION = "0.1-DXF-JS/0.3.0"
CHANNELS = {kind: 2 * at + 1 for at, kind in enumerate(FIELDS)}  # a client's channels are odd
KINDS = {number: kind for kind, number in CHANNELS.items()}
SUBSCRIBED_AT_ONCE = 250  # in one message; too long a one ends the line with 1009
MESSAGE_BYTES_MAX = 32 << 20
KEEPALIVE_SECONDS = 15.0  # the server hangs up after 60 without a word
TOKEN_HOURS = 23  # of the 24 that a quote token lives
QUIET = logging.getLogger("tastytrade.dxlink")  # the library's own would write the token down when it debugs
QUIET.setLevel(logging.WARNING)
log = structlog.get_logger()
_decode = msgspec.json.decode


@dataclass(slots=True, kw_only=True)
class FeedLine:
    """Implements ``links.kept_stream.Line`` over DXLink."""

    url: str
    token: str = field(repr=False)
    decoder: CompactDecoder
    hear: Callable[[], None]
    aggregation_seconds: float
    keepalive_seconds: float = KEEPALIVE_SECONDS
    _socket: ClientConnection | None = None
    _opened: set[int] = field(default_factory=set)

    async def open(self) -> "FeedLine":
        """Connect, wait to be asked for the token, give it, and open the channels."""
        try:
            self._socket = await connect(
                self.url,
                max_size=MESSAGE_BYTES_MAX,
                compression=None,
                ping_interval=None,
                user_agent_header="thetaloom/1",
                logger=QUIET,
            )
            await self._send(
                {
                    "type": "SETUP",
                    "channel": 0,
                    "keepaliveTimeout": 60,
                    "acceptKeepaliveTimeout": 60,
                    "version": VERSION,
                }
            )
            await self._until("AUTH_STATE", lambda told: told.get("state") == "UNAUTHORIZED")
            await self._send({"type": "AUTH", "channel": 0, "token": self.token})
            await self._until("AUTH_STATE", lambda told: told.get("state") == "AUTHORIZED")
            await self._open_channels()
        except (WebSocketException, OSError, *NONSENSE) as error:
            await self.close()
            raise BrokerUnavailable(f"tastytrade's market data cannot be reached: {why_broken(error)}") from error
        except BaseException:
            await self.close()
            raise
        return self

    async def subscribe(self, added: frozenset[str], removed: frozenset[str]) -> None:
        """Ask for all kinds of events of more symbols, and for none of others."""
        for kind in FIELDS:
            for word, symbols in (("remove", removed), ("add", added)):
                for piece in _pieces(sorted(symbols)):
                    wanted = [{"type": kind, "symbol": symbol} for symbol in piece]
                    await self._send({"type": "FEED_SUBSCRIPTION", "channel": CHANNELS[kind], word: wanted})

    async def run(self) -> None:
        """Read until the line ends."""
        beating = asyncio.ensure_future(self._beat())
        try:
            async for text in self._open_socket:
                try:
                    self._take(_decode(text))
                except NONSENSE as error:  # the quotes before it must not count as good any longer
                    log.warning("tastytrade_events_unreadable", error=type(error).__name__)
                    raise BrokerUnavailable("tastytrade's market data cannot be read") from error
                self.hear()
        except WebSocketException as error:
            raise BrokerUnavailable(f"tastytrade's market data broke off: {why_broken(error)}") from error
        finally:
            beating.cancel()

    async def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            await self._socket.close()

    def _take(self, told: Mapping[str, Any]) -> None:
        match told.get("type"):
            case "FEED_DATA":
                self.decoder.take(told["data"])
            case "FEED_CONFIG":
                self.decoder.configure(told.get("eventFields") or {})
            case "CHANNEL_OPENED":
                self._opened.add(told["channel"])
            case "ERROR":
                raise BrokerUnavailable(f"tastytrade's market data: {told.get('error')}: {told.get('message')}")
            case "AUTH_STATE" if told.get("state") == "UNAUTHORIZED" and self._opened:
                raise BrokerUnavailable("tastytrade's market data: the quote token has ended")
            case "CHANNEL_CLOSED":
                raise BrokerUnavailable("tastytrade's market data: a channel was closed")

    async def _open_channels(self) -> None:
        for number in KINDS:
            parameters = {"contract": "AUTO"}
            await self._send(
                {"type": "CHANNEL_REQUEST", "channel": number, "service": "FEED", "parameters": parameters}
            )
        await self._until("CHANNEL_OPENED", lambda told: self._opened >= KINDS.keys())
        for number, kind in KINDS.items():
            await self._send(
                {
                    "type": "FEED_SETUP",
                    "channel": number,
                    "acceptAggregationPeriod": self.aggregation_seconds,
                    "acceptDataFormat": "COMPACT",
                    "acceptEventFields": {kind: list(FIELDS[kind])},
                }
            )

    async def _until(self, kind: str, is_it: Callable[[Mapping[str, Any]], bool]) -> None:
        while True:
            told = _decode(await self._open_socket.recv())
            self.hear()
            self._take(told)
            if told.get("type") == kind and is_it(told):
                return

    async def _beat(self) -> None:
        until = time.monotonic() + TOKEN_HOURS * 3600
        while time.monotonic() < until:
            await asyncio.sleep(self.keepalive_seconds)
            await self._send({"type": "KEEPALIVE", "channel": 0})
        await self.close()  # the next line has a fresh token

    async def _send(self, message: Mapping[str, Any]) -> None:
        try:
            await self._open_socket.send(msgspec.json.encode(message).decode())
        except WebSocketException as error:
            raise BrokerUnavailable(f"tastytrade's market data broke off: {why_broken(error)}") from error

    @property
    def _open_socket(self) -> ClientConnection:
        if self._socket is None:
            raise BrokerUnavailable("tastytrade's market data is not open")
        return self._socket


def _pieces(symbols: list[str]) -> Iterable[list[str]]:
    return (symbols[at : at + SUBSCRIBED_AT_ONCE] for at in range(0, len(symbols), SUBSCRIBED_AT_ONCE))
