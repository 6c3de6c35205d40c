from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.strategy.payoff import (
    LegKind,
    PayoffLeg,
    expiration_payoff,
    net_price_of,
    position_payoff,
    probability_of_profit,
)
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

END = date(2026, 1, 16)
PRICES = st.integers(0, 4000).map(lambda cents: Price(Decimal(cents) / 100))
QUANTITIES = st.integers(-3, 3).filter(bool)
OPTIONS = st.builds(
    PayoffLeg,
    kind=st.just(LegKind.OPTION),
    quantity=QUANTITIES,
    price=PRICES,
    right=st.sampled_from(Right),
    strike=st.integers(2, 400).map(lambda halves: Decimal(halves) / 2),
    expires_on=st.just(END),
)
STOCKS = st.builds(
    PayoffLeg, kind=st.just(LegKind.STOCK), quantity=st.sampled_from([-200, -100, -37, 50, 100, 300]), price=PRICES
)
POSITIONS = st.lists(st.one_of(OPTIONS, OPTIONS, OPTIONS, STOCKS), min_size=1, max_size=5)


def profit_at(legs: list[PayoffLeg], prices: np.ndarray) -> np.ndarray:
    """Value each leg with floats and plain cases, on purpose by another way than the code under test."""
    total = np.zeros_like(prices)
    for leg in legs:
        if leg.kind is LegKind.STOCK:
            total += leg.quantity * (prices - float(leg.price))
        elif leg.right is Right.CALL:
            total += (
                100
                * leg.quantity
                * (np.where(prices > float(leg.strike or 0), prices - float(leg.strike or 0), 0) - float(leg.price))
            )
        else:
            total += (
                100
                * leg.quantity
                * (np.where(prices < float(leg.strike or 0), float(leg.strike or 0) - prices, 0) - float(leg.price))
            )
    return total


@given(legs=POSITIONS)
def test_extremes_are_those_of_the_curve_on_a_dense_grid(legs: list[PayoffLeg]) -> None:
    payoff = position_payoff(legs)
    grid = np.arange(0, 4001) / 8  # holds 0 and every strike, and reaches far above them
    curve = profit_at(legs, grid)
    slope = curve[-1] - curve[-2]

    if payoff.max_profit is None:
        assert slope > 0.01
    else:
        assert slope < 0.01
        assert float(payoff.max_profit) == pytest.approx(curve.max(), abs=1e-6)
    if payoff.max_loss is None:
        assert slope < -0.01
    else:
        assert slope > -0.01
        assert float(payoff.max_loss) == pytest.approx(max(0.0, -curve.min()), abs=1e-6)


@given(legs=POSITIONS)
def test_breakevens_are_the_roots_of_the_curve_and_all_of_them(legs: list[PayoffLeg]) -> None:
    payoff = position_payoff(legs)
    roots = np.array([float(root) for root in payoff.breakevens])

    assert profit_at(legs, roots) == pytest.approx(0, abs=1e-4)
    grid = np.arange(0, 4001) / 8
    signs = np.sign(np.round(profit_at(legs, grid), 6))
    for i in np.flatnonzero(signs[1:] != signs[:-1]):
        assert any(grid[i] - 1e-9 <= root <= grid[i + 1] + 1e-9 for root in roots)


@given(legs=POSITIONS)
def test_regions_of_profit_are_where_the_curve_is_above_zero(legs: list[PayoffLeg]) -> None:
    regions = position_payoff(legs).profit_regions
    grid = np.arange(0, 4001) / 8 + 1 / 16

    inside = np.zeros(len(grid), dtype=bool)
    for low, high in regions:
        inside |= (grid > float(low)) & (grid < (np.inf if high is None else float(high)))
    curve = profit_at(legs, grid)
    clear = np.abs(curve) > 1e-6

    assert (inside[clear] == (curve[clear] > 0)).all()


@given(legs=POSITIONS, price=st.integers(0, 100_000).map(lambda cents: Decimal(cents) / 100))
def test_max_loss_is_never_exceeded_at_any_price(legs: list[PayoffLeg], price: Decimal) -> None:
    payoff = position_payoff(legs)

    profit = profit_at(legs, np.array([float(price)]))[0]

    assert payoff.max_loss is None or profit >= -float(payoff.max_loss) - 1e-6
    assert payoff.max_profit is None or profit <= float(payoff.max_profit) + 1e-6


@given(legs=POSITIONS, price=st.integers(0, 100_000).map(lambda cents: Decimal(cents) / 100))
def test_the_worth_of_a_structure_is_the_sum_of_its_legs(legs: list[PayoffLeg], price: Decimal) -> None:
    cash = net_price_of(legs).times(100)

    total = Decimal(cash) + sum(leg.worth_at(price) for leg in legs)

    assert float(total) == pytest.approx(profit_at(legs, np.array([float(price)]))[0], abs=1e-6)


HAND_WORKED = [
    # legs, net price, max profit, max loss, breakevens
    (["-1 P 100", "+1 P 95"], "1.25", 125, 375, ["98.75"]),
    (["-1 C 100", "+1 C 105"], "2", 200, 300, ["102"]),
    (["+1 C 100", "-1 C 110"], "-4", 600, 400, ["104"]),
    (["+1 P 100", "-1 P 90"], "-3.5", 650, 350, ["96.5"]),
    (["+1 P 90", "-1 P 95", "-1 C 105", "+1 C 110"], "1.7", 170, 330, ["93.3", "106.7"]),
    (["+1 P 85", "-1 P 95", "-1 C 105", "+1 C 110"], "2", 200, 800, ["93", "107"]),
    (["-1 P 95", "-1 C 105"], "3", 300, None, ["92", "108"]),
    (["+1 P 100", "+1 C 100"], "-8", None, 800, ["92", "108"]),
    (["-1 P 100"], "2.5", 250, 9750, ["97.5"]),
    (["-1 C 100"], "2.5", 250, None, ["102.5"]),
    (["+1 P 100"], "-2.5", 9750, 250, ["97.5"]),
    (["-1 C 100", "+2 C 105"], "0.5", None, 450, ["100.5", "109.5"]),
    (["+1 C 100", "-2 C 105"], "0.5", 550, None, ["110.5"]),
    (["+1 P 90", "-1 P 100", "-1 C 100", "+1 C 110"], "6", 600, 400, ["94", "106"]),
    (["+1 C 95", "-1 C 105", "-1 P 95", "+1 P 105"], "-9.8", 20, 0, []),
    (["+1 C 95", "-1 C 105", "-1 P 95", "+1 P 105"], "-10.3", -30, 30, []),
    (["-1 P 95", "-1 C 105", "+1 C 110"], "5.2", 520, 8980, ["89.8"]),
    (["+1 C 95", "-2 C 100", "+1 C 105"], "-1.5", 350, 150, ["96.5", "103.5"]),
    (["-3 C 100"], "1", 100, None, ["100.3333333333"]),
    # stretches and points on zero
    (["+1 C 100", "-1 C 110"], "0", 1000, 0, ["100"]),
    (["+1 C 95", "-2 C 100", "+1 C 105"], "0", 500, 0, ["95", "105"]),
    (["+1 C 100", "+1 P 100"], "0", None, 0, ["100"]),
    (["+1 P 100"], "-100", 0, 10000, ["0"]),
    (["+1 C 95", "-1 C 105", "-1 P 95", "+1 P 105"], "-10", 0, 0, []),
]


@pytest.mark.parametrize(("short", "net_price", "profit", "loss", "breakevens"), HAND_WORKED)
def test_structures_pay_what_was_worked_out_by_hand(
    short: list[str], net_price: str, profit: int | None, loss: int | None, breakevens: list[str]
) -> None:
    legs = [Leg.parse(f"{word.split()[0]} SPY {END} {' '.join(word.split()[1:])}") for word in short]

    payoff = expiration_payoff(legs, Price(net_price))

    assert (payoff.max_profit, payoff.max_loss) == (profit, loss)
    assert [str(price) for price in payoff.breakevens] == breakevens


def test_a_covered_call_counts_a_hundred_shares_as_one_unit() -> None:
    legs = [
        PayoffLeg(kind=LegKind.STOCK, quantity=100, price=Price(50)),
        PayoffLeg(
            kind=LegKind.OPTION,
            quantity=-1,
            price=Price(2),
            right=Right.CALL,
            strike=Decimal(55),
            expires_on=END,
        ),
    ]

    payoff = position_payoff(legs)

    assert payoff.net_price == Price(-48)
    assert (payoff.max_profit, payoff.max_loss) == (Money(700), Money(4800))
    assert payoff.breakevens == (Price(48),)


def test_stock_alone_is_priced_per_hundred_shares() -> None:
    payoff = position_payoff([PayoffLeg(kind=LegKind.STOCK, quantity=-50, price=Price(20))])

    assert payoff.net_price == Price(10)
    assert (payoff.max_profit, payoff.max_loss, payoff.breakevens) == (Money(1000), None, (Price(20),))


@pytest.mark.parametrize(
    "notations",
    [
        [],
        ["-1 SPY 2026-01-16 C 100", "+1 SPY 2026-02-20 C 100"],
        ["-1 SPX 2026-01-16 C 100", "+1 SPXW 2026-01-16 C 100"],  # AM and PM of one date
        ["-1 SPY 2026-01-16 C 100", "+1 QQQ 2026-01-16 C 100"],
    ],
)
def test_what_has_no_one_curve_is_refused(notations: list[str]) -> None:
    with pytest.raises(InvalidInput):
        expiration_payoff([Leg.parse(text) for text in notations], Price(1))


def test_legs_that_do_not_go_together_are_refused() -> None:
    one = PayoffLeg(kind=LegKind.OPTION, quantity=1, right=Right.CALL, strike=Decimal(100), expires_on=END)
    later = replace(one, expires_on=date(2026, 2, 20))
    mini = replace(one, multiplier=10)

    for legs in ([], [one, mini], [one, later]):
        with pytest.raises(InvalidInput):
            position_payoff(legs)
    with pytest.raises(InvalidInput):
        PayoffLeg(kind=LegKind.OPTION, quantity=1)
    with pytest.raises(InvalidInput):
        PayoffLeg(kind=LegKind.STOCK, quantity=0)


@settings(deadline=None)  # the first call compiles
@given(
    legs=POSITIONS,
    iv=st.floats(0.05, 1.5),
    years=st.floats(0.01, 2),
    rate=st.floats(-0.02, 0.08),
    dividend_yield=st.floats(0, 0.05),
)
def test_the_chance_of_profit_is_the_weight_of_the_lognormal_above_zero(
    legs: list[PayoffLeg], iv: float, years: float, rate: float, dividend_yield: float
) -> None:
    payoff = position_payoff(legs)

    pop = probability_of_profit(
        payoff, spot=100.0, years=years, ivs={100.0: iv}, rate=rate, dividend_yield=dividend_yield
    )

    scores = (np.arange(160_000) + 0.5) / 10_000 - 8  # of a standard normal: midpoints of a fine rule
    ends = 100 * np.exp((rate - dividend_yield - iv * iv / 2) * years + iv * np.sqrt(years) * scores)
    weights = np.exp(-scores * scores / 2) / np.sqrt(2 * np.pi) / 10_000
    assert pop == pytest.approx(weights[profit_at(legs, ends) > 1e-9].sum(), abs=4e-4)


def test_each_breakeven_is_weighed_at_the_volatility_of_its_own_strikes() -> None:
    payoff = expiration_payoff([Leg.parse(f"-1 SPY {END} P 90"), Leg.parse(f"-1 SPY {END} C 110")], Price(2))

    skewed, left, right = (
        probability_of_profit(payoff, spot=100.0, years=0.25, ivs=ivs, rate=0.0, dividend_yield=0.0)
        for ivs in ({90.0: 0.4, 110.0: 0.2}, {90.0: 0.4, 110.0: 0.4}, {90.0: 0.2, 110.0: 0.2})
    )

    assert left < skewed < right


@pytest.mark.parametrize(("spot", "chance"), [(89.0, 1), (87.0, 0)])
def test_at_the_end_the_chance_is_a_certainty(spot: float, chance: int) -> None:
    payoff = expiration_payoff([Leg.parse(f"-1 SPY {END} P 90")], Price(2))

    assert probability_of_profit(payoff, spot=spot, years=0.0, ivs={90.0: 0.3}, rate=0, dividend_yield=0) == chance
