import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.maths.conftest import KERNELS
from thetaloom.maths.black_scholes import bsm_price
from thetaloom.maths.probability import expected_payoff, probability_of_touch, probability_within

INF = math.inf


@KERNELS
@given(
    cut=st.floats(20.0, 400.0),
    iv=st.floats(0.05, 2.0),
    years=st.floats(0.01, 3.0),
    rate=st.floats(-0.05, 0.1),
)
def test_below_and_above_are_all_there_is(cut: float, iv: float, years: float, rate: float) -> None:
    whole = probability_within([0.0, cut], [cut, INF], 100.0, rate, 0.01, iv, years)

    assert whole == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize(("low", "high"), [(300.0, 310.0), (20.0, 21.0), (95.0, 105.0)])
def test_a_far_interval_keeps_its_digits(low: float, high: float) -> None:
    iv = mpmath.mpf(0.2)
    scores = [(mpmath.log(mpmath.mpf(bound) / 100) + iv**2 / 2) / iv for bound in (low, high)]
    truth = (mpmath.erfc(-scores[1] / mpmath.sqrt(2)) - mpmath.erfc(-scores[0] / mpmath.sqrt(2))) / 2

    ours = probability_within(low, high, 100.0, 0.0, 0.0, 0.2, 1.0)

    assert ours == pytest.approx(float(truth), rel=1e-12)


def test_a_certain_price_lies_within_or_not() -> None:
    assert probability_within([90.0], [110.0], 100.0, 0.0, 0.0, 0.3, 0.0) == 1.0
    assert probability_within([100.0], [110.0], 100.0, 0.0, 0.0, 0.0, 1.0) == 1.0
    assert probability_within([101.0], [110.0], 100.0, 0.0, 0.0, 0.0, 1.0) == 0.0
    assert probability_within([0.0], [99.0], 100.0, 0.0, 0.0, 0.0, 1.0) == 0.0


# By simulation of 200,000 ends, each with the chance that a Brownian bridge to it meets the barrier.
@pytest.mark.parametrize("barrier", [80.0, 95.0, 105.0, 130.0])
@pytest.mark.parametrize("rate", [0.0, 0.3, -0.3])
def test_the_chance_of_a_touch_is_that_of_simulated_paths(barrier: float, rate: float) -> None:
    rng = np.random.default_rng(5)
    paths, s = 200_000, 0.25 * math.sqrt(0.5)
    end = (rate - 0.25**2 / 2) * 0.5 + s * rng.standard_normal(paths)
    distance = abs(math.log(barrier / 100.0))
    toward = end if barrier > 100.0 else -end
    bridge = np.exp(-2.0 * distance * np.maximum(0.0, distance - toward) / (s * s))
    simulated = float(np.where(toward >= distance, 1.0, bridge).mean())

    assert probability_of_touch(barrier, 100.0, rate, 0.0, 0.25, 0.5) == pytest.approx(simulated, abs=4e-3)


@KERNELS
@given(
    barrier=st.floats(50.0, 200.0),
    iv=st.floats(0.01, 2.0),
    years=st.floats(0.01, 2.0),
    rate=st.floats(-0.1, 0.1),
)
def test_a_touch_is_at_least_as_likely_as_finishing_beyond(
    barrier: float, iv: float, years: float, rate: float
) -> None:
    low, high = (barrier, INF) if barrier > 100.0 else (0.0, barrier)

    touch = probability_of_touch(barrier, 100.0, rate, 0.0, iv, years)

    assert probability_within(low, high, 100.0, rate, 0.0, iv, years) - 1e-13 <= touch <= 1.0


def test_a_touch_without_volatility_is_a_matter_of_drift() -> None:
    assert probability_of_touch(100.0, 100.0, 0.0, 0.0, 0.2, 1.0) == 1.0
    assert probability_of_touch(105.0, 100.0, 0.1, 0.0, 0.0, 1.0) == 1.0
    assert probability_of_touch(105.0, 100.0, 0.0, 0.0, 0.0, 1.0) == 0.0
    assert probability_of_touch(95.0, 100.0, -0.1, 0.0, 0.0, 1.0) == 1.0


def test_the_expected_payoff_of_a_call_is_its_price_with_interest() -> None:
    expected = expected_payoff([100.0], [0.0], 0.0, 1.0, 95.0, 0.05, 0.02, 0.3, 0.8)

    assert expected == pytest.approx(bsm_price(True, 95.0, 100.0, 0.8, 0.05, 0.02, 0.3) * math.exp(0.04), rel=1e-13)


def test_the_expected_payoff_of_a_straight_line_is_its_height_at_the_forward() -> None:
    expected = expected_payoff([0.0, 50.0, 100.0], [5.0, 105.0, 205.0], 2.0, 2.0, 95.0, 0.05, 0.0, 0.3, 1.0)

    assert expected == pytest.approx(5.0 + 2.0 * 95.0 * math.exp(0.05), rel=1e-14)


def test_the_expected_payoff_of_a_condor_is_the_sum_of_its_options() -> None:
    knots, payoffs = [0.0, 90.0, 95.0, 105.0, 110.0], [-3.5, -3.5, 1.5, 1.5, -3.5]
    legs = [(False, 90.0, 1.0), (False, 95.0, -1.0), (True, 105.0, -1.0), (True, 110.0, 1.0)]

    expected = expected_payoff(knots, payoffs, 0.0, 0.0, 100.0, 0.0, 0.0, 0.25, 0.2)

    options = sum(quantity * bsm_price(right, 100.0, k, 0.2, 0.0, 0.0, 0.25) for right, k, quantity in legs)
    assert expected == pytest.approx(1.5 + options, rel=1e-12)


def test_a_certain_price_has_its_own_payoff() -> None:
    assert expected_payoff([0.0, 100.0], [0.0, 0.0], 0.0, 1.0, 104.0, 0.0, 0.0, 0.2, 0.0) == 4.0


def test_senseless_input_gives_no_number() -> None:
    assert math.isnan(probability_within([90.0], [110.0], math.nan, 0.0, 0.0, 0.2, 1.0))
    assert math.isnan(probability_within([110.0], [90.0], 100.0, 0.0, 0.0, 0.2, 1.0))
    assert math.isnan(probability_of_touch(0.0, 100.0, 0.0, 0.0, 0.2, 1.0))
    assert math.isnan(expected_payoff([], [], 0.0, 0.0, 100.0, 0.0, 0.0, 0.2, 1.0))
    assert math.isnan(expected_payoff([100.0, 90.0], [0.0, 0.0], 0.0, 0.0, 100.0, 0.0, 0.0, 0.2, 1.0))
