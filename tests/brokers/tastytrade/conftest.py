"""An account at tastytrade on loopback: the real SDK and the real adapter, against our server."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from thetaloom.brokers.tastytrade.connection import TastytradeConnection, open_connection
from thetaloom.brokers.tastytrade.trading import TastytradeBroker
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.broker_plugin import BrokerSetup
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.told import folded
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.tastytrade import TastytradeServer
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

PATIENCE_SECONDS = 20.0  # only a test that fails waits so long
# The server's own options are in a hurry, for tests that wait for a failure; a busy machine fails all others by them.
UNHURRIED = {"request_timeout_seconds": "15", "silence_seconds": "15"}


@dataclass(kw_only=True)
class Desk:
    """One account, its server and everything around it."""

    clock: FakeClock
    market: FixedMarket
    backend: Backend
    server: TastytradeServer
    folder: Path
    opened: list[TastytradeConnection] = field(default_factory=list)

    def setup(self, **changes: object) -> BrokerSetup:
        known = BrokerSetup(
            is_live=False,
            account="",
            secrets=self.server.secrets,
            options=self.server.options | UNHURRIED,
            books_url=f"sqlite:///{self.folder}/told.db",
            clock=self.clock,
            calendar=b.trading_calendar(),
        )
        return replace(known, **changes)  # type: ignore[arg-type]  # fields by their names

    def connect(self, **changes: object) -> TastytradeConnection:
        self.opened.append(open_connection(self.setup(**changes)))
        return self.opened[-1]

    @property
    def broker(self) -> TastytradeBroker:
        return self.opened[-1].broker

    def fill(self, order: Order) -> None:
        """Let the market come to a limit: the first sold leg's bid moves so that the net is there."""
        for leg, paid in zip(order.legs, b.leg_prices(order.legs, order.limit_price), strict=True):
            self.market.set_quote(leg.contract, paid, paid)
        self.backend.tick()

    def kinds(self, order: Order) -> list[ReportKind]:
        return [one.kind for one in self.reports(order)]

    def reports(self, order: Order) -> list[BrokerReport]:
        told = [one for one in self.broker.reports_since(0) if one.client_order_id == order.client_order_id]
        return folded(order.legs, told)

    def expect(self, order: Order, *kinds: ReportKind) -> None:
        until(lambda: self.kinds(order) == list(kinds))
        assert self.kinds(order) == list(kinds)

    def number(self, of: ClientOrderId) -> int:
        found = self.broker.find(of)
        assert found is not None
        return int(found.broker_order_id)

    def close(self) -> None:
        for one in self.opened:
            one.close()
        self.server.stop()
        self.backend.close()


def until(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    pause = Event()  # never set: a wait with an end
    while not (found := is_so()) and time.monotonic() < end:
        pause.wait(0.005)
    return found


@pytest.fixture
def clean_desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk to which nobody is connected."""
    clock = FakeClock()
    market = FixedMarket(clock, always_fresh=True)
    market.set_spot("SPY", 575)
    for leg, (bid, ask) in zip(b.legs(), ((2.00, 2.10), (1.30, 1.40)), strict=True):
        market.set_quote(leg.contract, bid, ask)
    backend = Backend(market, clock, b.trading_calendar(), tmp_path)
    server = TastytradeServer(backend)
    server.start()
    desk = Desk(clock=clock, market=market, backend=backend, server=server, folder=tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def desk(clean_desk: Desk) -> Iterator[Desk]:
    """A desk with its account connected; whatever was sent has to be as the protocol wants it."""
    yield from _connected(clean_desk, clean_desk.setup().options)


@pytest.fixture
def hurried_desk(clean_desk: Desk) -> Iterator[Desk]:
    """The same where answers and heartbeats that never come are soon given up."""
    yield from _connected(clean_desk, clean_desk.server.options)


def _connected(desk: Desk, options: Mapping[str, str]) -> Iterator[Desk]:
    opened = desk.connect(options=options)
    # A connection does not wait for its lines for long, and a line that is not up yet cannot be dropped.
    assert until(lambda: all(one.is_up for one in (*opened.broker.links(), *opened.market.links())))
    # Behind a new line the books are read once: a trouble that a test plans is for the test's own call.
    assert until(lambda: opened._book.mark("transactions") is not None)
    yield desk
    assert desk.server.faults == []


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ReportBook]:
    """The book of an account of which nothing was told yet."""
    opened = ReportBook(f"sqlite:///{tmp_path}/told.db", "tastytrade", b.ACCOUNT, FakeClock())
    yield opened
    opened.close()
