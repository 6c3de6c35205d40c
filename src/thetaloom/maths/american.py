"""American options: from their exercise boundary, from dividend to dividend, or else on a Leisen–Reimer tree.

Two trees of different size give price, delta and gamma, and Richardson's extrapolation takes the error of
order 1 / steps away. Theta follows from the Black–Scholes equation, vega and rho from bumps.
"""

import math

import numpy as np
from numba import njit

from thetaloom.maths.andersen_lake import boundary_price_delta_gamma
from thetaloom.maths.black_scholes import DAYS_PER_YEAR, NAN, FloatArray, bsm_greeks, bsm_price
from thetaloom.maths.dividend_call import dividend_call, dividend_call_applies
from thetaloom.maths.dividends import dividends_present_value, dividends_rate_slope
from thetaloom.maths.leisen_reimer import leisen_reimer

AmericanGreeks = tuple[float, float, float, float, float, float]

# Steps of the two trees. LIVE takes about 5 µs a price; EXACT about 1 ms, good to 1e-4 at a spot of 100.
LIVE = (51, 103)
EXACT = (1001, 3003)
BUMP_EXACT = (501, 1001)
# No tree at all but the exercise boundary, good to 1e-8 of the strike; where it can't be had, EXACT or BUMP_EXACT.
BOUNDARY, BOUNDARY_BUMP = (0, 0), (0, 1)

BY_TREE, BY_BOUNDARY, BY_DIVIDENDS = 0, 1, 2

TOTAL_VOLATILITY_MIN = 1e-9
VOLATILITY_BUMP = 0.005
RATE_BUMP = 0.0005
SMOOTH_MIN = 1e-3  # of the total volatility; below, trees may have to price
SMOOTH_BUMP = 1e-3  # of the volatility itself, where the price is smooth to many digits
SMOOTH_RATE_BUMP = 1e-4


@njit(cache=True, error_model="numpy", nogil=True)
def american_price(
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
    steps: tuple[int, int],
) -> float:
    """Price one American option; ``steps`` is ``LIVE``, ``EXACT`` or ``BOUNDARY``."""
    return american_price_delta_gamma(
        is_call, spot, strike, years, rate, dividend_yield, iv, dividend_years, dividend_amounts, steps
    )[0]


@njit(cache=True, error_model="numpy", nogil=True)
def american_greeks(
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
    steps: tuple[int, int],
    bump_steps: tuple[int, int],
) -> AmericanGreeks:
    """Price one American option with delta, gamma, theta, vega and rho, in the units of ``bsm_greeks``."""
    price, delta, gamma = american_price_delta_gamma(
        is_call, spot, strike, years, rate, dividend_yield, iv, dividend_years, dividend_amounts, steps
    )
    if math.isnan(price):
        return NAN, NAN, NAN, NAN, NAN, NAN
    escrow = dividends_present_value(rate, 0.0, years, dividend_years, dividend_amounts)
    risky = spot - escrow
    if early_exercise_never_pays(is_call, rate, dividend_yield, years, dividend_years):
        exact = bsm_greeks(is_call, risky, strike, years, rate, dividend_yield, iv)
        slope = dividends_rate_slope(rate, years, dividend_years, dividend_amounts)
        theta = exact[3] - rate * escrow * delta / DAYS_PER_YEAR
        return price, delta, gamma, theta, exact[4], exact[5] + 0.01 * delta * slope
    intrinsic = spot - strike if is_call else strike - spot
    theta = 0.0
    if price > intrinsic and years > 0.0:
        # Ito on the escrowed spot, which moves by rate·escrow when the stock itself stands still.
        carry = rate * price - (rate - dividend_yield) * risky * delta - rate * escrow * delta
        theta = (carry - 0.5 * iv * iv * risky * risky * gamma) / DAYS_PER_YEAR
    bump, rate_down, rate_up = _bumps(is_call, years, rate, dividend_yield, iv, dividend_years, steps)
    down = max(0.0, iv - bump)
    up = iv + bump
    vega = 0.0
    if years > 0.0:
        vega = (
            american_price(
                is_call,
                spot,
                strike,
                years,
                rate,
                dividend_yield,
                up,
                dividend_years,
                dividend_amounts,
                bump_steps,
            )
            - american_price(
                is_call,
                spot,
                strike,
                years,
                rate,
                dividend_yield,
                down,
                dividend_years,
                dividend_amounts,
                bump_steps,
            )
        ) / (up - down)
    rho = (
        american_price(
            is_call,
            spot,
            strike,
            years,
            rate_up,
            dividend_yield,
            iv,
            dividend_years,
            dividend_amounts,
            bump_steps,
        )
        - american_price(
            is_call,
            spot,
            strike,
            years,
            rate_down,
            dividend_yield,
            iv,
            dividend_years,
            dividend_amounts,
            bump_steps,
        )
    ) / (rate_up - rate_down)
    return price, delta, gamma, theta, 0.01 * vega, 0.01 * rho


@njit(cache=True, error_model="numpy")
def american_price_delta_gamma(
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
    steps: tuple[int, int],
) -> tuple[float, float, float]:
    """Give price, delta and gamma; NaN for input that makes no sense."""
    # Written so that a NaN fails it.
    sane = 0.0 < spot < math.inf and 0.0 < strike < math.inf and 0.0 <= years < math.inf and 0.0 <= iv < math.inf
    if not (sane and abs(rate) < math.inf and abs(dividend_yield) < math.inf):
        return NAN, NAN, NAN
    escrow = dividends_present_value(rate, 0.0, years, dividend_years, dividend_amounts)
    risky = spot - escrow
    if not risky > 0.0:
        return NAN, NAN, NAN
    if years == 0.0 or early_exercise_never_pays(is_call, rate, dividend_yield, years, dividend_years):
        exact = bsm_greeks(is_call, risky, strike, years, rate, dividend_yield, iv)
        return exact[0], exact[1], exact[2]
    if iv * math.sqrt(years) < TOTAL_VOLATILITY_MIN:
        return _without_volatility(
            is_call, risky, strike, years, rate, dividend_yield, dividend_years, dividend_amounts
        )
    if steps[0] == 0:
        way = american_way(is_call, years, rate, dividend_yield, iv, dividend_years, steps)
        found = (NAN, NAN, NAN)
        if way == BY_BOUNDARY:
            found = boundary_price_delta_gamma(is_call, spot, strike, years, rate, dividend_yield, iv)
        elif way == BY_DIVIDENDS:
            found = dividend_call(risky, strike, years, rate, iv, dividend_years, dividend_amounts)
            if found[0] <= spot - strike:
                found = (spot - strike, 1.0, 0.0)
        if not math.isnan(found[0]):
            return found[0], found[1], max(found[2], 0.0)
        steps = EXACT if steps[1] == 0 else BUMP_EXACT
    few = leisen_reimer(
        is_call, risky, strike, years, rate, dividend_yield, iv, dividend_years, dividend_amounts, steps[0]
    )
    many = leisen_reimer(
        is_call, risky, strike, years, rate, dividend_yield, iv, dividend_years, dividend_amounts, steps[1]
    )
    weight = steps[1] / (steps[1] - steps[0])
    price = few[0] + weight * (many[0] - few[0])
    sign = 1.0 if is_call else -1.0
    intrinsic = sign * (spot - strike)
    if price <= intrinsic or many[0] <= intrinsic:
        return intrinsic + 0.0, sign, 0.0
    european = bsm_price(is_call, risky, strike, years, rate, dividend_yield, iv)
    price = min(max(price, european), ceiling(is_call, spot, strike, years, rate, dividend_yield))
    gamma = few[2] + weight * (many[2] - few[2])
    return price, few[1] + weight * (many[1] - few[1]), max(gamma, 0.0)


@njit(cache=True, error_model="numpy")
def _bumps(
    is_call: bool,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    dividend_years: FloatArray,
    steps: tuple[int, int],
) -> tuple[float, float, float]:
    # The move of the volatility, and the rates below and above.
    way = american_way(is_call, years, rate, dividend_yield, iv, dividend_years, steps)
    is_smooth = way != BY_TREE and iv * math.sqrt(years) > SMOOTH_MIN
    bump = SMOOTH_BUMP * iv if is_smooth else VOLATILITY_BUMP
    # A bump must not cross to another way of pricing, whose small error it would magnify.
    rate_up = rate + (RATE_BUMP if way == BY_TREE else SMOOTH_RATE_BUMP)
    rate_down = 2.0 * rate - rate_up
    if american_way(is_call, years, rate_down, dividend_yield, iv, dividend_years, steps) != way:
        rate_down = rate
    return bump, rate_down, rate_up


@njit(cache=True, error_model="numpy")
def american_way(
    is_call: bool,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    dividend_years: FloatArray,
    steps: tuple[int, int],
) -> int:
    """Give the way of pricing that ``steps`` and the terms lead to."""
    if steps[0] > 0:
        return BY_TREE
    if dividend_years.size == 0:
        has_two_edges = rate < 0.0 and dividend_yield < 0.0
        return BY_TREE if has_two_edges else BY_BOUNDARY
    if dividend_call_applies(is_call, years, rate, dividend_yield, iv, dividend_years):
        return BY_DIVIDENDS
    return BY_TREE


@njit(cache=True, error_model="numpy")
def ceiling(is_call: bool, spot: float, strike: float, years: float, rate: float, dividend_yield: float) -> float:
    """Give what an American option can never be worth more than."""
    if is_call:
        return spot * math.exp(max(0.0, -dividend_yield) * years)
    return strike * math.exp(max(0.0, -rate) * years)


@njit(cache=True, error_model="numpy")
def early_exercise_never_pays(
    is_call: bool, rate: float, dividend_yield: float, years: float, dividend_years: FloatArray
) -> bool:
    """Say whether the American option is worth its European twin exactly."""
    if not is_call:
        return rate <= 0.0 and rate <= dividend_yield
    for i in range(dividend_years.size):
        if 0.0 <= dividend_years[i] <= years:
            return False
    return dividend_yield <= 0.0 and dividend_yield <= rate


@njit(cache=True, error_model="numpy")
def _without_volatility(
    is_call: bool,
    risky: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    dividend_years: FloatArray,
    dividend_amounts: FloatArray,
) -> tuple[float, float, float]:
    # The future is certain: exercise at the best of the dates that can be the best.
    sign = 1.0 if is_call else -1.0
    dates = [0.0, years]
    if dividend_yield * rate > 0.0 and rate != dividend_yield:
        turn = math.log(dividend_yield * risky / (rate * strike)) / (dividend_yield - rate)
        if 0.0 < turn < years:
            dates.append(turn)
    for i in range(dividend_years.size):
        if 0.0 <= dividend_years[i] <= years and years > 0.0:
            dates.append(dividend_years[i])
            dates.append(np.nextafter(dividend_years[i], math.inf))
    price, delta = 0.0, 0.0
    for date in dates:
        kept = math.exp(-dividend_yield * date)
        to_come = dividends_present_value(rate, date, years, dividend_years, dividend_amounts) - strike
        take = sign * (kept * risky + math.exp(-rate * date) * to_come)
        if take > price:
            price, delta = take, sign * kept
    return price, delta, 0.0
