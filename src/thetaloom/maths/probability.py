"""Chances and expectations when the underlying's price at expiration is lognormal, in closed form.

The drift is the risk-neutral one, rate less dividend yield. Without time or volatility the price is certain
to be the forward.
"""

import math

import numpy.typing as npt
from numba import njit

from thetaloom.maths.black_scholes import NAN, TOTAL_VOLATILITY_MIN, FloatArray, chain_columns
from thetaloom.maths.normal import SQRT_TWO_PI, log_ratio, mills, normal_below


def probability_within(
    lower: npt.ArrayLike,
    upper: npt.ArrayLike,
    spot: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    years: float,
) -> float:
    """Give the chance to finish in any of the intervals, which must not overlap but may reach to infinity."""
    low, high = chain_columns(lower, upper)
    return float(lognormal_within(low, high, spot, rate, dividend_yield, iv, years))


def expected_payoff(
    knots: npt.ArrayLike,
    payoffs: npt.ArrayLike,
    slope_below: float,
    slope_above: float,
    spot: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    years: float,
) -> float:
    """Give the undiscounted expectation of a payoff that is linear between and beyond its rising knots."""
    knot, payoff = chain_columns(knots, payoffs)
    return float(
        lognormal_expected_payoff(knot, payoff, slope_below, slope_above, spot, rate, dividend_yield, iv, years)
    )


@njit(cache=True, error_model="numpy")
def lognormal_within(
    lower: FloatArray,
    upper: FloatArray,
    spot: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    years: float,
) -> float:
    """Give the chance to finish within the intervals; NaN for input that makes no sense."""
    if not _is_sane(spot, rate, dividend_yield, iv, years):
        return NAN
    total = 0.0
    for i in range(lower.size):
        if not lower[i] <= upper[i]:
            return NAN
        below = _standard_score(lower[i], spot, rate, dividend_yield, iv, years, -1.0)
        above = _standard_score(upper[i], spot, rate, dividend_yield, iv, years, 1.0)
        # Subtract within the tail where both are small.
        if below > 0.0:
            total += normal_below(-below) - normal_below(-above)
        else:
            total += normal_below(above) - normal_below(below)
    return min(1.0, total)


@njit(cache=True, error_model="numpy")
def probability_of_touch(
    barrier: float, spot: float, rate: float, dividend_yield: float, iv: float, years: float
) -> float:
    """Give the chance that the underlying reaches ``barrier`` at any time until the expiration."""
    if not (_is_sane(spot, rate, dividend_yield, iv, years) and 0.0 < barrier < math.inf):
        return NAN
    distance = log_ratio(barrier, spot)
    side = 1.0 if distance > 0.0 else -1.0
    distance = abs(distance)
    s = iv * math.sqrt(years)
    reach = side * ((rate - dividend_yield) * years - 0.5 * s * s)
    if distance == 0.0:
        return 1.0
    if s < TOTAL_VOLATILITY_MIN:
        return 1.0 if reach >= distance else 0.0
    direct = (reach - distance) / s
    mirrored = -(reach + distance) / s
    # exp(2·reach·distance / s²)·N(mirrored), where the first factor may overflow while the second vanishes.
    if mirrored < 0.0:
        reflected = math.exp(-0.5 * direct * direct) / SQRT_TWO_PI * mills(-mirrored)
    else:
        reflected = math.exp(2.0 * reach * distance / (s * s)) * normal_below(mirrored)
    return min(1.0, normal_below(direct) + reflected)


@njit(cache=True, error_model="numpy")
def lognormal_expected_payoff(
    knots: FloatArray,
    payoffs: FloatArray,
    slope_below: float,
    slope_above: float,
    spot: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    years: float,
) -> float:
    """Give the expectation as a line plus one call for each bend; NaN for input that makes no sense."""
    if not _is_sane(spot, rate, dividend_yield, iv, years) or knots.size == 0:
        return NAN
    forward = spot * math.exp((rate - dividend_yield) * years)
    slope = slope_below
    total: float = payoffs[0] + slope_below * (forward - knots[0])
    for i in range(knots.size):
        slope_next = slope_above
        if i + 1 < knots.size:
            if not knots[i] < knots[i + 1]:
                return NAN
            slope_next = (payoffs[i + 1] - payoffs[i]) / (knots[i + 1] - knots[i])
        if slope_next != slope:
            total += (slope_next - slope) * _expected_excess(knots[i], forward, spot, rate, dividend_yield, iv, years)
        slope = slope_next
    return total


@njit(cache=True, error_model="numpy")
def _expected_excess(
    knot: float, forward: float, spot: float, rate: float, dividend_yield: float, iv: float, years: float
) -> float:
    if knot <= 0.0 or iv * math.sqrt(years) < TOTAL_VOLATILITY_MIN:
        return max(0.0, forward - knot)
    score = _standard_score(knot, spot, rate, dividend_yield, iv, years, 1.0)
    excess: float = forward * normal_below(iv * math.sqrt(years) - score) - knot * normal_below(-score)
    return excess


@njit(cache=True, error_model="numpy")
def _standard_score(
    bound: float, spot: float, rate: float, dividend_yield: float, iv: float, years: float, touching: float
) -> float:
    # How many deviations the bound lies above the median; a certain price on it counts as ``touching``.
    if bound <= 0.0:
        return -math.inf
    if bound == math.inf:
        return math.inf
    s = iv * math.sqrt(years)
    above = log_ratio(bound, spot) - (rate - dividend_yield) * years
    if s < TOTAL_VOLATILITY_MIN:
        return math.copysign(math.inf, above if above != 0.0 else touching)
    return above / s + 0.5 * s


@njit(cache=True, error_model="numpy")
def _is_sane(spot: float, rate: float, dividend_yield: float, iv: float, years: float) -> bool:
    positive = 0.0 < spot < math.inf and 0.0 <= iv < math.inf and 0.0 <= years < math.inf
    return positive and abs(rate) < math.inf and abs(dividend_yield) < math.inf
