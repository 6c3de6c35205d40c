"""One Leisen–Reimer tree: an odd number of steps, centered on the strike.

Cash dividends are escrowed: the tree carries the spot less the present value of what will be paid until the
expiration, and whoever exercises receives the node's stock with the dividends still to come. On the day of a
dividend both exercising just before and just after it are considered, wherever the tree's dates fall.
"""

import math

import numpy as np
from numba import njit

from thetaloom.maths.black_scholes import FloatArray
from thetaloom.maths.dividends import dividends_present_value
from thetaloom.maths.normal import log_ratio

DEVIATIONS_MAX = 30.0  # a tree centered farther out than this would have branches of no probability
LOG_RANGE_MAX = 400.0  # the log of the widest node, so that it stays a float
# Under more total volatility than this the price has surely gone to nothing; later dates decide nothing.
TOTAL_VOLATILITY_MAX = 30.0


@njit(cache=True, error_model="numpy")
def leisen_reimer(
    is_call: bool,
    risky: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
    steps: int,
) -> tuple[float, float, float]:
    """Give price, delta and gamma on one tree over the escrowed spot; ``steps`` is odd."""
    sign = 1.0 if is_call else -1.0
    s = min(iv * math.sqrt(years), TOTAL_VOLATILITY_MAX)
    life = min(years, (s / iv) ** 2)
    widest = LOG_RANGE_MAX / s
    if steps > widest * widest:
        steps = 2 * int(0.5 * widest * widest) + 1
    dt = life / steps
    d2 = (log_ratio(risky, strike) + (rate - dividend_yield) * life) / s - 0.5 * s
    d2 = min(max(d2, -DEVIATIONS_MAX), DEVIATIONS_MAX)
    up_chance, down_chance = _peizer_pratt(d2, steps), _peizer_pratt(-d2, steps)
    growth = (rate - dividend_yield) * dt
    log_up = growth + math.log(_peizer_pratt(d2 + s, steps) / up_chance)
    log_down = growth + math.log(_peizer_pratt(-d2 - s, steps) / down_chance)
    discount = math.exp(-rate * dt)
    up_weight, down_weight = discount * up_chance, discount * down_chance
    undo_down = math.exp(-log_down)

    nodes = np.empty(steps + 1)
    worth = np.empty(steps + 1)
    with_dividend = dividends_present_value(rate, life, years, dividend_years, dividend_amounts)
    for j in range(steps + 1):
        nodes[j] = risky * math.exp(j * log_up + (steps - j) * log_down)
        after = sign * (nodes[j] - strike)
        worth[j] = max(0.0, after, after + sign * with_dividend)

    delta, gamma = 0.0, 0.0
    for i in range(steps - 1, -1, -1):
        start = i * dt
        exercise = dividends_present_value(rate, start, years, dividend_years, dividend_amounts) - strike
        for j in range(i + 1):
            nodes[j] *= undo_down
            hold = down_weight * worth[j] + up_weight * worth[j + 1]
            take = sign * (nodes[j] + exercise)
            worth[j] = hold if hold > take else take
        for k in range(dividend_years.size):
            if start <= dividend_years[k] < start + dt:
                _exercise_at_dividend(
                    sign,
                    strike,
                    rate,
                    dividend_yield,
                    years,
                    start,
                    k,
                    dividend_years,
                    dividend_amounts,
                    nodes,
                    worth,
                    i + 1,
                )
        if i == 2:
            delta, gamma = _parabola(nodes, worth, risky)
    return worth[0], delta, gamma


@njit(cache=True, error_model="numpy")
def _exercise_at_dividend(
    sign: float,
    strike: float,
    rate: float,
    dividend_yield: float,
    years: float,
    start: float,
    k: int,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
    nodes: FloatArray,
    worth: FloatArray,
    count: int,
) -> None:
    # Exercise falls due between two dates of the tree: promise it now, for the forward worth.
    wait = dividend_years[k] - start
    kept = math.exp(-dividend_yield * wait)
    before = dividends_present_value(rate, dividend_years[k], years, dividend_years, dividend_amounts)
    discount = math.exp(-rate * wait)
    with_dividend = discount * (before - strike)
    without = discount * (before - dividend_amounts[k] - strike)
    for j in range(count):
        stock = kept * nodes[j]
        worth[j] = max(worth[j], sign * (stock + with_dividend), sign * (stock + without))


@njit(cache=True, error_model="numpy")
def _peizer_pratt(z: float, steps: int) -> float:
    # Inverts the binomial distribution; both tails keep their relative accuracy.
    a = z / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))
    exponent = -a * a * (steps + 1.0 / 6.0)
    half_width = 0.5 * math.sqrt(-math.expm1(exponent))
    if z >= 0.0:
        return 0.5 + half_width
    return 0.25 * math.exp(exponent) / (0.5 + half_width)


@njit(cache=True, error_model="numpy")
def _parabola(nodes: FloatArray, worth: FloatArray, x: float) -> tuple[float, float]:
    # Slope and curvature at x of the parabola through three nodes.
    first = (worth[1] - worth[0]) / (nodes[1] - nodes[0])
    second = (worth[2] - worth[1]) / (nodes[2] - nodes[1])
    curvature = (second - first) / (nodes[2] - nodes[0])
    return first + curvature * (2.0 * x - nodes[0] - nodes[1]), 2.0 * curvature
