"""Prices alone of many American options, against QuantLib and our own greeks."""

from collections.abc import Callable

import numpy as np
import pytest
import QuantLib

from thetaloom.maths.american import american_chain_greeks
from thetaloom.maths.american_prices import american_chain_prices

CASES = [
    (100.0, 110.0, 180, False, 0.25, 0.05, 0.0),
    (100.0, 90.0, 365, True, 0.35, 0.02, 0.06),
    (50.0, 50.0, 30, False, 0.6, 0.04, 0.01),
    (100.0, 100.0, 90, True, 0.2, 0.04, 0.0),  # never exercised early
]


def columns() -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]  # floats and flags side by side
    spot, strike, days, is_call, iv, rate, carry = (np.array(column) for column in zip(*CASES, strict=True))
    return spot, strike, days / 365, is_call, iv, rate, carry


def test_the_prices_agree_with_quantlib(quantlib_option: Callable[..., QuantLib.VanillaOption]) -> None:
    expected = [
        quantlib_option(is_call, spot, strike, days, rate, carry, iv, american=True).NPV()
        for spot, strike, days, is_call, iv, rate, carry in CASES
    ]

    assert american_chain_prices(*columns()).tolist() == pytest.approx(expected, abs=3e-3)


def test_the_prices_are_those_that_come_with_the_greeks() -> None:
    np.testing.assert_array_equal(american_chain_prices(*columns()), american_chain_greeks(*columns())[0])


def test_what_makes_no_sense_has_no_price() -> None:
    assert np.isnan(american_chain_prices(-1.0, 100.0, 0.5, True, 0.2, 0.03, 0.0)).all()
