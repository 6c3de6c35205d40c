"""The spreads inside a structure as a person reads them: each sold leg with the bought one that covers it, priced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from thetaloom.domain.strategy.evaluation import LegEvaluation
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertical:
    """One sold strike and the bought one beside it, or a leg that nothing covers; prices are per share of one.

    A net credit is positive, a debit negative; ``None`` where a side has no quote.
    """

    right: Right
    expires_on: date
    short: Decimal | None  # strike; None = a leg that is only bought
    long: Decimal | None
    quantity: int  # of these in one structure
    natural_credit: Price | None
    mid_credit: Price | None

    @property
    def width(self) -> Decimal | None:
        """Distance between the strikes; ``None`` of a single leg."""
        return None if self.short is None or self.long is None else abs(self.short - self.long)


@dataclass(slots=True)
class _Left:
    leg: LegEvaluation
    quantity: int  # not paired yet


def verticals_of(legs: Sequence[LegEvaluation]) -> tuple[Vertical, ...]:
    """Return the spreads of a structure, puts first, the lowest sold strike first; their prices add up to its own.

    Each sold leg takes the nearest bought leg of its right and expiration that is still free; what stays is listed
    as single legs.
    """
    groups = sorted({_group(one.leg) for one in legs}, key=lambda group: (group[1], group[0] is Right.CALL))
    return tuple(spread for group in groups for spread in _paired(one for one in legs if _group(one.leg) == group))


def _group(leg: Leg) -> tuple[Right, date]:
    return leg.contract.right, leg.contract.expires_on


def _paired(legs: Iterable[LegEvaluation]) -> Iterable[Vertical]:
    ordered = sorted(legs, key=lambda one: one.leg.contract.strike)
    sold = [_Left(one, -one.leg.ratio) for one in ordered if one.leg.ratio < 0]
    bought = [_Left(one, one.leg.ratio) for one in ordered if one.leg.ratio > 0]
    for short in sold:
        while short.quantity and (near := _nearest(short, bought)) is not None:
            count = min(short.quantity, near.quantity)
            yield _vertical(short.leg, near.leg, count)
            short.quantity -= count
            near.quantity -= count
        if short.quantity:
            yield _vertical(short.leg, None, short.quantity)
    yield from (_vertical(None, one.leg, one.quantity) for one in bought if one.quantity)


def _nearest(short: _Left, bought: Sequence[_Left]) -> _Left | None:
    strike = short.leg.leg.contract.strike
    free = [one for one in bought if one.quantity]
    return min(free, key=lambda one: abs(one.leg.leg.contract.strike - strike), default=None)


def _vertical(short: LegEvaluation | None, long: LegEvaluation | None, quantity: int) -> Vertical:
    contract = (short or long).leg.contract  # type: ignore[union-attr]  # one of the two is always there
    return Vertical(
        right=contract.right,
        expires_on=contract.expires_on,
        short=None if short is None else short.leg.contract.strike,
        long=None if long is None else long.leg.contract.strike,
        quantity=quantity,
        natural_credit=_net(None if short is None else short.bid, None if long is None else long.ask, short, long),
        mid_credit=_net(None if short is None else short.mid, None if long is None else long.mid, short, long),
    )


def _net(
    brings: Price | None, costs: Price | None, short: LegEvaluation | None, long: LegEvaluation | None
) -> Price | None:
    if (short is not None and brings is None) or (long is not None and costs is None):
        return None
    return (brings or Price(0)) - (costs or Price(0))
