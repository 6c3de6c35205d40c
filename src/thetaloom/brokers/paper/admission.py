"""What the paper broker refuses when an order arrives, with the numbers in the message."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from thetaloom.brokers.paper.fill_model import is_exact_divisor
from thetaloom.brokers.paper.tables import BookedOrder
from thetaloom.domain.book.order_shapes import wrong_shape
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.ticks import finest_tick_rule

LEGS_MAX = 8


class Refused(NamedTuple):
    """Why an order is not taken; a false one takes it."""

    why: Refusal | None = None
    message: str = ""

    def __bool__(self) -> bool:
        return self.why is not None


TAKEN = Refused()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the broker knows when an order arrives."""

    account_id: AccountId
    now: datetime
    last_trading_at: datetime  # of the leg that stops first
    held: Mapping[OptionContract, int]
    working: Sequence[BookedOrder]
    buying_power: Money | None  # before this order
    needed: Money | None  # that the order takes of it, fees included


def refusal(order: Order, standing: Standing) -> Refused:
    """Say why the order cannot be taken, if it cannot."""
    if order.account_id != standing.account_id:
        return Refused(
            Refusal.NOT_PERMITTED, f"the order is for account {order.account_id}, this is {standing.account_id}"
        )
    if standing.now >= standing.last_trading_at:
        message = f"a contract stopped trading at {standing.last_trading_at:%Y-%m-%d %H:%M} UTC"
        return Refused(Refusal.STRIKE_GONE, message)
    wrong = wrong_legs(order.legs) or wrong_limit(order.legs, order.limit_price)
    if wrong:
        return wrong
    if order.effect is Effect.CLOSE:
        return _beyond_held(order, standing)
    return _against_held(order, standing) or beyond_buying_power(standing.needed, standing.buying_power)


def wrong_legs(legs: Sequence[Leg]) -> Refused:
    """Say why legs cannot be one order."""
    contracts = [leg.contract for leg in legs]
    if wrong := wrong_shape(legs, legs_max=LEGS_MAX, factor_is_counted=True):
        return Refused(*wrong)
    if len({(contract.underlying, contract.multiplier) for contract in contracts}) > 1:
        return Refused(Refusal.NOT_PERMITTED, "the legs are not of one underlying and one multiplier")
    if any(contract.is_adjusted for contract in contracts):
        return Refused(Refusal.NOT_PERMITTED, "an adjusted contract: what it delivers is not known")
    if not any(is_exact_divisor(leg.ratio) for leg in legs):
        ratios = ", ".join(str(leg.ratio) for leg in legs)
        return Refused(Refusal.NOT_PERMITTED, f"ratios {ratios}: no leg could carry what is left of a net price")
    return TAKEN


def wrong_limit(legs: Iterable[Leg], limit: Price) -> Refused:
    """Say why no fill at this limit could be booked."""
    legs = tuple(legs)
    money = limit.times(legs[0].contract.multiplier)
    if money != money.to_cents():
        return Refused(Refusal.BAD_PRICE, f"limit {limit} is finer than a cent per contract")
    ticks = finest_tick_rule(legs)
    if not ticks.holds(limit):
        tick = f"{ticks.tick(limit)}, the tick of {legs[0].contract.root} there"
        return Refused(Refusal.BAD_PRICE, f"limit {limit} is not a multiple of {tick}")
    if limit < Price(0) and all(leg.ratio < 0 for leg in legs):
        return Refused(Refusal.BAD_PRICE, f"limit {limit} pays for an order that only sells")
    return TAKEN


def beyond_buying_power(needed: Money | None, buying_power: Money | None) -> Refused:
    """Say by how much the buying power falls short."""
    if needed is None:
        return Refused(Refusal.NOT_PERMITTED, "what the order could cost is unknown or, in this account, not permitted")
    if needed <= 0:
        return TAKEN
    if buying_power is None:
        message = "the buying power is unknown because what is held cannot be valued"
        return Refused(Refusal.INSUFFICIENT_BUYING_POWER, message)
    if needed > buying_power:
        message = f"insufficient buying power: the order needs {needed.to_cents()}, {buying_power.to_cents()} is left"
        return Refused(Refusal.INSUFFICIENT_BUYING_POWER, message)
    return TAKEN


def committed(working: Iterable[BookedOrder], effect: Effect) -> Counter[OptionContract]:
    """Count what working orders would still trade of each contract, bought positive."""
    counts: Counter[OptionContract] = Counter()
    for booked in working:
        if booked.effect is effect:
            for leg in booked.legs:
                counts[leg.contract] += leg.ratio * booked.remaining
    return counts


def beyond_what_is_left(working: Iterable[BookedOrder], held: Mapping[OptionContract, int]) -> tuple[BookedOrder, ...]:
    """Return the closing orders that would close more than is held any more, those that came last first to go."""
    left, gone = dict(held), []
    for booked in working:
        if booked.effect is not Effect.CLOSE:
            continue
        after = {leg.contract: left.get(leg.contract, 0) + leg.ratio * booked.remaining for leg in booked.legs}
        fits = all(
            left.get(leg.contract, 0) * leg.ratio < 0 and after[leg.contract] * left[leg.contract] >= 0
            for leg in booked.legs
        )
        if fits:
            left |= after
        else:
            gone.append(booked)
    return tuple(gone)


def _beyond_held(order: Order, standing: Standing) -> Refused:
    closing = committed(standing.working, Effect.CLOSE)
    for leg in order.legs:
        held = standing.held.get(leg.contract, 0)
        left = held + closing[leg.contract]  # closing runs against what is held
        after = left + leg.ratio * order.quantity
        if held * leg.ratio >= 0 or Decimal(after) * held < 0:
            message = (
                f"cannot close {abs(leg.ratio) * order.quantity} {leg.contract.notation}: "
                f"{held} held, {abs(closing[leg.contract])} of them being closed"
            )
            return Refused(Refusal.QUANTITY_CONFLICT, message)
    return TAKEN


def _against_held(order: Order, standing: Standing) -> Refused:
    # Both sides of one contract would cancel out, and then neither position could be closed.
    opening = committed(standing.working, Effect.OPEN)
    for leg in order.legs:
        there = standing.held.get(leg.contract, 0) or opening[leg.contract]
        if there * leg.ratio < 0:
            message = f"cannot open against {there} {leg.contract.notation} held or being opened"
            return Refused(Refusal.QUANTITY_CONFLICT, message)
    return TAKEN
