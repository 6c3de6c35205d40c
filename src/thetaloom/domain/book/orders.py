"""The life of an order: which status may follow which, and what a fill does to it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId, RunId
from thetaloom.domain.values.money import Price
from thetaloom.errors import IllegalTransitionError, InvalidInput, OverfillError


class OrderStatus(StrEnum):
    """Where an order stands. Fill progress is a quantity, not a status."""

    STAGED = "STAGED"  # written down with its client order id, certainly not sent
    SUBMITTED = "SUBMITTED"  # about to be sent or sent; the broker has not answered
    WORKING = "WORKING"
    PENDING_CANCEL = "PENDING_CANCEL"  # cancel sent; the broker has not answered
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"  # refused by the broker
    DENIED = "DENIED"  # refused by our own checks at the last gate
    EXPIRED = "EXPIRED"


S = OrderStatus
# FILLED is missing on purpose: only a fill can fill an order, see ``with_fill``.
SUCCESSORS: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.STAGED: frozenset({S.SUBMITTED, S.DENIED, S.CANCELED}),  # canceled before it was sent
    S.SUBMITTED: frozenset({S.WORKING, S.CANCELED, S.REJECTED, S.EXPIRED, S.PENDING_CANCEL}),
    S.WORKING: frozenset({S.PENDING_CANCEL, S.CANCELED, S.REJECTED, S.EXPIRED}),  # brokers reject late, too
    # A cancel can be refused, and the order that it overtook can be rejected.
    S.PENDING_CANCEL: frozenset({S.WORKING, S.CANCELED, S.REJECTED, S.EXPIRED}),
    S.FILLED: frozenset(),
    S.CANCELED: frozenset(),
    S.REJECTED: frozenset(),
    S.DENIED: frozenset(),
    S.EXPIRED: frozenset(),
}
# Brokers do report a fill after a cancel or an expiry; to drop it would hide a position.
FILLABLE = frozenset({S.SUBMITTED, S.WORKING, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED})
IN_FLIGHT = frozenset({S.SUBMITTED, S.PENDING_CANCEL})
OPEN = frozenset({S.STAGED, S.SUBMITTED, S.WORKING, S.PENDING_CANCEL})
CLOSED = frozenset(S) - OPEN


class Effect(StrEnum):
    """Whether an order builds a position or takes one down."""

    OPEN = "open"
    CLOSE = "close"


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order for ``quantity`` structures at one net price (credit positive), all legs or none."""

    client_order_id: ClientOrderId
    run_id: RunId
    account_id: AccountId
    effect: Effect
    legs: tuple[Leg, ...]
    quantity: int
    limit_price: Price  # net, per share of one structure; what we receive is positive
    floor: Price | None = None  # the worst net price its limit may ever be moved to; None = natural
    time_in_force: TimeInForce = TimeInForce.DAY
    status: OrderStatus = OrderStatus.STAGED
    filled: int = 0
    revision: int = 0  # how often the limit was replaced
    broker_order_id: BrokerOrderId | None = None
    staged_at: datetime
    expires_at: datetime  # when we cancel what has not filled
    reason: str = ""  # the broker's or our words when it ended without a fill
    refusal: Refusal | None = None  # the broker's no in our words
    unresolved_since: datetime | None = None  # a request had no answer; None once the broker's books or reports have
    absent_since: datetime | None = None  # the first of the unbroken looks that did not find it
    confirmed_revision: int = 0  # the newest limit that the broker is known to have

    def __post_init__(self) -> None:
        if self.quantity <= 0 or not self.legs:
            raise InvalidInput(f"order {self.client_order_id} needs a positive quantity and at least one leg")
        if not 0 <= self.filled <= self.quantity:
            raise OverfillError(self.client_order_id, self.filled, self.quantity)
        if (self.status is S.FILLED) != (self.filled == self.quantity):
            raise InvalidInput(f"order {self.client_order_id}: filled means the whole quantity, and only that")

    @property
    def remaining(self) -> int:
        """Structures not yet filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether the order may still fill in the ordinary course."""
        return self.status in OPEN

    def moved_to(self, status: OrderStatus, reason: str = "") -> "Order":
        """Return the order in ``status``; raises where the table has no such move."""
        if status not in SUCCESSORS[self.status]:
            raise IllegalTransitionError(f"order {self.client_order_id}", self.status, status)
        return replace(self, status=status, reason=reason or self.reason)

    def with_fill(self, quantity: int) -> "Order":
        """Return the order after a fill of ``quantity`` structures."""
        if self.status not in FILLABLE:
            raise IllegalTransitionError(f"order {self.client_order_id}", self.status, "filled")
        if not 0 < quantity <= self.remaining:
            raise OverfillError(self.client_order_id, quantity, self.remaining)
        filled = self.filled + quantity
        return replace(self, filled=filled, status=S.FILLED if filled == self.quantity else self.status)

    def with_limit(self, limit_price: Price) -> "Order":
        """Return the order at another limit price; only a working order can be replaced."""
        if self.status is not S.WORKING:
            raise IllegalTransitionError(f"order {self.client_order_id}", self.status, "replaced")
        return replace(self, limit_price=limit_price, revision=self.revision + 1)
