import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.maths.conftest import KERNELS
from thetaloom.maths.black_scholes import bsm_greeks, bsm_price
from thetaloom.maths.implied_volatility import (
    ImpliedStatus,
    bsm_implied_volatility,
    chain_implied_volatility,
)


def test_the_volatility_of_an_exact_price_is_met_to_the_last_digits(
    exact_price: Callable[..., mpmath.mpf], compiled: bool
) -> None:
    rng = np.random.default_rng(11)
    determined = 0

    for _ in range(2000 if compiled else 400):
        out = float(10.0 ** rng.uniform(-7, 0.8))
        is_call = bool(rng.integers(2))
        strike = 100.0 * math.exp(out if is_call else -out)
        years, iv = float(10.0 ** rng.uniform(-4, 1)), float(10.0 ** rng.uniform(-2, 0.7))
        price = float(exact_price(is_call, 100.0, strike, years, 0.0, 0.0, iv))
        if price < 1e-290:
            continue
        vega = bsm_greeks(is_call, 100.0, strike, years, 0.0, 0.0, iv)[4] * 100.0
        implied, status = bsm_implied_volatility(is_call, price, 100.0, strike, years, 0.0, 0.0)
        if status == ImpliedStatus.OK:
            determined += 1
            # Near the maximum one last bit of the price is worth more than one of the volatility.
            assert abs(implied / iv - 1) < 1e-13 + 2.3e-16 * price / (vega * iv)
        else:
            assert status in (ImpliedStatus.UNDETERMINED, ImpliedStatus.ABOVE_MAXIMUM)
            assert iv * math.sqrt(years) > 8.0

    assert determined > (1200 if compiled else 240)


@KERNELS
@given(
    moneyness=st.floats(-1.0, 1.0),
    years=st.floats(1 / 365, 5.0),
    rate=st.floats(-0.05, 0.15),
    q=st.floats(-0.02, 0.1),
    iv=st.floats(0.03, 4.0),
    is_call=st.booleans(),
)
def test_volatility_inverts_the_price_or_says_why_not(
    moneyness: float, years: float, rate: float, q: float, iv: float, is_call: bool
) -> None:
    strike = 100.0 * math.exp(moneyness)
    price = bsm_price(is_call, 100.0, strike, years, rate, q, iv)
    assume(price > 1e-290)

    implied, status = bsm_implied_volatility(is_call, price, 100.0, strike, years, rate, q)

    if status == ImpliedStatus.OK:
        again = bsm_price(is_call, 100.0, strike, years, rate, q, implied)
        assert implied == pytest.approx(iv, rel=1e-4)
        assert again == pytest.approx(price, rel=2e-12)
    else:
        vega = bsm_greeks(is_call, 100.0, strike, years, rate, q, iv)[4] * 100.0
        assert vega * iv < 1e-8 * price or vega * iv < 1e-8 * (100.0 + strike)


@pytest.mark.parametrize(
    ("is_call", "price", "spot", "years", "status"),
    [
        (True, 19.9, 120.0, 0.5, ImpliedStatus.BELOW_INTRINSIC),
        (False, 19.9, 80.0, 0.5, ImpliedStatus.BELOW_INTRINSIC),
        (True, 20.0, 120.0, 0.5, ImpliedStatus.UNDETERMINED),
        (True, 20.0 + 1e-14, 120.0, 0.5, ImpliedStatus.UNDETERMINED),
        (True, 0.0, 80.0, 0.5, ImpliedStatus.UNDETERMINED),
        (True, 100.0, 100.0, 0.5, ImpliedStatus.ABOVE_MAXIMUM),
        (False, 101.0, 100.0, 0.5, ImpliedStatus.ABOVE_MAXIMUM),
        (True, 100.0 - 2e-14, 100.0, 0.5, ImpliedStatus.UNDETERMINED),
        (True, 5.0, 100.0, 0.0, ImpliedStatus.EXPIRED),
        (True, 5.0, 100.0, -0.1, ImpliedStatus.EXPIRED),
        (True, -1.0, 100.0, 0.5, ImpliedStatus.BAD_INPUT),
        (True, math.nan, 100.0, 0.5, ImpliedStatus.BAD_INPUT),
        (True, 5.0, math.inf, 0.5, ImpliedStatus.BAD_INPUT),
        (True, 5.0, 100.0, math.nan, ImpliedStatus.BAD_INPUT),
        (True, 5.0, 0.0, 0.5, ImpliedStatus.BAD_INPUT),
    ],
)
def test_no_volatility_is_invented(
    is_call: bool, price: float, spot: float, years: float, status: ImpliedStatus
) -> None:
    iv, code = bsm_implied_volatility(is_call, price, spot, 100.0, years, 0.0, 0.0)

    assert math.isnan(iv)
    assert ImpliedStatus(code) is status


def test_a_chain_with_holes_keeps_its_good_contracts() -> None:
    iv, status = chain_implied_volatility(
        [2.5, math.nan, 30.0], 100.0, [100.0, 105.0, 75.0], 0.25, [True, True, False], 0.04, 0.01
    )

    assert iv[0] == bsm_implied_volatility(True, 2.5, 100.0, 100.0, 0.25, 0.04, 0.01)[0]
    assert [ImpliedStatus(code) for code in status] == [
        ImpliedStatus.OK,
        ImpliedStatus.BAD_INPUT,
        ImpliedStatus.OK,
    ]
