"""Resting targets: which spread lacks its order, and which closing orders would take more than is held."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.spreads import Spread
from thetaloom.domain.book.targets import target_limit
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, make_client_order_id
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason

REPLACEMENTS_MAX = 3  # of one spread's target on one day, after it ended at the broker without our asking
# We took it back ourselves, and it comes back once the cause is gone; a person's cancel is a person's wish.
TAKEN_BACK = frozenset(
    reason.value
    for reason in (Reason.TARGET_WITHDRAWN, Reason.TARGETS_REPLACED, Reason.MORE_THAN_HELD, Reason.BOOK_IN_DOUBT)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """One target order to be placed."""

    client_order_id: ClientOrderId
    part: str
    legs: tuple[Leg, ...]  # as closing trades them
    quantity: int
    limit_price: Price
    percent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlan:
    """What to place now, when to look again for what may not be placed yet, and what is given up for the day."""

    place: tuple[Resting, ...] = ()
    look_at: datetime | None = None
    given_up: tuple[str, ...] = ()


def plan_targets(
    position: Position,
    orders: Sequence[Order],
    staged_today: frozenset[ClientOrderId],
    *,
    now: datetime,
    pause_seconds: int,
    without: frozenset[str] = frozenset(),
) -> TargetPlan:
    """Say which spreads lack a target order; ``orders`` are the run's, oldest first.

    While another closing order works nothing is placed. One that ended at the broker is placed again after a pause,
    at most ``REPLACEMENTS_MAX`` times a day; one that a person canceled is not. Spreads ``without`` get none.
    """
    beside = (OrderPurpose.TARGET, OrderPurpose.LADDER)
    if any(_is_closing(order) and order.purpose not in beside for order in orders):
        return TargetPlan()
    place: list[Resting] = []
    given_up: list[str] = []
    waits: list[datetime] = []
    pause = timedelta(seconds=pause_seconds)
    for spread in position.spreads:
        mine = target_orders_of(orders, spread.name)
        missing = spread.quantity - sum(order.remaining for order in mine if order.is_open)
        if spread.target_percent is None or missing <= 0 or spread.name in without:
            continue
        counted = mine[spread.target_orders_before :]
        last = counted[-1] if counted else None
        if last is not None and ended_at_broker(last):
            if replacements(counted, staged_today) >= REPLACEMENTS_MAX:
                given_up.append(spread.name)
                continue
            if now < last.staged_at + pause:
                waits.append(last.staged_at + pause)
                continue
        elif last is not None and last.status in _ENDED and last.reason == Reason.ORDER_CANCELED.value:
            continue
        wanted = _resting(position, spread, missing, len(mine) + 1)
        if wanted is not None:
            place.append(wanted)
    return TargetPlan(place=tuple(place), look_at=min(waits, default=None), given_up=tuple(given_up))


def target_orders_of(orders: Iterable[Order], part: str) -> list[Order]:
    """Return the target orders of one spread, as old as they come."""
    return [order for order in orders if order.purpose is OrderPurpose.TARGET and order.part == part]


def ended_at_broker(order: Order) -> bool:
    """Say whether an order ended without a full fill and without our asking."""
    ours = order.reason == Reason.ORDER_CANCELED.value or order.reason in TAKEN_BACK
    return order.status in _ENDED and not ours


def replacements(orders: Sequence[Order], staged_today: frozenset[ClientOrderId]) -> int:
    """Count those of today that took the place of one that had ended at the broker."""
    return sum(order.client_order_id in staged_today and ended_at_broker(before) for before, order in pairwise(orders))


def beyond_held(position: Position | None, orders: Iterable[Order]) -> tuple[Order, ...]:
    """Return the closing orders that must go, so that those left can never close more than is held.

    What is being canceled may still fill and counts first; then targets, which stand longest; then the others.
    """
    left = _held(position)
    over = []
    working = [order for order in orders if _is_closing(order)]
    for order in sorted(working, key=_standing):
        wanted = {(leg.contract, leg.ratio < 0): abs(leg.ratio) * order.remaining for leg in order.legs}
        if all(left[key] >= number for key, number in wanted.items()):
            left.subtract(wanted)
        else:
            over.append(order)
    return tuple(over)


def units_held(position: Position, legs: Iterable[Leg]) -> int:
    """Return how many of ``legs``, as closing trades them, the position could close."""
    held = _held(position)
    return min(held[leg.contract, leg.ratio < 0] // abs(leg.ratio) for leg in legs)


_ENDED = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.DENIED})


def _is_closing(order: Order) -> bool:
    return order.effect is Effect.CLOSE and order.is_open


def _standing(order: Order) -> tuple[bool, bool]:
    return order.status is not OrderStatus.PENDING_CANCEL, order.purpose is not OrderPurpose.TARGET


def _held(position: Position | None) -> Counter[tuple[OptionContract, bool]]:
    # Bought and sold are counted apart: one spread may hold what another has sold.
    held: Counter[tuple[OptionContract, bool]] = Counter()
    if position is None:
        return held
    for spread in position.spreads:
        for leg in spread.legs:
            held[leg.contract, leg.ratio > 0] += abs(leg.ratio) * spread.quantity
    for one in position.loose:
        held[one.contract, one.quantity > 0] += abs(one.quantity)
    return held


def _resting(position: Position, spread: Spread, quantity: int, attempt: int) -> Resting | None:
    legs = tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in spread.legs)
    if spread.target_percent is None:
        return None
    limit = target_limit(legs, spread.entry_price, spread.target_percent)
    if limit is None:
        return None
    return Resting(
        client_order_id=make_client_order_id(position.run_id, OrderPurpose.TARGET.value, attempt, spread.name),
        part=spread.name,
        legs=legs,
        quantity=quantity,
        limit_price=limit,
        percent=spread.target_percent,
    )
