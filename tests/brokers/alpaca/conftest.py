"""One simulated Alpaca with a fresh account for each test, and the adapter connected to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.brokers.alpaca.waiting import until
from thetaloom.brokers.alpaca.connection import AlpacaConnection
from thetaloom.brokers.alpaca.plugin import PLUGIN
from thetaloom.brokers.alpaca.trading import AlpacaBroker
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.ports.broker_plugin import BrokerSetup
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.alpaca.server import AlpacaServer
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket


@dataclass(kw_only=True)
class Desk:
    """A server, its world, and the adapter that speaks to it."""

    folder: Path
    clock: FakeClock
    market: FixedMarket
    backend: Backend
    server: AlpacaServer
    options: dict[str, str] = field(default_factory=dict)
    opened: list[AlpacaConnection] = field(default_factory=list)

    def connect(self, **changes: object) -> AlpacaConnection:
        """Open the adapter, over the books of before."""
        given: dict[str, object] = {
            "is_live": False,
            "account": "",
            "secrets": self.server.secrets,
            "options": self.server.options | self.options,
            "books_url": f"sqlite:///{self.folder}/told.db",
            "clock": self.clock,
            "calendar": b.trading_calendar(),
        }
        connection = PLUGIN.connect(BrokerSetup(**(given | changes)))  # type: ignore[arg-type]  # fields by name
        assert isinstance(connection, AlpacaConnection)
        self.opened.append(connection)
        return connection

    @property
    def broker(self) -> AlpacaBroker:
        """The newest connection's broker."""
        return self.opened[-1].broker if self.opened else self.connect().broker

    def fill(self, order: Order) -> None:
        """Let the market take an order at its limit."""
        for leg, price in zip(order.legs, b.leg_prices(order.legs, order.limit_price), strict=True):
            self.market.set_quote(leg.contract, price, price)
        self.clock.advance(seconds=1)
        self.backend.tick()

    def reports(self, order: Order) -> list[BrokerReport]:
        """Return what was reported of an order."""
        return [one for one in self.broker.reports_since(0) if one.client_order_id == order.client_order_id]

    def kinds(self, order: Order) -> list[ReportKind]:
        """Return the kinds of what was reported of an order."""
        return [one.kind for one in self.reports(order)]

    def await_kinds(self, order: Order, *kinds: ReportKind) -> None:
        """Wait until exactly these were reported."""
        until(lambda: self.kinds(order) == list(kinds), lambda: f"{self.kinds(order)} is not {list(kinds)}")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = FakeClock()
    market = FixedMarket(clock, always_fresh=True)
    market.set_spot("SPY", 575)
    market.set_quotes({"SPY 2026-01-16 P 560": (2.00, 2.10), "SPY 2026-01-16 P 555": (1.00, 1.10)})
    backend = Backend(market, clock, b.trading_calendar(), tmp_path)
    server = AlpacaServer(backend)
    server.start()
    waits = {"request_timeout_seconds": "5", "silence_seconds": "10"}
    desk = Desk(folder=tmp_path, clock=clock, market=market, backend=backend, server=server, options=waits)
    yield desk
    for one in desk.opened:
        one.close()
    server.stop()
    backend.close()
    assert server.faults == []


@pytest.fixture
def opened(desk: Desk) -> Desk:
    desk.connect()
    return desk
