"""What a broker says of an order, in our words, and what it does to the order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.orders import IN_FLIGHT, Order, OrderStatus
from thetaloom.domain.book.refusals import Refusal
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
    LEG_FILLED = "leg_filled"  # one leg of the order; ``leg_fills`` puts whole structures together
    LEGS_LEFT = "legs_left"  # ours, never a broker's: what an order that ended has done of its legs and not whole


FILLS = frozenset({ReportKind.FILLED, ReportKind.LEGS_LEFT})


REFUSALS = frozenset({ReportKind.REJECTED, ReportKind.REPLACE_REFUSED, ReportKind.CANCEL_REFUSED})


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
    refusal: Refusal | None = None  # with REJECTED, REPLACE_REFUSED and CANCEL_REFUSED, where the adapter knows
    execution: LegExecution | None = None  # with LEG_FILLED

    def __post_init__(self) -> None:
        if (self.kind is ReportKind.LEG_FILLED) != (self.execution is not None):
            raise InvalidInput(f"report {self.sequence}: an execution comes with LEG_FILLED and with nothing else")
        if self.execution is not None and self.execution.client_order_id != self.client_order_id:
            raise InvalidInput(f"report {self.sequence}: its execution is of another order")
        if self.refusal is not None and self.kind not in REFUSALS:
            raise InvalidInput(f"report {self.sequence}: {self.kind.value} is no refusal")
        if (self.kind in FILLS) != (self.fill is not None):
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


class Contradiction(StrEnum):
    """A fill that our books did not allow for. It is booked, because it is real, and a person is asked."""

    OVERFILL = "overfill"  # more than was ordered
    REFUSED_AND_FILLED = "refused_and_filled"  # rejected by the broker or denied by us
    OVERCLOSE = "overclose"  # more than the position held; the excess stands alone in it
    NEVER_SENT = "never_sent"  # by what we know; an older copy of our database may have been restored


def contradiction_of(before: Order, report: BrokerReport) -> Contradiction | None:
    """Say how a fill contradicts the order as it was before; ``None`` where it does not."""
    if report.kind is not ReportKind.FILLED:
        return None
    if before.status is OrderStatus.STAGED:
        return Contradiction.NEVER_SENT
    if before.status in {OrderStatus.REJECTED, OrderStatus.DENIED}:
        return Contradiction.REFUSED_AND_FILLED
    quantity = 0 if report.fill is None else report.fill.quantity
    return Contradiction.OVERFILL if quantity > before.remaining else None


def apply_report(order: Order, report: BrokerReport) -> Order:
    """Return the order after ``report``; a report that tells nothing new changes nothing.

    Late acknowledgements after a fill and duplicate ends are ordinary; a move the books forbid raises.
    Fills are counted as they come: one that the store knows already must not be handed in again.
    """
    if report.client_order_id != order.client_order_id:
        raise InvalidInput(f"report {report.sequence} is of {report.client_order_id}, not of {order.client_order_id}")
    order = replace(order, broker_order_id=report.broker_order_id or order.broker_order_id)
    return _changed(order, report).answered()


def _changed(order: Order, report: BrokerReport) -> Order:
    if report.fill is not None and report.kind is ReportKind.FILLED:
        return order.with_fill(report.fill.quantity)
    if not order.is_open or report.kind is ReportKind.LEGS_LEFT:
        return order
    match report.kind:
        case ReportKind.ACCEPTED | ReportKind.LEG_FILLED:
            return order.moved_to(OrderStatus.WORKING) if order.status is OrderStatus.SUBMITTED else order
        case ReportKind.REPLACED | ReportKind.REPLACE_REFUSED:
            standing = order.limit_price if report.limit_price is None else report.limit_price
            return replace(order, limit_price=standing, confirmed_revision=order.revision)
        case ReportKind.REJECTED if report.refusal is Refusal.DUPLICATE:
            return order  # the broker has the first one; only its books can tell how that goes
        case ReportKind.CANCEL_REFUSED:
            return _after_refused_cancel(order)
    return replace(order.moved_to(_ENDS[report.kind], report.message), refusal=report.refusal)


def _after_refused_cancel(order: Order) -> Order:
    # A broker also refuses to cancel what it never got; only an order that it has spoken of goes on working.
    arrived = order.broker_order_id is not None or order.filled > 0
    return order.moved_to(OrderStatus.WORKING) if order.status in IN_FLIGHT and arrived else order
