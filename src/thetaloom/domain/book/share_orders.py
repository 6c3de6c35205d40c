"""An order that trades away the shares of a position: all of them, at once and at the market."""

from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.values.ids import AccountId, ClientOrderId, PositionId, RunId, UserId, make_client_order_id
from thetaloom.errors import IllegalTransitionError, InvalidInput

PURPOSE = "shares"
# It is SUBMITTED until the broker's transaction is booked: only then are the shares gone from the position.
_NEXT: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.STAGED: frozenset({OrderStatus.SUBMITTED, OrderStatus.CANCELED, OrderStatus.FILLED}),
    OrderStatus.SUBMITTED: frozenset({OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELED}),
    OrderStatus.CANCELED: frozenset({OrderStatus.FILLED}),  # a trade in the transactions is real, whatever we thought
    OrderStatus.REJECTED: frozenset({OrderStatus.FILLED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesAnswer:
    """What a broker says to an order for shares; a trade that was done is in its transactions."""

    refusal: Refusal | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOrder:
    """All shares of a position, to be traded away; bought positive, so those that are held count negative."""

    client_order_id: ClientOrderId
    run_id: RunId
    position_id: PositionId
    user_id: UserId
    account_id: AccountId
    symbol: str
    quantity: int
    status: OrderStatus = OrderStatus.STAGED
    reason: str = ""  # why it ended without a trade
    staged_at: datetime
    sent_at: datetime | None = None
    version: int = 0

    def __post_init__(self) -> None:
        if not self.quantity:
            raise InvalidInput(f"{self.client_order_id} trades no shares")

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.status in {OrderStatus.STAGED, OrderStatus.SUBMITTED}

    def moved_to(self, status: OrderStatus, reason: str = "", *, sent_at: datetime | None = None) -> "ShareOrder":
        """Return the order in another status. Raises ``IllegalTransitionError`` for a move that cannot be."""
        if status not in _NEXT.get(self.status, frozenset()):
            raise IllegalTransitionError(f"order {self.client_order_id}", self.status, status)
        return replace(self, status=status, reason=reason, sent_at=sent_at or self.sent_at)


def share_order_of(position: Position, attempt: int, now: datetime) -> ShareOrder:
    """Return the order that trades away all shares that a position holds."""
    return ShareOrder(
        client_order_id=make_client_order_id(position.run_id, PURPOSE, attempt),
        run_id=position.run_id,
        position_id=position.id,
        user_id=position.user_id,
        account_id=position.account_id,
        symbol=position.symbol,
        quantity=-position.shares_held,
        staged_at=now,
    )


def shares_text(position: Position) -> str:
    """Return ``holds 100 SPY shares``, or that it is short of them; nothing where there are none."""
    held = position.shares_held
    if not held:
        return ""
    return f"holds {held} {position.symbol} shares" if held > 0 else f"is short {-held} {position.symbol} shares"


def shares_advice(position: Position, *, by_us: bool) -> str:
    """Return what a person has to do about shares; nothing where there are none."""
    if not position.shares_held:
        return ""
    if by_us:
        return f"No rule watches the shares. To trade them away: thetaloom position sell-shares {position.id}"
    verb = "Sell" if position.shares_held > 0 else "Buy back"
    return f"No rule watches the shares. {verb} them at the broker; the books follow by themselves."
