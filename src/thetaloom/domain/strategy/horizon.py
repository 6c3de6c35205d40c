"""The payoff of legs of several expirations: what all are worth when the nearest of them expires.

The legs that live on are priced by Black–Scholes, one that may be exercised early never below what exercise
would give; the position is taken to be closed then. The curve has no straight pieces, so its extremes and roots
are searched for: on a dense grid with every strike on it, then by narrowing. Beyond the grid it is straight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.strategy.payoff import LegKind, Payoff, PayoffLeg, multiplier_of
from thetaloom.domain.values.money import CENT, Money, Price

GRID_POINTS = 2001
NARROWING_POINTS = 33  # each round cuts the bracket to a sixteenth or less
NARROWING_ROUNDS = 10
LOG_RANGE_MAX = 7.0  # how far beyond the strikes the grid may reach, as a logarithm
NEARLY_NOTHING = 1e-6  # dollars; less is float noise
UNDERLYING_MIN = 1e-9  # stands for 0, where Black–Scholes is not defined
BREAKEVEN_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonLeg:
    """A leg with what is known of its life after the nearest expiration."""

    leg: PayoffLeg
    years_left: float  # after the nearest expiration; 0 for a leg that ends there, and for stock
    iv: float = 0.0  # not used when nothing is left
    early_exercise: bool = True


def horizon_payoff(legs: Sequence[HorizonLeg], net_price: Price, *, rate: float, dividend_yield: float) -> Payoff:
    """Return the payoff at the nearest expiration of legs opened at ``net_price`` per share of one structure.

    The loss is unlimited, too, where calls sold outlive the calls and shares that cover them: after the nearest
    expiration nothing would hold it. Max profit and max loss are given to the cent, breakevens to 0.0001; where
    the curve only touches zero it is not said to break even.
    """
    curve = _Curve(legs=tuple(legs), net_price=net_price, rate=rate, dividend_yield=dividend_yield)
    grid = curve.grid()
    profits = curve.pnl(grid)
    tail = curve.tail_slope()
    roots = _roots(curve, grid, profits, tail)
    best, worst = _peak(curve, grid, profits, 1.0), _peak(curve, grid, -profits, -1.0)
    is_loss_unlimited = tail < 0 or _has_uncovered_calls(legs)
    return Payoff(
        net_price=net_price,
        max_profit=None if tail > 0 else Money(_decimal(best, CENT)),
        max_loss=None if is_loss_unlimited else Money(max(Decimal(0), _decimal(worst, CENT))),
        breakevens=tuple(roots),
        profit_regions=_regions(curve, roots),
    )


def horizon_pnl(
    legs: Sequence[HorizonLeg], net_price: Price, underlying: Floats, *, rate: float, dividend_yield: float
) -> Floats:
    """Return profit and loss at each price of the underlying while each leg still has its ``years_left``."""
    return _Curve(legs=tuple(legs), net_price=net_price, rate=rate, dividend_yield=dividend_yield).pnl(underlying)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    legs: tuple[HorizonLeg, ...]
    net_price: Price
    rate: float
    dividend_yield: float

    def pnl(self, underlying: Floats) -> Floats:
        prices = np.maximum(underlying, UNDERLYING_MIN)
        cash = float(self.net_price) * multiplier_of([later.leg for later in self.legs])
        total = np.full(prices.shape, cash)
        for later in self.legs:
            total += later.leg.shares * self._worth(later, prices)
        return total

    def _worth(self, later: HorizonLeg, prices: Floats) -> Floats:
        leg = later.leg
        if leg.strike is None:
            return prices
        strike = float(leg.strike)
        intrinsic = np.maximum(prices - strike if leg.is_call else strike - prices, 0.0)
        if later.years_left <= 0:
            return intrinsic
        from thetaloom.maths.black_scholes import bsm_prices_at  # compiles on first use

        life = (later.years_left, self.rate, self.dividend_yield, later.iv)
        alive: Floats = bsm_prices_at(prices, leg.is_call, strike, *life)
        return np.maximum(alive, intrinsic) if later.early_exercise else alive

    def tail_slope(self) -> float:
        """Dollars per dollar that the curve gains far above every strike."""
        slope = 0.0
        for later in self.legs:
            if later.leg.kind is LegKind.OPTION and not later.leg.is_call:
                continue
            kept = float(np.exp(-self.dividend_yield * later.years_left))
            slope += later.leg.shares * (max(1.0, kept) if later.early_exercise else kept)
        return slope if abs(slope) > 1e-9 else 0.0

    def grid(self) -> Floats:
        strikes = [float(later.leg.strike) for later in self.legs if later.leg.strike is not None]
        alive = [later for later in self.legs if later.years_left > 0]
        spread = max((later.iv * later.years_left**0.5 for later in alive), default=0.0)
        drift = max((abs(self.rate - self.dividend_yield) * later.years_left for later in alive), default=0.0)
        reach = float(np.exp(min(1.0 + 10.0 * spread + drift, LOG_RANGE_MAX)))
        return np.unique([0.0, *strikes, *np.geomspace(min(strikes) / reach, max(strikes) * reach, GRID_POINTS)])


def _peak(curve: _Curve, grid: Floats, heights: Floats, sign: float) -> float:
    at = int(np.argmax(heights))
    low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    best = float(heights[at])
    for _ in range(NARROWING_ROUNDS):
        points = np.linspace(low, high, NARROWING_POINTS)
        narrowed = sign * curve.pnl(points)
        at = int(np.argmax(narrowed))
        best = max(best, float(narrowed[at]))
        low, high = points[max(at - 1, 0)], points[min(at + 1, NARROWING_POINTS - 1)]
    return best


def _roots(curve: _Curve, grid: Floats, profits: Floats, tail: float) -> list[Price]:
    roots = []
    clear = np.flatnonzero(np.abs(profits) > NEARLY_NOTHING)
    for left, right in pairwise(clear):
        if profits[left] * profits[right] < 0:
            roots.append(_narrow_root(curve, grid[left], grid[right], float(np.sign(profits[left]))))
    if len(clear) and profits[clear[-1]] * tail < 0:
        roots.append(float(grid[-1] - profits[-1] / tail))  # straight out there
    return sorted({Price(_decimal(root, BREAKEVEN_STEP).normalize() + 0) for root in roots})


def _narrow_root(curve: _Curve, low: float, high: float, sign_at_low: float) -> float:
    for _ in range(NARROWING_ROUNDS):
        points = np.linspace(low, high, NARROWING_POINTS)
        is_left = np.sign(curve.pnl(points)) == sign_at_low
        beyond = int(np.argmin(is_left)) if not is_left.all() else NARROWING_POINTS - 1
        low, high = float(points[beyond - 1]), float(points[beyond])
    return (low + high) / 2


def _regions(curve: _Curve, roots: Sequence[Price]) -> tuple[tuple[Price, Price | None], ...]:
    lows = [Price(0), *(root for root in roots if root > 0)]
    highs: list[Price | None] = [*lows[1:], None]
    regions = []
    for low, high in zip(lows, highs, strict=True):
        inside = (float(low) + float(high)) / 2 if high is not None else float(low) * 2 + 1
        if curve.pnl(np.array([inside]))[0] > NEARLY_NOTHING:
            regions.append((low, high))
    return tuple(regions)


def _has_uncovered_calls(legs: Sequence[HorizonLeg]) -> bool:
    rising = [later for later in legs if later.leg.is_call or later.leg.kind is LegKind.STOCK]
    return any(
        sum(
            other.leg.shares
            for other in rising
            if other.years_left >= later.years_left or other.leg.kind is LegKind.STOCK
        )
        < 0
        for later in rising
    )


def _decimal(number: float, step: Decimal) -> Decimal:
    return Decimal(repr(round(number, 10))).quantize(step)
