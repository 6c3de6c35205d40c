import math
from collections.abc import Callable

import numpy as np
import pytest
import QuantLib

from thetaloom.maths.american_contract import american_contract_greeks
from thetaloom.maths.black_scholes import bsm_greeks, bsm_price
from thetaloom.maths.implied_volatility import ImpliedStatus

Option = Callable[..., QuantLib.VanillaOption]
SPOT = 500.0


def test_volatility_and_greeks_of_random_contracts_meet_quantlib(quantlib_option: Option, compiled: bool) -> None:
    rng = np.random.default_rng(5)
    looked_at = 0
    for _ in range(60 if compiled else 3):
        is_call, days = bool(rng.random() < 0.5), int(rng.integers(3, 500))
        iv, rate, q = rng.uniform(0.1, 0.7), rng.uniform(0.0, 0.06), rng.uniform(0.0, 0.05)
        strike = round(SPOT * math.exp(0.7 * iv * math.sqrt(days / 365) * rng.uniform(-2, 2)))
        exercise = SPOT - strike if is_call else strike - SPOT

        def worth(
            spot: float = SPOT,
            volatility: float = iv,
            terms: tuple[bool, float, int, float, float] = (is_call, strike, days, rate, q),
        ) -> float:
            return float(
                quantlib_option(terms[0], spot, terms[1], terms[2], terms[3], terms[4], volatility, american=True).NPV()
            )

        price = worth()
        if price < 0.05 or price < exercise + 0.02:
            continue
        found = american_contract_greeks(is_call, price, SPOT, float(strike), days / 365, rate, q)

        step = 0.002 * SPOT
        up, down = worth(SPOT + step), worth(SPOT - step)
        delta, gamma = (up - down) / (2 * step), (up - 2 * price + down) / step**2
        theta = (rate * price - (rate - q) * SPOT * delta - 0.5 * iv**2 * SPOT**2 * gamma) / 365
        vega = (worth(volatility=iv * 1.002) - worth(volatility=iv * 0.998)) / (0.4 * iv)
        assert found[1] == ImpliedStatus.OK
        assert found[0] == pytest.approx(iv, abs=2e-6)
        assert found[2] == pytest.approx(delta, abs=2e-3)
        assert found[3] == pytest.approx(gamma, rel=2e-2, abs=1e-5)
        assert found[4] == pytest.approx(theta, rel=2e-2, abs=1e-3)
        assert found[5] == pytest.approx(vega, rel=1e-3, abs=1e-3)
        looked_at += 1
    assert looked_at >= (40 if compiled else 1)


def test_a_price_that_is_what_exercise_brings_has_the_greeks_of_exercise_and_no_volatility() -> None:
    for price in (20.0, 19.95):
        iv, status, *greeks = american_contract_greeks(False, price, 100.0, 120.0, 0.25, 0.04, 0.01)

        assert math.isnan(iv)
        assert status != ImpliedStatus.OK
        assert greeks == [-1.0, 0.0, 0.0, 0.0]


def test_a_price_that_not_even_the_european_twin_can_have_says_nothing() -> None:
    iv, status, *greeks = american_contract_greeks(False, 17.0, 100.0, 120.0, 0.25, 0.04, 0.01)

    assert status == ImpliedStatus.BELOW_INTRINSIC
    assert all(math.isnan(number) for number in (iv, *greeks))


def test_a_call_that_is_never_exercised_early_is_its_european_twin() -> None:
    price = bsm_price(True, 100.0, 105.0, 0.25, 0.04, 0.0, 0.3)

    iv, status, *greeks = american_contract_greeks(True, price, 100.0, 105.0, 0.25, 0.04, 0.0)

    assert status == ImpliedStatus.OK
    assert iv == pytest.approx(0.3, rel=1e-12)
    assert greeks == pytest.approx(bsm_greeks(True, 100.0, 105.0, 0.25, 0.04, 0.0, 0.3)[1:5])


def test_where_boundaries_cannot_be_shared_the_contract_is_priced_alone() -> None:
    # Two negative rates make a region of exercise with two edges, which only trees know.
    iv, status, delta, *_ = american_contract_greeks(False, 8.0, 100.0, 105.0, 0.25, -0.01, -0.03)

    assert status == ImpliedStatus.OK
    assert 0.1 < iv < 0.6
    assert -1.0 < delta < 0.0
