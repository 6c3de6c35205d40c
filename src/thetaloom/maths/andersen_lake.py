"""American options with a continuous yield, from their exercise boundary: to about 1e-8 of the strike.

The price is that of the European twin and what early exercise is worth: the interest won on the strike less the
yield given up, whenever the underlying is below the boundary, as one integral over time.
"""

import math

import numpy as np
from numba import njit

from thetaloom.maths.black_scholes import NAN, bsm_greeks
from thetaloom.maths.exercise_boundary import boundary_limit, log_boundary, solve_boundary
from thetaloom.maths.normal import SQRT_TWO_PI, log_ratio, normal_below

NODES = 14  # of the boundary
ROUNDS_MAX, DAMPED_ROUNDS_MAX = 24, 240
DAMPING = 0.15
TOLERANCE = 1e-10
UNSETTLED = 1e-8  # a change of ln(boundary) in the last round at which the boundary is not believed
LAYER_MIN = 1e-9
VARIATION_MIN, VARIATION_MAX = 1e-4, 12.0  # of the total volatility; outside the tree does better

_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(24)
ANGLES, ANGLE_WEIGHTS = (_ROOTS + 1.0) * math.pi / 4.0, _WEIGHTS * math.pi / 4.0
_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(80)
UNIT_NODES, UNIT_WEIGHTS = (_ROOTS + 1.0) / 2.0, _WEIGHTS / 2.0


@njit(cache=True, error_model="numpy", nogil=True)
def boundary_price_delta_gamma(
    is_call: bool, spot: float, strike: float, years: float, rate: float, dividend_yield: float, iv: float
) -> tuple[float, float, float]:
    """Give price, delta and gamma of one American option that early exercise may pay for; NaN where it can't."""
    if not is_call:
        price, slope, bend = _unit_put(spot, strike, years, rate, dividend_yield, iv)
        if slope == -1.0:
            return strike - spot, -1.0, 0.0
        return strike * price, slope, bend / strike
    # A call on the stock is a put on the strike in units of the stock.
    price, slope, bend = _unit_put(strike, spot, years, dividend_yield, rate, iv)
    if slope == -1.0:
        return spot - strike, 1.0, 0.0
    x = strike / spot
    return spot * price, price - x * slope, bend * x * x / spot


@njit(cache=True, error_model="numpy")
def _unit_put(
    spot: float, strike: float, years: float, rate: float, dividend_yield: float, iv: float
) -> tuple[float, float, float]:
    limit = boundary_limit(rate, dividend_yield)
    if limit == 0.0 or not VARIATION_MIN < iv * math.sqrt(years) < VARIATION_MAX:
        return NAN, NAN, NAN
    series = np.empty(NODES)
    rounds, damping, change = ROUNDS_MAX, 1.0, math.inf
    for _ in range(2):
        change = solve_boundary(
            years, rate, dividend_yield, iv, ANGLES, ANGLE_WEIGHTS, rounds, TOLERANCE, damping, series
        )
        if change < UNSETTLED:
            break
        rounds, damping = DAMPED_ROUNDS_MAX, DAMPING
    if not change < UNSETTLED:
        return NAN, NAN, NAN
    x = spot / strike
    log_x = log_ratio(spot, strike)
    log_limit = math.log(limit)
    above = log_x - log_limit - log_boundary(series, 1.0)
    if above <= 0.0:
        return 1.0 - x, -1.0, 0.0
    price, slope, bend = bsm_greeks(False, x, 1.0, years, rate, dividend_yield, iv)[:3]
    # Near the boundary the integrand has a layer as thin as the distance: its nodes lie on a hyperbolic sine.
    root = iv * math.sqrt(years)
    layer = min(max(above / root, LAYER_MIN), 1.0)
    reach = math.asinh(0.5 * math.pi / layer)
    for j in range(UNIT_NODES.size):
        angle = layer * math.sinh(reach * UNIT_NODES[j])
        sine, cosine = math.sin(angle), math.cos(angle)
        wait = years * sine * sine
        v = root * sine
        weight = UNIT_WEIGHTS[j] * reach * layer * math.cosh(reach * UNIT_NODES[j]) * 2.0 * years * sine * cosine
        gap = log_x - log_limit - log_boundary(series, cosine)
        d_minus = (gap + (rate - dividend_yield) * wait) / v - 0.5 * v
        d_plus = d_minus + v
        won = weight * rate * math.exp(-rate * wait)
        lost = weight * dividend_yield * math.exp(-dividend_yield * wait)
        won_density = won * math.exp(-0.5 * d_minus * d_minus) / (SQRT_TWO_PI * v)
        lost_density = lost * math.exp(-0.5 * d_plus * d_plus) / (SQRT_TWO_PI * v)
        lost_below = lost * normal_below(-d_plus)
        price += won * normal_below(-d_minus) - x * lost_below
        slope += lost_density - lost_below - won_density / x
        bend += (won_density * d_plus / x - lost_density * d_minus) / (x * v)
    return max(price, 1.0 - x), slope, max(bend, 0.0)
