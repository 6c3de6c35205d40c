import math
from collections.abc import Callable

import numpy as np
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.maths.american import (
    BOUNDARY,
    BUMP_EXACT,
    EXACT,
    LIVE,
    american_greeks,
    american_price,
    american_price_delta_gamma,
    early_exercise_never_pays,
)
from thetaloom.maths.american_volatility import american_implied_volatility
from thetaloom.maths.black_scholes import bsm_greeks, bsm_price
from thetaloom.maths.dividends import dividends_present_value, dividends_rate_slope
from thetaloom.maths.implied_volatility import ImpliedStatus
from thetaloom.maths.leisen_reimer import leisen_reimer

NONE = np.empty(0)
SMALL = (25, 51)


# Hull, 9th ed., example 21.1: 5 months, spot and strike 50, rate 10 %, volatility 40 %; his trees of 30, 50,
# 100 and 500 steps give 4.263, 4.272, 4.278 and 4.283.
def test_the_published_american_put_is_met(compiled: bool) -> None:
    steps = EXACT if compiled else LIVE
    price = american_price(False, 50.0, 50.0, 5.0 / 12.0, 0.10, 0.0, 0.40, NONE, NONE, steps)

    assert price == pytest.approx(4.283, abs=2e-3)


def test_the_exact_setting_meets_quantlib_to_a_hundredth_of_a_cent(
    quantlib_option: Callable[..., QuantLib.VanillaOption], compiled: bool
) -> None:
    rng = np.random.default_rng(3)
    steps, within = (EXACT, 1e-4) if compiled else ((51, 153), 1e-2)

    for _ in range(60 if compiled else 8):
        is_call = bool(rng.integers(2))
        strike = 100.0 * math.exp(rng.uniform(-0.3, 0.3))
        days = int(rng.integers(7, 730))
        rate, q, iv = float(rng.uniform(0, 0.08)), float(rng.uniform(0, 0.05)), float(rng.uniform(0.1, 1.0))
        truth = quantlib_option(is_call, 100.0, strike, days, rate, q, iv, american=True).NPV()
        ours = american_price(is_call, 100.0, strike, days / 365, rate, q, iv, NONE, NONE, steps)

        assert ours == pytest.approx(truth, abs=within)


def test_cash_dividends_meet_quantlib(quantlib_option: Callable[..., QuantLib.VanillaOption], compiled: bool) -> None:
    cash = ((60, 1.5), (240, 2.0))
    when, amounts = np.array([60 / 365, 240 / 365]), np.array([1.5, 2.0])
    steps, within = (EXACT, 2e-3) if compiled else ((101, 303), 2e-2)

    for is_call, strike in ((True, 80.0), (True, 100.0), (False, 100.0), (False, 120.0)):
        truth = quantlib_option(is_call, 100.0, strike, 300, 0.05, 0.0, 0.25, True, cash).NPV()
        ours = american_price(is_call, 100.0, strike, 300 / 365, 0.05, 0.0, 0.25, when, amounts, steps)
        assert ours == pytest.approx(truth, abs=within), (is_call, strike)


@pytest.mark.parametrize(
    ("is_call", "strike", "cash"),
    [
        (False, 105.0, False),
        (True, 90.0, False),
        (False, 100.0, True),
        (True, 100.0, True),
        (False, 80.0, False),
    ],
)
def test_greeks_are_the_slopes_of_the_price(is_call: bool, strike: float, cash: bool, compiled: bool) -> None:
    steps, bumps, within = (EXACT, BUMP_EXACT, 1.0) if compiled else ((101, 303), (101, 303), 5.0)
    when, amounts = (np.array([0.2]), np.array([1.0])) if cash else (NONE, NONE)
    day = 1.0 / 365.0

    def price(spot: float = 100.0, iv: float = 0.3, rate: float = 0.05, later: float = 0.0) -> float:
        return float(american_price(is_call, spot, strike, 0.5 - later, rate, 0.04, iv, when - later, amounts, steps))

    _, delta, gamma, theta, vega, rho = american_greeks(
        is_call, 100.0, strike, 0.5, 0.05, 0.04, 0.3, when, amounts, steps, bumps
    )

    assert delta == pytest.approx((price(101.0) - price(99.0)) / 2, abs=1e-3 * within)
    assert gamma == pytest.approx((price(102.0) - 2 * price() + price(98.0)) / 4, abs=5e-4 * within)
    assert theta == pytest.approx((price(later=2 * day) - price(later=-2 * day)) / 4, abs=2e-4 * within)
    assert vega == pytest.approx((price(iv=0.31) - price(iv=0.29)) / 2, abs=1e-3 * within)
    assert rho == pytest.approx((price(rate=0.06) - price(rate=0.04)) / 2, abs=2e-3 * within)


def test_a_call_without_yield_is_its_european_twin_exactly() -> None:
    american = american_greeks(True, 100.0, 90.0, 0.7, 0.05, 0.0, 0.3, NONE, NONE, LIVE, LIVE)

    assert american == bsm_greeks(True, 100.0, 90.0, 0.7, 0.05, 0.0, 0.3)[:6]


@pytest.mark.parametrize("rate", [0.0, -0.02])
def test_a_put_at_a_rate_of_nothing_or_less_is_its_european_twin_exactly(rate: float) -> None:
    assert american_price(False, 80.0, 100.0, 1.0, rate, 0.01, 0.3, NONE, NONE, LIVE) == bsm_price(
        False, 80.0, 100.0, 1.0, rate, 0.01, 0.3
    )


def test_a_call_at_a_negative_rate_may_be_worth_exercising() -> None:
    assert not early_exercise_never_pays(True, -0.05, 0.0, 1.0, NONE)

    american = american_price(True, 150.0, 100.0, 2.0, -0.05, 0.0, 0.2, NONE, NONE, LIVE)

    assert american > bsm_price(True, 150.0, 100.0, 2.0, -0.05, 0.0, 0.2)
    assert american >= 50.0


def test_a_put_deep_in_the_money_is_its_intrinsic() -> None:
    assert american_greeks(False, 40.0, 100.0, 0.5, 0.05, 0.0, 0.2, NONE, NONE, LIVE, LIVE)[:5] == (
        60.0,
        -1.0,
        0.0,
        0.0,
        0.0,
    )


def test_a_dividend_that_can_still_be_caught_makes_a_call_worth_more() -> None:
    cash = np.array([5.0])

    before = american_price(True, 100.0, 60.0, 0.5, 0.02, 0.0, 0.2, np.array([0.25]), cash, LIVE)
    at_expiration = american_price(True, 100.0, 60.0, 0.5, 0.02, 0.0, 0.2, np.array([0.5]), cash, LIVE)
    after = american_price(True, 100.0, 60.0, 0.5, 0.02, 0.0, 0.2, np.array([0.6]), cash, LIVE)

    european = bsm_price(True, 100.0 - 5.0 * math.exp(-0.02 * 0.25), 60.0, 0.5, 0.02, 0.0, 0.2)
    assert european + 2.0 < before < at_expiration
    assert at_expiration == pytest.approx(after, abs=1e-3)


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("rate", [0.04, 0.08])
@pytest.mark.parametrize("q", [0.06, 0.02])
@pytest.mark.parametrize("spot", [95.0, 130.0, 70.0])
def test_without_volatility_the_best_date_is_found(is_call: bool, rate: float, q: float, spot: float) -> None:
    sign = 1.0 if is_call else -1.0
    dates = np.linspace(0.0, 3.0, 3001)
    best = float(np.max(sign * (spot * np.exp(-q * dates) - 100.0 * np.exp(-rate * dates))))

    price = american_price(is_call, spot, 100.0, 3.0, rate, q, 0.0, NONE, NONE, LIVE)

    assert price == pytest.approx(max(0.0, best), abs=1e-4)


def test_without_volatility_a_call_is_exercised_before_the_dividend() -> None:
    price, delta, gamma = american_price_delta_gamma(
        True, 100.0, 80.0, 1.0, 0.05, 0.0, 0.0, np.array([0.5]), np.array([10.0]), LIVE
    )

    assert price == pytest.approx(100.0 - 80.0 * math.exp(-0.025), rel=1e-14)
    assert (delta, gamma) == (1.0, 0.0)


def test_nothing_is_left_to_decay_at_expiration() -> None:
    assert american_greeks(False, 90.0, 100.0, 0.0, 0.05, 0.0, 0.2, NONE, NONE, LIVE, LIVE) == (
        10.0,
        -1.0,
        0.0,
        0.0,
        0.0,
        0.0,
    )


def test_extreme_volatility_shrinks_the_tree_and_not_the_floats() -> None:
    price = american_price(False, 100.0, 100.0, 100.0, 0.01, 0.0, 5.0, NONE, NONE, LIVE)

    assert 0.9 * 100.0 < price <= 100.0


def test_a_tree_too_wide_for_floats_takes_fewer_steps() -> None:
    price, delta, _ = leisen_reimer(False, 100.0, 100.0, 4.0, 0.05, 0.0, 12.0, NONE, NONE, 3003)

    assert price == pytest.approx(100.0, abs=1.0)
    assert -0.05 < delta < 0.0


def test_a_tree_far_out_of_the_money_stays_whole() -> None:
    price, delta, gamma = leisen_reimer(False, 100.0, 1.0, 0.1, 0.05, 0.0, 0.05, NONE, NONE, 51)

    assert 0.0 <= price < 1e-100
    assert math.isfinite(delta)
    assert math.isfinite(gamma)


@pytest.mark.parametrize(
    ("spot", "iv", "rate", "dividend"),
    [
        (math.nan, 0.2, 0.05, 0.0),
        (100.0, -0.2, 0.05, 0.0),
        (100.0, 0.2, math.inf, 0.0),
        (100.0, 0.2, 0.05, 200.0),
    ],
)
def test_senseless_input_gives_no_number(spot: float, iv: float, rate: float, dividend: float) -> None:
    greeks = american_greeks(False, spot, 100.0, 1.0, rate, 0.0, iv, np.array([0.1]), np.array([dividend]), LIVE, LIVE)

    assert all(math.isnan(number) for number in greeks)


@settings(max_examples=40)
@given(
    moneyness=st.floats(-0.4, 0.4),
    years=st.floats(0.02, 2.0),
    rate=st.floats(-0.03, 0.1),
    q=st.floats(-0.01, 0.08),
    iv=st.floats(0.05, 1.5),
    is_call=st.booleans(),
)
def test_an_american_option_is_worth_its_intrinsic_and_its_twin_at_least_and_less_than_its_ceiling(
    moneyness: float, years: float, rate: float, q: float, iv: float, is_call: bool
) -> None:
    strike = 100.0 * math.exp(moneyness)

    price = american_price(is_call, 100.0, strike, years, rate, q, iv, NONE, NONE, SMALL)

    assert price >= max(0.0, (100.0 - strike) if is_call else (strike - 100.0))
    assert price >= bsm_price(is_call, 100.0, strike, years, rate, q, iv)
    assert price <= (100.0 * math.exp(max(0.0, -q) * years) if is_call else strike * math.exp(max(0.0, -rate) * years))


@settings(max_examples=40)
@given(
    moneyness=st.floats(-0.3, 0.3),
    years=st.floats(0.05, 2.0),
    rate=st.floats(0.0, 0.1),
    q=st.floats(0.0, 0.08),
    iv=st.floats(0.1, 1.5),
    is_call=st.booleans(),
    cash=st.sampled_from([0.0, 1.0]),
)
def test_volatility_inverts_the_american_price_or_says_why_not(
    moneyness: float, years: float, rate: float, q: float, iv: float, is_call: bool, cash: float
) -> None:
    strike = 100.0 * math.exp(moneyness)
    when, amounts = (np.array([0.03]), np.array([cash])) if cash else (NONE, NONE)
    price = american_price(is_call, 100.0, strike, years, rate, q, iv, when, amounts, SMALL)

    implied, status = american_implied_volatility(is_call, price, 100.0, strike, years, rate, q, when, amounts, SMALL)

    if status == ImpliedStatus.OK:
        again = american_price(is_call, 100.0, strike, years, rate, q, implied, when, amounts, SMALL)
        assert again == pytest.approx(price, rel=1e-8, abs=1e-9)
    else:
        assert status == ImpliedStatus.UNDETERMINED
        floor = american_price(is_call, 100.0, strike, years, rate, q, 0.5 * iv, when, amounts, SMALL)
        assert price - floor < 1e-6


@pytest.mark.parametrize(
    ("price", "years", "status"),
    [
        (19.0, 0.5, ImpliedStatus.BELOW_INTRINSIC),
        (20.0, 0.5, ImpliedStatus.UNDETERMINED),
        (100.0, 0.5, ImpliedStatus.ABOVE_MAXIMUM),
        (21.0, 0.0, ImpliedStatus.EXPIRED),
        (math.nan, 0.5, ImpliedStatus.BAD_INPUT),
        (100.0 - 1e-12, 0.5, ImpliedStatus.UNDETERMINED),
    ],
)
def test_no_american_volatility_is_invented(price: float, years: float, status: ImpliedStatus) -> None:
    iv, code = american_implied_volatility(False, price, 80.0, 100.0, years, 0.05, 0.0, NONE, NONE, SMALL)

    assert math.isnan(iv)
    assert ImpliedStatus(code) is status


def test_a_call_that_is_never_exercised_early_has_the_european_volatility() -> None:
    price = bsm_price(True, 100.0, 100.0, 1.0, 0.05, 0.0, 0.25)

    iv, status = american_implied_volatility(True, price, 100.0, 100.0, 1.0, 0.05, 0.0, NONE, NONE, SMALL)

    assert status == ImpliedStatus.OK
    assert iv == pytest.approx(0.25, rel=1e-13)


def test_a_price_above_what_a_european_option_could_reach_still_has_an_american_volatility() -> None:
    price = american_price(False, 100.0, 100.0, 5.0, 0.15, 0.0, 1.8, NONE, NONE, SMALL)
    assert price > 100.0 * math.exp(-0.75)

    iv, status = american_implied_volatility(False, price, 100.0, 100.0, 5.0, 0.15, 0.0, NONE, NONE, SMALL)

    assert status == ImpliedStatus.OK
    assert iv == pytest.approx(1.8, rel=1e-6)


def test_dividends_count_from_today_until_the_expiration_inclusive() -> None:
    when, amounts = np.array([0.0, 0.25, 1.0, 1.1]), np.array([1.0, 2.0, 4.0, 8.0])

    assert dividends_present_value(0.0, 0.0, 1.0, when, amounts) == 7.0
    assert dividends_present_value(0.0, 0.25, 1.0, when, amounts) == 6.0
    assert dividends_present_value(0.0, 0.0, 0.0, when, amounts) == 0.0
    assert dividends_rate_slope(0.0, 1.0, when, amounts) == 4.5


@pytest.mark.parametrize("spot", [90.0, 100.0, 110.0])
def test_greeks_without_volatility_are_numbers(spot: float) -> None:
    greeks = american_greeks(False, spot, 100.0, 0.5, 0.04, 0.01, 0.0, NONE, NONE, BOUNDARY, BOUNDARY)

    assert all(math.isfinite(number) for number in greeks)
    assert math.copysign(1.0, greeks[0]) == 1.0
