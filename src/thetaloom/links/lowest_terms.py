"""Orders in the terms that brokers count in: ratios without a common factor, which goes into the quantity.

A strategy may sell two spreads as one structure of ratio 2. To a broker that is two spreads at half the net price, and
the whole price on each of them would be another order. What comes back is told in the order's own terms again.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from math import gcd
from typing import Any

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerOrder, BrokerReport
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.ticks import tick_rule
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.broker import Broker, BrokerCapabilities, Preview
from thetaloom.ports.links import Linked, LinkStatus

FACTOR = "factor:"  # begins the mark under which the factor of an order is kept


class LowestTerms:
    """Implements ``ports.broker.Broker`` over another that reports executions by leg.

    A limit that does not divide onto a tick is rounded our way: the order never trades for less than its own limit.
    """

    def __init__(self, broker: Broker, book: ReportBook) -> None:
        self.name, self.account_id, self.simulated = broker.name, broker.account_id, broker.simulated
        self._broker = broker
        self._book = book

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What the broker can do."""
        return self._broker.capabilities

    def preview(self, order: Order) -> Preview:
        """Say what an order would do."""
        return self._broker.preview(in_lowest_terms(order))

    def submit(self, order: Order) -> None:
        """Send an order; its factor is written down before."""
        factor = factor_of(order)
        if factor > 1:
            self._book.put_mark(f"{FACTOR}{order.client_order_id}", str(factor))
        self._broker.submit(in_lowest_terms(order))

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move a limit."""
        factor = self._factor(client_order_id)
        if factor > 1:
            there = self._broker.find(client_order_id)
            legs = () if there is None else there.legs
            limit_price = divided(limit_price, factor, legs)
        self._broker.replace(client_order_id, limit_price, revision)

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look an order up."""
        there = self._broker.find(client_order_id)
        return None if there is None else self._in_its_own_terms(there)

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return all orders that work."""
        return [self._in_its_own_terms(there) for there in self._broker.open_orders()]

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports after ``sequence``; executions are of legs, and the same in any terms."""
        return [self._told(report) for report in self._broker.reports_since(sequence)]

    def links(self) -> Sequence[LinkStatus]:
        """Return how the broker's connections stand."""
        return self._broker.links() if isinstance(self._broker, Linked) else ()

    def __getattr__(self, asked: str) -> Any:
        return getattr(self._broker, asked)

    def _factor(self, client_order_id: ClientOrderId | None) -> int:
        return int(self._book.mark(f"{FACTOR}{client_order_id}") or 1)

    def _in_its_own_terms(self, there: BrokerOrder) -> BrokerOrder:
        factor = self._factor(there.client_order_id)
        if factor == 1:
            return there
        return replace(
            there,
            legs=tuple(replace(leg, ratio=leg.ratio * factor) for leg in there.legs),
            quantity=there.quantity // factor,
            filled=there.filled // factor,
            limit_price=there.limit_price * factor,
        )

    def _told(self, report: BrokerReport) -> BrokerReport:
        if report.limit_price is None:
            return report
        return replace(report, limit_price=report.limit_price * self._factor(report.client_order_id))


def factor_of(order: Order) -> int:
    """Return the common factor of an order's ratios."""
    return gcd(*(leg.ratio for leg in order.legs))


def in_lowest_terms(order: Order) -> Order:
    """Return the same order with its common factor in the quantity."""
    factor = factor_of(order)
    if factor == 1:
        return order
    legs = tuple(replace(leg, ratio=leg.ratio // factor) for leg in order.legs)
    floor = None if order.floor is None else divided(order.floor, factor, legs)
    limit = divided(order.limit_price, factor, legs)
    filled = order.filled * factor
    return replace(order, legs=legs, quantity=order.quantity * factor, filled=filled, limit_price=limit, floor=floor)


def divided(price: Price, factor: int, legs: Sequence[Leg]) -> Price:
    """Return a net price of one of ``factor`` equal parts, rounded to a tick so that all of them are worth it."""
    each = Price(Decimal(price) / factor)
    return tick_rule(legs).up(each) if legs else each
