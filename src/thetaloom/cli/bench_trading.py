"""Of ``thetaloom bench``: how long it takes from a person's approval over HTTP to the order at the paper broker."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from thetaloom.bootstrap import Platform, engine_loop, open_demo
from thetaloom.cli.bench_figures import Figure, pause
from thetaloom.cli.bench_signing import Signed, sign_in
from thetaloom.config import MarketSource, load_settings
from thetaloom.engine.commands import SetLimit
from thetaloom.errors import InvariantError

APPROVALS = 40
START = datetime(2015, 12, 24, 14, 51, tzinfo=UTC)
STRATEGY = "goog-demo-put-credit-spread"
WIDE = (
    *("max_trades_per_day", "max_positions_per_symbol", "max_positions", "max_contracts_per_symbol"),
    *(f"max_orders_per_{span}" for span in ("second", "minute", "hour", "session")),
    *(f"max_contracts_per_{span}" for span in ("minute", "hour", "session")),
)
LOOK_SECONDS, LOOKS_MAX = 0.001, 5_000
STOP_SECONDS = 10.0


def approve_to_order() -> list[Figure]:
    """From the request that approves to the order in the paper broker's books."""
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        settings = load_settings(home=Path(home), market=MarketSource.RECORDED, request_rate_factor=0)
        with open_demo(settings, start=START) as platform, _serving(platform) as port:
            asking = _Asking(HTTPConnection("127.0.0.1", port), sign_in(platform.database))
            took = sorted(_approve(platform, asking) for _ in range(APPROVALS + 1))[:-1]
    note = f"{APPROVALS} approvals over HTTP on loopback, engine in its own thread"
    return [
        Figure(name="approve to order, p50", figure=took[len(took) // 2], unit="ms", bar=150, note=note),
        Figure(name="approve to order, p95", figure=took[int(len(took) * 0.95)], unit="ms", bar=150, note=note),
    ]


def _approve(platform: Platform, asking: "_Asking") -> float:
    made = asking.post(f"/api/suggestions/{STRATEGY}/generate", {"symbol": "GOOG", "force": True})
    before = len(platform.broker.open_orders())
    began = time.perf_counter()
    asking.post(f"/api/suggestions/{made['id']}/execute", {"content_hash": made["content_hash"]})
    _await(lambda: len(platform.broker.open_orders()) > before, "order")
    took = (time.perf_counter() - began) * 1000
    # Made room for the next one: two orders on the same contracts would be in each other's way.
    asking.post(f"/api/workflow/cancel/{made['run_id']}", {})
    _await(lambda: len(platform.broker.open_orders()) == before, "cancellation")
    return took


class _Asking:
    def __init__(self, connection: HTTPConnection, signed: Signed) -> None:
        self._connection = connection
        self._headers = {"content-type": "application/json", **signed.headers}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._connection.request("POST", path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        if answer.status != 200:
            raise InvariantError(f"POST {path} was answered with {answer.status}: {told}")
        return told


def _await(is_there: Callable[[], bool], what: str) -> None:
    for _ in range(LOOKS_MAX):
        if is_there():
            return
        pause(LOOK_SECONDS)
    raise InvariantError(f"the {what} did not come to the broker")


@contextmanager
def _serving(platform: Platform) -> Iterator[int]:
    import uvicorn

    from thetaloom.web.app import create_app

    for name in WIDE:  # the way of an order is measured, not the guards on it
        platform.engine.handle(SetLimit(user_id=platform.user_id, name=name, limit="1000"))
    loop = engine_loop(platform)
    loop.start()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(platform, loop), log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listener.close()
        loop.stop()
