"""What a broker says of an order, in our words, and what it does to the order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import IN_FLIGHT, Order, OrderStatus
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput


class ReportKind(StrEnum):
    """What the broker reports."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REPLACED = "replaced"
    REPLACE_REFUSED = "replace_refused"
    FILLED = "filled"
    CANCELED = "canceled"
    CANCEL_REFUSED = "cancel_refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerReport:
    """One message of a broker about one order; ``sequence`` grows and is never reused within an account."""

    sequence: int
    kind: ReportKind
    client_order_id: ClientOrderId
    broker_order_id: BrokerOrderId | None
    reported_at: datetime
    fill: Fill | None = None  # with FILLED
    limit_price: Price | None = None  # what stands, with REPLACED and REPLACE_REFUSED
    message: str = ""

    def __post_init__(self) -> None:
        if (self.kind is ReportKind.FILLED) != (self.fill is not None):
            raise InvalidInput(f"report {self.sequence}: a fill comes with FILLED and with nothing else")
        if self.fill is not None and self.fill.client_order_id != self.client_order_id:
            raise InvalidInput(f"report {self.sequence}: its fill is of another order")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An order as the broker's own books have it."""

    client_order_id: ClientOrderId | None  # None: placed elsewhere, not through us
    broker_order_id: BrokerOrderId
    is_open: bool
    filled: int
    limit_price: Price
    legs: tuple[Leg, ...]
    quantity: int
    status: OrderStatus  # as the broker has it; WORKING, or how it ended
    placed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """Balances of one account at one moment. ``None`` is unknown."""

    account_id: AccountId
    as_of: datetime
    cash: Money | None
    net_liquidating_value: Money | None
    buying_power: Money | None
    is_live: bool  # real money; the broker itself says so
    is_cash_account: bool = False
    shares: Mapping[str, int] | None = None  # held by symbol, negative when sold short


_ENDS = {
    ReportKind.REJECTED: OrderStatus.REJECTED,
    ReportKind.CANCELED: OrderStatus.CANCELED,
    ReportKind.EXPIRED: OrderStatus.EXPIRED,
}


def apply_report(order: Order, report: BrokerReport) -> Order:
    """Return the order after ``report``; a report that tells nothing new changes nothing.

    Late acknowledgements after a fill and duplicate ends are ordinary; a move the books forbid raises.
    Fills are counted as they come: one that the store knows already must not be handed in again.
    """
    if report.client_order_id != order.client_order_id:
        raise InvalidInput(f"report {report.sequence} is of {report.client_order_id}, not of {order.client_order_id}")
    order = replace(order, broker_order_id=report.broker_order_id or order.broker_order_id)
    if report.fill is not None:
        return order.with_fill(report.fill.quantity)
    if not order.is_open:
        return order
    match report.kind:
        case ReportKind.ACCEPTED:
            return order.moved_to(OrderStatus.WORKING) if order.status is OrderStatus.SUBMITTED else order
        case ReportKind.REPLACED | ReportKind.REPLACE_REFUSED:
            return order if report.limit_price is None else replace(order, limit_price=report.limit_price)
        case ReportKind.CANCEL_REFUSED:
            return order.moved_to(OrderStatus.WORKING) if order.status in IN_FLIGHT else order
    return order.moved_to(_ENDS[report.kind], report.message)
