"""The volatility that an American price implies: the tree inverted inside a bracket."""

import math

from numba import njit

from thetaloom.maths.american import american_price, ceiling, early_exercise_never_pays
from thetaloom.maths.black_scholes import NAN, FloatArray, bsm_greeks
from thetaloom.maths.dividends import dividends_present_value
from thetaloom.maths.implied_volatility import (
    ABOVE_MAXIMUM,
    BAD_INPUT,
    BELOW_INTRINSIC,
    EXPIRED,
    FLOAT_NOISE,
    OK,
    UNCERTAINTY_MAX,
    UNDETERMINED,
    bsm_implied_volatility,
)

VOLATILITY_MAX = 64.0
ITERATIONS_MAX = 80
TOLERANCE = 1e-11
TREE_NOISE = 1e-12  # what rounding leaves of a tree of some thousand steps, in parts of spot and strike


@njit(cache=True, error_model="numpy", nogil=True)
def american_implied_volatility(
    is_call: bool,
    price: float,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
    steps: tuple[int, int],
) -> tuple[float, int]:
    """Give the volatility of one American option and ``OK``, or NaN and why."""
    risky = spot - dividends_present_value(rate, 0.0, years, dividend_years, dividend_amounts)
    european, status = bsm_implied_volatility(is_call, price, risky, strike, years, rate, dividend_yield)
    if status in (BAD_INPUT, EXPIRED):
        return NAN, status
    if early_exercise_never_pays(is_call, rate, dividend_yield, years, dividend_years):
        return european, status
    if price >= ceiling(is_call, spot, strike, years, rate, dividend_yield):
        return NAN, ABOVE_MAXIMUM
    floor = american_price(
        is_call, spot, strike, years, rate, dividend_yield, 0.0, dividend_years, dividend_amounts, steps
    )
    noise = TREE_NOISE * (spot + strike) if floor > 0.0 else FLOAT_NOISE * price
    if price < floor - noise:
        return NAN, BELOW_INTRINSIC
    if price <= floor + noise:
        return NAN, UNDETERMINED
    # The American option is worth at least its twin, so the twin's volatility bounds its own from above.
    start = european * (1.0 + 1e-3) + 1e-6 if status == OK else 0.25
    iv, slope = _invert(
        is_call,
        price,
        spot,
        risky,
        strike,
        years,
        rate,
        dividend_yield,
        dividend_years,
        dividend_amounts,
        steps,
        start,
    )
    if not noise <= UNCERTAINTY_MAX * slope * iv:
        return NAN, UNDETERMINED
    return iv, OK


@njit(cache=True, error_model="numpy")
def _invert(
    is_call: bool,
    price: float,
    spot: float,
    risky: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
    steps: tuple[int, int],
    start: float,
) -> tuple[float, float]:
    low, high = 0.0, math.inf
    iv, iv_before, miss_before = start, 0.0, 0.0
    slope = 0.0
    width_before = math.inf
    for round_ in range(ITERATIONS_MAX):
        if iv > VOLATILITY_MAX:
            return NAN, 0.0
        miss = (
            american_price(
                is_call,
                spot,
                strike,
                years,
                rate,
                dividend_yield,
                iv,
                dividend_years,
                dividend_amounts,
                steps,
            )
            - price
        )
        if miss > 0.0:
            high = iv
        else:
            low = iv
        if round_ == 0 or miss == miss_before:
            slope = 100.0 * bsm_greeks(is_call, risky, strike, years, rate, dividend_yield, iv)[4]
        else:
            slope = (miss - miss_before) / (iv - iv_before)
        if miss == 0.0:
            return iv, slope
        iv_next = iv - miss / slope if slope > 0.0 else math.inf
        if high == math.inf:
            iv_next = min(iv_next, 2.0 * iv)  # not found from above yet: go up, but not blindly
        # Every third round must have halved the bracket, or the bracket is halved by force.
        elif not low < iv_next < high or (round_ % 3 == 2 and high - low > 0.5 * width_before):
            iv_next = 0.5 * (low + high)
        if round_ % 3 == 2:
            width_before = high - low
        if abs(iv_next - iv) <= TOLERANCE * iv or high - low <= TOLERANCE * iv:
            return iv_next, slope
        iv_before, miss_before, iv = iv, miss, iv_next
    return NAN, 0.0
