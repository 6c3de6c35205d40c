import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from tests.maths.conftest import KERNELS
from thetaloom.maths.black_scholes import bsm_greeks, bsm_price, chain_greeks
from thetaloom.maths.normal import erfcx, log_ratio, normal_below

SPOT = st.floats(1.0, 5000.0)
MONEYNESS = st.floats(-0.7, 0.7)
YEARS = st.floats(1e-4, 5.0)
RATE = st.floats(-0.05, 0.15)
IV = st.floats(0.01, 5.0)
NAMES = ("price", "delta", "gamma", "theta", "vega", "rho", "vanna", "vomma", "charm")


# Hull, Options, Futures, and Other Derivatives, 9th ed.: example 15.6 (call and put), 17.1 (index call);
# Haug, The Complete Guide to Option Pricing Formulas, 2nd ed.: section 1.1.1 (put with a yield of 5 %).
@pytest.mark.parametrize(
    ("is_call", "spot", "strike", "years", "rate", "q", "iv", "published", "digits"),
    [
        (True, 42.0, 40.0, 0.5, 0.10, 0.0, 0.20, 4.76, 0.005),
        (False, 42.0, 40.0, 0.5, 0.10, 0.0, 0.20, 0.81, 0.005),
        (True, 930.0, 900.0, 2.0 / 12.0, 0.08, 0.03, 0.20, 51.83, 0.005),
        (True, 60.0, 65.0, 0.25, 0.08, 0.0, 0.30, 2.1334, 5e-5),
        (False, 100.0, 95.0, 0.5, 0.10, 0.05, 0.20, 2.4648, 5e-5),
    ],
)
def test_published_prices_are_met(
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    q: float,
    iv: float,
    published: float,
    digits: float,
) -> None:
    assert abs(bsm_price(is_call, spot, strike, years, rate, q, iv) - published) <= digits


# Hull, 9th ed., chapter 19: spot 49, strike 50, rate 5 %, volatility 20 %, 0.3846 years.
def test_published_greeks_are_met() -> None:
    _, delta, gamma, theta, vega, rho, *_ = bsm_greeks(True, 49.0, 50.0, 0.3846, 0.05, 0.0, 0.20)

    assert delta == pytest.approx(0.522, abs=5e-4)
    assert gamma == pytest.approx(0.066, abs=5e-4)
    assert theta * 365.0 == pytest.approx(-4.31, abs=5e-3)
    assert vega * 100.0 == pytest.approx(12.1, abs=5e-2)
    assert rho * 100.0 == pytest.approx(8.91, abs=5e-3)


def test_prices_agree_with_fifty_digits_far_into_the_tails(
    exact_price: Callable[..., mpmath.mpf], compiled: bool
) -> None:
    rng = np.random.default_rng(7)

    for _ in range(1500 if compiled else 300):
        out = float(10.0 ** rng.uniform(-6, 0.7))
        is_call = bool(rng.integers(2))
        strike = 100.0 * math.exp(out if is_call else -out)
        years, iv = float(10.0 ** rng.uniform(-4, 1)), float(10.0 ** rng.uniform(-2, 0.7))
        truth = exact_price(is_call, 100.0, strike, years, 0.0, 0.0, iv)
        if truth > 1e-290:
            ours = bsm_price(is_call, 100.0, strike, years, 0.0, 0.0, iv)
            # exp(-h²/2) turns the last bit of its exponent into h²/2 last bits of the price,
            # and a difference of two neighboring Mills ratios costs some more.
            assert abs(mpmath.mpf(ours) / truth - 1) < 1e-14 + 2e-15 * abs(math.log(truth / 100))


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize(
    ("strike", "years", "rate", "q", "iv"),
    [
        (100.0, 0.5, 0.05, 0.02, 0.2),
        (70.0, 0.1, 0.05, 0.0, 0.3),
        (160.0, 2.0, -0.01, 0.03, 0.6),
        (101.0, 1 / 365, 0.04, 0.0, 0.15),
        (90.0, 3.0, 0.03, 0.01, 5.0),
        (100.0, 8.0, 0.03, 0.01, 5.0),
    ],
)
def test_greeks_are_the_derivatives_of_the_exact_price(
    is_call: bool,
    strike: float,
    years: float,
    rate: float,
    q: float,
    iv: float,
    exact_price: Callable[..., mpmath.mpf],
) -> None:
    def of(*axes: int) -> float:
        def price(s: mpmath.mpf, t: mpmath.mpf, r: mpmath.mpf, v: mpmath.mpf) -> mpmath.mpf:
            return exact_price(is_call, s, strike, t, r, q, v)

        return float(mpmath.diff(price, (100.0, years, rate, iv), axes, h=mpmath.mpf("1e-12")))

    expected = {
        "delta": of(1, 0, 0, 0),
        "gamma": of(2, 0, 0, 0),
        "theta": -of(0, 1, 0, 0) / 365,
        "vega": of(0, 0, 0, 1) / 100,
        "rho": of(0, 0, 1, 0) / 100,
        "vanna": of(1, 0, 0, 1) / 100,
        "vomma": of(0, 0, 0, 2) / 10_000,
        "charm": -of(1, 1, 0, 0) / 365,
    }

    ours = dict(zip(NAMES, bsm_greeks(is_call, 100.0, strike, years, rate, q, iv), strict=True))

    for name, number in expected.items():
        assert ours[name] == pytest.approx(number, rel=1e-9, abs=1e-14), name


def test_quantlib_agrees(quantlib_option: Callable[..., QuantLib.VanillaOption]) -> None:
    for is_call, strike, days in (
        (True, 90.0, 30),
        (False, 90.0, 400),
        (True, 130.0, 200),
        (False, 120.0, 73),
    ):
        contract = quantlib_option(is_call, 100.0, strike, days, 0.04, 0.015, 0.25)
        price, delta, gamma, theta, vega, rho, *_ = bsm_greeks(is_call, 100.0, strike, days / 365, 0.04, 0.015, 0.25)

        assert price == pytest.approx(contract.NPV(), rel=1e-11)
        assert delta == pytest.approx(contract.delta(), rel=1e-11)
        assert gamma == pytest.approx(contract.gamma(), rel=1e-11)
        assert theta == pytest.approx(contract.thetaPerDay(), rel=1e-9)
        assert vega == pytest.approx(contract.vega() / 100, rel=1e-11)
        assert rho == pytest.approx(contract.rho() / 100, rel=1e-11)


@KERNELS
@given(spot=SPOT, moneyness=MONEYNESS, years=YEARS, rate=RATE, q=RATE, iv=IV)
def test_a_call_less_its_put_is_the_forward(
    spot: float, moneyness: float, years: float, rate: float, q: float, iv: float
) -> None:
    strike = spot * math.exp(moneyness)

    difference = bsm_price(True, spot, strike, years, rate, q, iv) - bsm_price(False, spot, strike, years, rate, q, iv)

    forward = spot * math.exp(-q * years) - strike * math.exp(-rate * years)
    assert difference == pytest.approx(forward, abs=1e-13 * (spot + strike))


@KERNELS
@given(
    spot=SPOT,
    moneyness=MONEYNESS,
    years=YEARS,
    rate=RATE,
    q=RATE,
    iv=IV,
    more=st.floats(1e-3, 1.0),
    is_call=st.booleans(),
)
def test_a_price_rises_with_volatility(
    spot: float, moneyness: float, years: float, rate: float, q: float, iv: float, more: float, is_call: bool
) -> None:
    strike = spot * math.exp(moneyness)

    calm = bsm_price(is_call, spot, strike, years, rate, q, iv)
    wild = bsm_price(is_call, spot, strike, years, rate, q, iv + more)

    assert wild >= calm * (1.0 - 1e-14)


def test_an_expired_option_is_worth_its_intrinsic() -> None:
    assert bsm_greeks(True, 105.0, 100.0, 0.0, 0.0, 0.0, 0.3)[:6] == (5.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    assert bsm_greeks(False, 105.0, 100.0, 0.0, 0.0, 0.0, 0.3)[:6] == (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert bsm_greeks(True, 100.0, 100.0, 0.0, 0.0, 0.0, 0.3)[:3] == (0.0, 0.5, 0.0)


def test_no_volatility_leaves_the_discounted_forward_intrinsic_and_the_limits_of_the_greeks() -> None:
    still = bsm_greeks(False, 90.0, 100.0, 2.0, 0.03, 0.01, 0.0)
    nearly = bsm_greeks(False, 90.0, 100.0, 2.0, 0.03, 0.01, 1e-4)

    assert still[0] == pytest.approx(100.0 * math.exp(-0.06) - 90.0 * math.exp(-0.02), rel=1e-15)
    assert still == pytest.approx(nearly, rel=1e-12, abs=1e-15)


def test_vega_has_a_limit_exactly_at_the_money() -> None:
    still = bsm_greeks(True, 100.0, 100.0, 1.0, 0.0, 0.0, 0.0)
    nearly = bsm_greeks(True, 100.0, 100.0, 1.0, 0.0, 0.0, 1e-9)

    assert still[4] == pytest.approx(nearly[4], rel=1e-9)
    assert still[1] == pytest.approx(nearly[1], rel=1e-8)


@pytest.mark.parametrize(
    ("spot", "strike", "years", "rate", "q", "iv"),
    [
        (math.nan, 100.0, 1.0, 0.0, 0.0, 0.2),
        (0.0, 100.0, 1.0, 0.0, 0.0, 0.2),
        (-1.0, 100.0, 1.0, 0.0, 0.0, 0.2),
        (100.0, math.inf, 1.0, 0.0, 0.0, 0.2),
        (100.0, 100.0, -1.0, 0.0, 0.0, 0.2),
        (100.0, 100.0, 1.0, math.nan, 0.0, 0.2),
        (100.0, 100.0, 1.0, 0.0, math.inf, 0.2),
        (100.0, 100.0, 1.0, 0.0, 0.0, -0.2),
    ],
)
def test_senseless_input_gives_no_number(
    spot: float, strike: float, years: float, rate: float, q: float, iv: float
) -> None:
    assert all(math.isnan(number) for number in bsm_greeks(True, spot, strike, years, rate, q, iv))


def test_a_price_too_small_for_a_float_is_nothing() -> None:
    assert bsm_greeks(True, 100.0, 1000.0, 0.01, 0.0, 0.0, 0.1)[:3] == (0.0, 0.0, 0.0)


def test_a_chain_is_its_contracts() -> None:
    strikes = np.array([90.0, 100.0, 110.0])
    rights = np.array([1, 0, 1], dtype=np.int8)

    chain = chain_greeks(100.0, strikes, 0.25, rights, [0.3, 0.25, math.nan], 0.04, 0.01)

    for i in (0, 1):
        alone = bsm_greeks(bool(rights[i]), 100.0, strikes[i], 0.25, 0.04, 0.01, [0.3, 0.25][i])
        assert tuple(float(getattr(chain, name)[i]) for name in NAMES) == alone
    assert math.isnan(chain.price[2])


def test_the_scaled_error_function_keeps_its_digits() -> None:
    for x in (-26.0, -3.0, -0.5, 0.0, 1e-9, 0.3, 1.0, 2.9, 3.1, 10.0, 40.0, 80.0):
        exact = mpmath.exp(mpmath.mpf(x) ** 2) * mpmath.erfc(x)
        assert abs(erfcx(x) / exact - 1) < 1e-15 + 2e-16 * (x * x if x < 0 else 0.0)
    assert erfcx(-30.0) == math.inf
    assert erfcx(1e9) == pytest.approx(1e-9 / math.sqrt(math.pi), rel=1e-15)


def test_the_normal_distribution_keeps_its_low_tail() -> None:
    assert normal_below(-37.0) == pytest.approx(float(mpmath.ncdf(-37)), rel=1e-13)


def test_the_logarithm_of_a_ratio_is_exact_near_one_and_for_tiny_numbers() -> None:
    assert log_ratio(100.0 + 1e-9, 100.0) == pytest.approx(float(mpmath.log(mpmath.mpf(100.0 + 1e-9) / 100)), rel=1e-15)
    assert log_ratio(1e-300, 1e300) == pytest.approx(-600 * math.log(10), rel=1e-15)
