from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.strategy.horizon import HorizonLeg, horizon_payoff
from thetaloom.domain.strategy.payoff import LegKind, PayoffLeg, expiration_payoff, payoff_legs
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.maths.black_scholes import bsm_price

NEAR, FAR = "2026-01-16", "2026-02-20"
LATER = 35 / 365

CONTRACTS = st.tuples(
    st.sampled_from([-2, -1, 1, 2]), st.sampled_from("CP"), st.sampled_from([NEAR, FAR]), st.integers(80, 120)
)


def build_legs(notations: list[str], iv: float = 0.25, *, early_exercise: bool = True) -> list[HorizonLeg]:
    legs = [Leg.parse(text) for text in notations]
    return [
        HorizonLeg(
            leg=part,
            years_left=LATER if leg.contract.expires_on == date.fromisoformat(FAR) else 0.0,
            iv=iv,
            early_exercise=early_exercise,
        )
        for leg, part in zip(legs, payoff_legs(legs), strict=True)
    ]


def profit_at(legs: list[HorizonLeg], net_price: float, price: float, rate: float, dividend_yield: float) -> float:
    total = 100 * net_price
    for later in legs:
        leg = later.leg
        strike, is_call = float(leg.strike or 0), leg.right is Right.CALL
        intrinsic = max(0.0, price - strike if is_call else strike - price)
        if later.years_left:
            alive = bsm_price(is_call, max(price, 1e-9), strike, later.years_left, rate, dividend_yield, later.iv)
            intrinsic = max(alive, intrinsic) if later.early_exercise else alive
        total += leg.shares * intrinsic
    return total


@settings(deadline=None, max_examples=40)
@given(
    drawn=st.lists(CONTRACTS, min_size=1, max_size=4),
    net_price=st.integers(-500, 500).map(lambda cents: Decimal(cents) / 100),
    early_exercise=st.booleans(),
    dividend_yield=st.sampled_from([0.0, 0.03]),
)
def test_extremes_and_roots_are_those_of_a_dense_grid(
    drawn: list[tuple[int, str, str, int]], net_price: Decimal, early_exercise: bool, dividend_yield: float
) -> None:
    legs = build_legs(
        [f"{ratio} SPY {end} {right} {strike}" for ratio, right, end, strike in drawn], early_exercise=early_exercise
    )

    payoff = horizon_payoff(legs, Price(net_price), rate=0.04, dividend_yield=dividend_yield)

    grid = np.arange(0, 1200) / 4
    curve = np.array([profit_at(legs, float(net_price), price, 0.04, dividend_yield) for price in grid])
    if payoff.max_profit is not None:
        assert curve.max() <= float(payoff.max_profit) + 0.01
    if payoff.max_loss is not None:
        assert curve.min() >= -float(payoff.max_loss) - 0.01
    for root in payoff.breakevens:
        slack = 1000 * 0.0001  # ten contracts move a thousand dollars per dollar at most
        assert profit_at(legs, float(net_price), float(root), 0.04, dividend_yield) == pytest.approx(0, abs=slack)
    signs = np.where(np.abs(curve) > 1e-3, np.sign(curve), 0)
    for i in np.flatnonzero(signs[1:] * signs[:-1] < 0):
        assert any(grid[i] - 1e-4 <= float(root) <= grid[i + 1] + 1e-4 for root in payoff.breakevens)
    for low, high in payoff.profit_regions:
        inside = (float(low) + float(high)) / 2 if high is not None else 3 * float(low) + 20  # beyond every strike
        assert profit_at(legs, float(net_price), inside, 0.04, dividend_yield) > 0


def test_a_long_calendar_loses_its_debit_and_no_more() -> None:
    legs = build_legs([f"-1 SPY {NEAR} C 100", f"+1 SPY {FAR} C 100"])

    payoff = horizon_payoff(legs, Price(-2), rate=0.04, dividend_yield=0.01)

    at_strike = bsm_price(True, 100.0, 100.0, LATER, 0.04, 0.01, 0.25)
    assert payoff.max_loss == 200
    assert float(payoff.max_profit or 0) == pytest.approx(100 * (at_strike - 2), abs=0.01)
    assert len(payoff.breakevens) == 2
    assert payoff.profit_regions == (payoff.breakevens,)


def test_a_short_calendar_of_calls_has_no_limit_once_its_cover_has_expired() -> None:
    legs = build_legs([f"+1 SPY {NEAR} C 100", f"-1 SPY {FAR} C 100"])

    payoff = horizon_payoff(legs, Price(2), rate=0.04, dividend_yield=0.0)

    assert (payoff.max_profit, payoff.max_loss) == (Money(200), None)


def test_a_european_calendar_has_no_floor_at_exercise() -> None:
    calls = build_legs([f"-1 SPY {NEAR} C 100", f"+1 SPY {FAR} C 100"], early_exercise=False)
    puts = build_legs([f"-1 SPY {NEAR} P 100", f"+1 SPY {FAR} P 100"], early_exercise=False)

    assert horizon_payoff(calls, Price(-2), rate=0.04, dividend_yield=0.02).max_loss is None
    loss = horizon_payoff(puts, Price(-2), rate=0.04, dividend_yield=0.02).max_loss
    assert float(loss or 0) == pytest.approx(200 + 10_000 * (1 - np.exp(-0.04 * LATER)), abs=0.01)


def test_a_root_far_above_the_grid_is_found_on_the_straight_tail() -> None:
    legs = build_legs([f"+1 SPY {FAR} C 100"])

    payoff = horizon_payoff(legs, Price(-5000), rate=0.0, dividend_yield=0.0)

    assert payoff.max_profit is None
    assert payoff.breakevens == (Price(5100),)
    assert payoff.profit_regions == ((Price(5100), None),)


def test_stock_covers_calls_that_outlive_the_others() -> None:
    stock = HorizonLeg(
        leg=PayoffLeg(kind=LegKind.STOCK, quantity=100, price=Price(100)),
        years_left=0.0,
    )
    legs = [*build_legs([f"-1 SPY {FAR} C 105", f"+1 SPY {NEAR} P 95"]), stock]

    assert horizon_payoff(legs, Price(-98), rate=0.0, dividend_yield=0.0).max_loss is not None


def test_with_nothing_left_to_live_it_is_the_exact_payoff() -> None:
    notations = [f"+1 SPY {NEAR} P 90", f"-1 SPY {NEAR} P 95", f"-1 SPY {NEAR} C 105", f"+1 SPY {NEAR} C 110"]

    searched = horizon_payoff(build_legs(notations), Price("1.25"), rate=0.0, dividend_yield=0.0)
    exact = expiration_payoff([Leg.parse(text) for text in notations], Price("1.25"))

    assert searched == exact
