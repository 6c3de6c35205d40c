"""Stress of a book: every cell is the book priced anew, and what is not known is said."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813  # the name its own documentation uses
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.risk.conftest import Held
from thetaloom.domain.risk.scenarios import IV_SHOCKS, SPOT_SHOCKS, ScenarioPosition, Shocks, scenario_grid
from thetaloom.errors import InvalidInput

Textbook = Callable[..., float]
CARRY = {"rate": 0.04, "dividend_yield": 0.015}


def book(held: Held) -> list[ScenarioPosition]:
    return [
        held("-3 SPXW 2026-03-20 P 95", **CARRY),
        held("3 SPXW 2026-03-20 P 85", iv=0.31, **CARRY),
        held("-2 XSP 2026-06-19 C 55", spot=50.0, iv=0.4, years=0.5, **CARRY),
        held("150 XSP", spot=50.0),
    ]


def loop_pnl(positions: list[ScenarioPosition], spot: float, iv: float, days: float, textbook: Textbook) -> float:
    total = 0.0
    for one in positions:
        assert one.spot is not None
        if one.contract is None:
            total += one.quantity * one.spot * spot
            continue
        assert one.iv is not None
        terms = (one.rate, one.dividend_yield)
        right, strike = one.contract.right.value, float(one.contract.strike)
        now = textbook(right, one.spot, strike, one.years, *terms, one.iv)
        then = textbook(right, one.spot * (1 + spot), strike, one.years - days / 365, *terms, one.iv * (1 + iv))
        total += one.quantity * one.contract.multiplier * (then - now)
    return total


def test_the_usual_grid_has_twenty_one_spots_and_nine_volatilities(held: Held) -> None:
    grid = scenario_grid(book(held))

    assert grid.pnl.shape == (21, 9)
    assert {-0.2, -0.1, -0.05, -0.02, -0.01, 0.0, 0.01, 0.02, 0.05, 0.1, 0.2} <= set(SPOT_SHOCKS)
    assert list(SPOT_SHOCKS) == sorted(SPOT_SHOCKS) and list(IV_SHOCKS) == sorted(IV_SHOCKS)


@pytest.mark.parametrize("days", [0.0, 21.0, 100.0])
def test_each_cell_is_the_book_priced_anew_by_the_textbook(held: Held, textbook: Textbook, days: float) -> None:
    positions = book(held)

    grid = scenario_grid(positions, Shocks(days=days))

    expected = [[loop_pnl(positions, spot, iv, days, textbook) for iv in IV_SHOCKS] for spot in SPOT_SHOCKS]
    np.testing.assert_allclose(grid.pnl, expected, rtol=1e-11, atol=1e-8)


@pytest.mark.parametrize(("spot_shock", "iv_shock"), [(-0.2, 1.0), (0.05, -0.4), (0.0, 0.5)])
@pytest.mark.parametrize(
    ("option", "within"),
    [("SPXW 2026-03-20 P 105", 1e-6), ("SPY 2026-03-20 P 105", 1.0)],  # trees are good to 0.001 a share
)
def test_cells_agree_with_quantlib(held: Held, option: str, within: float, spot_shock: float, iv_shock: float) -> None:
    position = held(f"10 {option}", **CARRY)

    grid = scenario_grid([position], Shocks(spot=(spot_shock,), iv=(iv_shock,)), exact=True)

    now, then = (
        quantlib_put(100.0 * spot, 105.0, 73, 0.25 * iv, american=position.may_exercise_early)
        for spot, iv in ((1.0, 1.0), (1 + spot_shock, 1 + iv_shock))
    )
    assert grid.pnl[0, 0] == pytest.approx((then - now) * 1000, abs=within)
    assert grid.is_exact and grid.early_exercise == ()


def quantlib_put(spot: float, strike: float, days: int, iv: float, *, american: bool) -> float:
    today = ql.Date(15, 1, 2024)  # the one day that all tests stand on: QuantLib knows just one
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    flat = [ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)) for rate in (0.015, 0.04)]
    smile = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), iv, count))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), *flat, smile)
    exercise = ql.AmericanExercise(today, today + days) if american else ql.EuropeanExercise(today + days)
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, strike), exercise)
    accurate = ql.QdFpAmericanEngine.accurateScheme()
    option.setPricingEngine(
        ql.QdFpAmericanEngine(process, accurate) if american else ql.AnalyticEuropeanEngine(process)
    )
    return float(option.NPV())


@pytest.mark.parametrize("exact", [False, True])
def test_nothing_that_moves_costs_nothing(held: Held, exact: bool) -> None:
    positions = [*book(held), held("-5 SPY 2026-03-20 C 104", **CARRY), held("1 QQQ 2026-03-20 P 120", iv=0.02)]

    grid = scenario_grid(positions, exact=exact, with_greeks=True)

    assert grid.pnl[SPOT_SHOCKS.index(0.0), IV_SHOCKS.index(0.0)] == 0.0


QUANTITIES = st.integers(-20, 20).filter(bool)
OPTIONS = st.tuples(QUANTITIES, st.sampled_from("CP"), st.integers(60, 150), st.floats(0.0, 1.5), st.floats(0.0, 2.0))


@given(legs=st.lists(OPTIONS, min_size=1, max_size=8), cut=st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_a_book_is_the_sum_of_its_parts(held: Held, legs: list[Any], cut: int) -> None:
    made = [
        held(f"{quantity} SPXW 2026-03-20 {right} {strike}", iv=iv, years=years)
        for quantity, right, strike, iv, years in legs
    ]

    whole, first, second = (scenario_grid(part).pnl for part in (made, made[:cut], made[cut:]))

    np.testing.assert_allclose(whole, first + second, rtol=1e-9, atol=1e-6)


@given(strike=st.integers(60, 150), iv=st.floats(0.05, 1.5), years=st.floats(0.01, 2.0))
@settings(max_examples=40, deadline=None)
def test_a_bought_option_gains_with_volatility_and_a_bought_call_with_the_spot(
    held: Held, strike: int, iv: float, years: float
) -> None:
    call = scenario_grid([held(f"1 SPXW 2026-03-20 C {strike}", iv=iv, years=years)]).pnl
    put = scenario_grid([held(f"1 SPXW 2026-03-20 P {strike}", iv=iv, years=years)]).pnl

    assert (np.diff(call, axis=1) >= -1e-9).all() and (np.diff(put, axis=1) >= -1e-9).all()
    assert (np.diff(call, axis=0) >= -1e-9).all() and (np.diff(put, axis=0) <= 1e-9).all()


def test_stock_moves_with_the_spot_alone(held: Held) -> None:
    grid = scenario_grid([held("-300 SPY", spot=500.0)], Shocks(spot=(-0.1, 0.02), iv=(0.0, 1.0)))

    np.testing.assert_allclose(grid.pnl, [[15_000.0, 15_000.0], [-3_000.0, -3_000.0]])
    assert grid.worst is not None and grid.best is not None
    assert (grid.worst.spot_shock, grid.worst.pnl, grid.best.pnl) == (0.02, -3_000.0, 15_000.0)


def test_each_underlying_has_its_own_part(held: Held) -> None:
    grid = scenario_grid(book(held))

    assert sorted(grid.by_underlying) == ["SPX", "XSP"]
    np.testing.assert_allclose(sum(grid.by_underlying.values()), grid.pnl, rtol=1e-12)


def test_a_move_of_the_index_reaches_each_underlying_by_its_beta(held: Held) -> None:
    positions = [held("100 AAPL", spot=200.0, beta=1.5), held("100 KO", spot=60.0, beta=-0.5)]

    grid = scenario_grid(positions, Shocks(spot=(-0.1, 0.1), iv=(0.0,), beta_weighted=True))

    assert grid.by_underlying["AAPL"][:, 0].tolist() == pytest.approx([-3_000.0, 3_000.0])
    assert grid.by_underlying["KO"][:, 0].tolist() == pytest.approx([300.0, -300.0])


def test_a_beta_carries_no_underlying_through_zero(held: Held) -> None:
    grid = scenario_grid([held("100 GME", spot=20.0, beta=8.0)], Shocks(spot=(-0.5,), iv=(0.0,), beta_weighted=True))

    assert grid.pnl[0, 0] == pytest.approx(-1980.0)


def test_a_volatility_falls_to_a_floor_and_stays_where_it_is_below(held: Held, textbook: Textbook) -> None:
    falls, lies = held("1 SPXW 2026-03-20 C 100", iv=0.06), held("1 SPXW 2026-03-20 C 100", iv=0.03)

    drop = Shocks(spot=(0.0,), iv=(-0.4,))

    terms = (100.0, 100.0, 0.2, 0.0, 0.0)
    floored = 100 * (textbook("C", *terms, 0.05) - textbook("C", *terms, 0.06))
    assert scenario_grid([falls], drop).pnl[0, 0] == pytest.approx(floored, rel=1e-9)
    assert scenario_grid([lies], drop).pnl[0, 0] == 0.0


@pytest.mark.parametrize(
    ("changed", "missing"),
    [({"spot": None}, "spot"), ({"iv": None}, "implied volatility")],
)
def test_what_is_not_known_is_in_no_total_and_named(held: Held, changed: dict[str, Any], missing: str) -> None:
    known, lacking = held("100 SPY"), held("-1 SPY 2026-03-20 P 90", **changed)

    grid = scenario_grid([known, lacking])

    assert not grid.is_complete
    assert [(one.label, one.missing, one.of) for one in grid.unknown] == [(lacking.label, missing, lacking.label)]
    np.testing.assert_array_equal(grid.pnl, scenario_grid([known]).pnl)


def test_a_structure_is_known_whole_or_not_at_all(held: Held) -> None:
    short = held("-1 SPY 2026-03-20 P 90", group="one")
    long = held("1 SPY 2026-03-20 P 85", group="one", iv=None)

    grid = scenario_grid([short, long, held("1 SPY 2026-03-20 P 70", group="two")])

    assert [(one.label, one.of) for one in grid.unknown] == [(short.label, long.label), (long.label, long.label)]
    assert grid.positions == 1


def test_an_adjusted_contract_is_unknown(held: Held) -> None:
    (unknown,) = scenario_grid([held("1 SPY1 2026-03-20 P 85")]).unknown

    assert unknown.missing == "deliverable"


def test_a_beta_is_needed_only_where_the_index_moves(held: Held) -> None:
    positions = [held("100 SPY")]

    assert scenario_grid(positions).is_complete
    assert [one.missing for one in scenario_grid(positions, Shocks(beta_weighted=True)).unknown] == ["beta"]


def test_nothing_known_has_no_worst_cell(held: Held) -> None:
    grid = scenario_grid([held("1 SPY 2026-03-20 P 90", iv=None)])

    assert (grid.worst, grid.best, grid.positions) == (None, None, 0)


def test_an_american_option_that_wants_to_be_exercised_is_named(held: Held) -> None:
    deep = held("-10 SPY 2026-03-20 P 120", rate=0.05)
    twin = held("-10 SPXW 2026-03-20 P 120", rate=0.05)
    far = held("-10 SPY 2026-03-20 C 160", rate=0.05)

    grid = scenario_grid([deep, twin, far])

    assert [one.label for one in grid.early_exercise] == [deep.label]
    lowest = 80.0
    under = (120.0 - lowest) - (120.0 * math.exp(-0.05 * 0.2) - lowest)  # no volatility is left so deep
    assert grid.early_exercise[0].price == pytest.approx(under, abs=1e-2)


def test_an_option_that_ends_within_the_days_counts_what_exercise_gives(held: Held, textbook: Textbook) -> None:
    position = held("-2 SPXW 2026-03-20 P 100", rate=0.03)

    grid = scenario_grid([position], Shocks(spot=(-0.1, 0.1), iv=(0.0, 1.0), days=80))

    premium = textbook("P", 100.0, 100.0, 0.2, 0.03, 0.0, 0.25)
    np.testing.assert_allclose(grid.pnl, [[200 * (premium - 10.0)] * 2, [200 * premium] * 2], rtol=1e-10)


def test_the_greeks_of_a_cell_are_the_slopes_of_the_grid(held: Held) -> None:
    positions = book(held)
    step = 1e-4
    spots, ivs = (-0.05 - step, -0.05, -0.05 + step), (0.1 - step, 0.1, 0.1 + step)

    grid = scenario_grid(positions, Shocks(spot=spots, iv=ivs), with_greeks=True)

    greeks, mid = grid.greeks, grid.pnl[:, 1]
    assert greeks is not None
    slope = (mid[2] - mid[0]) / (2 * step) * 0.95  # per part of the spot after the move
    bend = (mid[2] - 2 * mid[1] + mid[0]) / step**2 * 0.95**2
    assert greeks.delta_usd[1, 1] == pytest.approx(slope, rel=1e-5)
    assert greeks.gamma_usd[1, 1] == pytest.approx(bend * 0.01, rel=1e-3)
    later = scenario_grid(positions, Shocks(spot=(-0.05,), iv=(0.1,), days=0.001)).pnl[0, 0]
    assert greeks.theta[1, 1] == pytest.approx((later - mid[1]) / 0.001, rel=1e-3)


@pytest.mark.parametrize("exact", [False, True])
def test_vega_and_rho_of_a_cell_are_per_point(held: Held, exact: bool) -> None:
    position = held("10 SPY 2026-03-20 P 95", rate=0.04)
    up = held("10 SPY 2026-03-20 P 95", rate=0.041)
    one = Shocks(spot=(0.0,), iv=(0.0, 0.04))  # 0.25 becomes 0.26

    grid = scenario_grid([position], one, exact=exact, with_greeks=True)
    dearer = scenario_grid([up], one, exact=exact, with_greeks=True)

    assert grid.greeks is not None and dearer.greeks is not None
    mean_vega = (grid.greeks.vega[0, 0] + grid.greeks.vega[0, 1]) / 2
    assert mean_vega == pytest.approx(grid.pnl[0, 1], rel=2e-3)
    assert grid.greeks.rho[0, 0] < 0
    assert dearer.greeks.rho[0, 0] == pytest.approx(grid.greeks.rho[0, 0], rel=0.05)


@pytest.mark.parametrize(
    "asked",
    [
        {"spot": ()},
        {"spot": (0.1, 0.1)},
        {"spot": (-1.0,)},
        {"spot": (math.nan,)},
        {"iv": (math.inf,)},
        {"iv": tuple(i / 1000 for i in range(202))},
        {"days": -1.0},
        {"days": math.nan},
    ],
)
def test_shocks_without_sense_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Shocks(**asked)


@pytest.mark.parametrize("name", ["spot", "iv", "years", "rate", "dividend_yield", "beta"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -1e12])
def test_positions_without_sense_are_refused(held: Held, name: str, number: float) -> None:
    with pytest.raises(InvalidInput, match=name):
        held("1 SPY 2026-03-20 P 85", **{name: number})
