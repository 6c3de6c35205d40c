"""The price below which an American put is exercised, over all the life of the option, to many digits.

Everything is for a put with a strike of 1: the boundary scales with the strike, and a call is the put with spot
and strike, rate and yield exchanged. With the premium of early exercise as an integral along the boundary, smooth
pasting gives an equation that the boundary solves by itself, and that is iterated (Andersen, Lake and
Offengenden, "High-performance American option pricing", 2016). Its unknown is ln(boundary / limit)², which is nearly a
polynomial of the root of time. Integrals run over an angle, u = t·sin²: both ends are smooth there.
"""

import math

import numpy as np
from numba import njit

from thetaloom.maths.black_scholes import FloatArray
from thetaloom.maths.normal import SQRT_TWO_PI, normal_below

GUESS_ROUNDS = 60
GUESS_TOLERANCE = 1e-4
LOG_BOUNDARY_MIN = -600.0


@njit(cache=True, error_model="numpy")
def boundary_limit(rate: float, dividend_yield: float) -> float:
    """Give the boundary of a put at its expiration, 0 where exercise never pays or the region has two edges."""
    if rate > 0.0:
        return min(1.0, rate / dividend_yield) if dividend_yield > 0.0 else 1.0
    return 1.0 if rate == 0.0 and dividend_yield < 0.0 else 0.0


@njit(cache=True, error_model="numpy")
def solve_boundary(
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    angles: FloatArray,
    weights: FloatArray,
    rounds_max: int,
    tolerance: float,
    damping: float,
    series: FloatArray,
) -> float:
    """Write the Chebyshev series of ln(boundary / limit)² over the root of time; give the last round's change.

    ``angles`` and ``weights`` are a quadrature on 0 to π/2. The size of ``series`` is the number of nodes.
    The change is of ln(boundary), infinite where no boundary was found. ``damping`` is the part of each step that
    is taken; at 1 the steps are accelerated, which all but low volatilities with high rates over years stand.
    """
    count = series.size
    limit = boundary_limit(rate, dividend_yield)
    logs = np.zeros(count)  # ln(boundary / limit) at the nodes, the last at expiration
    times = np.empty(count)
    for i in range(count):
        root = 0.5 * (1.0 + math.cos(math.pi * i / (count - 1)))
        times[i] = years * root * root
    for i in range(count - 2, -1, -1):
        logs[i] = _guess(times[i], rate, dividend_yield, iv, limit)
    _fit(logs, series)
    plan = _plan(times, years, rate, dividend_yield, iv, angles, weights)
    misses, misses_before, logs_before = np.zeros(count), np.zeros(count), np.zeros(count)
    worst = math.inf
    for round_ in range(rounds_max):
        worst = 0.0
        for i in range(count - 1):
            misses[i] = _improved(times[i], logs[i], rate, dividend_yield, iv, limit, plan[:, i], series) - logs[i]
            if math.isnan(misses[i]):
                return math.inf
            worst = max(worst, abs(misses[i]))
        _step(logs, misses, logs_before, misses_before, damping, round_ == 0)
        _fit(logs, series)
        if worst < tolerance:
            break
    return worst


@njit(cache=True, error_model="numpy")
def _step(
    logs: FloatArray,
    misses: FloatArray,
    logs_before: FloatArray,
    misses_before: FloatArray,
    damping: float,
    is_first: bool,
) -> None:
    # Anderson's acceleration of depth one: two steps are mixed so that what is left of both is least.
    share = 0.0
    if damping == 1.0 and not is_first:
        top, bottom = 0.0, 0.0
        for i in range(logs.size):
            change = misses[i] - misses_before[i]
            top += change * misses[i]
            bottom += change * change
        share = top / bottom if bottom > 0.0 else 0.0
    for i in range(logs.size):
        here, miss = logs[i], misses[i]
        step = damping * miss - share * (here - logs_before[i] + miss - misses_before[i])
        logs_before[i], misses_before[i] = here, miss
        logs[i] = min(0.0, here + step)


@njit(cache=True, error_model="numpy")
def log_boundary(series: FloatArray, share: float) -> float:
    """Give ln(boundary / limit) where the root of the time left is ``share`` of the root of the life."""
    z = 4.0 * share - 2.0
    later, last = 0.0, 0.0
    for k in range(series.size - 1, 0, -1):
        later, last = z * later - last + series[k], later
    return -math.sqrt(max(0.0, 0.5 * z * later - last + series[0]))


@njit(cache=True, error_model="numpy")
def _fit(logs: FloatArray, series: FloatArray) -> None:
    # The discrete cosine transform of the squares at the extrema of the last polynomial.
    last = logs.size - 1
    for k in range(last + 1):
        total = 0.5 * (logs[0] ** 2 + (-1.0) ** k * logs[last] ** 2)
        for i in range(1, last):
            total += logs[i] ** 2 * math.cos(math.pi * i * k / last)
        series[k] = total * (2.0 if 0 < k < last else 1.0) / last


@njit(cache=True, error_model="numpy")
def _guess(time: float, rate: float, dividend_yield: float, iv: float, limit: float) -> float:
    # Barone-Adesi and Whaley's condition, bisected and then by secants in the log.
    variance = iv * iv
    h_over_rate = -math.expm1(-rate * time) / rate if rate > 0.0 else time
    omega = 2.0 * (rate - dividend_yield) / variance
    slope = 0.5 * (1.0 - omega - math.sqrt((omega - 1.0) ** 2 + 8.0 / (variance * h_over_rate)))
    low, high = LOG_BOUNDARY_MIN, 0.0
    root = iv * math.sqrt(time)
    x = -root
    for _ in range(GUESS_ROUNDS):
        price = limit * math.exp(x)
        d1 = (math.log(price) + (rate - dividend_yield) * time) / root + 0.5 * root
        stock = price * math.exp(-dividend_yield * time)
        put = math.exp(-rate * time) * normal_below(root - d1) - stock * normal_below(-d1)
        miss = price - stock * normal_below(-d1) + slope * (1.0 - price - put)
        if miss > 0.0:
            high = x
        else:
            low = x
        derivative = price - stock * normal_below(-d1)
        derivative += stock * math.exp(-0.5 * d1 * d1) / (SQRT_TWO_PI * root) - slope * derivative
        x_next = x - miss / derivative if derivative > 0.0 else 0.5 * (low + high)
        if not low < x_next < high:
            x_next = 0.5 * (max(low, 4.0 * high - root) + high)
        if abs(x_next - x) < GUESS_TOLERANCE:
            return x_next
        x = x_next
    return x


@njit(cache=True, error_model="numpy")
def _plan(
    times: FloatArray,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    angles: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    # What does not change from round to round: drift, deviation, share of the root of life, interest and yield won.
    plan = np.empty((5, times.size, angles.size))
    for j in range(angles.size):
        sine, cosine = math.sin(angles[j]), math.cos(angles[j])
        for i in range(times.size):
            passed, wait = times[i] * sine * sine, times[i] * cosine * cosine
            weight = weights[j] * 2.0 * times[i] * sine * cosine
            plan[0, i, j] = (rate - dividend_yield) * wait
            plan[1, i, j] = iv * math.sqrt(times[i]) * cosine
            plan[2, i, j] = math.sqrt(times[i] / years) * sine
            plan[3, i, j] = weight * rate * math.exp(rate * passed) / SQRT_TWO_PI
            plan[4, i, j] = weight * dividend_yield * math.exp(dividend_yield * passed)
    return plan


@njit(cache=True, error_model="numpy")
def _improved(
    time: float,
    log_here: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    limit: float,
    plan: FloatArray,
    series: FloatArray,
) -> float:
    # Smooth pasting, solved for the boundary before the density; at other times the boundary is held.
    v = iv * math.sqrt(time)
    log_b = math.log(limit) + log_here
    d_minus = (log_b + (rate - dividend_yield) * time) / v - 0.5 * v
    d_plus = d_minus + v
    top = math.exp(-0.5 * d_minus * d_minus) / (SQRT_TWO_PI * v)
    bottom = math.exp(-0.5 * d_plus * d_plus) / (SQRT_TWO_PI * v) + normal_below(d_plus)
    for j in range(plan.shape[1]):
        v = plan[1, j]
        d_minus = (log_here - log_boundary(series, plan[2, j]) + plan[0, j]) / v - 0.5 * v
        top += plan[3, j] * math.exp(-0.5 * d_minus * d_minus) / v
        if plan[4, j] != 0.0:
            d_plus = d_minus + v
            bottom += plan[4, j] * (math.exp(-0.5 * d_plus * d_plus) / (SQRT_TWO_PI * v) + normal_below(d_plus))
    if not (top > 0.0 and bottom > 0.0):
        return math.nan
    return (dividend_yield - rate) * time + math.log(top / bottom) - math.log(limit)
