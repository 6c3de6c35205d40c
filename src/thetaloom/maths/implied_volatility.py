"""The volatility that a European price implies, to the last digits, or an honest reason why there is none.

The price of the out-of-the-money side is normalised to b(s) = price / sqrt(discounted forward · strike) and
solved for the total volatility s by Householder steps of fourth order: on 1/ln(b) below the inflection of b,
on b itself in the middle, on ln(maximum - b) near the top. Each of the three is nearly straight where used.
"""

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.black_scholes import NAN, FloatArray, call_column, chain_columns, mills_difference
from thetaloom.maths.normal import SQRT_TWO_PI, log_ratio, mills

LOG_SQRT_TWO_PI = 0.9189385332046727
FLOAT_NOISE = 2.0 * 2.220446049250313e-16
# A volatility that float noise in the price could move by more than this part of itself is not reported.
UNCERTAINTY_MAX = 1e-4
ITERATIONS_MAX = 40
STEP_DONE = 1e-5  # the step is of fourth order: after one this small the next would be below float noise

OK = 0
BELOW_INTRINSIC = 1
ABOVE_MAXIMUM = 2
UNDETERMINED = 3
EXPIRED = 4
BAD_INPUT = 5


class ImpliedStatus(IntEnum):
    """Why an implied volatility is there or missing; the kernels return these numbers."""

    OK = OK
    BELOW_INTRINSIC = BELOW_INTRINSIC  # less than the discounted intrinsic: arbitrage
    ABOVE_MAXIMUM = ABOVE_MAXIMUM  # at least what the option can ever be worth: arbitrage
    UNDETERMINED = UNDETERMINED  # time value within float noise: a wide range of volatilities fits
    EXPIRED = EXPIRED
    BAD_INPUT = BAD_INPUT  # NaN, infinite, or a negative price, or no positive spot or strike


def chain_implied_volatility(
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Give the volatility of each contract, NaN where there is none, and its ``ImpliedStatus``."""
    p, s, k, t, r, q = chain_columns(price, spot, strikes, years, rate, dividend_yield)
    iv = np.empty(p.size)
    status = np.empty(p.size, dtype=np.int8)
    fill_chain_implied_volatility(p, s, k, t, r, q, call_column(is_call, p.size), iv, status)
    return iv, status


@njit(cache=True, error_model="numpy", nogil=True)
def fill_chain_implied_volatility(
    price: FloatArray,
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: npt.NDArray[np.bool_],
    iv: FloatArray,
    status: npt.NDArray[np.int8],
) -> None:
    """Write volatility and status of each contract."""
    for i in range(price.size):
        iv[i], status[i] = bsm_implied_volatility(
            is_call[i], price[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i]
        )


@njit(cache=True, error_model="numpy")
def bsm_implied_volatility(
    is_call: bool, price: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float
) -> tuple[float, int]:
    """Give the volatility of one European option and ``OK``, or NaN and why."""
    sane = 0.0 < spot < math.inf and 0.0 < strike < math.inf and 0.0 <= price < math.inf
    if not (sane and abs(years) < math.inf and abs(rate) < math.inf and abs(dividend_yield) < math.inf):
        return NAN, BAD_INPUT
    if years <= 0.0:
        return NAN, EXPIRED
    stock = spot * math.exp(-dividend_yield * years)
    cash = strike * math.exp(-rate * years)
    ceiling = stock if is_call else cash
    if price >= ceiling:
        return NAN, ABOVE_MAXIMUM
    m = log_ratio(spot, strike) + (rate - dividend_yield) * years
    noise = FLOAT_NOISE * price
    out_price = price
    if (m > 0.0) == is_call:
        noise = FLOAT_NOISE * (price + stock + cash)
        out_price = price - abs(stock - cash)
        if out_price < -noise:
            return NAN, BELOW_INTRINSIC
    if out_price <= noise:
        return NAN, UNDETERMINED
    x = -abs(m)
    scale = math.sqrt(stock) * math.sqrt(cash)
    s, elasticity = _total_volatility(x, out_price / scale, (ceiling - price) / scale)
    if not noise <= UNCERTAINTY_MAX * elasticity * out_price:
        return NAN, UNDETERMINED
    return s / math.sqrt(years), OK


@njit(cache=True, error_model="numpy")
def _total_volatility(x: float, beta: float, gap: float) -> tuple[float, float]:
    # beta: normalised price; gap: what is missing to the maximum exp(x/2). The elasticity of the price to s
    # says how far noise in the price would move the answer; 0 says that there is none.
    inflection = math.sqrt(-2.0 * x)
    b_inflection, slope_inflection = 0.0, 1.0 / SQRT_TWO_PI
    if x < 0.0:
        slope_inflection = math.exp(0.5 * x) / SQRT_TWO_PI
        b_inflection = slope_inflection * mills_difference(-0.5 * inflection, 0.5 * inflection)
    if beta < b_inflection:
        return _below_inflection(x, math.log(beta), inflection)
    if beta < gap:
        return _above_inflection(x, beta, inflection + (beta - b_inflection) / slope_inflection, inflection)
    return _near_maximum(x, beta, math.log(gap), inflection)


@njit(cache=True, error_model="numpy")
def _below_inflection(x: float, log_beta: float, inflection: float) -> tuple[float, float]:
    low, high = 0.0, inflection
    # For s well below the inflection, b is about s³/(x²·sqrt(2π))·exp(-(h² + t²)/2).
    s = min(-x / math.sqrt(-2.0 * log_beta), inflection)
    for _ in range(2):
        prefactor = 3.0 * math.log(s) - 2.0 * math.log(-x + s) - LOG_SQRT_TWO_PI - 0.125 * s * s
        s = min(-x / math.sqrt(max(-2.0 * (log_beta - prefactor), -x)), inflection)
    elasticity = 0.0
    for _ in range(ITERATIONS_MAX):
        h = x / s
        ratio = mills_difference(h, 0.5 * s)  # b / b'
        log_b = math.log(ratio) - 0.5 * (h * h + 0.25 * s * s) - LOG_SQRT_TWO_PI
        if log_b > log_beta:
            high = s
        else:
            low = s
        slope = 1.0 / ratio
        q = h * h / s - 0.25 * s  # b'' / b'
        q3 = q * q - 3.0 * (h / s) ** 2 - 0.25  # b''' / b'
        l = slope / log_b  # noqa: E741 - the logarithmic derivative of ln b
        newton = log_b / log_beta * (log_beta - log_b) * ratio
        second = q - slope - 2.0 * l
        third = q3 - 3.0 * q * slope + 2.0 * slope * slope - 6.0 * l * (q - slope) + 6.0 * l * l
        s_next = _householder(s, newton, second, third, low, high)
        elasticity = s * slope
        if abs(s_next - s) < STEP_DONE * s:
            return s_next, elasticity
        s = s_next
    return s, 0.0


@njit(cache=True, error_model="numpy")
def _above_inflection(x: float, beta: float, s: float, inflection: float) -> tuple[float, float]:
    low, high = inflection, math.inf
    elasticity = 0.0
    for _ in range(ITERATIONS_MAX):
        h = x / s
        ratio = mills_difference(h, 0.5 * s)
        slope = math.exp(-0.5 * (h * h + 0.25 * s * s)) / SQRT_TWO_PI
        b = slope * ratio
        if b > beta:
            high = s
        else:
            low = s
        q = h * h / s - 0.25 * s
        q3 = q * q - 3.0 * (h / s) ** 2 - 0.25
        s_next = _householder(s, (beta - b) / slope, q, q3, low, high)
        elasticity = s / ratio
        if abs(s_next - s) < STEP_DONE * s:
            return s_next, elasticity
        s = s_next
    return s, 0.0


@njit(cache=True, error_model="numpy")
def _near_maximum(x: float, beta: float, log_gap: float, inflection: float) -> tuple[float, float]:
    low, high = inflection, math.inf
    # Far above, the gap is about 2·N(-s/2): solve its leading exponential, never below the inflection.
    s = max(inflection, math.sqrt(max(-8.0 * log_gap - 2.0 * math.log(max(1.0, -8.0 * log_gap)), 1.0)))
    elasticity = 0.0
    for _ in range(ITERATIONS_MAX):
        h = x / s
        t = 0.5 * s
        ratio = mills(h + t) + mills(t - h)  # gap / b'
        log_c = math.log(ratio) - 0.5 * (h * h + t * t) - LOG_SQRT_TWO_PI
        if log_c < log_gap:
            high = s
        else:
            low = s
        slope = 1.0 / ratio
        q = h * h / s - 0.25 * s
        q3 = q * q - 3.0 * (h / s) ** 2 - 0.25
        newton = (log_c - log_gap) * ratio
        third = q3 + 3.0 * q * slope + 2.0 * slope * slope
        s_next = _householder(s, newton, q + slope, third, low, high)
        elasticity = s * math.exp(log_gap) / beta * slope
        if abs(s_next - s) < STEP_DONE * s:
            return s_next, elasticity
        s = s_next
    return s, 0.0


@njit(cache=True, error_model="numpy")
def _householder(s: float, newton: float, second: float, third: float, low: float, high: float) -> float:
    below = 1.0 + newton * (second + third * newton / 6.0)
    step = newton
    if below > 0.0:
        correction = (1.0 + 0.5 * second * newton) / below
        if 0.0 < correction < 10.0:
            step = newton * correction
    s_next = s + step
    if low <= s_next <= high:
        return s_next
    return 0.5 * (low + high) if high < math.inf else 2.0 * s
