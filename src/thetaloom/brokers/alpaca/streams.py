"""Alpaca's streams as lines that ``KeptStream`` keeps: the SDK shakes hands, we read raw, and we listen for silence.

The SDK's own loops are not used. They open again by themselves, take a line that says nothing for a healthy one, and
ended at messages of orders with several legs that its models refuse (alpaca-py#557 and #630).
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
import structlog
from websockets.exceptions import WebSocketException

from thetaloom.brokers.alpaca import sdk
from thetaloom.brokers.alpaca.settings import AlpacaSettings
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.nonsense import NONSENSE, without

log = structlog.get_logger()

TRADES = "trade_updates"
PINGS_PER_SILENCE = 3
SYMBOLS_PER_MESSAGE = 1_000
# Our own pings tell whether the other side is there; the library's would only end the line, late.
SOCKET = {"ping_interval": None, "open_timeout": 10, "close_timeout": 0.3, "max_queue": 4096, "max_size": 32 << 20}
QUIET = logging.getLogger("thetaloom.alpaca.sockets")  # the library's own would write the keys down when it debugs
QUIET.setLevel(logging.WARNING)
Heard = Callable[[], None]


class AlpacaLine:
    """One socket of Alpaca's, signed in; ``read`` takes each frame."""

    def __init__(self, stream: Any, heard: Heard, silence_seconds: float, read: Callable[[Any], None]) -> None:
        self.stream = stream
        self._heard = heard
        self._ping_seconds = silence_seconds / PINGS_PER_SILENCE
        self._read = read

    async def run(self) -> None:
        """Read until it ends; pings that are answered are heard as well."""
        pinging = asyncio.ensure_future(self._ping())
        try:
            while True:
                frame = await self.stream._ws.recv()
                try:
                    self._read(frame)
                except NONSENSE as error:  # what was told before it must not count as good any longer
                    log.warning("alpaca_frame_unreadable", error=type(error).__name__)
                    raise BrokerUnavailable("alpaca's stream cannot be read") from error
                self._heard()
        except WebSocketException as error:
            raise BrokerUnavailable(f"alpaca hung up: {error}") from error
        finally:
            pinging.cancel()

    async def subscribe(self, added: frozenset[str], removed: frozenset[str]) -> None:
        """Ask for quotes of more contracts, and of fewer."""
        try:
            for action, symbols in (("unsubscribe", sorted(removed)), ("subscribe", sorted(added))):
                for start in range(0, len(symbols), SYMBOLS_PER_MESSAGE):
                    asked = {"action": action, "quotes": symbols[start : start + SYMBOLS_PER_MESSAGE]}
                    await self.stream._ws.send(msgpack.packb(asked))
        except WebSocketException as error:
            raise BrokerUnavailable(f"alpaca hung up: {error}") from error

    async def close(self) -> None:
        """Hang up."""
        try:
            await self.stream.close()
        except WebSocketException as error:
            raise BrokerUnavailable(f"alpaca hung up: {error}") from error

    async def _ping(self) -> None:
        try:
            while True:
                answered = await self.stream._ws.ping()
                await answered
                self._heard()
                await asyncio.sleep(self._ping_seconds)
        except WebSocketException:
            return  # whoever reads finds out as well


async def open_trade_line(
    settings: AlpacaSettings, heard: Heard, take: Callable[[Mapping[str, Any]], None]
) -> AlpacaLine:
    """Open the stream of trade updates, sign in and listen; ``take`` gets each update."""
    stream = sdk.TradingStream(
        settings.key_id,
        settings.secret_key,
        paper=not settings.is_live,
        raw_data=True,
        url_override=settings.stream_url,  # empty: Alpaca's own
        websocket_params=SOCKET | {"logger": QUIET},
    )

    async def never(_: Any) -> None:
        """Stand for a handler, without which the SDK asks for nothing."""

    def read(frame: str | bytes) -> None:
        message = json.loads(frame)
        if not isinstance(message, Mapping):
            return
        if message.get("stream") == "listening" and TRADES not in message["data"]["streams"]:
            raise BrokerUnavailable("alpaca tells no trade updates on its stream")  # and would be silent for ever
        if message.get("stream") == TRADES:
            update = message.get("data")
            if isinstance(update, Mapping):
                take(update)
            else:
                log.warning("alpaca_frame_unreadable", error="no update")
                take({"event": "unreadable"})

    stream.subscribe_trade_updates(never)
    await _signed_in(stream, settings.key_id, settings.secret_key)
    await stream._subscribe_trade_updates()
    return AlpacaLine(stream, heard, settings.silence_seconds, read)


async def open_quote_line(
    settings: AlpacaSettings, heard: Heard, take: Callable[[list[Mapping[str, Any]]], None]
) -> AlpacaLine:
    """Open the stream of option quotes and sign in; ``take`` gets the messages of each frame."""
    stream = sdk.OptionDataStream(
        settings.key_id,
        settings.secret_key,
        raw_data=True,
        feed=sdk.OptionsFeed(settings.option_feed),
        websocket_params=SOCKET | {"logger": QUIET},
        url_override=settings.data_stream_url or None,
    )

    def read(frame: bytes) -> None:
        messages = msgpack.unpackb(frame)
        for one in messages:
            if one["T"] == "error":  # as of too many symbols: without the line they are asked for instead
                raise BrokerUnavailable(f"alpaca's option quotes: {one.get('msg')} ({one.get('code')})")
        take(messages)

    await _signed_in(stream, settings.key_id, settings.secret_key)
    return AlpacaLine(stream, heard, settings.silence_seconds, read)


async def _signed_in(stream: Any, *secrets: str) -> None:
    try:
        await stream._connect()
        await stream._auth()
    except NONSENSE as error:  # the SDK's words for a refusal, and for what is none
        await stream.close()
        raise BrokerUnavailable(f"alpaca did not let the stream in: {without(str(error), secrets)}") from error
    except WebSocketException as error:
        await stream.close()
        raise BrokerUnavailable(f"alpaca hung up: {without(str(error), secrets)}") from error
