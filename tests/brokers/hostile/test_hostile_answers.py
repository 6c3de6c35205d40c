"""Answers that are none, on every route of brokers that speak HTTP: our errors, nothing false, nothing twice."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.errors import OutcomeUnknown, ThetaloomError
from thetaloom.ports.broker import Broker
from thetaloom.ports.broker_plugin import BrokerPlugin, BrokerSetup, ConnectedBroker
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

Twisted = tuple[int | None, dict[str, str], bytes]
Twist = Callable[[bytes], Twisted]
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
PLANTED = ("refresh-token", "client-secret", "secret-key")
ABSURD: list[Any] = [
    None,
    True,
    -1,
    0,
    1e308,
    10**18,
    "NaN",
    "Infinity",
    "-7",
    "",
    "nonsense",
    [],
    {},
    [[]],
    "1" * 5000,
]
ABSURD += ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00", "\ud800"]
QUICK = {"request_timeout_seconds": "2", "silence_seconds": "5"}


def page(status: int | None) -> Twist:
    return lambda _: (status, {"Content-Type": "text/html"}, PAGE)


WHOLE: dict[str, Twist] = {
    "a proxy's page": page(502),
    "a page that calls itself good": page(200),
    "a page that calls itself refused": page(403),
    "a page that calls itself not found": page(404),
    "a redirect": lambda _: (307, {"Location": "http://127.0.0.1:9/stolen"}, b""),
    "half an answer": lambda content: (None, {}, content[: len(content) // 2]),
    "no UTF-8": lambda content: (None, {}, content.replace(b":", b"\xff\xfe:")),
    "nothing": lambda _: (200, {}, b""),
    "null": lambda _: (200, {}, b"null"),
    "an empty list": lambda _: (200, {}, b"[]"),
    "an empty object": lambda _: (200, {}, b"{}"),
    "a number": lambda _: (200, {}, b"NaN"),
    "bottomless": lambda _: (200, {}, b"[" * 100_000 + b"]" * 100_000),
    "no gzip": lambda content: (None, {"Content-Encoding": "gzip"}, content),
    "ten megabytes": lambda _: (200, {}, b'{"data":"' + b"x" * 10_000_000 + b'"}'),
}


@dataclass
class Wired:
    """One account of one broker, and the hand on its answers."""

    broker: Broker
    connected: ConnectedBroker
    backend: Backend
    server: Any
    secrets: tuple[str, ...]

    def twist(self, twist: Twist | None) -> None:
        """Have every answer from now on twisted."""
        (self.server.http if hasattr(self.server, "http") else self.server._loopback).twist = twist

    def attempt(self, act: Callable[[], object]) -> ThetaloomError | None:
        """Do something; only our errors come out, without secrets."""
        try:
            act()
        except ThetaloomError as error:
            text = f"{error} {error!r} {error.advice} {error.details}"
            assert not any(secret in text for secret in self.secrets), text
            return error
        return None


def plugins() -> dict[str, tuple[BrokerPlugin, Any, str]]:
    from thetaloom.brokers.alpaca.plugin import PLUGIN as ALPACA
    from thetaloom.brokers.tastytrade.plugin import PLUGIN as TASTYTRADE
    from thetaloom.testing.broker_servers.alpaca.server import AlpacaServer
    from thetaloom.testing.broker_servers.tastytrade import TastytradeServer

    return {
        "alpaca": (ALPACA, AlpacaServer, "PASIM0001"),
        "tastytrade": (TASTYTRADE, TastytradeServer, str(b.ACCOUNT)),
    }


@pytest.fixture(scope="module", params=["alpaca", "tastytrade"])
def wired(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    plugin, server_class, account = plugins()[request.param]
    clock = FakeClock()
    market = FixedMarket(clock, always_fresh=True)
    market.set_spot("SPY", 575)
    market.set_quotes({"SPY 2026-01-16 P 560": (2.00, 2.10), "SPY 2026-01-16 P 555": (1.00, 1.10)})
    backend = Backend(market, clock, b.trading_calendar(), folder, account=account)
    server = server_class(backend)
    server.start()
    setup = BrokerSetup(
        is_live=False,
        account="",
        secrets=server.secrets,
        options=server.options | QUICK,
        books_url=f"sqlite:///{folder}/told.db",
        clock=clock,
        calendar=b.trading_calendar(),
    )
    with ExitStack() as ending:
        ending.callback(backend.close)
        ending.callback(server.stop)
        connected = plugin.connect(setup)
        ending.callback(connected.close)
        secrets = tuple(text for name, text in server.secrets.items() if name in PLANTED)
        hand = Wired(connected.broker, connected, backend, server, secrets)
        ending.callback(lambda: hand.twist(None))
        yield hand


_names = iter(range(1_000_000))


def fresh_order() -> Order:
    return b.order(limit="1.50", client_order_id=f"tl-hostile-{next(_names)}")


def reads(wired: Wired, order: Order) -> list[Callable[[], object]]:
    broker, market, now = wired.broker, wired.connected.market, b.NOW
    assert market is not None
    return [
        broker.open_orders,
        broker.account,
        broker.holdings,
        lambda: broker.transactions(0),
        lambda: broker.preview(order),
        lambda: broker.cancel_orphan(BrokerOrderId("12345")),
        lambda: market.spot("SPY", now),
        lambda: market.underlying("QQQ"),
        lambda: market.chain("IWM", now),
    ]


def stands(wired: Wired, order: Order) -> None:
    """Check that an order that was sent once over a bad line is in the books once, and was not refused in them."""
    wired.twist(None)
    there = wired.backend.by_client_id(order.client_order_id)
    assert len(there) <= 1
    found = wired.broker.find(order.client_order_id)
    assert (found is not None) == bool(there)
    kinds = [one.kind for one in wired.broker.reports_since(0) if one.client_order_id == order.client_order_id]
    assert kinds == ([ReportKind.ACCEPTED] if there else []), kinds
    if there:
        wired.broker.cancel(order.client_order_id)


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_that_is_none_proves_nothing_and_leaks_nothing(wired: Wired, name: str) -> None:
    order = fresh_order()
    wired.twist(WHOLE[name])

    error = wired.attempt(lambda: wired.broker.submit(order))

    assert isinstance(error, OutcomeUnknown), repr(error)  # the server took it, whatever it answered
    assert wired.attempt(lambda: wired.broker.find(order.client_order_id)) is not None
    for read in reads(wired, order):
        wired.attempt(read)
    wired.attempt(lambda: wired.broker.submit(order))
    stands(wired, order)


def paths(told: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    parts = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for key, part in parts:
        yield from paths(part, (*at, key))


def bent(content: bytes, where: int, absurd: Any, drops: bool) -> bytes:
    """Return an answer with one field changed, or left out."""
    told: Any = json.loads(content) if content else None
    every = list(paths(told))
    if not every:
        return content
    *outer, last = every[where % len(every)]
    place = told
    for key in outer:
        place = place[key]
    if drops:
        del place[last]
    else:
        place[last] = absurd
    return json.dumps(told).encode()


@pytest.mark.parametrize("number", range(16))
def test_a_field_that_is_missing_or_absurd_ends_in_our_errors_and_one_order(wired: Wired, number: int) -> None:
    chance = np.random.default_rng(number)
    where, drops = int(chance.integers(400)), bool(chance.integers(2))
    absurd = ABSURD[int(chance.integers(len(ABSURD)))]
    order = fresh_order()
    wired.twist(lambda content: (None, {}, bent(content, where, absurd, drops)))
    before = len(wired.broker.reports_since(0))

    wired.attempt(lambda: wired.broker.submit(order))
    wired.attempt(lambda: wired.broker.find(order.client_order_id))
    for read in reads(wired, order)[:5]:
        wired.attempt(read)

    wired.twist(None)
    assert len(wired.backend.by_client_id(order.client_order_id)) <= 1
    fresh = wired.broker.reports_since(0)[before:]
    assert not any(one.kind in {ReportKind.FILLED, ReportKind.LEG_FILLED} for one in fresh)  # nothing has filled
    with suppress(ThetaloomError):
        wired.broker.cancel(order.client_order_id)
