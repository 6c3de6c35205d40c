"""The sockets of Alpaca's server: trade updates as JSON, option quotes as MessagePack."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import msgpack
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import WebSocketException

from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.testing.broker_servers.alpaca.wire import Json

TRADES, CALL_SECONDS = "/stream", 5.0
QUOTES = ("/v1beta1/indicative", "/v1beta1/opra")


class AlpacaSockets:
    """Listens on a free port in one loop; what is told goes to all that listen."""

    def __init__(self, keys: tuple[str, str], faults: list[str], wanted: Callable[[Iterable[str]], list[Json]]) -> None:
        self.keys, self.faults = keys, faults
        self._wanted = wanted  # the quotes of symbols as messages
        self._loop = OwnerLoop("alpaca sockets")
        self._server: Server | None = None
        self._lines: dict[ServerConnection, set[str]] = {}
        self._listening: set[ServerConnection] = set()
        self._is_mute = False
        self.offered = ["trade_updates"]
        self.port = 0
        self.signed_in = 0  # how often somebody did

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self._loop.call(self._start(), CALL_SECONDS)

    def stop(self) -> None:
        """Hang up and end."""
        self._loop.call(self._stop(), CALL_SECONDS)
        self._loop.stop()

    def pause(self) -> None:
        """Hang up, to come back."""
        self._loop.call(self._stop(), CALL_SECONDS)

    def drop(self) -> None:
        """Cut every line."""
        self._loop.call(self._drop(), CALL_SECONDS)

    def mute(self, on: bool) -> None:
        """Say nothing more, not even to pings; or speak again."""
        self._loop.call(self._mute(on), CALL_SECONDS)

    def watched(self) -> set[str]:
        """Return the symbols whose quotes somebody waits for."""
        return {symbol for symbols in list(self._lines.values()) for symbol in symbols}

    def tell_trade(self, update: Json) -> None:
        """Tell a trade update."""
        self._loop.post(self._tell_trade(update))

    def tell_raw(self, frame: bytes) -> None:
        """Send any frame to those who wait for quotes."""
        self._loop.call(self._tell_raw(frame), CALL_SECONDS)

    def tell_quotes(self) -> None:
        """Tell everybody the quotes that they wait for."""
        self._loop.post(self._tell_quotes())

    async def _start(self) -> None:
        self._server = await serve(
            self._meet, "127.0.0.1", self.port, ping_interval=None, close_timeout=1, max_size=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def _stop(self) -> None:
        await self._drop()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _drop(self) -> None:
        for line in list(self._lines):
            line.transport.abort()

    async def _mute(self, on: bool) -> None:
        self._is_mute = on
        for line in [one for one in self._lines if not one.transport.is_closing()]:
            if on:
                line.transport.pause_reading()
            else:
                line.transport.resume_reading()

    async def _meet(self, line: ServerConnection) -> None:
        if self._is_mute:
            line.transport.abort()
            return
        path = "" if line.request is None else line.request.path
        self._lines[line] = set()
        try:
            if path == TRADES:
                await self._trade_line(line)
            elif path in QUOTES:
                await self._quote_line(line)
            else:
                self.faults.append(f"no such socket: {path}")
        except WebSocketException:
            return
        finally:
            self._lines.pop(line, None)
            self._listening.discard(line)

    async def _trade_line(self, line: ServerConnection) -> None:
        asked = json.loads(await line.recv())
        given = asked.get("data", {})
        is_known = (given.get("key_id"), given.get("secret_key")) == self.keys and asked["action"] == "authenticate"
        word = "authorized" if is_known else "unauthorized"
        await self._say(line, {"stream": "authorization", "data": {"action": "authenticate", "status": word}})
        if not is_known:
            return
        self.signed_in += 1
        async for frame in line:
            asked = json.loads(frame)
            streams = asked.get("data", {}).get("streams", [])
            if asked.get("action") != "listen" or streams != ["trade_updates"]:
                self.faults.append(f"trade updates: {asked}")
                continue
            offered = [one for one in streams if one in self.offered]
            await self._say(line, {"stream": "listening", "data": {"streams": offered}})
            if offered:
                self._listening.add(line)

    async def _quote_line(self, line: ServerConnection) -> None:
        await line.send(msgpack.packb([{"T": "success", "msg": "connected"}]))
        asked = msgpack.unpackb(await line.recv())
        if asked.get("action") != "auth" or (asked.get("key"), asked.get("secret")) != self.keys:
            await line.send(msgpack.packb([{"T": "error", "code": 402, "msg": "auth failed"}]))
            return
        self.signed_in += 1
        await line.send(msgpack.packb([{"T": "success", "msg": "authenticated"}]))
        async for frame in line:
            asked = msgpack.unpackb(frame)
            symbols = set(asked.get("quotes", []))
            if asked.get("action") == "subscribe":
                self._lines[line] |= symbols
                await self._tell_line(line, symbols)
            elif asked.get("action") == "unsubscribe":
                self._lines[line] -= symbols
            else:
                self.faults.append(f"option quotes: {asked.get('action')}")

    async def _tell_line(self, line: ServerConnection, symbols: set[str]) -> None:
        ack: list[Json] = [{"T": "subscription", "trades": [], "quotes": sorted(self._lines[line])}]
        await line.send(msgpack.packb(ack))
        quotes = self._wanted(symbols)
        if quotes and not self._is_mute:
            await line.send(msgpack.packb(quotes))

    async def _tell_trade(self, update: Json) -> None:
        for line in list(self._listening):
            await self._say(line, {"stream": "trade_updates", "data": update})

    async def _tell_quotes(self) -> None:
        for line, symbols in list(self._lines.items()):
            if symbols and not self._is_mute:
                await self._send(line, msgpack.packb(self._wanted(symbols)))

    async def _tell_raw(self, frame: bytes) -> None:
        for line, symbols in list(self._lines.items()):
            if symbols:
                await self._send(line, frame)

    async def _say(self, line: ServerConnection, message: Json) -> None:
        await self._send(line, json.dumps(message).encode())  # binary frames, as Alpaca's

    async def _send(self, line: ServerConnection, frame: Any) -> None:
        if self._is_mute:
            return
        try:
            await asyncio.wait_for(line.send(frame), CALL_SECONDS)
        except (WebSocketException, TimeoutError):
            line.transport.abort()
