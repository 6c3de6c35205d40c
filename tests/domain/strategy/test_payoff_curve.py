"""The curves of a payoff picture against a direct calculation."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.strategy.horizon import HorizonLeg
from thetaloom.domain.strategy.payoff import LegKind, PayoffLeg
from thetaloom.domain.strategy.payoff_case import payoff_case, read_terms
from thetaloom.domain.strategy.payoff_curve import PayoffCurves, curves_of_case, leg_ivs, pnl_after
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders

AT = {"spot": 100.0, "iv": 0.25, "rate": 0.04, "dividend_yield": 0.01, "at": "2026-01-05"}


def leg(quantity: int, right: str, strike: float, price: float, expiration: str = "2026-03-19") -> dict[str, object]:
    return {"quantity": quantity, "right": right, "strike": strike, "price": price, "expiration": expiration}


CONDOR = [leg(1, "P", 85, 0.6), leg(-1, "P", 90, 1.3), leg(-1, "C", 110, 1.6), leg(1, "C", 115, 0.8)]


def value(right: str, spot: float, strike: float, years: float, iv: float, rate: float, carry: float) -> float:
    sign = 1.0 if right == "C" else -1.0
    if years == 0.0:
        return max(0.0, sign * (spot - strike))
    spread = iv * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate - carry) * years) / spread + spread / 2
    below = [0.5 * (1 + math.erf(sign * each / math.sqrt(2))) for each in (d1, d1 - spread)]
    return sign * (spot * math.exp(-carry * years) * below[0] - strike * math.exp(-rate * years) * below[1])


def direct(curves: PayoffCurves, years: float) -> list[float]:
    return [
        sum(
            100
            * one.quantity
            * (value(str(one.right), price, float(one.strike or 0), years, 0.25, 0.04, 0.01) - float(one.price))
            for one in curves.legs
        )
        for price in curves.underlying
    ]


def test_each_curve_is_the_sum_of_its_legs_by_black_scholes() -> None:
    curves = curves_of_case({**AT, "legs": CONDOR})

    assert curves.days == pytest.approx(73.0)
    assert curves.today is not None and curves.midway is not None
    np.testing.assert_allclose(curves.today, direct(curves, 0.2), atol=1e-8)
    np.testing.assert_allclose(curves.midway, direct(curves, 0.1), atol=1e-8)
    np.testing.assert_allclose(curves.expiration, direct(curves, 0.0), atol=1e-8)


def test_each_leg_has_its_own_volatility() -> None:
    legs = [
        HorizonLeg(
            leg=PayoffLeg(
                kind=LegKind.OPTION,
                quantity=quantity,
                right=builders.contract(f"SPY 2026-03-20 P {strike}").right,
                strike=builders.contract(f"SPY 2026-03-20 P {strike}").strike,
                expires_on=builders.contract(f"SPY 2026-03-20 P {strike}").expires_on,
            ),
            years_left=0.2,
            iv=iv,
        )
        for quantity, strike, iv in ((-1, 95, 0.22), (1, 90, 0.31))
    ]

    (pnl,) = pnl_after(legs, Price("0.50"), np.array([97.0]), 0.05, rate=0.03, dividend_yield=0.0)

    short, long = (value("P", 97.0, strike, 0.15, iv, 0.03, 0.0) for strike, iv in ((95, 0.22), (90, 0.31)))
    assert pnl == pytest.approx(100 * (0.5 - short + long), abs=1e-9)


def test_without_a_volatility_each_leg_has_that_of_its_price_and_today_brings_nothing() -> None:
    case = {**AT, "iv": None, "legs": CONDOR}

    curves = curves_of_case(case)

    ivs = leg_ivs(read_terms(case))
    assert len({round(iv or 0.0, 6) for iv in ivs}) == 4
    assert curves.are_ivs_implied and curves.today is not None
    assert curves.today[np.searchsorted(curves.underlying, 100.0)] == pytest.approx(0.0, abs=1e-8)
    assert curves.pop is not None and 0.5 < curves.pop < 0.9


def test_a_price_that_implies_no_volatility_leaves_the_expiration_alone() -> None:
    curves = curves_of_case({**AT, "iv": None, "legs": [leg(1, "C", 90, 1.0)]})  # below its intrinsic value

    assert (curves.today, curves.midway, curves.pop, curves.likely) == (None, None, None, None)
    assert not curves.are_ivs_implied


@pytest.mark.parametrize("absent", ["spot", "at"])
def test_without_spot_or_instant_there_is_the_expiration_alone(absent: str) -> None:
    curves = curves_of_case({**AT, "iv": None, "legs": CONDOR, absent: None})

    assert (curves.today, curves.midway, curves.pop) == (None, None, None)
    assert curves.expiration.max() == pytest.approx(150.0)


def test_the_last_day_has_one_curve_only_in_three_names() -> None:
    curves = curves_of_case({**AT, "at": "2026-03-19", "legs": CONDOR})

    assert curves.days == 0.0 and curves.pop is None
    assert curves.today is not None and curves.midway is not None
    np.testing.assert_array_equal(curves.today, curves.expiration)
    np.testing.assert_array_equal(curves.midway, curves.expiration)


def test_a_calendar_is_drawn_at_its_nearest_expiration() -> None:
    legs = [leg(-1, "C", 100, 3.0), leg(1, "C", 100, 5.0, "2026-05-15")]

    curves = curves_of_case({**AT, "legs": legs})
    answer = payoff_case({**AT, "legs": legs})

    assert curves.expiration.max() == pytest.approx(answer["max_profit"], abs=0.01)
    at_breakevens = np.interp([float(each) for each in curves.payoff.breakevens], curves.underlying, curves.expiration)
    assert at_breakevens.tolist() == pytest.approx([0.0, 0.0], abs=0.05)


def test_the_likely_range_holds_68_of_100_outcomes() -> None:
    curves = curves_of_case({**AT, "legs": CONDOR})

    from thetaloom.maths.probability import probability_within

    assert curves.likely is not None
    assert probability_within(*curves.likely, 100.0, 0.04, 0.01, 0.25, 0.2) == pytest.approx(0.6827, abs=1e-4)


def test_stock_alone_needs_no_life() -> None:
    curves = curves_of_case({"legs": [{"kind": "stock", "quantity": 10, "price": 50}], "spot": 52})

    assert curves.name == "long_stock" and curves.today is None
    np.testing.assert_allclose(curves.expiration, 10 * (curves.underlying - 50))


def test_a_spot_far_off_does_not_stretch_the_picture() -> None:
    curves = curves_of_case({**AT, "spot": 1e12, "legs": CONDOR})

    assert curves.underlying[-1] < 200


LEGS = st.lists(
    st.tuples(
        st.integers(-9, 9).filter(bool),
        st.sampled_from("CP"),
        st.integers(1, 2000),
        st.floats(0, 300),
        st.sampled_from(["2026-01-16", "2026-03-20"]),
    ),
    min_size=1,
    max_size=6,
)


@given(legs=LEGS, spot=st.floats(0.5, 5000), iv=st.floats(0.01, 3.0))
@settings(max_examples=60, deadline=None)
def test_any_legs_give_finite_curves_that_agree_with_the_numbers_beside_them(
    legs: list[Any], spot: float, iv: float
) -> None:
    case = {**AT, "spot": spot, "iv": iv, "legs": [leg(*each) for each in legs]}

    curves = curves_of_case(case)

    assert curves.today is not None and curves.midway is not None
    for curve in (curves.today, curves.midway, curves.expiration):
        assert np.isfinite(curve).all() and curve.shape == curves.underlying.shape
    assert (np.diff(curves.underlying) > 0).all() and curves.underlying[0] >= 0
    assert set(curves.marks) <= set(curves.underlying)
    if curves.payoff.max_profit is not None:
        assert curves.expiration.max() <= float(curves.payoff.max_profit) + 0.02
    if curves.payoff.max_loss is not None:
        assert curves.expiration.min() >= -float(curves.payoff.max_loss) - 0.02
    assert curves.pop == payoff_case(case)["pop"]


def test_on_the_last_day_no_price_is_asked_for_its_volatility() -> None:
    case = {**AT, "iv": None, "at": "2026-03-19", "legs": [leg(1, "C", 90, 1.0)]}

    assert leg_ivs(read_terms(case)) == (0.0,)


def test_a_rate_beyond_all_reason_leaves_the_likely_range_out() -> None:
    curves = curves_of_case({**AT, "rate": 1e6, "legs": [leg(1, "C", 90, 1.0)]})

    assert curves.likely is None and np.isfinite(curves.expiration).all()
