"""What a structure wins and loses, worked out a second way: brute force over prices, exact kinks, plain integration.

Nothing of ``domain.strategy.payoff``, ``horizon`` or ``maths`` is used here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.values.instruments import ExerciseStyle, Right

Floats = NDArray[np.float64]
DENSE = 4001
BEYOND = 50.0  # how many times the highest strike stands for "as far as you like"
TINY = 1e-7  # dollars; stands for zero among floats


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleLeg:
    """A leg with what is left of its life when the nearest one ends."""

    is_call: bool
    strike: Fraction
    shares: int
    years_left: float
    iv: float
    is_american: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """The profit of a structure opened at the mids of its own quotes."""

    legs: tuple[OracleLeg, ...]
    cash: Fraction  # dollars that opening brought, of shares as well
    shares: int
    rate: float
    dividend_yield: float

    @property
    def is_straight(self) -> bool:
        """Whether all legs end together, so that the curve has straight pieces."""
        return all(leg.years_left == 0 for leg in self.legs)

    def exact(self, price: Fraction) -> Fraction:
        """Return the profit at a price when all legs end together."""
        total = self.cash + self.shares * price
        for leg in self.legs:
            total += leg.shares * max(Fraction(0), price - leg.strike if leg.is_call else leg.strike - price)
        return total

    def profit(self, price: Floats) -> Floats:
        """Return the profit at prices when the nearest leg ends."""
        total = float(self.cash) + self.shares * price
        for leg in self.legs:
            total = total + leg.shares * self._worth(leg, price)
        return np.asarray(total)

    def _worth(self, leg: OracleLeg, price: Floats) -> Floats:
        strike = float(leg.strike)
        inside = np.maximum(price - strike if leg.is_call else strike - price, 0.0)
        if leg.years_left == 0:
            return np.asarray(inside)
        deviation = leg.iv * math.sqrt(leg.years_left)
        now = price * math.exp(-self.dividend_yield * leg.years_left)
        later = strike * math.exp(-self.rate * leg.years_left)
        with np.errstate(divide="ignore"):
            one = np.log(now / later) / deviation + deviation / 2
        sign = 1 if leg.is_call else -1
        alive = sign * (now * ndtr(sign * one) - later * ndtr(sign * (one - deviation)))
        return np.asarray(np.maximum(alive, inside) if leg.is_american else alive)

    def knots(self) -> list[Fraction]:
        """Return the prices at which the curve may bend, 0 among them."""
        return sorted({Fraction(0), *(leg.strike for leg in self.legs)})

    def slope_far_up(self) -> float:
        """Return what the profit gains with each dollar far above all strikes.

        A European call that lives on is worth the share less the dividends that its holder does not get.
        """
        kept = [
            1.0 if leg.is_american or leg.years_left == 0 else math.exp(-self.dividend_yield * leg.years_left)
            for leg in self.legs
        ]
        return self.shares + sum(leg.shares * part for leg, part in zip(self.legs, kept, strict=True) if leg.is_call)

    def grid(self) -> Floats:
        """Return prices from nothing to very much, every strike among them."""
        strikes = [float(knot) for knot in self.knots()[1:]]
        near = np.linspace(strikes[0] * 0.5, strikes[-1] * 1.5, DENSE)
        far = np.geomspace(strikes[0] * 1e-4, strikes[-1] * BEYOND, DENSE)
        return np.unique([*strikes, *near, *far])

    def roots(self) -> list[float]:
        """Return the prices at which the profit changes its sign."""
        return self._straight_roots() if self.is_straight else self._curved_roots()

    def _straight_roots(self) -> list[float]:
        knots = self.knots()
        ends = [*knots, knots[-1] * 1000]
        roots = []
        for low, high in pairwise(ends):
            left, right = self.exact(low), self.exact(high)
            if left * right < 0:
                roots.append(low + (high - low) * left / (left - right))
        for at, knot in enumerate(knots):
            around = [self.exact(price) for price in (*(knots[at - 1 : at] or [knot]), ends[at + 1])]
            if self.exact(knot) == 0 and any(around):
                roots.append(knot)
        return sorted(float(root) for root in roots)

    def _curved_roots(self) -> list[float]:
        grid = self.grid()
        profits = self.profit(grid)
        roots = []
        for at in np.flatnonzero(np.sign(profits[:-1]) * np.sign(profits[1:]) < 0):
            if max(abs(profits[at]), abs(profits[at + 1])) > TINY:
                roots.append(brentq(lambda price: float(self.profit(np.array(price))), grid[at], grid[at + 1]))
        return roots


def oracle_of(
    found: Evaluation, chain: OptionChain, expirations: Sequence[Expiration], *, rate: float, dividend_yield: float
) -> Oracle:
    """Return the oracle of an evaluated structure, from the quotes of its chain."""
    years = {(one.root, one.expires_on): one.years for one in expirations}
    lives = [years[one.leg.contract.root, one.leg.contract.expires_on] for one in found.legs]
    cash, legs = Fraction(0), []
    for one, life in zip(found.legs, lives, strict=True):
        contract, index = one.leg.contract, chain.find(one.leg.contract)
        assert index is not None
        mid = (_exact(chain.bid[index]) + _exact(chain.ask[index])) / 2
        shares = one.leg.ratio * contract.multiplier
        cash -= shares * mid
        legs.append(
            OracleLeg(
                is_call=contract.right is Right.CALL,
                strike=Fraction(contract.strike),
                shares=shares,
                years_left=0.0 if math.isclose(life, min(lives), abs_tol=1e-12) else life - min(lives),
                iv=one.iv or 0.0,
                is_american=contract.exercise_style is ExerciseStyle.AMERICAN,
            )
        )
    spot = Fraction(Decimal(chain.spot or 0))
    return Oracle(
        legs=tuple(legs),
        cash=cash - found.shares * spot,
        shares=found.shares,
        rate=rate,
        dividend_yield=dividend_yield,
    )


def chance_of_profit(oracle: Oracle, roots: Sequence[float], found: Evaluation, *, spot: float, years: float) -> float:
    """Return the chance of a profit by adding up slices of the lognormal density between the roots."""
    by_strike: dict[float, list[float]] = {}
    for one in found.legs:
        if one.iv is not None:
            by_strike.setdefault(float(one.leg.contract.strike), []).append(one.iv)
    strikes = sorted(by_strike)
    ivs = [sum(by_strike[strike]) / len(by_strike[strike]) for strike in strikes]

    def below(level: float) -> float:
        iv = float(np.interp(level, strikes, ivs))
        deviation = iv * math.sqrt(years)
        drift = (oracle.rate - oracle.dividend_yield - iv * iv / 2) * years
        end = (math.log(level / spot) - drift) / deviation
        edges = np.linspace(-12.0, min(max(end, -12.0), 12.0), 40_001)
        middles = (edges[:-1] + edges[1:]) / 2
        return float(np.sum(np.exp(-middles * middles / 2)) * (edges[1] - edges[0]) / math.sqrt(2 * math.pi))

    edges = [0.0, *(root for root in roots if root > 0)]
    chance = 0.0
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        inside = (low + high) / 2 if high is not None else low * 2 + 1
        profit = float(oracle.exact(Fraction(inside))) if oracle.is_straight else oracle.profit(np.array(inside))
        if profit > TINY:
            upper = 1.0 if high is None else below(high)
            chance += max(0.0, upper - (below(low) if low > 0 else 0.0))
    return chance


def _exact(price: float) -> Fraction:
    return Fraction(Decimal(f"{price:.6f}"))
