"""Where a position stands, and its spreads with their targets, as people are shown them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.resting import target_orders_of
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price


class PositionStatus(StrEnum):
    """Where a position stands; it is never stored, only derived."""

    PENDING_ENTRY = "pending_entry"
    OPEN_FULL = "open_full"  # all that was opened is held
    OPEN_PARTIAL = "open_partial"
    CLOSING = "closing"  # an order works to close what is left
    CLOSED = "closed"
    ROLLED = "rolled"
    ADJUSTED = "adjusted"
    EXPIRED = "expired"
    BUSTED = "busted"  # nothing of its entry stands


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadShown:
    """One spread with what is left of it and the order that rests at its target."""

    name: str
    legs: tuple[Leg, ...]
    opened_quantity: int
    remaining: int
    entry_price: Price | None
    realized: Money  # before fees
    target_percent: Decimal | None
    target_order: ClientOrderId | None  # the newest
    target_price: Price | None
    target_status: str | None


def position_status(position: Position, orders: Sequence[Order] = ()) -> PositionStatus:
    """Derive the status; ``orders`` are those of the position's run, as far as they are known."""
    if not position.is_open:
        if position.ended_as and position.ended_as != PositionStatus.ADJUSTED:
            return PositionStatus(position.ended_as)
        ever = any(spread.opened_quantity for spread in position.spreads) or position.closed_at is not None
        return PositionStatus.CLOSED if ever else PositionStatus.PENDING_ENTRY
    if any(_closes(order) for order in orders):
        return PositionStatus.CLOSING
    if position.ended_as == PositionStatus.ADJUSTED:
        return PositionStatus.ADJUSTED
    is_full = not position.loose and all(one.quantity == one.opened_quantity for one in position.spreads)
    return PositionStatus.OPEN_FULL if is_full else PositionStatus.OPEN_PARTIAL


def spreads_shown(position: Position, orders: Sequence[Order] = ()) -> tuple[SpreadShown, ...]:
    """Return the spreads, each with its newest target order among ``orders``, which come oldest first."""
    shown = []
    for spread in position.spreads:
        mine = target_orders_of(orders, spread.name)
        newest = mine[-1] if mine else None
        shown.append(
            SpreadShown(
                name=spread.name,
                legs=spread.legs,
                opened_quantity=spread.opened_quantity,
                remaining=spread.quantity,
                entry_price=spread.entry_price if spread.lots else None,
                realized=spread.realized,
                target_percent=spread.target_percent,
                target_order=None if newest is None else newest.client_order_id,
                target_price=None if newest is None else newest.limit_price,
                target_status=None if newest is None else newest.status.value,
            )
        )
    return tuple(shown)


def _closes(order: Order) -> bool:
    return order.effect is Effect.CLOSE and order.is_open and order.purpose is not OrderPurpose.TARGET
