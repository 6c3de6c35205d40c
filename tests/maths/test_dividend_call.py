import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from thetaloom.maths.american import (
    BOUNDARY,
    BOUNDARY_BUMP,
    american_greeks,
    american_price,
    american_price_delta_gamma,
)
from thetaloom.maths.black_scholes import bsm_price


@settings(max_examples=25)
@given(
    strike=st.floats(75.0, 135.0),
    years=st.floats(0.05, 1.5),
    share=st.floats(0.02, 0.98),
    cash=st.floats(0.2, 4.0),
    rate=st.floats(0.0, 0.08),
    iv=st.floats(0.08, 0.8),
)
def test_one_dividend_is_one_integral(
    strike: float, years: float, share: float, cash: float, rate: float, iv: float
) -> None:
    when = share * years
    risky, spread = 100.0 - cash * math.exp(-rate * when), iv * math.sqrt(when)

    def gain(z: float) -> tuple[float, float]:
        stock = risky * math.exp((rate - 0.5 * iv * iv) * when + spread * z)
        return stock + cash - strike, bsm_price(True, stock, strike, years - when, rate, 0.0, iv)

    def weighed(z: float) -> float:
        return max(gain(z)) * math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

    crosses = (gain(-12.0)[0] > gain(-12.0)[1]) != (gain(12.0)[0] > gain(12.0)[1])
    middle = brentq(lambda z: gain(z)[0] - gain(z)[1], -12.0, 12.0) if crosses else 0.0
    parts = [quad(weighed, a, b, epsabs=1e-11, limit=400)[0] for a, b in ((-12.0, middle), (middle, 12.0))]
    truth = math.exp(-rate * when) * sum(parts)

    ours = american_price(True, 100.0, strike, years, rate, 0.0, iv, np.array([when]), np.array([cash]), BOUNDARY)

    assert ours == pytest.approx(max(truth, 100.0 - strike), abs=1e-8)


def test_many_dividends_meet_a_tree_of_many_steps(compiled: bool) -> None:
    when, cash = np.array([0.1, 0.35, 0.6, 0.85]), np.array([1.0, 1.2, 1.0, 3.0])
    steps = (2001, 4003) if compiled else (201, 403)

    for strike in (60.0, 90.0, 100.0, 120.0):
        terms = (True, 100.0, strike, 0.95, 0.03, 0.0, 0.3, when, cash)
        ours = american_price_delta_gamma(*terms, BOUNDARY)
        tree = american_price_delta_gamma(*terms, steps)
        assert ours[0] == pytest.approx(tree[0], abs=2e-3 if compiled else 2e-2)
        assert ours[1] == pytest.approx(tree[1], abs=1e-3)
        assert ours[2] == pytest.approx(tree[2], abs=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.04])
@pytest.mark.parametrize("strike", [85.0, 100.0])
def test_its_greeks_are_the_slopes_of_its_price(strike: float, rate: float) -> None:
    when, cash = np.array([0.1, 0.35]), np.array([1.0, 1.5])

    def price(spot: float = 100.0, iv: float = 0.25, more: float = 0.0, later: float = 0.0) -> float:
        terms = (True, spot, strike, 0.5 - later, rate + more, 0.0, iv, when - later, cash)
        return float(american_price(*terms, BOUNDARY))

    _, delta, gamma, theta, vega, rho = american_greeks(
        True, 100.0, strike, 0.5, rate, 0.0, 0.25, when, cash, BOUNDARY, BOUNDARY_BUMP
    )

    assert delta == pytest.approx((price(100.01) - price(99.99)) / 0.02, abs=1e-6)
    assert gamma == pytest.approx((price(100.1) - 2 * price() + price(99.9)) / 0.01, abs=1e-5)
    assert theta == pytest.approx((price(later=1e-4) - price(later=-1e-4)) / 2e-4 / 365, abs=1e-5)
    assert vega == pytest.approx((price(iv=0.251) - price(iv=0.249)) / 0.002 / 100, abs=1e-5)
    down = -5e-5 if rate > 0.0 else 0.0  # below a rate of 0 another model prices
    slope = (price(more=5e-5) - price(more=down)) / (5e-5 - down)
    assert rho == pytest.approx(slope / 100, abs=2e-4)


def test_a_dividend_today_is_caught_or_let_go() -> None:
    today, none = np.array([0.0]), np.empty(0)

    deep = american_price_delta_gamma(True, 100.0, 50.0, 0.25, 0.02, 0.0, 0.2, today, np.array([3.0]), BOUNDARY)
    out = american_price_delta_gamma(True, 100.0, 110.0, 0.25, 0.02, 0.0, 0.2, today, np.array([3.0]), BOUNDARY)
    both = american_price_delta_gamma(
        True, 100.0, 110.0, 0.25, 0.02, 0.0, 0.2, np.array([0.0, 0.1]), np.array([3.0, 1e-12]), BOUNDARY
    )

    assert deep == (50.0, 1.0, 0.0)
    assert out[0] == pytest.approx(bsm_price(True, 97.0, 110.0, 0.25, 0.02, 0.0, 0.2), rel=1e-12)
    assert both == pytest.approx(out, abs=1e-7)
    assert american_price(True, 100.0, 110.0, 0.25, 0.02, 0.0, 0.2, none, none, BOUNDARY) > out[0]


def test_a_dividend_at_the_expiration_is_caught_with_the_stock() -> None:
    cash = np.array([4.0])

    price = american_price(True, 100.0, 100.0, 0.5, 0.03, 0.0, 0.25, np.array([0.5]), cash, BOUNDARY)

    risky = 100.0 - 4.0 * math.exp(-0.015)
    assert price == pytest.approx(bsm_price(True, risky, 96.0, 0.5, 0.03, 0.0, 0.25), abs=1e-9)


def test_a_dividend_of_nearly_the_whole_stock_is_caught() -> None:
    price, delta, _ = american_price_delta_gamma(
        True, 100.0, 100.0, 0.5, 0.04, 0.0, 0.2, np.array([0.1]), np.array([99.9]), BOUNDARY
    )

    # What is left of the stock is nearly certain to be above the 0.10 that exercise then costs on top.
    risky = 100.0 - 99.9 * math.exp(-0.004)
    assert price == pytest.approx(risky - 0.1 * math.exp(-0.004), abs=1e-9)
    assert delta == pytest.approx(1.0, abs=1e-9)
