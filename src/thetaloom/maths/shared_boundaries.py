"""The exercise boundaries that contracts of one right, expiration, rate and yield share, and prices by them.

Boundaries stand at Chebyshev's nodes of the logarithm of volatility; a contract takes the one interpolated to it.
"""

import math

import numpy as np
from numba import njit

from thetaloom.maths.black_scholes import DAYS_PER_YEAR, FloatArray, bsm_greeks
from thetaloom.maths.exercise_boundary import boundary_limit, log_boundary, solve_boundary
from thetaloom.maths.normal import SQRT_TWO_PI, log_ratio, normal_below

NODES = 10  # of a boundary
ROUNDS_MAX, DAMPED_ROUNDS_MAX = 8, 80
DAMPING = 0.15
TOLERANCE = 1e-6
UNSETTLED = 1e-4  # a change of ln(boundary) in the last round at which the boundary is not believed
VOLATILITIES_MIN, VOLATILITIES_MAX = 4, 18
VOLATILITIES_PER_LOG = 4.0
LOG_RANGE_MAX = 4.5  # contracts of a group whose volatilities lie farther apart go to the tree
MARGIN = 0.03  # of the logarithm of volatility, so that bumps stay inside
BUMP = 0.003  # of the volatility itself
VARIATION_MIN, VARIATION_MAX = 2e-3, 8.0  # of the total volatility
IV_ROUNDS_MAX = 40
IV_TOLERANCE = 1e-9
PRICE_NOISE = 1e-12

_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(18)
ANGLES, ANGLE_WEIGHTS = (_ROOTS + 1.0) * math.pi / 4.0, _WEIGHTS * math.pi / 4.0
# The angles from the present: squares of Legendre's nodes, for the integrand may have a thin layer there.
_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(26)
PRICE_ANGLES = 0.5 * math.pi * ((_ROOTS + 1.0) / 2.0) ** 2
PRICE_WEIGHTS = 0.5 * math.pi * (_ROOTS + 1.0) * _WEIGHTS / 2.0
SINES, COSINES = np.sin(PRICE_ANGLES), np.cos(PRICE_ANGLES)


@njit(cache=True, error_model="numpy")
def group_boundaries(
    years: float, rate: float, dividend_yield: float, low: float, high: float
) -> tuple[int, float, float, FloatArray]:
    """Give how many boundaries there are, middle and half of their range of ln(volatility), and their logarithms.

    A row holds ln(boundary) at the pricing nodes, and last at the present. Without a sound boundary there is no row.
    """
    none = np.empty((0, SINES.size + 1))
    limit = boundary_limit(rate, dividend_yield)
    if limit == 0.0 or not (0.0 < low <= high and years > 0.0):
        return 0, 0.0, 0.0, none
    low, high = math.log(low) - MARGIN, math.log(high) + MARGIN
    low = max(low, math.log(VARIATION_MIN / math.sqrt(years)), high - LOG_RANGE_MAX)
    high = min(high, math.log(VARIATION_MAX / math.sqrt(years)))
    if not low < high:
        return 0, 0.0, 0.0, none
    center, half = 0.5 * (low + high), 0.5 * (high - low)
    count = min(VOLATILITIES_MAX, VOLATILITIES_MIN + int(VOLATILITIES_PER_LOG * 2.0 * half))
    logs = np.empty((count, SINES.size + 1))
    series = np.empty(NODES)
    for m in range(count):
        iv = math.exp(center + half * math.cos(math.pi * (m + 0.5) / count))
        change = solve_boundary(
            years, rate, dividend_yield, iv, ANGLES, ANGLE_WEIGHTS, ROUNDS_MAX, TOLERANCE, 1.0, series
        )
        if not change < UNSETTLED:
            change = solve_boundary(
                years, rate, dividend_yield, iv, ANGLES, ANGLE_WEIGHTS, DAMPED_ROUNDS_MAX, TOLERANCE, DAMPING, series
            )
        if not change < UNSETTLED:
            return 0, 0.0, 0.0, none
        for j in range(SINES.size):
            logs[m, j] = math.log(limit) + log_boundary(series, COSINES[j])
        logs[m, SINES.size] = math.log(limit) + log_boundary(series, 1.0)
    return count, center, half, logs


@njit(cache=True, error_model="numpy")
def group_decays(years: float, rate: float, dividend_yield: float) -> FloatArray:
    """Give, by pricing node, time from now and its root, and interest and yield with the node's weight."""
    table = np.empty((4, SINES.size))
    for j in range(SINES.size):
        wait = years * SINES[j] * SINES[j]
        weight = PRICE_WEIGHTS[j] * 2.0 * years * SINES[j] * COSINES[j]
        table[0, j] = wait
        table[1, j] = math.sqrt(years) * SINES[j]
        table[2, j] = weight * rate * math.exp(-rate * wait)
        table[3, j] = weight * dividend_yield * math.exp(-dividend_yield * wait)
    return table


@njit(cache=True, error_model="numpy")
def is_inside(iv: float, center: float, half: float) -> bool:
    """Say whether boundaries were made for this volatility."""
    return abs(math.log(iv) - center) <= half if 0.0 < iv < math.inf else False


@njit(cache=True, error_model="numpy")
def _interpolate(iv: float, center: float, half: float, logs: FloatArray, boundary: FloatArray) -> None:
    # Barycentric, on Chebyshev's nodes of the first kind.
    count = logs.shape[0]
    z = (math.log(iv) - center) / half
    total = 0.0
    boundary[:] = 0.0
    for m in range(count):
        angle = math.pi * (m + 0.5) / count
        gap = z - math.cos(angle)
        if gap == 0.0:
            boundary[:] = logs[m]
            return
        share = math.sin(angle) * (1.0 - 2.0 * (m % 2)) / gap
        total += share
        for j in range(boundary.size):
            boundary[j] += share * logs[m, j]
    for j in range(boundary.size):
        boundary[j] /= total


@njit(cache=True, error_model="numpy")
def _premium(log_x: float, drift: float, iv: float, decays: FloatArray, boundary: FloatArray) -> float:
    total = 0.0
    x = math.exp(log_x)
    for j in range(decays.shape[1]):
        v = iv * decays[1, j]
        d_minus = (log_x - boundary[j] + drift * decays[0, j]) / v - 0.5 * v
        total += decays[2, j] * normal_below(-d_minus)
        if decays[3, j] != 0.0:
            total -= x * decays[3, j] * normal_below(-d_minus - v)
    return total


@njit(cache=True, error_model="numpy")
def _unit_price(
    log_x: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    center: float,
    half: float,
    logs: FloatArray,
    decays: FloatArray,
    boundary: FloatArray,
) -> float:
    _interpolate(iv, center, half, logs, boundary)
    x = math.exp(log_x)
    if log_x <= boundary[boundary.size - 1]:
        return 1.0 - x
    twin = bsm_greeks(False, x, 1.0, years, rate, dividend_yield, iv)[0]
    return max(1.0 - x, twin + _premium(log_x, rate - dividend_yield, iv, decays, boundary))


@njit(cache=True, error_model="numpy")
def group_greeks(
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    center: float,
    half: float,
    logs: FloatArray,
    decays: FloatArray,
    boundary: FloatArray,
) -> tuple[float, float, float, float, float]:
    """Give price, delta, gamma, theta and vega of one contract."""
    sign = 1.0 if is_call else -1.0
    log_x = sign * log_ratio(strike, spot)
    own, given, unit = (dividend_yield, rate, spot) if is_call else (rate, dividend_yield, strike)
    _interpolate(iv, center, half, logs, boundary)
    if log_x <= boundary[boundary.size - 1]:
        return sign * (spot - strike), sign, 0.0, 0.0, 0.0
    x = math.exp(log_x)
    price, slope, bend, _, vega = bsm_greeks(False, x, 1.0, years, own, given, iv)[:5]
    for j in range(decays.shape[1]):
        v = iv * decays[1, j]
        d_minus = (log_x - boundary[j] + (own - given) * decays[0, j]) / v - 0.5 * v
        d_plus = d_minus + v
        won_density = decays[2, j] * math.exp(-0.5 * d_minus * d_minus) / (SQRT_TWO_PI * v)
        lost_density = decays[3, j] * math.exp(-0.5 * d_plus * d_plus) / (SQRT_TWO_PI * v)
        lost_below = decays[3, j] * normal_below(-d_plus)
        price += decays[2, j] * normal_below(-d_minus) - x * lost_below
        slope += lost_density - lost_below - won_density / x
        bend += (won_density * d_plus / x - lost_density * d_minus) / (x * v)
    price, bend = max(price, 1.0 - x), max(bend, 0.0)
    theta = own * price - (own - given) * x * slope - 0.5 * iv * iv * x * x * bend
    up, down = iv * (1.0 + BUMP), iv * (1.0 - BUMP)
    if is_inside(up, center, half) and is_inside(down, center, half):
        higher = _unit_price(log_x, years, own, given, up, center, half, logs, decays, boundary)
        lower = _unit_price(log_x, years, own, given, down, center, half, logs, decays, boundary)
        vega = 0.01 * (higher - lower) / (up - down)
    if is_call:
        slope, bend = price - x * slope, bend * x * x * x
    return unit * price, slope, bend / strike, unit * theta / DAYS_PER_YEAR, unit * vega


@njit(cache=True, error_model="numpy")
def group_volatility(
    is_call: bool,
    price: float,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    twin: float,
    center: float,
    half: float,
    logs: FloatArray,
    decays: FloatArray,
    boundary: FloatArray,
) -> float:
    """Give the volatility inside the range of the boundaries, or -1; the European twin's is at least the answer."""
    log_x = log_ratio(strike, spot) if is_call else log_ratio(spot, strike)
    own, given, unit = (dividend_yield, rate, spot) if is_call else (rate, dividend_yield, strike)
    target = price / unit
    if target <= 1.0 - math.exp(log_x) + PRICE_NOISE:
        return -1.0
    floor = math.exp(center - half)
    low, high = floor, min(twin * (1.0 + 1e-6), math.exp(center + half))
    iv, iv_before, miss_before = high, 0.0, 0.0
    for round_ in range(IV_ROUNDS_MAX):
        miss = _unit_price(log_x, years, own, given, iv, center, half, logs, decays, boundary) - target
        if round_ == 0 and miss < 0.0:
            return iv if miss > -PRICE_NOISE else -1.0
        if miss > 0.0:
            high = iv
        else:
            low = iv
        if round_ == 0:
            slope = 100.0 * bsm_greeks(False, math.exp(log_x), 1.0, years, own, given, iv)[4]
        else:
            slope = (miss - miss_before) / (iv - iv_before)
        iv_next = iv - miss / slope if slope > 0.0 else low
        if not low < iv_next < high:
            iv_next = 0.5 * (low + high)
        if abs(iv_next - iv) <= IV_TOLERANCE * iv or miss == 0.0:
            return iv_next if low > floor or iv_next > floor * (1.0 + 1e-6) else -1.0
        iv_before, miss_before, iv = iv, miss, iv_next
    return -1.0
