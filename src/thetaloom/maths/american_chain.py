"""Whole chains of American options: contracts that share right, expiration, rate and yield share their boundaries.

The boundary scales with the strike and is smooth in the volatility. So each such group gets boundaries at a few
volatilities (Chebyshev's nodes in the logarithm), and each contract the one interpolated to its own. Where that is not
to be had, and with cash dividends, the small trees of ``LIVE`` stand in.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.american import LIVE, american_greeks, early_exercise_never_pays
from thetaloom.maths.american_volatility import american_implied_volatility
from thetaloom.maths.black_scholes import DAYS_PER_YEAR, FloatArray, bsm_greeks, call_column, chain_columns
from thetaloom.maths.exercise_boundary import boundary_limit, log_boundary, solve_boundary
from thetaloom.maths.implied_volatility import (
    OK,
    bsm_implied_volatility,
)
from thetaloom.maths.normal import SQRT_TWO_PI, log_ratio, normal_below

Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

NODES = 10  # of a boundary
ROUNDS_MAX, DAMPED_ROUNDS_MAX = 8, 80
DAMPING = 0.15
TOLERANCE = 1e-6
UNSETTLED = 1e-4  # a change of ln(boundary) in the last round at which the boundary is not believed
VOLATILITIES_MIN, VOLATILITIES_MAX = 4, 18
VOLATILITIES_PER_LOG = 4.0
LOG_RANGE_MAX = 4.5  # contracts of a group whose volatilities lie farther apart go to the tree
MARGIN = 0.03  # of the logarithm of volatility, so that bumps stay inside
BUMP = 0.01  # of the volatility itself
VARIATION_MIN, VARIATION_MAX = 2e-3, 8.0  # of the total volatility
IV_ROUNDS_MAX = 40
IV_TOLERANCE = 1e-9
PRICE_NOISE = 1e-12
# The lowest volatility looked for, over the lowest that European options would have at the same prices.
IV_REACH = 0.6

_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(18)
ANGLES, ANGLE_WEIGHTS = (_ROOTS + 1.0) * math.pi / 4.0, _WEIGHTS * math.pi / 4.0
# The angles from the present: squares of Legendre's nodes, for the integrand may have a thin layer there.
_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(26)
PRICE_ANGLES = 0.5 * math.pi * ((_ROOTS + 1.0) / 2.0) ** 2
PRICE_WEIGHTS = 0.5 * math.pi * (_ROOTS + 1.0) * _WEIGHTS / 2.0
SINES, COSINES = np.sin(PRICE_ANGLES), np.cos(PRICE_ANGLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmericanGreeks:
    """Price and greeks of each contract, in the units of ``ChainGreeks``; NaN where the input makes no sense."""

    price: FloatArray
    delta: FloatArray
    gamma: FloatArray
    theta: FloatArray
    vega: FloatArray


def chain_american_greeks(
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    iv: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    dividends: tuple[FloatArray, FloatArray] | None = None,
) -> AmericanGreeks:
    """Price a whole American chain; each argument is one number or one per contract, ``dividends`` years and cash."""
    s, k, t, v, r, q = chain_columns(spot, strikes, years, iv, rate, dividend_yield)
    calls = call_column(is_call, s.size)
    table = np.empty((5, s.size))
    if dividends is not None and len(dividends[0]):
        when, cash = chain_columns(*dividends)
        _fill_by_tree(s, k, t, v, r, q, calls, when, cash, table)
    else:
        order, starts = _groups(calls, t, r, q)
        _fill_greeks(s, k, t, v, r, q, calls, order, starts, table)
    return AmericanGreeks(price=table[0], delta=table[1], gamma=table[2], theta=table[3], vega=table[4])


def chain_american_volatility(
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    dividends: tuple[FloatArray, FloatArray] | None = None,
) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Give the volatility of each American contract, NaN where there is none, and its ``ImpliedStatus``."""
    p, s, k, t, r, q = chain_columns(price, spot, strikes, years, rate, dividend_yield)
    calls = call_column(is_call, s.size)
    iv, status = np.empty(s.size), np.empty(s.size, dtype=np.int8)
    if dividends is not None and len(dividends[0]):
        when, cash = chain_columns(*dividends)
        _fill_volatility_by_tree(p, s, k, t, r, q, calls, when, cash, iv, status)
    else:
        order, starts = _groups(calls, t, r, q)
        _fill_volatility(p, s, k, t, r, q, calls, order, starts, iv, status)
    return iv, status


def _groups(is_call: Flags, years: FloatArray, rate: FloatArray, dividend_yield: FloatArray) -> tuple[Counts, Counts]:
    order = np.lexsort((dividend_yield, rate, years, is_call))
    columns = np.stack([is_call[order].astype(np.float64), years[order], rate[order], dividend_yield[order]])
    changes = np.flatnonzero((np.diff(columns, axis=1) != 0.0).any(axis=0)) + 1
    return order.astype(np.int64), np.concatenate([[0], changes, [order.size]]).astype(np.int64)


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_greeks(
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    order: Counts,
    starts: Counts,
    table: FloatArray,
) -> None:
    nothing = np.empty(0)
    boundary = np.empty(SINES.size + 1)
    for g in range(starts.size - 1):
        first = order[starts[g]]
        call, t, r, q = is_call[first], years[first], rate[first], dividend_yield[first]
        european = early_exercise_never_pays(call, r, q, t, nothing) or t == 0.0
        low, high = math.inf, 0.0
        for n in range(starts[g], starts[g + 1]):
            v = iv[order[n]]
            if 0.0 < v < math.inf and not european:
                low, high = min(low, v), max(high, v)
        # A call on the stock is a put on the strike in units of the stock.
        own, given = (q, r) if call else (r, q)
        count, center, half, logs = _boundaries(t, own, given, low, high)
        decays = _decays(t, own, given)
        for n in range(starts[g], starts[g + 1]):
            i = order[n]
            if european:
                found = bsm_greeks(call, spot[i], strikes[i], t, r, q, iv[i])[:5]
            elif count == 0 or not _is_inside(iv[i], center, half) or not (spot[i] > 0.0 and strikes[i] > 0.0):
                found = american_greeks(call, spot[i], strikes[i], t, r, q, iv[i], nothing, nothing, LIVE, LIVE)[:5]
            else:
                found = _greeks(call, spot[i], strikes[i], t, r, q, iv[i], center, half, logs, decays, boundary)
            table[0, i], table[1, i], table[2, i], table[3, i], table[4, i] = found


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_volatility(
    price: FloatArray,
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    order: Counts,
    starts: Counts,
    iv: FloatArray,
    status: npt.NDArray[np.int8],
) -> None:
    nothing = np.empty(0)
    boundary = np.empty(SINES.size + 1)
    for g in range(starts.size - 1):
        first = order[starts[g]]
        call, t, r, q = is_call[first], years[first], rate[first], dividend_yield[first]
        european = early_exercise_never_pays(call, r, q, t, nothing)
        low, high = math.inf, 0.0
        for n in range(starts[g], starts[g + 1]):
            i = order[n]
            iv[i], status[i] = bsm_implied_volatility(call, price[i], spot[i], strikes[i], t, r, q)
            if status[i] == OK and not european:
                low, high = min(low, iv[i]), max(high, iv[i])
        if european:
            continue
        own, given = (q, r) if call else (r, q)
        count, center, half, logs = _boundaries(t, own, given, IV_REACH * low, high)
        decays = _decays(t, own, given)
        for n in range(starts[g], starts[g + 1]):
            i = order[n]
            twin = iv[i]
            found = -1.0
            if status[i] == OK and count > 0:
                found = _inverted(
                    call, price[i], spot[i], strikes[i], t, r, q, twin, center, half, logs, decays, boundary
                )
            if found > 0.0:
                iv[i] = found
            else:
                iv[i], status[i] = american_implied_volatility(
                    call, price[i], spot[i], strikes[i], t, r, q, nothing, nothing, LIVE
                )


@njit(cache=True, error_model="numpy")
def _boundaries(
    years: float, rate: float, dividend_yield: float, low: float, high: float
) -> tuple[int, float, float, FloatArray]:
    # ln(boundary) at the pricing nodes, and last at the present, one row for each volatility; or no rows.
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
def _decays(years: float, rate: float, dividend_yield: float) -> FloatArray:
    # By pricing node: time from now, root of it, interest and yield with the node's weight.
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
def _is_inside(iv: float, center: float, half: float) -> bool:
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
def _greeks(
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
    if _is_inside(up, center, half) and _is_inside(down, center, half):
        higher = _unit_price(log_x, years, own, given, up, center, half, logs, decays, boundary)
        lower = _unit_price(log_x, years, own, given, down, center, half, logs, decays, boundary)
        vega = 0.01 * (higher - lower) / (up - down)
    if is_call:
        slope, bend = price - x * slope, bend * x * x * x
    return unit * price, slope, bend / strike, unit * theta / DAYS_PER_YEAR, unit * vega


@njit(cache=True, error_model="numpy")
def _inverted(
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
    # The volatility inside the range of the boundaries, or -1. The European twin's is at least the answer.
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


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_by_tree(
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    when: FloatArray,
    cash: FloatArray,
    table: FloatArray,
) -> None:
    for i in range(strikes.size):
        (table[0, i], table[1, i], table[2, i], table[3, i], table[4, i]) = american_greeks(
            is_call[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], iv[i], when, cash, LIVE, LIVE
        )[:5]


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_volatility_by_tree(
    price: FloatArray,
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    when: FloatArray,
    cash: FloatArray,
    iv: FloatArray,
    status: npt.NDArray[np.int8],
) -> None:
    for i in range(price.size):
        iv[i], status[i] = american_implied_volatility(
            is_call[i], price[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], when, cash, LIVE
        )
