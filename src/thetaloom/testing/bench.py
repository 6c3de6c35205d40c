"""A paper broker with a market, a clock and books to open again: what most tests of trading need."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from thetaloom.brokers.paper.books import Phase
from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.brokers.paper.settings import PaperSettings
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind, apply_report
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.ports.broker import Broker
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

# The default structure, SPY 2026-01-16 P 560 sold and P 555 bought: mid 1.00, natural 0.80, fill point 0.90.
SPREAD_QUOTES = {"SPY 2026-01-16 P 560": (1.90, 2.10), "SPY 2026-01-16 P 555": (0.90, 1.10)}


class PaperBench:
    """A paper broker on a hand-set market that quotes the builders' default structure."""

    def __init__(self, database_url: str, *, on_commit: Callable[[Phase], None] | None = None, **settings: Any) -> None:
        self.database_url = database_url
        self.settings = PaperSettings(**({"account_id": builders.ACCOUNT} | settings))
        self.clock = FakeClock()
        self.market = FixedMarket(self.clock, always_fresh=True)
        self.market.set_quotes(SPREAD_QUOTES)
        self.market.set_spot("SPY", 575)
        self.broker = self._open(on_commit)

    def reopen(self, on_commit: Callable[[Phase], None] | None = None) -> PaperBroker:
        """Start the broker again on the books it left, as after a kill."""
        self.broker.close()
        self.broker = self._open(on_commit)
        return self.broker

    def tick(self, at: datetime | None = None) -> list[ReportKind]:
        """Let the broker look at the market, later if an instant is given; return what it reports."""
        if at is not None:
            self.clock.move_to(at)
        seen = len(self.kinds())
        self.broker.tick()
        return self.kinds()[seen:]

    def kinds(self) -> list[ReportKind]:
        """Return what was reported so far."""
        return [report.kind for report in self.broker.reports_since(0)]

    def last(self) -> BrokerReport:
        """Return the newest report."""
        return self.broker.reports_since(0)[-1]

    def _open(self, on_commit: Callable[[Phase], None] | None) -> PaperBroker:
        return PaperBroker(
            database_url=self.database_url,
            settings=self.settings,
            market=self.market,
            clock=self.clock,
            calendar=builders.trading_calendar(),
            on_commit=on_commit,
        )


def followed(broker: Broker, order: Order) -> Order:
    """Return the order as our side has it after all reports about it."""
    known = builders.sent(order)
    for report in broker.reports_since(0):
        if report.client_order_id == order.client_order_id:
            known = apply_report(known, report)
    return known


def kinds_of(broker: Broker, client_order_id: ClientOrderId) -> list[ReportKind]:
    """Return what was reported about one order."""
    return [report.kind for report in broker.reports_since(0) if report.client_order_id == client_order_id]
