"""What goes wrong at the scripted broker, and what it knows of an order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.values.ids import BrokerOrderId


class Trouble(StrEnum):
    """What goes wrong with one request."""

    UNAVAILABLE = "unavailable"  # BrokerUnavailable; nothing arrived
    LOST = "lost"  # OutcomeUnknown; nothing arrived
    ACCEPTED_IN_SILENCE = "accepted_in_silence"  # OutcomeUnknown; it arrived, and its report is held back
    UNREPORTED = "unreported"  # no error; it arrived, and its report is held back: a late acknowledgement
    REFUSED = "refused"  # rejected, or refused to cancel or replace; ``refusal`` says why
    LATE = "late"  # OutcomeUnknown; a new order that arrives with ``arrive``
    IN_WORD_ONLY = "in_word_only"  # a replace reported as done that changed nothing


@dataclass(frozen=True, slots=True)
class Known:
    """An order as the scripted broker's books have it."""

    order: Order
    broker_order_id: BrokerOrderId
    status: OrderStatus
    placed_at: datetime
    is_ours: bool = True

    @property
    def told(self) -> BrokerOrder:
        """The order as the broker tells it."""
        return BrokerOrder(
            client_order_id=self.order.client_order_id if self.is_ours else None,
            broker_order_id=self.broker_order_id,
            is_open=self.status is OrderStatus.WORKING,
            filled=self.order.filled,
            limit_price=self.order.limit_price,
            legs=self.order.legs,
            quantity=self.order.quantity,
            status=self.status,
            placed_at=self.placed_at,
        )
