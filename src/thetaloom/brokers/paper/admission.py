"""What the paper broker refuses when an order arrives, with the numbers in the message."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.brokers.paper.books import BookedOrder
from thetaloom.brokers.paper.fill_model import is_exact_divisor
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.ticks import finest_tick_rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the broker knows when an order arrives."""

    account_id: AccountId
    now: datetime
    last_trading_at: datetime  # of the leg that stops first
    held: Mapping[OptionContract, int]
    working: Sequence[BookedOrder]
    buying_power: Money | None  # before this order
    reserve: Money | None  # that one structure of this order takes, when it opens


def refusal(order: Order, standing: Standing) -> str:
    """Say why the order cannot be taken; empty when it can."""
    if order.account_id != standing.account_id:
        return f"the order is for account {order.account_id}, this is {standing.account_id}"
    if standing.now >= standing.last_trading_at:
        return f"a contract stopped trading at {standing.last_trading_at:%Y-%m-%d %H:%M} UTC"
    wrong = _wrong_legs(order.legs) or wrong_limit(order.legs, order.limit_price)
    if wrong:
        return wrong
    if order.effect is Effect.CLOSE:
        return _beyond_held(order, standing)
    return _against_held(order, standing) or beyond_buying_power(
        standing.reserve, order.quantity, standing.buying_power
    )


def wrong_limit(legs: Iterable[Leg], limit: Price) -> str:
    """Say why no fill at this limit could be booked."""
    legs = tuple(legs)
    money = limit.times(legs[0].contract.multiplier)
    if money != money.to_cents():
        return f"limit {limit} is finer than a cent per contract"
    ticks = finest_tick_rule(legs)
    if not ticks.holds(limit):
        return f"limit {limit} is not a multiple of {ticks.tick(limit)}, the tick of {legs[0].contract.root} there"
    if limit < Price(0) and all(leg.ratio < 0 for leg in legs):
        return f"limit {limit} pays for an order that only sells"
    return ""


def beyond_buying_power(reserve: Money | None, quantity: int, buying_power: Money | None) -> str:
    """Say by how much the buying power falls short."""
    if reserve is None:
        return "what the order could cost is unknown or, in this account, not permitted"
    if buying_power is None:
        return "the buying power is unknown because what is held cannot be valued"
    needed = reserve * quantity
    if needed > buying_power:
        return f"insufficient buying power: the order needs {needed.to_cents()}, {buying_power.to_cents()} is left"
    return ""


def committed(working: Iterable[BookedOrder], effect: Effect) -> Counter[OptionContract]:
    """Count what working orders would still trade of each contract, bought positive."""
    counts: Counter[OptionContract] = Counter()
    for booked in working:
        if booked.effect is effect:
            for leg in booked.legs:
                counts[leg.contract] += leg.ratio * booked.remaining
    return counts


def _wrong_legs(legs: Sequence[Leg]) -> str:
    contracts = [leg.contract for leg in legs]
    if len(set(contracts)) < len(contracts):
        return "a contract stands in two legs"
    if len({(contract.underlying, contract.multiplier) for contract in contracts}) > 1:
        return "the legs are not of one underlying and one multiplier"
    if any(contract.is_adjusted for contract in contracts):
        return "an adjusted contract: what it delivers is not known"
    if not any(is_exact_divisor(leg.ratio) for leg in legs):
        return f"ratios {', '.join(str(leg.ratio) for leg in legs)} are not in lowest terms"
    return ""


def _beyond_held(order: Order, standing: Standing) -> str:
    closing = committed(standing.working, Effect.CLOSE)
    for leg in order.legs:
        held = standing.held.get(leg.contract, 0)
        left = held + closing[leg.contract]  # closing runs against what is held
        after = left + leg.ratio * order.quantity
        if held * leg.ratio >= 0 or Decimal(after) * held < 0:
            return (
                f"cannot close {abs(leg.ratio) * order.quantity} {leg.contract.notation}: "
                f"{held} held, {abs(closing[leg.contract])} of them being closed"
            )
    return ""


def _against_held(order: Order, standing: Standing) -> str:
    # Both sides of one contract would cancel out, and then neither position could be closed.
    opening = committed(standing.working, Effect.OPEN)
    for leg in order.legs:
        there = standing.held.get(leg.contract, 0) or opening[leg.contract]
        if there * leg.ratio < 0:
            return f"cannot open against {there} {leg.contract.notation} held or being opened"
    return ""
