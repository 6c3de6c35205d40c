"""A server on loopback for requests and web sockets whose lines can be broken off at any point."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.exceptions import InvalidHandshake, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

STOP_SECONDS_MAX = 5.0
MESSAGE_BYTES_MAX = 1 << 20
TEXTS = (Opcode.TEXT, Opcode.CONT)


class LineCut(Exception):
    """Break the line off without an answer."""


class NoAnswer(Exception):
    """Leave the line open and never answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes = b""

    def json(self) -> Any:
        """Return the body as JSON. Raises ``ValueError`` where it is none."""
        return json.loads(self.body)

    def one(self, name: str) -> str | None:
        """Return the first value of a parameter."""
        found = self.query.get(name)
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class SocketLine:
    """The server's end of one web socket."""

    def __init__(self, protocol: ServerProtocol, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._protocol = protocol
        self._reader = reader
        self._writer = writer
        self._parts: list[bytes] = []
        self._texts: list[str] = []

    def say(self, message: Any) -> None:
        """Send a message, as JSON unless it is text already."""
        text = message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))
        if self._writer.is_closing() or self._protocol.close_expected():
            return
        self._protocol.send_text(text.encode())
        self._flush()

    async def drain(self) -> None:
        """Wait until what was said is on its way."""
        await self._writer.drain()

    async def hear(self) -> str | None:
        """Return the next message; ``None`` when the line has ended."""
        while not self._texts:
            received = await self._reader.read(1 << 16)
            if not received:
                return None
            self._protocol.receive_data(received)
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self._take(event)
            self._flush()
            if self._protocol.close_expected():
                return None
        return self._texts.pop(0)

    def end(self, code: int = 1000, reason: str = "") -> None:
        """Close the line in good order."""
        if not self._writer.is_closing() and not self._protocol.close_expected():
            self._protocol.send_close(code, reason)
            self._flush()
        self._writer.close()

    def cut(self) -> None:
        """Break the line off."""
        self._writer.transport.abort()

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in TEXTS:
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            self._texts.append(b"".join(self._parts).decode())
            self._parts = []

    def _flush(self) -> None:
        for piece in self._protocol.data_to_send():
            if piece:
                self._writer.write(piece)


class LoopbackServer:
    """Answers requests and serves web sockets in a thread of its own until it is stopped."""

    def __init__(
        self,
        answer: Callable[[Asked], Awaitable[Told]],
        serve: Callable[[Asked, SocketLine], Awaitable[None]],
    ) -> None:
        self._answer = answer
        self._serve = serve
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="loopback server", daemon=True)
        self._listening = threading.Event()
        self._lines: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket_server: asyncio.Server | None = None
        self.twist: Callable[[bytes], tuple[int | None, dict[str, str], bytes]] | None = None  # what is answered
        self.port = 0

    def start(self) -> None:
        """Listen on a free port of loopback."""
        self._thread.start()
        self._listening.wait(STOP_SECONDS_MAX)

    def stop(self) -> None:
        """End all lines and the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS_MAX)

    def soon(self, call: Callable[..., object], *given: object) -> None:
        """Have something done in the server's thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(call, *given)

    def done(self, call: Callable[[], object]) -> None:
        """Have something done in the server's thread, and wait until it is."""
        over = threading.Event()

        def run() -> None:
            call()
            over.set()

        self.soon(run)
        over.wait(STOP_SECONDS_MAX)

    def listen(self, on: bool) -> None:
        """Take connections on the same port, or refuse them and cut those that are open."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._listen(on), self._loop).result(STOP_SECONDS_MAX)

    async def _listen(self, on: bool) -> None:
        if on and self._socket_server is None:
            self._socket_server = await asyncio.start_server(
                self._accept, "127.0.0.1", self.port, limit=MESSAGE_BYTES_MAX, backlog=128
            )
        elif not on and self._socket_server is not None:
            self._socket_server.close()
            self._socket_server = None
            self.cut_all()

    def cut_all(self) -> None:
        """Break all lines off, in the server's thread."""
        for writer in tuple(self._lines):
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen(True))
        if self._socket_server is not None:
            self.port = self._socket_server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._listen(False))
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's would complain aloud about each that is cancelled at the end.
        task = self._loop.create_task(self._line(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, LineCut):
            writer.transport.abort()
        except NoAnswer:
            with suppress(asyncio.CancelledError):  # until the client hangs up, or the server ends
                await reader.read()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._lines.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        asked = _read_head(head)
        if asked.headers.get("upgrade", "").lower() == "websocket":
            await self._socket(head, asked, reader, writer)
            return False
        length = int(asked.headers.get("content-length", "0"))
        body = await reader.readexactly(length)
        told = await self._answer(
            Asked(method=asked.method, path=asked.path, query=asked.query, headers=asked.headers, body=body)
        )
        written = _written(told)
        if self.twist is not None and asked.path != "/oauth/token":
            content = written.partition(b"\r\n\r\n")[2]
            status, more, content = self.twist(content)
            more = {"content-type": "application/json", "content-length": str(len(content))} | more
            lines = [f"HTTP/1.1 {status or told.status} -", *(f"{name}: {text}" for name, text in more.items()), "", ""]
            written = "\r\n".join(lines).encode("latin-1") + content
        writer.write(written)
        await writer.drain()
        return True

    async def _socket(
        self, head: bytes, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        protocol = ServerProtocol(max_size=MESSAGE_BYTES_MAX)
        protocol.receive_data(head)
        for event in protocol.events_received():
            if isinstance(event, Handshake):
                protocol.send_response(protocol.accept(event))
        line = SocketLine(protocol, reader, writer)
        for piece in protocol.data_to_send():
            writer.write(piece)
        try:
            await self._serve(asked, line)
        except (ProtocolError, InvalidHandshake):
            line.cut()
        line.end()


def _read_head(head: bytes) -> Asked:
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    parts = urlsplit(target)
    headers = dict(line.split(":", 1) for line in rest)
    return Asked(
        method=method,
        path=unquote(parts.path),
        query=parse_qs(parts.query, keep_blank_values=True),
        headers={name.lower().strip(): value.strip() for name, value in headers.items()},
    )


def _written(told: Told) -> bytes:
    body = b"" if told.body is None else json.dumps(told.body, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **told.headers}
    if told.status == 204:
        headers.pop("content-type")
    lines = [f"HTTP/1.1 {told.status} -", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
