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
# Brokers do report a fill after a cancel or an expiry; to drop it would hide a position. A fill in any other
# status, or of more than was ordered, is booked too, because it is real, but it contradicts our books.
FILLABLE = frozenset({S.SUBMITTED, S.WORKING, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED})
IN_FLIGHT = frozenset({S.SUBMITTED, S.PENDING_CANCEL})
OPEN = frozenset({S.STAGED, S.SUBMITTED, S.WORKING, S.PENDING_CANCEL})
CLOSED = frozenset(S) - OPEN


class Effect(StrEnum):
    """Whether an order builds a position or takes one down."""

    OPEN = "open"
    CLOSE = "close"


class OrderPurpose(StrEnum):
    """What an order is for; its client order id is made from it."""

    ENTRY = "entry"
    EXIT = "exit"
    TARGET = "target"  # rests at a spread's profit target
    LADDER = "ladder"  # closes near expiration, at the limit that the days left allow
    UNWIND = "unwind"  # takes back legs that were left alone
    COMPLETE = "complete"  # opens the legs that are missing beside those left alone
    ROLL = "roll"  # closes for a roll, within what was approved of both sides


LEGS_ALONE = frozenset({OrderPurpose.UNWIND, OrderPurpose.COMPLETE})  # of some legs of a structure


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
    purpose: OrderPurpose = OrderPurpose.ENTRY  # a closing order that names none is an exit
    part: str = ""  # the spread it closes; empty = whatever is held
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
    legs_loose_since: datetime | None = None  # when its legs' executions went out of balance; None when they are not

    def __post_init__(self) -> None:
        if self.effect is Effect.CLOSE and self.purpose is OrderPurpose.ENTRY:
            object.__setattr__(self, "purpose", OrderPurpose.EXIT)
        if self.quantity <= 0 or not self.legs:
            raise InvalidInput(f"order {self.client_order_id} needs a positive quantity and at least one leg")
        if self.filled < 0:
            raise OverfillError(self.client_order_id, self.filled, self.quantity)
        if (self.status is S.FILLED) != (self.filled >= self.quantity):
            raise InvalidInput(f"order {self.client_order_id}: filled means the whole quantity, and only that")

    @property
    def remaining(self) -> int:
        """Structures not yet filled."""
        return max(0, self.quantity - self.filled)

    @property
    def overfilled(self) -> int:
        """Structures that the broker filled beyond what was ordered."""
        return max(0, self.filled - self.quantity)

    @property
    def is_open(self) -> bool:
        """Whether the order may still fill in the ordinary course."""
        return self.status in OPEN

    @property
    def awaits_answer(self) -> bool:
        """Whether the broker has yet to answer what was sent last."""
        return self.status in IN_FLIGHT or (self.status is S.WORKING and self.confirmed_revision < self.revision)

    def moved_to(self, status: OrderStatus, reason: str = "") -> "Order":
        """Return the order in ``status``; raises where the table has no such move."""
        if status not in SUCCESSORS[self.status]:
            raise IllegalTransitionError(f"order {self.client_order_id}", self.status, status)
        return replace(self, status=status, reason=reason or self.reason)

    def with_fill(self, quantity: int) -> "Order":
        """Return the order after a fill of ``quantity`` structures; what the broker did is booked whatever we asked."""
        if quantity <= 0:
            raise OverfillError(self.client_order_id, quantity, self.remaining)
        filled = self.filled + quantity
        if filled >= self.quantity:
            return replace(self, filled=filled, status=S.FILLED)
        # What fills has arrived: one that we never sent must not be sent now.
        return replace(self, filled=filled, status=S.WORKING if self.status is S.STAGED else self.status)

    def with_limit(self, limit_price: Price) -> "Order":
        """Return the order at another limit price; only a working order can be replaced."""
        if self.status is not S.WORKING:
            raise IllegalTransitionError(f"order {self.client_order_id}", self.status, "replaced")
        return replace(self, limit_price=limit_price, revision=self.revision + 1)

    def unresolved(self, now: datetime) -> "Order":
        """Return the order in doubt: a request had no answer, or a look into the broker's books had none."""
        return replace(self, unresolved_since=self.unresolved_since or now, absent_since=None)

    def missed(self, now: datetime) -> "Order":
        """Return the order after a look into the broker's books that did not find it."""
        return replace(self, unresolved_since=self.unresolved_since or now, absent_since=self.absent_since or now)

    def answered(self) -> "Order":
        """Return the order after any word of the broker about it; it is in doubt only while an answer is due."""
        doubt = self.unresolved_since if self.awaits_answer else None
        return replace(self, unresolved_since=doubt, absent_since=None)
