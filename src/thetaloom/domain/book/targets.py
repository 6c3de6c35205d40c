"""Independent profit targets: the closing orders of a structure's parts, each at its own price."""

from dataclasses import dataclass, replace
from decimal import Decimal
from math import gcd

from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation
from thetaloom.domain.strategy.strategies import Strategy, TargetRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import CENT, HUNDRED, Price
from thetaloom.domain.values.ticks import tick_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOrder:
    """One order that takes the profit of a part of the structure; it works until canceled, whatever others do.

    Prices are per share of one of the part's own structures, credit positive: what closing costs is negative.
    """

    name: str
    legs: tuple[Leg, ...]  # as closing trades them
    quantity: int  # of these legs, for one whole structure
    percent: Decimal  # of the part's premium
    entry_credit: Price  # the part's net mid at entry
    limit_price: Price


def target_orders(evaluation: Evaluation, strategy: Strategy) -> tuple[TargetOrder, ...]:
    """Return the orders that the strategy's targets ask for, at the mids of the evaluation.

    A target whose legs were left out has no order, nor has one whose legs have no price or bring nothing.
    """
    by_name = {one.name: one for one in evaluation.legs}
    orders = [
        _order(target, [by_name[name] for name in target.legs])
        for target in strategy.targets
        if all(name in by_name for name in target.legs)
    ]
    return tuple(order for order in orders if order is not None)


def target_limit(legs: tuple[Leg, ...], entry: Price, percent: Decimal) -> Price | None:
    """Return the limit at which closing ``legs`` earns ``percent`` of the entry's premium; without one, ``None``."""
    if entry == 0:
        return None  # no premium, no part of it
    wished = Price(abs(Decimal(entry)) * percent / HUNDRED - Decimal(entry))
    tick = tick_of(legs, wished)
    limit = wished.to_tick(tick)
    if limit == 0:  # no limit price; what was sold is bought back for the least there is
        limit = Price(-tick if entry > 0 else tick)
    return limit


def target_text(order: TargetOrder) -> str:
    """Say in plain words what a target's order does."""
    word, said = ("credit", "pays") if order.entry_credit > 0 else ("debit", "brings")
    legs = " ".join(leg.notation for leg in order.legs)
    return (
        f"target {order.name}: closing {order.quantity} x {legs} {said} {_amount(order.limit_price)}, "
        f"{order.percent:f} % of the {word} of {_amount(order.entry_credit)}"
    )


def _amount(price: Price) -> str:
    plain = abs(Decimal(price))
    return f"{plain:.2f}" if plain % CENT == 0 else f"{plain.normalize():f}"


def _order(target: TargetRule, parts: list[LegEvaluation]) -> TargetOrder | None:
    common = gcd(*(part.leg.ratio for part in parts))
    entry = Decimal(0)
    for part in parts:
        if part.mid is None:
            return None
        entry -= Decimal(part.mid) * (part.leg.ratio // common)
    legs = tuple(replace(part.leg, ratio=-part.leg.ratio // common) for part in parts)
    limit = target_limit(legs, Price(entry), target.percent)
    if limit is None:
        return None
    return TargetOrder(
        name=target.name,
        legs=legs,
        quantity=target.quantity,
        percent=target.percent,
        entry_credit=Price(entry),
        limit_price=limit,
    )
