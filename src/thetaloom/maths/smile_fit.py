"""Least squares for the smile of one expiration: Levenberg–Marquardt over free coordinates, with penalties.

The shape is that of ``svi``, in its free coordinates.
"""

import math

import numpy as np
from numba import njit

from thetaloom.maths.svi import RHO_MAX, VARIANCE_MIN, FloatArray

OUTLIER = 4.0  # half-widths; beyond, a miss counts by its root
DENSITY_MARGIN = 2e-3

SIZE = 5
WINGS = 2
DIFFERENCE = 1.5e-8
DAMPING, DAMPING_MIN, DAMPING_MAX = 1e-3, 1e-15, 1e15
COST_TOLERANCE = 1e-8
STEP_TOLERANCE = 1e-8


@njit(cache=True, error_model="numpy", nogil=True)
def fit_shape(
    free: FloatArray,
    moneyness: FloatArray,
    variance: FloatArray,
    half_widths: FloatArray,
    grid: FloatArray,
    ceiling: FloatArray,
    wings: FloatArray,
    penalty: float,
    rounds_max: int,
) -> tuple[float, FloatArray]:
    """Give the least cost found from ``free``, and the free coordinates that have it.

    Misses are counted in half-widths of total variance. ``penalty`` weighs what would allow arbitrage: a negative
    density on the grid, variance above its ``ceiling`` there, and a slope far up or far down beyond that of ``wings``.
    """
    size = moneyness.size + 2 * grid.size + WINGS
    misses, moved = np.empty(size), np.empty(size)
    slopes = np.empty((SIZE, size))
    normal, gradient, scale = np.empty((SIZE, SIZE)), np.empty(SIZE), np.zeros(SIZE)
    cost = _fill(free, moneyness, variance, half_widths, grid, ceiling, wings, penalty, misses)
    damping, growth = DAMPING, 2.0
    is_new = True
    for _ in range(rounds_max):
        if is_new:
            for i in range(SIZE):
                nudge = DIFFERENCE * max(1.0, abs(free[i]))
                at = free.copy()
                at[i] += nudge
                _fill(at, moneyness, variance, half_widths, grid, ceiling, wings, penalty, slopes[i])
                for n in range(size):
                    slopes[i, n] = (slopes[i, n] - misses[n]) / nudge
            _square(slopes, misses, normal, gradient, scale)
        step = _solved(normal, gradient, scale, damping)
        cost_next = _fill(free + step, moneyness, variance, half_widths, grid, ceiling, wings, penalty, moved)
        gain = cost - cost_next
        is_new = gain > 0.0
        if is_new:
            free = free + step
            misses, moved = moved, misses
            cost = cost_next
            damping, growth = max(DAMPING_MIN, damping / 5.0), 2.0
        else:
            damping, growth = damping * growth, 2.0 * growth
        is_short = np.abs(step).max() < STEP_TOLERANCE * (STEP_TOLERANCE + np.abs(free).max())
        if is_short or (is_new and gain < COST_TOLERANCE * cost) or not damping < DAMPING_MAX:
            break
    return cost, free


@njit(cache=True, error_model="numpy")
def shape_of(free: FloatArray) -> tuple[float, float, float, float, float]:
    """Give a, b, rho, m and s of free coordinates."""
    rho = RHO_MAX * math.tanh(_within(free[2], 40.0))
    b, s = math.exp(_within(free[1], 4.0)), math.exp(_within(free[4], 4.0))
    least = math.exp(_within(free[0], 6.0))
    return least - b * s * math.sqrt(1.0 - rho * rho), b, rho, _within(free[3], 40.0), s


@njit(cache=True, error_model="numpy")
def _within(x: float, high: float) -> float:
    return min(max(x, -40.0), high)


@njit(cache=True, error_model="numpy")
def _fill(
    free: FloatArray,
    moneyness: FloatArray,
    variance: FloatArray,
    half_widths: FloatArray,
    grid: FloatArray,
    ceiling: FloatArray,
    wings: FloatArray,
    penalty: float,
    misses: FloatArray,
) -> float:
    a, b, rho, m, s = shape_of(free)
    count, size = moneyness.size, grid.size
    root = 1.0 / math.sqrt(count)
    for i in range(count):
        away = moneyness[i] - m
        miss = (a + b * (rho * away + math.sqrt(away * away + s * s)) - variance[i]) / half_widths[i] / OUTLIER
        tamed = OUTLIER * math.sqrt(2.0 * (math.sqrt(1.0 + miss * miss) - 1.0))
        misses[i] = root * math.copysign(tamed, miss)
    level = np.median(variance)
    for i in range(size):
        k = grid[i]
        away = k - m
        bow = math.sqrt(away * away + s * s)
        raw = a + b * (rho * away + bow)
        total = max(raw, VARIANCE_MIN)
        slope = b * (rho + away / bow)
        bend = b * s * s / (bow * bow * bow)
        density = (1.0 - k * slope / (2.0 * total)) ** 2 - slope * slope / 4.0 * (1.0 / total + 0.25) + bend / 2.0
        misses[count + i] = penalty * max(0.0, DENSITY_MARGIN - density)
        misses[count + size + i] = penalty * max(0.0, raw - ceiling[i]) / level
    up, down = b * (1.0 + rho), b * (1.0 - rho)
    last = count + 2 * size
    misses[last] = penalty * max(0.0, up - wings[0])
    misses[last + 1] = penalty * max(0.0, down - wings[1])
    cost = 0.0
    for n in range(misses.size):
        cost += misses[n] * misses[n]
    return 0.5 * cost


@njit(cache=True, error_model="numpy")
def _square(
    slopes: FloatArray, misses: FloatArray, normal: FloatArray, gradient: FloatArray, scale: FloatArray
) -> None:
    for i in range(SIZE):
        down = 0.0
        for n in range(misses.size):
            down += slopes[i, n] * misses[n]
        gradient[i] = down
        for j in range(i + 1):
            total = 0.0
            for n in range(misses.size):
                total += slopes[i, n] * slopes[j, n]
            normal[i, j] = normal[j, i] = total
        scale[i] = max(scale[i], normal[i, i], 1e-12)


@njit(cache=True, error_model="numpy")
def _solved(normal: FloatArray, gradient: FloatArray, scale: FloatArray, damping: float) -> FloatArray:
    # Cholesky of the damped normal equations; the floor keeps a nearly singular one solvable.
    lower = np.zeros((SIZE, SIZE))
    step = np.empty(SIZE)
    for i in range(SIZE):
        for j in range(i + 1):
            rest = normal[i, j]
            for n in range(j):
                rest -= lower[i, n] * lower[j, n]
            if i == j:
                lower[i, i] = math.sqrt(max(rest + damping * scale[i], 1e-14 * scale[i]))
            else:
                lower[i, j] = rest / lower[j, j]
        rest = -gradient[i]
        for n in range(i):
            rest -= lower[i, n] * step[n]
        step[i] = rest / lower[i, i]
    for i in range(SIZE - 1, -1, -1):
        rest = step[i]
        for n in range(i + 1, SIZE):
            rest -= lower[n, i] * step[n]
        step[i] = rest / lower[i, i]
    return step
