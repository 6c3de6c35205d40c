import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from thetaloom.maths.integer_program import GAVE_UP, IMPOSSIBLE, SOLVED, least_cost

NO_END = float("inf")


def numbers(low: int, high: int, size: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(low, high), min_size=size, max_size=size)


@st.composite
def programs(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    columns, rows = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    matrix = np.array([draw(numbers(-4, 4, columns)) for _ in range(rows)], dtype=float)
    low = np.array(draw(numbers(-6, 3, rows)), dtype=float)
    high = low + np.array(draw(st.lists(st.sampled_from([0, 2, 9, NO_END]), min_size=rows, max_size=rows)))
    costs = np.array(draw(numbers(-9, 9, columns)), dtype=float)
    most = np.array(draw(numbers(0, 5, columns)), dtype=float)
    return costs, matrix, low, high, most


@settings(max_examples=300, deadline=None)
@given(programs())
def test_it_finds_what_a_solver_at_large_finds(program: tuple[np.ndarray, ...]) -> None:
    costs, matrix, low, high, most = program
    weights = np.ones(len(costs))

    status, found, cost, _ = least_cost(costs, matrix, low, high, most, weights, NO_END, 0.5, 100_000)
    known = milp(
        costs, integrality=np.ones(len(costs)), bounds=Bounds(0, most), constraints=LinearConstraint(matrix, low, high)
    )

    if known.x is None:
        assert status == IMPOSSIBLE
        return
    assert status == SOLVED
    assert cost == pytest.approx(known.fun, abs=1e-6)
    assert costs @ found == pytest.approx(cost, abs=1e-6)
    assert ((found >= 0) & (found <= most)).all()
    assert ((matrix @ found >= low - 1e-6) & (matrix @ found <= high + 1e-6)).all()


KNAPSACK = (
    np.array([-10.0, -13.0, -7.0]),
    np.array([[3.0, 4.0, 2.0]]),
    np.array([0.0]),
    np.array([6.0]),
    np.ones(3),
    np.ones(3),
)


def test_a_knapsack_takes_the_best_that_fits() -> None:
    status, found, cost, _ = least_cost(*KNAPSACK, NO_END, 0.5, 1_000)

    assert (status, list(found), cost) == (SOLVED, [0, 1, 1], -20)


def test_nothing_below_the_ceiling_is_no_solution() -> None:
    assert least_cost(*KNAPSACK, -20.0, 0.5, 1_000)[0] == IMPOSSIBLE


def test_out_of_pivots_it_gives_up() -> None:
    assert least_cost(*KNAPSACK, NO_END, 0.5, 0)[0] == GAVE_UP
