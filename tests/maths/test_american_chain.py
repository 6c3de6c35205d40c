import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import QuantLib

from thetaloom.maths.american import BOUNDARY, LIVE, american_greeks
from thetaloom.maths.american_chain import chain_american_greeks, chain_american_volatility
from thetaloom.maths.black_scholes import bsm_greeks
from thetaloom.maths.implied_volatility import ImpliedStatus

NONE = np.empty(0)
SPOT = 500.0


@pytest.fixture(scope="module")
def columns(compiled: bool) -> dict[str, Any]:
    """Strikes, years, rights and volatilities of a chain with a smile, a row for each contract."""
    rng = np.random.default_rng(11)
    expirations, each = (12, 120) if compiled else (2, 6)
    years = np.repeat(np.round(np.geomspace(1, 800, expirations)) / 365, each)
    strikes = np.round(SPOT * np.exp(np.clip(0.25 * np.sqrt(years) * rng.uniform(-3, 2, years.size), -0.6, 0.6)))
    moneyness = np.log(strikes / SPOT) / np.sqrt(years)
    iv = np.clip(0.2 - 0.25 * moneyness + 0.3 * moneyness**2, 0.1, 0.8)
    return {"strikes": strikes, "years": years, "is_call": rng.random(years.size) < 0.5, "iv": iv}


@pytest.mark.parametrize(("rate", "q"), [(0.04, 0.013), (0.05, 0.06), (0.0, 0.02), (0.04, 0.0)])
def test_a_chain_is_its_contracts(columns: dict[str, Any], rate: float, q: float) -> None:
    found = chain_american_greeks(SPOT, rate=rate, dividend_yield=q, **columns)

    for i in range(0, columns["strikes"].size, 11):
        strike, years, is_call, iv = (columns[name][i] for name in ("strikes", "years", "is_call", "iv"))
        alone = american_greeks(is_call, SPOT, strike, years, rate, q, iv, NONE, NONE, BOUNDARY, BOUNDARY)
        assert found.price[i] == pytest.approx(alone[0], abs=1e-4)
        assert found.delta[i] == pytest.approx(alone[1], abs=2e-5)
        assert found.gamma[i] == pytest.approx(alone[2], abs=5e-5)
        assert found.theta[i] == pytest.approx(alone[3], abs=1e-4)
        assert found.vega[i] == pytest.approx(alone[4], abs=1e-3)


def test_prices_of_a_chain_meet_quantlib(
    columns: dict[str, Any], quantlib_option: Callable[..., QuantLib.VanillaOption]
) -> None:
    found = chain_american_greeks(SPOT, rate=0.045, dividend_yield=0.013, **columns)

    for i in range(0, columns["strikes"].size, 13):
        strike, years, is_call, iv = (float(columns[name][i]) for name in ("strikes", "years", "is_call", "iv"))
        days = round(years * 365)
        truth = quantlib_option(bool(is_call), SPOT, strike, days, 0.045, 0.013, iv, american=True).NPV()
        assert found.price[i] == pytest.approx(truth, abs=1e-4), (is_call, strike, days, iv)


def test_volatility_inverts_the_prices_of_a_chain(columns: dict[str, Any]) -> None:
    terms: dict[str, Any] = {name: columns[name] for name in ("strikes", "years", "is_call")} | {
        "rate": 0.04,
        "dividend_yield": 0.013,
    }
    found = chain_american_greeks(SPOT, iv=columns["iv"], **terms)

    iv, status = chain_american_volatility(found.price, SPOT, **terms)

    is_clear = found.vega > 1e-3
    assert (status[is_clear] == ImpliedStatus.OK).all()
    np.testing.assert_allclose(iv[is_clear], columns["iv"][is_clear], rtol=1e-4)
    again = chain_american_greeks(SPOT, iv=np.where(status == 0, iv, columns["iv"]), **terms)
    np.testing.assert_allclose(again.price, found.price, atol=1e-5)


@pytest.mark.parametrize(
    ("price", "status"),
    [
        (19.0, ImpliedStatus.BELOW_INTRINSIC),
        (20.0, ImpliedStatus.UNDETERMINED),
        (120.0, ImpliedStatus.ABOVE_MAXIMUM),
        (math.nan, ImpliedStatus.BAD_INPUT),
    ],
)
def test_a_chain_invents_no_volatility(price: float, status: ImpliedStatus) -> None:
    iv, found = chain_american_volatility([price, 3.0], 80.0, [100.0, 80.0], 0.25, False, 0.05, 0.0)

    assert math.isnan(iv[0])
    assert ImpliedStatus(found[0]) is status
    assert found[1] == ImpliedStatus.OK


def test_calls_without_yield_are_their_european_twins_exactly() -> None:
    found = chain_american_greeks(100.0, [90.0, 110.0], 0.5, True, 0.3, 0.04, 0.0)

    assert found.price[0] == bsm_greeks(True, 100.0, 90.0, 0.5, 0.04, 0.0, 0.3)[0]
    assert found.theta[1] == bsm_greeks(True, 100.0, 110.0, 0.5, 0.04, 0.0, 0.3)[3]


def test_cash_dividends_take_the_tree() -> None:
    when, cash = np.array([0.2]), np.array([1.5])

    found = chain_american_greeks(100.0, [95.0, 105.0], 0.5, [False, True], 0.3, 0.04, 0.0, (when, cash))
    iv, status = chain_american_volatility(
        found.price, 100.0, [95.0, 105.0], 0.5, [False, True], 0.04, 0.0, (when, cash)
    )

    alone = american_greeks(True, 100.0, 105.0, 0.5, 0.04, 0.0, 0.3, when, cash, LIVE, LIVE)
    assert (found.price[1], found.delta[1], found.vega[1]) == (alone[0], alone[1], alone[4])
    assert (status == ImpliedStatus.OK).all()
    np.testing.assert_allclose(iv, 0.3, rtol=1e-6)


def test_nonsense_stays_with_its_contract() -> None:
    found = chain_american_greeks(100.0, [95.0, -5.0, 100.0], 0.5, False, [0.3, 0.3, math.nan], 0.04, 0.0)

    assert found.price[0] > 0.0
    assert math.isnan(found.price[1])
    assert math.isnan(found.delta[2])


def test_two_edges_of_exercise_take_the_tree() -> None:
    found = chain_american_greeks(100.0, [120.0, 130.0], 1.0, False, 0.3, -0.01, -0.03)

    alone = american_greeks(False, 100.0, 120.0, 1.0, -0.01, -0.03, 0.3, NONE, NONE, LIVE, LIVE)
    assert found.price[0] == alone[0]


def test_the_boundary_meets_quantlib_where_fixed_points_swing(
    quantlib_option: Callable[..., QuantLib.VanillaOption], compiled: bool
) -> None:
    if not compiled:
        pytest.skip("hundreds of rounds are only for compiled kernels")
    for is_call, strike, days, rate, q, iv in (
        (False, 104.0, 1099, 0.078, 0.011, 0.054),
        (False, 96.0, 1058, 0.0935, 0.0, 0.039),
        (True, 108.0, 892, 0.0, 0.096, 0.0956),
    ):
        truth = quantlib_option(is_call, 100.0, strike, days, rate, q, iv, american=True).NPV()
        ours = american_greeks(is_call, 100.0, strike, days / 365, rate, q, iv, NONE, NONE, BOUNDARY, BOUNDARY)
        chain = chain_american_greeks(100.0, strike, days / 365, is_call, iv, rate, q)
        assert ours[0] == pytest.approx(truth, abs=1e-5)
        assert chain.price[0] == pytest.approx(truth, abs=1e-4)
