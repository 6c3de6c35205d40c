"""American calls on a stock that pays cash dividends, at a rate not below 0 and without a yield: to about 1e-9.

Such a call is exercised just before a dividend or not at all. So its price is an expectation from one dividend to
the next, of the better of exercising and holding. Each expectation is split where the one turns into the other, and
what holding is worth is kept as a Chebyshev series of the logarithm of the escrowed stock.
"""

import math

import numpy as np
from numba import njit

from thetaloom.maths.black_scholes import FloatArray, bsm_greeks, bsm_price
from thetaloom.maths.dividends import dividends_present_value
from thetaloom.maths.normal import SQRT_TWO_PI

NODES = 96  # of a series
DEVIATIONS = 9.0  # how far the integrals reach
LAYER = 7.0  # deviations of what is left after the last dividend, within which its worth bends
HALVINGS = 52
DIVIDENDS_MAX = 64
VARIATION_MIN, VARIATION_MAX = 1e-4, 6.0  # of the total volatility

_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(48)


@njit(cache=True, error_model="numpy")
def dividend_call_applies(
    is_call: bool, years: float, rate: float, dividend_yield: float, iv: float, dividend_years: FloatArray
) -> bool:
    """Say whether the option is a call of the kind that is priced here."""
    if not (is_call and rate >= 0.0 and dividend_yield == 0.0):
        return False
    paid = 0
    for k in range(dividend_years.size):
        if 0.0 <= dividend_years[k] <= years:
            paid += 1
    return 0 < paid <= DIVIDENDS_MAX and VARIATION_MIN < iv * math.sqrt(years) < VARIATION_MAX


@njit(cache=True, error_model="numpy")
def dividend_call(
    risky: float,
    strike: float,
    years: float,
    rate: float,
    iv: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
) -> tuple[float, float, float]:
    """Give price, delta and gamma; ``risky`` is the spot less the worth of the dividends to come."""
    dates = _dates(years, dividend_years)
    spread = iv * math.sqrt(years)
    bottom = math.log(min(strike, risky)) - DEVIATIONS * spread - spread * spread - 1.0
    ceiling = math.log(max(strike, risky)) + DEVIATIONS * spread + spread * spread + 1.0
    x = math.log(risky)
    last = dates.size - 1
    direct, life, top, take = True, years - dates[last], ceiling, 0.0
    series, held = np.empty(0), np.empty(NODES)
    for k in range(last, -1, -1):
        take_here = dividends_present_value(rate, dates[k], years, dividend_years, dividend_amounts) - strike
        wait = 0.0 if k == last else dates[k + 1] - dates[k]
        # Where exercising here overtakes holding.
        low, high = bottom, ceiling
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            worth = _held(middle, k == last, wait, strike, rate, iv, direct, life, series, bottom, top, take)[0]
            if math.exp(middle) + take_here > worth:
                high = middle
            else:
                low = middle
        if k == 0 and dates[0] == 0.0:
            if x >= high:
                return risky + take_here, 1.0, 0.0
            if last == 0:
                return bsm_greeks(True, risky, strike, years, rate, 0.0, iv)[:3]
            return _expected(x, wait, strike, rate, iv, direct, life, series, bottom, top, take)
        if k < last:
            for i in range(NODES):
                node = 0.5 * (bottom + high) + 0.5 * (high - bottom) * math.cos(math.pi * (i + 0.5) / NODES)
                held[i] = _expected(node, wait, strike, rate, iv, direct, life, series, bottom, top, take)[0]
            series, direct = _series(held), False
        top, take = high, take_here
    return _expected(x, dates[0], strike, rate, iv, direct, life, series, bottom, top, take)


@njit(cache=True, error_model="numpy")
def _dates(years: float, dividend_years: FloatArray) -> FloatArray:
    return np.unique(dividend_years[(dividend_years >= 0.0) & (dividend_years <= years)])


@njit(cache=True, error_model="numpy")
def _held(
    x: float,
    is_last: bool,
    wait: float,
    strike: float,
    rate: float,
    iv: float,
    direct: bool,
    life: float,
    series: FloatArray,
    bottom: float,
    top: float,
    take: float,
) -> tuple[float, float, float]:
    if is_last:
        return bsm_price(True, math.exp(x), strike, life, rate, 0.0, iv), 0.0, 0.0
    return _expected(x, wait, strike, rate, iv, direct, life, series, bottom, top, take)


@njit(cache=True, error_model="numpy")
def _expected(
    x: float,
    wait: float,
    strike: float,
    rate: float,
    iv: float,
    direct: bool,
    life: float,
    series: FloatArray,
    bottom: float,
    top: float,
    take: float,
) -> tuple[float, float, float]:
    # The worth ``wait`` before a date at which exercise takes over at ``top``; and its slope and bend.
    spread = iv * math.sqrt(wait)
    mean = x + rate * wait - 0.5 * spread * spread
    lowest, highest = -DEVIATIONS, DEVIATIONS + spread
    turn = min(max((top - mean) / spread, lowest), highest)
    layer = LAYER * iv * math.sqrt(life) / spread
    kink = (math.log(strike) - mean) / spread
    edges = np.empty(6)
    edges[0], edges[4], edges[5] = lowest, turn, highest
    for n in range(3):
        inner = kink + (n - 1) * layer if direct else lowest
        edges[n + 1] = min(max(inner, lowest), turn)
    price, first, second = 0.0, 0.0, 0.0
    for n in range(5):
        half = 0.5 * (edges[n + 1] - edges[n])
        if half <= 0.0:
            continue
        for j in range(_ROOTS.size):
            z = edges[n] + half * (1.0 + _ROOTS[j])
            y = mean + spread * z
            if n == 4:
                worth = math.exp(y) + take
            elif direct:
                worth = bsm_price(True, math.exp(y), strike, life, rate, 0.0, iv)
            else:
                worth = _series_at(series, (2.0 * y - bottom - top) / (top - bottom)) if y > bottom else 0.0
            worth *= half * _WEIGHTS[j] * math.exp(-0.5 * z * z) / SQRT_TWO_PI
            price += worth
            first += worth * z
            second += worth * (z * z - 1.0)
    discount = math.exp(-rate * wait)
    stock = math.exp(x)
    first *= discount / spread
    second *= discount / (spread * spread)
    return discount * price, first / stock, (second - first) / (stock * stock)


@njit(cache=True, error_model="numpy")
def _series(heights: FloatArray) -> FloatArray:
    # Chebyshev's series through values at the nodes of the first kind.
    count = heights.size
    series = np.empty(count)
    for k in range(count):
        total = 0.0
        for i in range(count):
            total += heights[i] * math.cos(math.pi * k * (i + 0.5) / count)
        series[k] = total * (2.0 if k else 1.0) / count
    return series


@njit(cache=True, error_model="numpy")
def _series_at(series: FloatArray, z: float) -> float:
    later, last = 0.0, 0.0
    for k in range(series.size - 1, 0, -1):
        later, last = 2.0 * z * later - last + series[k], later
    height: float = z * later - last + series[0]
    return height
