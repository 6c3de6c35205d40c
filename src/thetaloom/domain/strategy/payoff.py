"""What legs are worth at expiration: most profit, most loss, breakevens, and the chance of a profit.

Legs of one expiration give a curve of straight pieces, and all answers are exact. Where expirations differ the
curve is taken at the nearest one and the other legs are priced by Black–Scholes (see ``horizon``).
The underlying can fall to 0 and no further.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import numpy as np

from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

SHARES_PER_UNIT = 100  # of stock alone, so that its net price is per share too
# An amount that no decimal ends (a breakeven of three contracts, say) is given to this many places.
PLACES = Decimal("1e-10")
ZERO = Decimal(0)
FREE = Price(0)


class LegKind(StrEnum):
    """What a leg of a position is on: an option contract or the stock itself."""

    OPTION = "option"
    STOCK = "stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffLeg:
    """A leg with what was paid for it: ``quantity`` contracts, or shares of stock, bought positive."""

    kind: LegKind
    quantity: int
    price: Price = FREE  # per share
    right: Right | None = None
    strike: Decimal | None = None
    expires_on: date | None = None
    multiplier: int = 100  # shares per contract; not used for stock

    def __post_init__(self) -> None:
        if self.quantity == 0 or self.multiplier < 1:
            raise InvalidInput("a leg needs a quantity other than zero and a positive multiplier")
        if self.kind is LegKind.OPTION and (self.right is None or self.expires_on is None or not self.strike):
            raise InvalidInput("an option leg needs a right, a strike and an expiration")

    @property
    def shares(self) -> int:
        """Shares the leg stands for, bought positive."""
        return self.quantity * self.multiplier if self.kind is LegKind.OPTION else self.quantity

    @property
    def is_call(self) -> bool:
        """Whether the leg is a call."""
        return self.right is Right.CALL

    def worth_at(self, underlying: Decimal) -> Decimal:
        """Return the money the leg is worth at expiration, before what was paid for it."""
        if self.strike is None:
            return underlying * self.shares
        inside = underlying - self.strike if self.is_call else self.strike - underlying
        return max(ZERO, inside) * self.shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Payoff:
    """Profit and loss at expiration, premium included, before fees; money holds the multiplier.

    ``max_profit`` is the highest point of the curve, negative when every outcome loses; ``None`` is unlimited.
    ``max_loss`` is positive, 0 when no outcome loses; ``None`` is unlimited.
    ``breakevens`` are the prices at which the curve meets zero. Where it lies on zero for a stretch, that is
    neither profit nor loss, and the breakevens are those ends of the stretch at which it leaves zero.
    """

    net_price: Price
    max_profit: Money | None
    max_loss: Money | None
    breakevens: tuple[Price, ...]
    profit_regions: tuple[tuple[Price, Price | None], ...]  # from, to: open intervals of profit; None = no end


def expiration_payoff(legs: Sequence[Leg], net_price: Price) -> Payoff:
    """Return the exact payoff of one structure opened at ``net_price`` (credit positive); one expiration only."""
    if not is_single_expiration(legs):
        raise InvalidInput("legs of several expirations have no one payoff; use horizon_payoff")
    parts = payoff_legs(legs)
    return exact_payoff(parts, net_price, multiplier_of(parts))


def position_payoff(legs: Sequence[PayoffLeg]) -> Payoff:
    """Return the exact payoff of legs, stock among them or not, opened at their own prices."""
    if len({leg.expires_on for leg in legs if leg.kind is LegKind.OPTION}) > 1:
        raise InvalidInput("legs of several expirations have no one payoff; use horizon_payoff")
    return exact_payoff(legs, net_price_of(legs), multiplier_of(legs))


def payoff_legs(legs: Sequence[Leg]) -> tuple[PayoffLeg, ...]:
    """Return the legs of one structure without their prices; they must be on one underlying."""
    if len({leg.contract.underlying for leg in legs}) != 1:
        raise InvalidInput("a payoff needs at least one leg, and all legs on one underlying")
    return tuple(
        PayoffLeg(
            kind=LegKind.OPTION,
            quantity=leg.ratio,
            right=leg.contract.right,
            strike=leg.contract.strike,
            expires_on=leg.contract.expires_on,
            multiplier=leg.contract.multiplier,
        )
        for leg in legs
    )


def multiplier_of(legs: Sequence[PayoffLeg]) -> int:
    """Return the shares that one unit of net price stands for: the contracts' multiplier, 100 for stock alone."""
    multipliers = {leg.multiplier for leg in legs if leg.kind is LegKind.OPTION} or {SHARES_PER_UNIT}
    if len(multipliers) > 1 or not legs:
        raise InvalidInput("a payoff needs at least one leg, and all contracts with one multiplier")
    return multipliers.pop()


def net_price_of(legs: Sequence[PayoffLeg]) -> Price:
    """Return what opening brings per share of the whole, credit positive.

    Of options it is the sum of -quantity × price. Stock counts by the multiplier: 100 shares bought at 50 against
    one call sold at 2 make -48.
    """
    cash = sum((-Decimal(leg.price) * leg.shares for leg in legs), ZERO)
    return Price(tidy(cash / multiplier_of(legs)))


def exact_payoff(legs: Sequence[PayoffLeg], net_price: Price, multiplier: int) -> Payoff:
    """Return the payoff of legs that end together, opened at ``net_price`` per ``multiplier`` shares."""
    cash = Decimal(net_price) * multiplier

    def pnl(underlying: Decimal) -> Decimal:
        return cash + sum((leg.worth_at(underlying) for leg in legs), ZERO)

    knots = sorted({ZERO, *(leg.strike for leg in legs if leg.strike is not None)})
    profits = [pnl(knot) for knot in knots]
    tail = sum(leg.shares for leg in legs if leg.is_call or leg.kind is LegKind.STOCK)
    roots = sorted(_roots(knots, profits, tail))
    signs = [_sign(pnl(inside)) for inside in _insides(roots)]  # of each stretch between neighbouring roots
    beside = [0, *signs] if roots and roots[0] == 0 else signs
    return Payoff(
        net_price=net_price,
        max_profit=None if tail > 0 else Money(tidy(max(profits))),
        max_loss=None if tail < 0 else Money(tidy(max(ZERO, -min(profits)))),
        breakevens=tuple(
            Price(tidy(root)) for root, (left, right) in zip(roots, pairwise(beside), strict=True) if left or right
        ),
        profit_regions=_regions([root for root in roots if root > 0], signs),
    )


def probability_of_profit(
    payoff: Payoff, *, spot: float, years: float, ivs: Mapping[float, float], rate: float, dividend_yield: float
) -> float:
    """Return the chance, 0 to 1, that the underlying ends in a region of profit.

    The underlying ends lognormally around its forward. The volatility at each breakeven is that of the strikes
    in ``ivs`` (strike → volatility), interpolated in a straight line between them and flat outside.
    """
    from thetaloom.maths.probability import probability_within  # compiles on first use

    strikes = sorted(ivs)

    def below(level: Price | None) -> float:
        if level is None:
            return 1.0
        if level <= 0:
            return 0.0
        iv = float(np.interp(float(level), strikes, [ivs[strike] for strike in strikes]))
        return probability_within(0.0, float(level), spot, rate, dividend_yield, iv, years)

    # Volatilities that differ by breakeven could cross; a region then counts as empty, never as less.
    chance = math.fsum(max(0.0, below(high) - below(low)) for low, high in payoff.profit_regions)
    return round(min(1.0, chance), 10)


def tidy(amount: Decimal) -> Decimal:
    """Return the amount to ten places, written without an exponent and without trailing zeros."""
    return amount.quantize(PLACES).normalize() + 0


def _roots(knots: Sequence[Decimal], profits: Sequence[Decimal], tail: int) -> Iterable[Decimal]:
    yield from (knot for knot, profit in zip(knots, profits, strict=True) if profit == 0)
    for i in range(len(knots) - 1):
        if profits[i] * profits[i + 1] < 0:
            yield knots[i] + (knots[i + 1] - knots[i]) * profits[i] / (profits[i] - profits[i + 1])
    if profits[-1] * tail < 0:
        yield knots[-1] - profits[-1] / tail


def _insides(roots: Sequence[Decimal]) -> list[Decimal]:
    # One price inside each stretch; the curve keeps its sign there, so any will do.
    edges = [ZERO, *(root for root in roots if root > 0)]
    return [(low + high) / 2 for low, high in pairwise(edges)] + [edges[-1] + 1]


def _regions(edges: Sequence[Decimal], signs: Sequence[int]) -> tuple[tuple[Price, Price | None], ...]:
    lows = [FREE, *(Price(tidy(edge)) for edge in edges)]
    highs = [*lows[1:], None]
    return tuple((low, high) for low, high, sign in zip(lows, highs, signs, strict=True) if sign > 0)


def _sign(number: Decimal) -> int:
    return (number > 0) - (number < 0)
