"""Fills that the exchange busts or corrects after they were booked: the fills that stand make the position.

No fill is ever erased. What corrects one is a fact of its own, and the position is put together anew from all of
them. That is only done where the fills as they were told make exactly the position that is held: a position to which
something else happened, a trade elsewhere or an assignment, is left to a person.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.leg_fills import ALONE_MARK
from thetaloom.domain.book.orders import LEGS_ALONE, Effect, Order, OrderStatus
from thetaloom.domain.book.positions import NONE_KEPT, Position
from thetaloom.domain.book.resting import units_held
from thetaloom.domain.book.spreads import with_legs
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict

BUSTED = "busted"  # how a position ended of whose entry nothing stands


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedOrder:
    """An order of a position with all its fills as they were told."""

    order: Order
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What takes back contracts of an order's fills, or stands in their place."""

    order: ClientOrderId
    told: Transaction

    def takes_back(self, order: Order) -> bool:
        """Tell whether it goes against the order, and so undoes what that did."""
        return any(leg.contract == self.told.contract and leg.ratio * self.told.quantity < 0 for leg in order.legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionInputs:
    """A position, what was booked to it, and what corrects that."""

    position: Position
    booked: tuple[BookedOrder, ...]
    before: tuple[Correction, ...]  # that are in the position already
    fresh: tuple[Correction, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionOutput:
    """The position and its orders as the fills that stand make them; no position where that is not certain."""

    verdict: Verdict
    position: Position | None = None
    orders: tuple[Order, ...] = ()  # those that changed


def decide_correction(given: CorrectionInputs) -> CorrectionOutput:
    """Put a position together from the fills that stand, where those that were told make what is held now."""
    before, after = standing(given.booked, given.before), standing(given.booked, (*given.before, *given.fresh))
    unsure = CorrectionOutput(verdict=Verdict(answer=ALLOWED.answer, reason=Reason.BOOK_IN_DOUBT))
    moved = {one.order for one in given.fresh}
    if before is None or after is None or any(one.order.is_open for one in given.booked if _id(one) in moved):
        return unsure
    position, known = given.position, _put_together(given.position, before)
    if known is None or not _is_same(known, position):
        return unsure
    made = _put_together(position, after)
    if made is None:
        return unsure
    fees = position.fees + sum((one.told.fees for one in given.fresh), NOTHING)
    made = replace(made, fees=fees, closed_at=_closed_at(position, made, given.at), version=position.version)
    if not made.is_open and not made.opened_quantity:
        made = replace(made, ended_as=BUSTED)
    elif made.ended_as == BUSTED:
        made = replace(made, ended_as="")
    orders = tuple(_filled(one) for one in after if _id(one) in moved)
    return CorrectionOutput(verdict=ALLOWED, position=made, orders=orders)


def standing(booked: Iterable[BookedOrder], corrections: Sequence[Correction]) -> tuple[BookedOrder, ...] | None:
    """Return the fills that stand; ``None`` where a correction is of contracts that no fill has."""
    found = []
    for one in booked:
        fills: list[Fill] | None = list(one.fills)
        for correction in corrections:
            if fills is not None and correction.order == _id(one):
                fills = _after(one.order, fills, correction)
        if fills is None:
            return None
        left = (now for now, told in zip(fills, one.fills, strict=True) if now.legs or not told.legs)
        found.append(BookedOrder(order=one.order, fills=tuple(left)))
    return tuple(found)


def _id(one: BookedOrder) -> ClientOrderId:
    return one.order.client_order_id


def _after(order: Order, fills: list[Fill], correction: Correction) -> list[Fill] | None:
    told, fills = correction.told, list(fills)
    if told.contract is None or told.price is None:
        return None
    if not correction.takes_back(order):
        if not fills:
            return None
        more = LegFill(contract=told.contract, quantity=told.quantity, price=told.price)
        return [*fills[:-1], _with(order, fills[-1], (*fills[-1].legs, more))]
    left = -told.quantity  # of these contracts, in the direction of the fill
    for index in reversed(range(len(fills))):
        legs = []
        for leg in fills[index].legs:
            now = 0
            if (leg.contract, leg.price) == (told.contract, told.price) and leg.quantity * left > 0:
                now = min(abs(left), abs(leg.quantity)) * (1 if left > 0 else -1)
            left -= now
            legs.append(replace(leg, quantity=leg.quantity - now))
        if tuple(legs) != fills[index].legs:
            fills[index] = _with(order, fills[index], legs)
    return None if left else fills


def _with(order: Order, fill: Fill, legs: Iterable[LegFill]) -> Fill:
    """Return a fill of other legs: of whole structures where they make some, else of what they are together."""
    kept = tuple(leg for leg in legs if leg.quantity)
    net = sum((leg.price * -leg.quantity for leg in kept), Price(0))
    whole = _whole(order.legs, kept)
    return replace(fill, legs=kept, quantity=whole or 1, price=net / (whole or 1))


def _whole(legs: Iterable[Leg], done: Iterable[LegFill]) -> int:
    counted = _counted(done)
    times = {divmod(counted.pop(leg.contract, 0), leg.ratio) for leg in legs}
    number, rest = times.pop()
    return 0 if times or rest or any(counted.values()) else max(0, number)


def _counted(done: Iterable[LegFill]) -> Counter[OptionContract]:
    counted: Counter[OptionContract] = Counter()
    for leg in done:
        counted[leg.contract] += leg.quantity
    return counted


def _put_together(position: Position, booked: Iterable[BookedOrder]) -> Position | None:
    spreads = tuple(replace(one, lots=(), opened_quantity=0, realized=NOTHING) for one in position.spreads)
    made = replace(position, spreads=spreads, loose=(), shares=(), opened_quantity=0, realized=NOTHING, closed_at=None)
    steps = [(fill, one.order) for one in booked for fill in one.fills if fill.legs]
    for fill, order in sorted(steps, key=lambda step: step[0].filled_at):
        closes = order.effect is Effect.CLOSE and ALONE_MARK not in fill.fill_id
        if closes and _whole(order.legs, fill.legs) > units_held(made, order.legs):
            return None
        made = _booked(made, order, fill)
    return made


def _booked(position: Position, order: Order, fill: Fill) -> Position:
    if order.purpose in LEGS_ALONE:
        fill = with_legs(fill, order.legs)  # of some legs of the structure alone
    if order.effect is Effect.OPEN:
        return position.with_open_fill(fill)
    return position.with_close_fill(fill, order.part, keep=NONE_KEPT)


def _is_same(made: Position, held: Position) -> bool:
    same = ("spreads", "loose", "shares", "realized", "opened_quantity")
    return all(getattr(made, name) == getattr(held, name) for name in same) and not held.endings


def _closed_at(before: Position, made: Position, at: datetime) -> datetime | None:
    return None if made.is_open else before.closed_at or at


def _filled(one: BookedOrder) -> Order:
    order = one.order
    done = _counted(leg for fill in one.fills if ALONE_MARK not in fill.fill_id for leg in fill.legs)
    filled = max(0, min(done[leg.contract] // leg.ratio for leg in order.legs))
    status = order.status
    if filled >= order.quantity:
        status = OrderStatus.FILLED
    elif status is OrderStatus.FILLED:
        status = OrderStatus.CANCELED
    return replace(order, filled=filled, status=status, reason=Reason.TRADE_BUSTED.value)
