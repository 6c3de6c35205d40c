"""A server on loopback that speaks Cboe's delayed chains, tags and all, and fails in every way one can fail."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from zoneinfo import ZoneInfo

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.testing.broker_servers.spelling import Spelling
from thetaloom.testing.loopback_http import LoopbackHttp, Quiet

PATH_START, PATH_END = "/api/global/delayed_quotes/options/", ".json"
NAMES = Spelling(mark=".")
DELAY = timedelta(minutes=15)
NEW_YORK = ZoneInfo("America/New_York")
INDICES = {root.underlying for root in INDEX_ROOTS.values()}
Trouble = Callable[[BaseHTTPRequestHandler], None]


@dataclass(kw_only=True)
class CboeServer:
    """The chains it holds by the name in the path, and what it was asked for."""

    url: str = ""
    answers: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)  # each befalls one request, the first first
    asked: list[str] = field(default_factory=list)
    unchanged: int = 0  # answers that said nothing but that
    faults: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def hold(self, symbol: str, told: Mapping[str, Any] | bytes) -> None:
        """Let a chain, or anything else, be the answer for ``symbol``."""
        name = f"_{symbol}" if symbol in INDICES else NAMES.told(symbol)
        self.answers[name] = told if isinstance(told, bytes) else json.dumps(told).encode()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        name = handler.path.removeprefix(PATH_START).removesuffix(PATH_END)
        if handler.path != f"{PATH_START}{name}{PATH_END}" or not handler.headers.get("user-agent"):
            self.faults.append(f"{handler.path} with {dict(handler.headers)}")
        self.asked.append(name)
        if self.troubles:
            self.troubles.pop(0)(handler)
            return
        content = self.answers.get(name)
        if content is None:
            send(handler, 403, b"<Error><Code>AccessDenied</Code></Error>")
            return
        tag = f'"{sha256(content).hexdigest()[:16]}"'
        if handler.headers.get("if-none-match") == tag:
            self.unchanged += 1
            send(handler, 304, b"", etag=tag, **self.headers)
        else:
            send(handler, 200, content, etag=tag, **self.headers)

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Say nothing for as long as the server stands."""
        self.over.wait(30)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a byte at a time, each before a reader's own time-out; there is never an end."""
        handler.send_response(200)
        handler.end_headers()
        while not self.over.wait(0.02):
            handler.wfile.write(b" ")
            handler.wfile.flush()


@contextmanager
def cboe_server() -> Iterator[CboeServer]:
    """Run a server that holds nothing yet."""
    state = CboeServer()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server looks for
            try:
                state.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever asked has left

    server = LoopbackHttp(Handler)
    state.url = server.url
    server.start()
    try:
        yield state
    finally:
        state.over.set()
        server.stop()


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    """Answer with anything."""
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    for name, entry in headers.items():
        handler.send_header(name.replace("_", "-"), entry)
    handler.end_headers()
    handler.wfile.write(content)


def refusing(status: int, **headers: str) -> Trouble:
    """Answer with an error."""
    return lambda handler: send(handler, status, b"<html>no</html>", **headers)


def cutting(content: bytes) -> Trouble:
    """Break the connection off in the middle of ``content``."""

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    return cut


def cboe_payload(chain: OptionChain, made_at: datetime) -> dict[str, Any]:
    """Return ``chain`` as the server writes it in a file made at an instant."""
    traded_at = (made_at - DELAY).astimezone(NEW_YORK)
    return {
        "timestamp": f"{made_at:%Y-%m-%d %H:%M:%S}",
        "data": {
            "symbol": f"^{chain.underlying}" if chain.underlying in INDICES else NAMES.told(chain.underlying),
            "security_type": "index" if chain.underlying in INDICES else "stock",
            "current_price": None if chain.spot is None else float(chain.spot),
            "last_trade_time": f"{traded_at:%Y-%m-%dT%H:%M:%S}",
            "options": [_row(chain, index) for index in range(len(chain))],
        },
        "symbol": NAMES.told(chain.underlying),
    }


def _row(chain: OptionChain, index: int) -> dict[str, Any]:
    numbers = {
        name: _zero_if_unknown(getattr(chain, name)[index])
        for name in ("bid", "bid_size", "ask", "ask_size", "iv", "open_interest", "volume", "delta")
    }
    rest = dict.fromkeys(("gamma", "vega", "theta", "rho", "theo", "change", "open", "high", "low"), 0.0)
    return {
        "option": chain.contract(index).occ_symbol.replace(" ", ""),
        **numbers,
        **rest,
        "tick": "no_change",
        "last_trade_price": 0.0,
        "last_trade_time": None,
        "percent_change": 0.0,
        "prev_day_close": 0.0,
    }


def _zero_if_unknown(number: float) -> float:
    return 0.0 if number != number else float(number)
