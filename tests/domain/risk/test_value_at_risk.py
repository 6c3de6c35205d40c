"""Value at risk from days of the past, each priced anew."""

import math
from collections.abc import Callable
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.risk.conftest import Held
from thetaloom.domain.risk.value_at_risk import value_at_risk
from thetaloom.errors import InvalidInput

Textbook = Callable[..., float]
RETURNS = [round(float(each), 6) for each in np.random.default_rng(7).normal(0.0005, 0.012, 252)]


def test_stock_loses_what_its_worst_days_lost(held: Held) -> None:
    found = value_at_risk([held("100 SPY", spot=500.0)], {"SPY": RETURNS})

    losses = sorted((-50_000.0 * each for each in RETURNS), reverse=True)
    at95, at99 = found.losses
    assert at95.historical == pytest.approx(losses[12])  # the 13th of 252: 5 % is 12.6 days
    assert at99.historical == pytest.approx(losses[2])  # 1 % is 2.52 days
    assert at95.shortfall == pytest.approx(mean(losses[:13]))
    assert at99.shortfall == pytest.approx(mean(losses[:3]))
    assert found.worst_day == pytest.approx(losses[0])
    assert (found.days, found.positions, found.is_complete) == (252, 1, True)


def test_the_parametric_figure_is_that_of_a_normal_distribution(held: Held) -> None:
    found = value_at_risk([held("100 SPY", spot=500.0)], {"SPY": RETURNS})

    center, width = 50_000 * mean(RETURNS), 50_000 * stdev(RETURNS)
    assert found.losses[0].parametric == pytest.approx(1.6448536269514722 * width - center)
    assert found.losses[1].parametric == pytest.approx(2.3263478740408408 * width - center)
    assert found.three_sigma == pytest.approx(3 * width - center)


def test_options_are_priced_anew_on_each_day(held: Held, textbook: Textbook) -> None:
    put = held("-4 SPXW 2026-03-20 P 97", rate=0.04)

    found = value_at_risk([put], {"SPX": RETURNS})

    now = textbook("P", 100.0, 97.0, 0.2, 0.04, 0.0, 0.25)
    losses = sorted(
        (400 * (textbook("P", 100.0 * (1 + each), 97.0, 0.2, 0.04, 0.0, 0.25) - now) for each in RETURNS), reverse=True
    )
    assert found.losses[0].historical == pytest.approx(losses[12], rel=1e-10)
    assert found.worst_day == pytest.approx(losses[0], rel=1e-10)


def test_the_loss_of_a_bought_option_ends_at_its_premium(held: Held, textbook: Textbook) -> None:
    crash = [-0.9] * 60 + [0.0] * 192

    found = value_at_risk([held("10 SPXW 2026-03-20 C 105")], {"SPX": crash})

    premium = 1000 * textbook("C", 100.0, 105.0, 0.2, 0.0, 0.0, 0.25)
    assert found.losses[1].historical == pytest.approx(premium)


def test_underlyings_move_together_as_they_did(held: Held) -> None:
    positions = [held("100 AAA"), held("-100 BBB")]

    same = value_at_risk(positions, {"AAA": RETURNS, "BBB": RETURNS})
    against = value_at_risk(positions, {"AAA": RETURNS, "BBB": [-each for each in RETURNS]})

    assert same.losses[1].historical == pytest.approx(0.0, abs=1e-9)
    assert against.losses[1].historical == pytest.approx(
        2 * (value_at_risk(positions[:1], {"AAA": RETURNS}).losses[1].historical or 0.0)
    )


@given(scale=st.integers(2, 9), confidence=st.floats(0.6, 0.99))
@settings(max_examples=30, deadline=None)
def test_a_bigger_book_risks_in_proportion_and_a_higher_confidence_no_less(
    held: Held, scale: int, confidence: float
) -> None:
    returns = {"SPX": RETURNS}
    one = value_at_risk([held("-1 SPXW 2026-03-20 P 95")], returns, confidences=(confidence, 0.995))
    many = value_at_risk([held(f"{-scale} SPXW 2026-03-20 P 95")], returns, confidences=(confidence,))

    low, high = one.losses
    assert low.historical is not None and high.historical is not None and low.shortfall is not None
    assert many.losses[0].historical == pytest.approx(scale * low.historical)
    assert low.historical <= high.historical and low.historical <= low.shortfall + 1e-9


def test_too_few_days_tell_nothing_of_rare_ones(held: Held) -> None:
    found = value_at_risk([held("100 SPY")], {"SPY": RETURNS[:50]})

    assert [loss.historical is None for loss in found.losses] == [False, True]
    assert found.losses[1].shortfall is None
    assert found.losses[1].parametric > 0


def test_one_day_has_no_deviation(held: Held) -> None:
    found = value_at_risk([held("100 SPY", spot=500.0)], {"SPY": [-0.02]})

    assert (found.losses, found.three_sigma) == ((), None)
    assert found.worst_day == pytest.approx(1000.0)


def test_only_the_last_days_count(held: Held) -> None:
    recent = value_at_risk([held("100 SPY")], {"SPY": RETURNS})
    longer = value_at_risk([held("100 SPY")], {"SPY": [-0.5] * 10 + RETURNS})

    assert longer == recent


def test_a_position_without_returns_is_named(held: Held) -> None:
    found = value_at_risk([held("100 SPY"), held("100 NEW")], {"SPY": RETURNS})

    assert [(one.label, one.missing) for one in found.unknown] == [("100 NEW", "daily returns")]
    assert found.positions == 1


@pytest.mark.parametrize("returns", [{}, {"SPY": []}])
def test_no_day_at_all_gives_no_figure(held: Held, returns: dict[str, list[float]]) -> None:
    found = value_at_risk([held("100 SPY")], returns)

    assert (found.losses, found.worst_day, found.positions, found.is_complete) == ((), None, 0, False)


@pytest.mark.parametrize("returns", [{"SPY": [0.1], "QQQ": [0.1, 0.2]}, {"SPY": [math.nan]}, {"SPY": [-1.5]}])
def test_returns_without_sense_are_refused(held: Held, returns: dict[str, list[float]]) -> None:
    with pytest.raises(InvalidInput, match="returns"):
        value_at_risk([held("100 SPY")], returns)


@pytest.mark.parametrize("confidence", [0.5, 1.0, math.nan])
def test_a_confidence_without_sense_is_refused(held: Held, confidence: float) -> None:
    with pytest.raises(InvalidInput, match="confidence"):
        value_at_risk([held("100 SPY")], {"SPY": RETURNS}, confidences=(confidence,))
