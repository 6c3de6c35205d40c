"""The HTTP side of Alpaca's server: keys, planned troubles, and answers as JSON."""

import json
import socket
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from thetaloom.domain.book.refusals import Refusal
from thetaloom.testing.broker_servers.alpaca.intake import REFUSED, Turned
from thetaloom.testing.broker_servers.alpaca.trading_api import Answer, Asked
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.troubles import ServerTrouble

SILENCE_SECONDS_MAX = 30.0
TOO_MANY, NO_CONTENT = 429, 204
BEFORE = {
    ServerTrouble.BUSY: (429, 42910000, "rate limit exceeded"),
    ServerTrouble.DOWN: (503, 50310000, "service unavailable"),
    ServerTrouble.MAINTENANCE: (503, 50310000, "under maintenance"),
    ServerTrouble.TOKEN_EXPIRED: (401, 40110000, "unauthorized."),
    ServerTrouble.REFUSED: REFUSED[Refusal.INSUFFICIENT_BUYING_POWER],
}
CALLS = {"POST": "submit", "PATCH": "replace", "DELETE": "cancel", "GET": "read"}


class Cut(Exception):
    """The line is cut without an answer."""


class AlpacaHttp:
    """Listens on a free port; each connection in a thread of its own."""

    def __init__(
        self,
        backend: Backend,
        keys: tuple[str, str],
        answer: Callable[[Asked], Answer | None],
        faults: list[str],
    ) -> None:
        self.backend, self.keys, self.faults = backend, keys, faults
        self._answer = answer
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._lines: set[socket.socket] = set()
        self.stopping = threading.Event()
        self.twist: Callable[[bytes], tuple[int | None, dict[str, str], bytes]] | None = None  # what is answered
        self.port = 0
        self.requests: list[tuple[str, str]] = []  # what was asked for, in order

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self.stopping.clear()
        self._server = _Listener(("127.0.0.1", self.port), type("Handler", (_Handler,), {"owner": self}))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up."""
        if self._server is None or self._thread is None:
            return
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self.cut_lines()
        self._server.server_close()
        self._server = None

    def cut_lines(self) -> None:
        """Cut every connection that is open."""
        for line in list(self._lines):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already

    def opened(self, line: socket.socket) -> None:
        """Note a connection."""
        self._lines.add(line)

    def closed(self, line: socket.socket) -> None:
        """Forget a connection."""
        self._lines.discard(line)

    def take(self, method: str, target: str, headers: Any, raw: bytes) -> Answer:
        """Answer a request, with what was planned to go wrong."""
        parts = urlsplit(target)
        asked = Asked(
            method=method,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            body=json.loads(raw) if raw else {},
        )
        self.requests.append((method, parts.path))
        if (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")) != self.keys:
            return _error(401, 40110000, "unauthorized.")
        is_change = method != "GET"
        trouble = self.backend.take_trouble(CALLS[method]) if is_change or parts.path.startswith("/v2/") else None
        if trouble is ServerTrouble.CUT_BEFORE_TAKING:
            raise Cut
        if trouble in BEFORE:
            return _error(*BEFORE[trouble])
        try:
            late = trouble is ServerTrouble.LATE
            answer = self._answer(Asked(**_fields(asked), is_late=late) if late else asked)
        except Turned as turned:
            return _error(turned.status, turned.code, turned.message)
        if answer is None:
            self.faults.append(f"no such route: {method} {parts.path}")
            return _error(404, 40410000, "endpoint not found")
        return self._after(trouble, answer)

    def _after(self, trouble: ServerTrouble | None, answer: Answer) -> Answer:
        if trouble is ServerTrouble.SILENT_AFTER_TAKING:
            self.stopping.wait(SILENCE_SECONDS_MAX)
            raise Cut
        if trouble is ServerTrouble.CUT_AFTER_TAKING:
            raise Cut
        if trouble is ServerTrouble.ERROR_AFTER_TAKING:
            return _error(504, 50410000, "gateway timeout")
        return answer


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: AlpacaHttp

    def setup(self) -> None:
        super().setup()
        self.owner.opened(self.connection)

    def finish(self) -> None:
        self.owner.closed(self.connection)
        try:
            super().finish()
        except OSError:
            return  # the other side has gone

    def log_message(self, format: str, *args: object) -> None:  # the name that the library gives it
        """Keep quiet."""

    def answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._write(self.owner.take(self.command, self.path, self.headers, raw))
        except (Cut, OSError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  # the names that the library calls

    def _write(self, answer: Answer) -> None:
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        status, more = answer.status, dict[str, str]()
        if self.owner.twist is not None:
            other, more, content = self.owner.twist(content)
            status = other or (200 if status == NO_CONTENT else status)
        self.send_response(status)
        for name, text in more.items():
            self.send_header(name, text)
        self.send_header("X-Request-ID", uuid.uuid4().hex)
        if status == TOO_MANY and "Retry-After" not in more:
            self.send_header("Retry-After", "0.05")
        if status != NO_CONTENT:
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(status=status, body={"code": code, "message": message})


def _fields(asked: Asked) -> dict[str, Any]:
    return {"method": asked.method, "path": asked.path, "query": asked.query, "body": asked.body}
