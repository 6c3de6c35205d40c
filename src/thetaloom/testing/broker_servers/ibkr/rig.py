"""A simulated TWS and the adapter that talks to it, as tests of the adapter need them."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from thetaloom.brokers.ibkr.connecting import Connection
from thetaloom.brokers.ibkr.settings import read_settings
from thetaloom.brokers.ibkr.trading import IbkrBroker
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.ports.broker_plugin import BrokerSetup
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.ibkr.server import IbkrServer
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

WAIT_SECONDS = 10.0
SHORT, LONG = (leg.contract for leg in b.legs())


class Bench:
    """One account at one simulated TWS; ``connect`` opens the adapter, again and again."""

    def __init__(self, folder: Path, account: str = "DU1234567", **options: str) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.market = FixedMarket(self.clock, always_fresh=True)
        self.calendar = b.trading_calendar()
        self.backend = Backend(self.market, self.clock, self.calendar, folder, account=account)
        self.server = IbkrServer(self.backend)
        self.server.start()
        self.options = {"request_timeout_seconds": "2", "commission_seconds": "0.2"} | options
        self._connections: list[Connection] = []
        self._news = threading.Condition()

    def quote_spread(self) -> None:
        """Quote the two puts of the usual spread and what they are on."""
        self.market.set_spot("SPY", "575")
        self.market.set_quote(SHORT, "1.95", "2.05")
        self.market.set_quote(LONG, "1.00", "1.10")

    def connect(self, *, is_live: bool = False, account: str = "", **options: str) -> IbkrBroker:
        """Open the adapter as a program that starts would."""
        self.disconnect()
        given = self.server.options | {"client_id": "0"} | self.options | options
        setup = BrokerSetup(
            is_live=is_live,
            account=account,
            secrets={},
            options=given,
            books_url=f"sqlite:///{self.folder}/books.db",
            clock=self.clock,
            calendar=self.calendar,
        )
        connection = Connection(setup, read_settings(given, is_live=is_live))
        self._connections.append(connection)
        connection.open()
        connection.broker.on_report(self._hear)
        return connection.broker

    def open_beside(self, **options: str) -> None:
        """Open a second adapter beside the first, as another program would."""
        given = self.server.options | self.options | options
        setup = BrokerSetup(
            is_live=False,
            account="",
            secrets={},
            options=given,
            books_url=f"sqlite:///{self.folder}/others.db",
            clock=self.clock,
            calendar=self.calendar,
        )
        connection = Connection(setup, read_settings(given, is_live=False))
        try:
            connection.open()
        finally:
            connection.close()

    def soon(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that the adapter knows and writes nowhere; fail after a while."""
        pause, until = threading.Event(), time.monotonic() + WAIT_SECONDS  # never set: a wait with an end
        while not is_so():
            assert time.monotonic() < until, "it did not come to that"
            pause.wait(0.005)

    @property
    def connection(self) -> Connection:
        """The one that is open."""
        return self._connections[-1]

    def disconnect(self) -> None:
        """Close the adapter."""
        while self._connections:
            self._connections.pop().close()

    def close(self) -> None:
        """End everything."""
        self.disconnect()
        self.server.stop()
        self.backend.close()

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait for something that the adapter writes; fail after a while."""
        with self._news:
            assert self._news.wait_for(lambda: bool(is_so()), WAIT_SECONDS), "it did not come to that"

    def number_of(self, order: Order) -> BrokerOrderId:
        """Return the newest order that came under an id of ours."""
        return self.backend.by_client_id(order.client_order_id)[-1].broker_order_id

    def fill(self, order: Order) -> None:
        """Let the market take an order whole."""
        net = order.limit_price
        self.market.set_quote(SHORT, net + b.price("1.00"), net + b.price("1.00"))
        self.market.set_quote(LONG, "1.00", "1.00")
        self.clock.advance(seconds=1)
        self.backend.tick()

    def reports(self, client_order_id: ClientOrderId) -> list[BrokerReport]:
        """Return what was reported of one order."""
        return [one for one in self.connection.broker.reports_since(0) if one.client_order_id == client_order_id]

    def kinds(self, order: Order) -> list[ReportKind]:
        """Return the kinds of what was reported of one order."""
        return [one.kind for one in self.reports(order.client_order_id)]

    def _hear(self) -> None:
        with self._news:
            self._news.notify_all()
