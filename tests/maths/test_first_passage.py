import math

import numpy as np
import pytest

from thetaloom.maths.first_passage import (
    DEVIATIONS,
    POINTS,
    STOCK,
    simulated_chance,
    target_chance,
    target_dates,
    target_edges,
)
from thetaloom.maths.probability import probability_of_touch

YEARS, IV, RATE, YIELD = 0.25, 0.2, 0.04, 0.01


# A share held to a price, or one sold short, is the plain barrier that reflection solves.
@pytest.mark.parametrize("barrier", [80.0, 90.0, 97.0, 101.0, 105.0, 130.0])
def test_a_share_reaches_its_target_as_often_as_it_touches_the_price(barrier: float) -> None:
    sign = 1.0 if barrier > 100.0 else -1.0
    legs = (np.array([STOCK], dtype=np.int8), np.ones(1), np.array([sign]), np.zeros(1), np.zeros(1), np.zeros(1, bool))
    truth = probability_of_touch(barrier, 100.0, RATE, YIELD, IV, YEARS)

    grid = target_chance(*legs, 0.0, sign * barrier, 100.0, RATE, YIELD, IV, YEARS)

    assert grid == pytest.approx(truth, abs=1e-4)


@pytest.mark.parametrize("barrier", [90.0, 105.0])
def test_simulated_paths_touch_as_often_as_reflection_says(barrier: float) -> None:
    sign = 1.0 if barrier > 100.0 else -1.0
    legs = (np.array([STOCK], dtype=np.int8), np.ones(1), np.array([sign]), np.zeros(1), np.zeros(1), np.zeros(1, bool))
    dates, spread = target_dates(YEARS), IV * math.sqrt(YEARS)
    low, step = math.log(100.0) - DEVIATIONS * spread, 2 * DEVIATIONS * spread / (POINTS - 1)
    edges = target_edges(*legs, 0.0, sign * barrier, RATE, YIELD, low, step, spread, dates)
    normals = np.random.Generator(np.random.PCG64(7)).standard_normal((4000, dates.size - 1))

    chance, error = simulated_chance(edges, dates, normals, 100.0, RATE - YIELD - 0.5 * IV * IV, IV)

    assert chance == pytest.approx(probability_of_touch(barrier, 100.0, RATE, YIELD, IV, YEARS), abs=4 * error)
    assert 0 < error < 0.01


def test_a_target_already_met_is_certain_and_one_out_of_reach_never() -> None:
    legs = (np.array([STOCK], dtype=np.int8), np.ones(1), np.ones(1), np.zeros(1), np.zeros(1), np.zeros(1, bool))

    assert target_chance(*legs, 0.0, 99.0, 100.0, RATE, YIELD, IV, YEARS) == 1.0
    assert target_chance(*legs, 0.0, 1e9, 100.0, RATE, YIELD, IV, YEARS) == 0.0
