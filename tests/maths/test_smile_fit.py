import math

import numpy as np
import pytest

from thetaloom.maths.smile_fit import fit_shape, shape_of
from thetaloom.maths.svi import Shape, free_of, svi_density, svi_variance

TRUTH: Shape = (0.01, 0.08, -0.5, 0.02, 0.15)
START: Shape = (0.02, 0.2, 0.3, -0.1, 0.3)
QUOTED, GRID = np.linspace(-0.4, 0.3, 40), np.linspace(-2.0, 2.0, 161)
UNBOUND = np.full(GRID.size, math.inf)


def test_free_coordinates_give_their_shape_back() -> None:
    assert shape_of(free_of(TRUTH)) == pytest.approx(TRUTH, rel=1e-12)


def test_a_shape_is_found_from_afar() -> None:
    quotes = (QUOTED, svi_variance(TRUTH, QUOTED), np.full(QUOTED.size, 1e-4))

    cost, free = fit_shape(free_of(START), *quotes, GRID, UNBOUND, np.full(2, 1.96), 100.0, 150)

    assert cost < 1e-6
    assert shape_of(free) == pytest.approx(TRUTH, rel=1e-3)


def test_a_ceiling_and_the_density_press_a_smile_down() -> None:
    quotes = (QUOTED, svi_variance(TRUTH, QUOTED), np.full(QUOTED.size, 1e-3))
    low: Shape = (0.0, 0.06, -0.5, 0.02, 0.15)
    ceiling = svi_variance(low, GRID)

    _, free = fit_shape(free_of(START), *quotes, GRID, ceiling, np.array([0.03, 0.09]), 1000.0, 150)

    found = shape_of(free)
    assert (svi_variance(found, GRID) <= ceiling + 1e-4).all()
    assert (svi_density(found, GRID) >= 0.0).all()
    assert found[1] * (1 + found[2]) <= 0.031
