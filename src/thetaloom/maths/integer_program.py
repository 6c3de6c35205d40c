"""Small integer programs, solved exactly: branch and bound over a bounded dual simplex on one dense table.

Every variable that carries a negative cost must have an upper bound. Then a start at the bounds is dual feasible,
and so is every table after a change of bounds: no node of the search ever needs a first phase or a fresh table.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SOLVED, IMPOSSIBLE, GAVE_UP = 0, 1, 2
TINY = 1e-9  # what counts as no slope
FIT = 1e-7  # by how much a bound may be missed
WHOLE = 1e-6  # how near to a whole number is one


@njit(cache=True)
def least_cost(
    costs: Floats,
    matrix: Floats,
    low: Floats,
    high: Floats,
    most: Floats,
    is_whole: Flags,
    better_by: float,
    pivots_max: int,
) -> tuple[int, Floats, float, int]:
    """Minimize ``costs · x`` over ``low <= matrix · x <= high`` and ``0 <= x <= most``, some of x whole numbers.

    A solution is kept only if it costs at least ``better_by`` less than the best before. Returns the status, the
    solution, its cost, and the pivots it took; after ``pivots_max`` of them it gives up.
    """
    rows, columns = matrix.shape
    table = matrix.copy()  # basic = table · nonbasic
    slopes = costs.copy()  # of the cost along each nonbasic
    lower, upper = np.zeros(columns + rows), np.empty(columns + rows)
    upper[:columns] = most
    lower[columns:], upper[columns:] = low, high
    basic, loose = np.arange(columns, columns + rows), np.arange(columns)
    at = np.zeros(columns)  # of each nonbasic
    found, best = np.zeros(columns), np.inf
    depth = 0
    path = np.empty((4 * columns + 8, 5))  # variable, its bounds before, the bound to try next and which side it is
    pivots = 0
    while True:
        worth, pivots = _descend(table, slopes, lower, upper, basic, loose, at, best - better_by, pivots, pivots_max)
        if pivots > pivots_max:
            return GAVE_UP, found, best, pivots
        branch, number = -1, 0.0
        if worth < best - better_by:
            point = _point(table, basic, loose, at, columns)
            branch = _most_split(point, is_whole)
            if branch < 0:
                found, best = np.where(is_whole, np.floor(point + 0.5), point), worth
            else:
                number = point[branch]
        if branch >= 0:
            if depth == len(path):
                return GAVE_UP, found, best, pivots
            down = number - np.floor(number) < 0.5
            path[depth, 0], path[depth, 3] = branch, np.floor(number)
            path[depth, 1], path[depth, 2] = lower[branch], upper[branch]
            path[depth, 4] = 1.0 if down else 0.0
            depth += 1
            if down:
                upper[branch] = np.floor(number)
            else:
                lower[branch] = np.floor(number) + 1
            continue
        while depth and path[depth - 1, 4] > 1.5:  # both sides seen
            depth -= 1
            lower[int(path[depth, 0])], upper[int(path[depth, 0])] = path[depth, 1], path[depth, 2]
        if not depth:
            return (SOLVED if best < np.inf else IMPOSSIBLE), found, best, pivots
        back = path[depth - 1]
        variable = int(back[0])
        lower[variable], upper[variable] = back[1], back[2]
        if back[4] == 1.0:
            lower[variable] = back[3] + 1
        else:
            upper[variable] = back[3]
        path[depth - 1, 4] = 2.0


@njit(cache=True)
def _descend(
    table: Floats,
    slopes: Floats,
    lower: Floats,
    upper: Floats,
    basic: NDArray[np.int64],
    loose: NDArray[np.int64],
    at: Floats,
    enough: float,
    pivots: int,
    pivots_max: int,
) -> tuple[float, int]:
    """Bring the table to its least cost within the bounds; infinite when there is none or it is not below enough."""
    rows, columns = table.shape
    for j in range(columns):
        variable = loose[j]
        at[j] = lower[variable] if slopes[j] >= 0.0 else upper[variable]
        if not np.isfinite(at[j]):
            at[j] = lower[variable] if np.isfinite(lower[variable]) else upper[variable]
    worth_of = table @ at
    cost = slopes @ at
    flipped = np.zeros(columns, dtype=np.bool_)
    while True:
        row, miss = -1, FIT
        for i in range(rows):
            short = max(lower[basic[i]] - worth_of[i], worth_of[i] - upper[basic[i]])
            if short > miss:
                row, miss = i, short
        if row < 0:
            return cost, pivots
        if cost >= enough:
            return np.inf, pivots
        pivots += 1
        if pivots > pivots_max:
            return np.inf, pivots
        rises = worth_of[row] < lower[basic[row]]
        flipped[:] = False
        left, enter = miss, -1
        while True:  # pass the breakpoints while the cost still rises along the row
            enter, ratio, pivot = -1, np.inf, 0.0
            for j in range(columns):
                slope = table[row, j] if rises else -table[row, j]
                variable = loose[j]
                if flipped[j] or abs(slope) < TINY or lower[variable] == upper[variable]:
                    continue
                is_low = at[j] == lower[variable]
                if (slope > 0.0) == is_low:
                    step = abs(slopes[j] / slope)
                    if step < ratio - 1e-12 or (step <= ratio + 1e-12 and abs(slope) > pivot):
                        enter, ratio, pivot = j, min(step, ratio), abs(slope)
            if enter < 0:
                break
            room = pivot * (upper[loose[enter]] - lower[loose[enter]])
            if left - room <= FIT:
                break
            left -= room
            flipped[enter] = True
        if enter < 0:
            return np.inf, pivots
        for j in range(columns):
            if flipped[j]:
                other = lower[loose[j]] + upper[loose[j]] - at[j]
                change = other - at[j]
                for i in range(rows):
                    worth_of[i] += table[i, j] * change
                cost += slopes[j] * change
                at[j] = other
        target = lower[basic[row]] if rises else upper[basic[row]]
        change = (target - worth_of[row]) / table[row, enter]
        for i in range(rows):
            worth_of[i] += table[i, enter] * change
        cost += slopes[enter] * change
        entered = at[enter] + change
        _pivot(table, slopes, row, enter)
        basic[row], loose[enter] = loose[enter], basic[row]
        worth_of[row], at[enter] = entered, target


@njit(cache=True)
def _pivot(table: Floats, slopes: Floats, row: int, enter: int) -> None:
    rows, columns = table.shape
    over = 1.0 / table[row, enter]
    for j in range(columns):
        table[row, j] *= -over
    table[row, enter] = over
    for i in range(rows):
        factor = table[i, enter]
        if i != row and factor != 0.0:
            table[i, enter] = 0.0
            for j in range(columns):
                table[i, j] += factor * table[row, j]
    factor = slopes[enter]
    slopes[enter] = 0.0
    for j in range(columns):
        slopes[j] += factor * table[row, j]


@njit(cache=True)
def _point(
    table: Floats, basic: NDArray[np.int64], loose: NDArray[np.int64], at: Floats, columns: int
) -> Floats:
    point = np.empty(columns)
    worth_of = table @ at
    for j in range(columns):
        if loose[j] < columns:
            point[loose[j]] = at[j]
    for i in range(len(basic)):
        if basic[i] < columns:
            point[basic[i]] = worth_of[i]
    return point


@njit(cache=True)
def _most_split(point: Floats, is_whole: Flags) -> int:
    found, most = -1, WHOLE
    for j in range(len(point)):
        if is_whole[j]:
            split = abs(point[j] - np.floor(point[j] + 0.5))
            if split > most:
                found, most = j, split
    return found
