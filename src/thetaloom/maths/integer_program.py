"""Small integer programs, solved exactly: branch and bound over a bounded dual simplex on one dense table.

Every variable has an upper bound. So a start at the bounds is dual feasible, and so is every table after a change
of bounds: no node of the search ever needs a first phase or a fresh table.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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
    weights: Floats,
    ceiling: float,
    better_by: float,
    pivots_max: int,
) -> tuple[int, Floats, float, int]:
    """Minimize ``costs · x`` over ``low <= matrix · x <= high`` and ``0 <= x <= most``, all of x whole numbers.

    Only what costs at least ``better_by`` less than ``ceiling``, and than the best before, is a solution. Of numbers
    still split the one whose split weighs most by ``weights`` is decided first. Returns the status, the solution,
    its cost, and the pivots it took; after ``pivots_max`` of them it gives up with the best that it has.
    """
    rows, columns = matrix.shape
    table = matrix.copy()  # basic = table · nonbasic
    slopes = costs.copy()  # of the cost along each nonbasic
    lower, upper = np.zeros(columns + rows), np.empty(columns + rows)
    upper[:columns] = most
    lower[columns:], upper[columns:] = low, high
    basic, loose = np.arange(columns, columns + rows), np.arange(columns)
    at = np.zeros(columns)  # of each nonbasic
    found, best = np.zeros(columns), ceiling
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
            branch = _most_split(point, weights)
            if branch < 0:
                found, best = np.floor(point + 0.5), worth
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
            return (SOLVED if best < ceiling else IMPOSSIBLE), found, best, pivots
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
    worth_of = _times(table, at)
    cost = 0.0
    for j in range(columns):
        cost += slopes[j] * at[j]
    span, is_low = np.empty(columns), np.empty(columns, dtype=np.bool_)
    for j in range(columns):
        span[j], is_low[j] = upper[loose[j]] - lower[loose[j]], at[j] == lower[loose[j]]
    which, size, step = np.empty(columns, dtype=np.int64), np.empty(columns), np.empty(columns)
    reach = np.ones(rows)  # how far each row has come to move with the others (Devex)
    while True:
        row, miss, farthest = -1, 0.0, 0.0
        for i in range(rows):
            short = max(lower[basic[i]] - worth_of[i], worth_of[i] - upper[basic[i]])
            if short > FIT and short * short > farthest * reach[i]:
                row, miss, farthest = i, short, short * short / reach[i]
        if row < 0:
            return cost, pivots
        if cost >= enough:
            return math.inf, pivots
        pivots += 1
        if pivots > pivots_max:
            return math.inf, pivots
        rises = worth_of[row] < lower[basic[row]]
        ready = 0  # nonbasics that move the row toward its bound, with the step at which each turns its slope
        for j in range(columns):
            slope = table[row, j] if rises else -table[row, j]
            if abs(slope) < TINY or span[j] == 0.0 or (slope > 0.0) != is_low[j]:
                continue
            which[ready], size[ready], step[ready] = j, abs(slope), abs(slopes[j] / slope)
            ready += 1
        left, enter = miss, -1
        while True:  # pass the turns while the cost still rises along the row
            nearest, first, widest = -1, math.inf, 0.0
            for k in range(ready):
                if step[k] < first - 1e-12 or (step[k] <= first + 1e-12 and size[k] > widest):
                    nearest, first, widest = k, min(step[k], first), size[k]
            if nearest < 0:
                return math.inf, pivots
            enter = which[nearest]
            room = widest * span[enter]
            if left - room <= FIT:
                break
            left -= room
            ready -= 1
            which[nearest], size[nearest], step[nearest] = which[ready], size[ready], step[ready]
            change = span[enter] if is_low[enter] else -span[enter]
            for i in range(rows):
                worth_of[i] += table[i, enter] * change
            cost += slopes[enter] * change
            at[enter] += change
            is_low[enter] = not is_low[enter]
        target = lower[basic[row]] if rises else upper[basic[row]]
        change = (target - worth_of[row]) / table[row, enter]
        for i in range(rows):
            worth_of[i] += table[i, enter] * change
        cost += slopes[enter] * change
        entered = at[enter] + change
        for i in range(rows):
            moved = table[i, enter] / table[row, enter]
            reach[i] = max(reach[i], moved * moved * reach[row]) if i != row else reach[i]
        reach[row] = max(reach[row] / (table[row, enter] * table[row, enter]), 1.0)
        _pivot(table, slopes, row, enter)
        basic[row], loose[enter] = loose[enter], basic[row]
        worth_of[row], at[enter] = entered, target
        span[enter], is_low[enter] = upper[loose[enter]] - lower[loose[enter]], rises


@njit(cache=True)
def _times(table: Floats, at: Floats) -> Floats:
    # Plain loops: a library would wake threads for so little.
    found = np.zeros(len(table))
    for i in range(len(table)):
        for j in range(len(at)):
            found[i] += table[i, j] * at[j]
    return found


@njit(cache=True)
def _pivot(table: Floats, slopes: Floats, row: int, enter: int) -> None:
    rows, columns = table.shape
    over = 1.0 / table[row, enter]
    for j in range(columns):
        table[row, j] *= -over
    table[row, enter] = over
    line = table[row].copy()  # apart from the table, so that the loop below becomes a few wide instructions
    for i in range(rows):
        factor = table[i, enter]
        if i != row and factor != 0.0:
            other = table[i]
            other[enter] = 0.0
            for j in range(columns):
                other[j] += factor * line[j]
    factor = slopes[enter]
    slopes[enter] = 0.0
    for j in range(columns):
        slopes[j] += factor * table[row, j]


@njit(cache=True)
def _point(table: Floats, basic: NDArray[np.int64], loose: NDArray[np.int64], at: Floats, columns: int) -> Floats:
    point = np.empty(columns)
    worth_of = _times(table, at)
    for j in range(columns):
        if loose[j] < columns:
            point[loose[j]] = at[j]
    for i in range(len(basic)):
        if basic[i] < columns:
            point[basic[i]] = worth_of[i]
    return point


@njit(cache=True)
def _most_split(point: Floats, weights: Floats) -> int:
    found, most = -1, 0.0
    for j in range(len(point)):
        split = abs(point[j] - np.floor(point[j] + 0.5))
        if split > WHOLE and split * weights[j] > most:
            found, most = j, split * weights[j]
    return found
