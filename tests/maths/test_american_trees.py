"""Many American options on trees, against QuantLib and against themselves."""

from collections.abc import Callable

import numpy as np
import pytest
import QuantLib

from thetaloom.maths.american_trees import tree_greeks, tree_prices
from thetaloom.maths.black_scholes import chain_greeks

CASES = [
    (100.0, 110.0, 180, False, 0.25, 0.05, 0.0),
    (100.0, 90.0, 365, True, 0.35, 0.02, 0.06),
    (50.0, 50.0, 30, False, 0.6, 0.04, 0.01),
    (100.0, 100.0, 90, True, 0.2, 0.04, 0.0),  # never exercised early
]


def columns() -> tuple[np.ndarray, ...]:
    spot, strike, days, is_call, iv, rate, carry = (np.array(column) for column in zip(*CASES, strict=True))
    return spot, strike, days / 365, is_call, iv, rate, carry


def test_the_prices_agree_with_quantlib(quantlib_option: Callable[..., QuantLib.VanillaOption]) -> None:
    expected = [
        quantlib_option(is_call, spot, strike, days, rate, carry, iv, american=True).NPV()
        for spot, strike, days, is_call, iv, rate, carry in CASES
    ]

    assert tree_prices(*columns()).tolist() == pytest.approx(expected, abs=1.5e-3)


def test_the_prices_are_those_that_come_with_the_greeks() -> None:
    np.testing.assert_array_equal(tree_prices(*columns()), tree_greeks(*columns())[0])


def test_greeks_are_slopes_of_the_prices() -> None:
    spot, strike, years, is_call, iv, rate, carry = columns()

    _, delta, _, theta, vega, _ = tree_greeks(*columns())

    up, down = (tree_prices(spot + step, strike, years, is_call, iv, rate, carry) for step in (0.5, -0.5))
    later = tree_prices(spot, strike, years - 1 / 365, is_call, iv, rate, carry)
    livelier = tree_prices(spot, strike, years, is_call, iv + 0.01, rate, carry)
    np.testing.assert_allclose(delta, up - down, atol=5e-3)
    np.testing.assert_allclose(theta, later - tree_prices(*columns()), atol=3e-3)
    np.testing.assert_allclose(vega, livelier - tree_prices(*columns()), atol=5e-3)


def test_an_option_that_is_never_exercised_early_has_the_greeks_of_its_european_twin() -> None:
    last = [column[-1] for column in columns()]

    twin = chain_greeks(*last)

    expected = [twin.price[0], twin.delta[0], twin.gamma[0], twin.theta[0], twin.vega[0], twin.rho[0]]
    np.testing.assert_allclose(tree_greeks(*last)[:, 0], expected, rtol=1e-12)


def test_what_makes_no_sense_has_no_price() -> None:
    assert np.isnan(tree_prices(-1.0, 100.0, 0.5, True, 0.2, 0.03, 0.0)).all()
