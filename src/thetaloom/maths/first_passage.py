"""The chance that a position's profit reaches a target at any time until a horizon, the underlying lognormal.

Over the life the prices at which the target is reached form regions whose edges move. The chance solves Kolmogorov's
backward equation outside of them and is 1 inside: finite differences in the logarithm of the price, with stencils
cut to the edges. A simulation with antithetic paths and bridges between its dates checks it.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.black_scholes import FloatArray
from thetaloom.maths.normal import SQRT_HALF

KindArray = npt.NDArray[np.int8]
# Of the legs: kinds, strikes, shares, years, ivs, early exercise.
LegColumns = tuple[KindArray, FloatArray, FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]
STOCK = 0  # a call is 1, a put -1

DEVIATIONS = 6.0
POINTS = 361
DATES = 56
EDGES_MAX = 16
COARSE_POINTS = 61
ROUNDS_MAX = 40
EDGE_TOLERANCE = 1e-6  # of the piece between two points in which the edge lies
DEVIATION_MIN = 1e-12
NEAR_STRIKES = np.array([-0.08, -0.03, -0.01, 0.0, 0.01, 0.03, 0.08])  # deviations around each strike
CUT_MIN = 1e-3  # of a step of the grid; an edge nearer than that to a point takes the point in


def target_chance(
    kinds: KindArray,
    strikes: FloatArray,
    shares: FloatArray,
    years: FloatArray,
    ivs: FloatArray,
    early_exercise: npt.NDArray[np.bool_],
    cash: float,
    target: float,
    spot: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    horizon: float,
) -> float:
    """Give the chance that worth plus ``cash`` is ``target`` or more at any time from now to ``horizon``.

    ``years`` are the legs' lives; each leg is priced at its own of ``ivs``, the underlying moves by ``iv``.
    """
    dates = target_dates(horizon)
    spread = iv * math.sqrt(horizon)
    drift = rate - dividend_yield - 0.5 * iv * iv
    step = (2.0 * DEVIATIONS * spread + abs(drift) * horizon) / (POINTS - 1)
    center = math.log(spot)
    place = round((DEVIATIONS * spread - min(0.0, drift * horizon)) / step)
    low = center - step * place  # the spot is a point of the grid
    edges = target_edges(
        kinds, strikes, shares, years, ivs, early_exercise, cash, target, rate, dividend_yield, low, step, spread, dates
    )
    found = float(_solve_back(edges, dates, low, step, drift, iv, np.zeros(POINTS))[place])
    return min(max(found, 0.0), 1.0)


def target_dates(horizon: float) -> FloatArray:
    """Give the dates of the grid in years, denser towards the horizon, where worth changes fastest."""
    left = 1.0 - np.arange(DATES + 1) / DATES
    dates: FloatArray = horizon * (1.0 - left * left)
    return dates


def target_edges(
    kinds: KindArray,
    strikes: FloatArray,
    shares: FloatArray,
    years: FloatArray,
    ivs: FloatArray,
    early_exercise: npt.NDArray[np.bool_],
    cash: float,
    target: float,
    rate: float,
    dividend_yield: float,
    low: float,
    step: float,
    spread: float,
    dates: FloatArray,
) -> FloatArray:
    """Give, by date, the edges of the regions in ln(price), each from then to: pairs, NaN where there are no more."""
    high = low + (POINTS - 1) * step
    near = np.add.outer(np.log(strikes), NEAR_STRIKES * spread).ravel()
    points = np.unique(np.concatenate([np.linspace(low, high, COARSE_POINTS), np.clip(near, low, high)]))
    left = np.maximum(0.0, years - dates[:, None])
    deviation = ivs * np.sqrt(left)
    # Of each leg on each date, as columns: what does not depend on the price is worked out once.
    terms = np.stack(
        [
            deviation,
            np.log(strikes) - (rate - dividend_yield) * left - 0.5 * deviation * deviation,
            shares * np.exp(-dividend_yield * left),
            shares * strikes * np.exp(-rate * left),
        ]
    )
    edges = np.full((dates.size, 2 * EDGES_MAX), math.nan)
    _find_edges(points, terms, kinds, strikes, shares, early_exercise, target - cash, edges)
    return edges


@njit(cache=True, error_model="numpy", nogil=True)
def _find_edges(
    points: FloatArray,
    terms: npt.NDArray[np.float64],
    kinds: KindArray,
    strikes: FloatArray,
    shares: FloatArray,
    early_exercise: npt.NDArray[np.bool_],
    needed: float,
    edges: FloatArray,
) -> None:
    for j in range(edges.shape[0]):
        count = 0
        was_above = False
        before = 0.0
        for i in range(points.size):
            excess = _worth(points[i], j, terms, kinds, strikes, shares, early_exercise) - needed
            above = excess >= 0.0
            if above != was_above and count < 2 * EDGES_MAX:
                edge = -math.inf
                if i > 0:
                    edge = _edge_between(
                        points[i - 1],
                        points[i],
                        before,
                        excess,
                        j,
                        terms,
                        kinds,
                        strikes,
                        shares,
                        early_exercise,
                        needed,
                    )
                edges[j, count] = edge
                count += 1
                was_above = above
            before = excess
        if was_above and count < 2 * EDGES_MAX:
            edges[j, count] = math.inf


@njit(cache=True, error_model="numpy")
def _edge_between(
    start: float,
    end: float,
    at_start: float,
    at_end: float,
    date: int,
    terms: npt.NDArray[np.float64],
    kinds: KindArray,
    strikes: FloatArray,
    shares: FloatArray,
    early_exercise: npt.NDArray[np.bool_],
    needed: float,
) -> float:
    # Regula falsi; the height of an end that stays is halved (Illinois).
    tolerance = EDGE_TOLERANCE * (end - start)
    edge = end
    for _ in range(ROUNDS_MAX):
        previous = edge
        edge = (start * at_end - end * at_start) / (at_end - at_start)
        if abs(edge - previous) < tolerance:
            break
        height = _worth(edge, date, terms, kinds, strikes, shares, early_exercise) - needed
        if (height >= 0.0) == (at_start >= 0.0):
            start, at_start, at_end = edge, height, 0.5 * at_end
        else:
            end, at_end, at_start = edge, height, 0.5 * at_start
    return edge


@njit(cache=True, error_model="numpy")
def _worth(
    x: float,
    date: int,
    terms: npt.NDArray[np.float64],
    kinds: KindArray,
    strikes: FloatArray,
    shares: FloatArray,
    early_exercise: npt.NDArray[np.bool_],
) -> float:
    # Black-Scholes as it stands in textbooks: what cancels in a far tail is less than an edge can show.
    price = math.exp(x)
    total = 0.0
    for leg in range(strikes.size):
        side = float(kinds[leg])
        if kinds[leg] == STOCK:
            total += shares[leg] * price
            continue
        deviation = terms[0, date, leg]
        of_price, of_strike = terms[2, date, leg] * price, terms[3, date, leg]
        if deviation > DEVIATION_MIN:
            score = side * SQRT_HALF * (x - terms[1, date, leg]) / deviation
            below, apart = math.erfc(-score), side * SQRT_HALF * deviation
            worth = 0.5 * side * (of_price * below - of_strike * math.erfc(apart - score))
        else:
            gain = side * (of_price - of_strike)
            worth = gain if gain * shares[leg] > 0.0 else 0.0
        if early_exercise[leg]:
            exercised = side * (price - strikes[leg])
            if exercised * abs(shares[leg]) > abs(worth) and exercised > 0.0:
                worth = exercised * shares[leg]
        total += worth
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def _solve_back(
    edges: FloatArray, dates: FloatArray, low: float, step: float, drift: float, iv: float, chance: FloatArray
) -> FloatArray:
    size = chance.size
    inside, inside_later = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    gaps, gaps_later = np.empty((2, size)), np.empty((2, size))
    work = np.empty((2, size))
    for j in range(dates.size - 1, -1, -1):
        _cut(edges[j], low, step, inside, gaps)
        if j < dates.size - 1:
            wait = dates[j + 1] - dates[j]
            # Early rounds damp what the sudden edge at the horizon leaves behind.
            weight = 1.0 if j >= dates.size - 5 else 0.5
            _step_back(chance, wait, drift, iv, step, weight, inside, gaps, inside_later, gaps_later, work)
        for i in range(size):
            if inside[i]:
                chance[i] = 1.0
        inside, inside_later = inside_later, inside
        gaps, gaps_later = gaps_later, gaps
    return chance


@njit(cache=True, error_model="numpy")
def _cut(
    edges: FloatArray, low: float, step: float, inside: npt.NDArray[np.bool_], gaps: npt.NDArray[np.float64]
) -> None:
    # Which points lie in a region, and how far each other one has to its neighbours or to a nearer edge.
    tolerance = CUT_MIN * step
    for i in range(inside.size):
        inside[i] = False
        gaps[0, i], gaps[1, i] = step, step
    for n in range(edges.size // 2):
        begin, end = edges[2 * n], edges[2 * n + 1]
        if math.isnan(begin):
            break
        for i in range(inside.size):
            x = low + i * step
            if begin - tolerance <= x <= end + tolerance:
                inside[i] = True
            elif 0.0 < begin - x < step:
                gaps[1, i] = begin - x
            elif 0.0 < x - end < step:
                gaps[0, i] = x - end


@njit(cache=True, error_model="numpy")
def _step_back(
    chance: FloatArray,
    wait: float,
    drift: float,
    iv: float,
    step: float,
    weight: float,
    inside: npt.NDArray[np.bool_],
    gaps: npt.NDArray[np.float64],
    inside_later: npt.NDArray[np.bool_],
    gaps_later: npt.NDArray[np.float64],
    work: npt.NDArray[np.float64],
) -> None:
    # One step of the theta method: ``weight`` of the operator at the earlier date, the rest at the later one.
    # The three diagonals are made and eliminated in one pass; ``work`` keeps the upper one and what is given.
    size = chance.size
    plain_down, plain_up = _rates(step, step, drift, iv)
    work[0, 0], work[1, 0] = 0.0, chance[0]
    for i in range(1, size):
        given, lower, diagonal, upper = chance[i], 0.0, 1.0, 0.0
        if inside[i]:
            given = 1.0
        elif i < size - 1:
            if weight < 1.0 and not inside_later[i]:
                down, up = plain_down, plain_up
                left, right = gaps_later[0, i], gaps_later[1, i]
                if left < step or right < step:
                    down, up = _rates(left, right, drift, iv)
                below = 1.0 if left < step else chance[i - 1]
                above = 1.0 if right < step else chance[i + 1]
                given += (1.0 - weight) * wait * (down * (below - chance[i]) + up * (above - chance[i]))
            down, up = plain_down, plain_up
            left, right = gaps[0, i], gaps[1, i]
            if left < step or right < step:
                down, up = _rates(left, right, drift, iv)
            down *= weight * wait
            up *= weight * wait
            diagonal += down + up
            if left < step:
                given += down
            else:
                lower = down
            if right < step:
                given += up
            else:
                upper = up
        scale = 1.0 / (diagonal - lower * work[0, i - 1])
        work[0, i] = upper * scale
        work[1, i] = (given + lower * work[1, i - 1]) * scale
    chance[size - 1] = work[1, size - 1]
    for i in range(size - 2, -1, -1):
        chance[i] = work[1, i] + work[0, i] * chance[i + 1]


@njit(cache=True, error_model="numpy")
def _rates(left: float, right: float, drift: float, iv: float) -> tuple[float, float]:
    # Of moving down and up, by second differences on uneven points.
    both = left + right
    down = (iv * iv - drift * right) / (left * both)
    up = (iv * iv + drift * left) / (right * both)
    return max(down, 0.0), max(up, 0.0)


@njit(cache=True, error_model="numpy", nogil=True)
def simulated_chance(
    edges: FloatArray, dates: FloatArray, normals: FloatArray, spot: float, drift: float, iv: float
) -> tuple[float, float]:
    """Give the chance to enter the regions by simulated paths and its standard error; each row of normals is two paths.

    ``drift`` is that of ln(price). Between two dates a path may have crossed an edge and come back: the bridge's
    chance of that counts.
    """
    pairs = normals.shape[0]
    total, squares = 0.0, 0.0
    for n in range(pairs):
        mean = 0.5 * (
            _path_chance(edges, dates, normals[n], 1.0, spot, drift, iv)
            + _path_chance(edges, dates, normals[n], -1.0, spot, drift, iv)
        )
        total += mean
        squares += mean * mean
    chance = total / pairs
    variance = max(0.0, squares / pairs - chance * chance)
    return chance, math.sqrt(variance / (pairs - 1))


@njit(cache=True, error_model="numpy")
def _path_chance(
    edges: FloatArray, dates: FloatArray, normals: FloatArray, sign: float, spot: float, drift: float, iv: float
) -> float:
    x = math.log(spot)
    below, above, is_inside = _neighbours(edges[0], x)
    if is_inside:
        return 1.0
    outside = 1.0
    for j in range(1, dates.size):
        wait = dates[j] - dates[j - 1]
        x_next = x + drift * wait + iv * math.sqrt(wait) * sign * normals[j - 1]
        below_next, above_next, is_inside = _neighbours(edges[j], x_next)
        if is_inside:
            return 1.0
        variance = iv * iv * wait
        for edge, side in ((0.5 * (below + below_next), -1.0), (0.5 * (above + above_next), 1.0)):
            if abs(edge) < math.inf:
                room = max(0.0, side * (edge - x)) * max(0.0, side * (edge - x_next))
                outside *= -math.expm1(-2.0 * room / variance)
        x, below, above = x_next, below_next, above_next
    return 1.0 - outside


@njit(cache=True, error_model="numpy")
def _neighbours(edges: FloatArray, x: float) -> tuple[float, float, bool]:
    below, above = -math.inf, math.inf
    for n in range(edges.size // 2):
        begin, end = edges[2 * n], edges[2 * n + 1]
        if math.isnan(begin):
            break
        if begin <= x <= end:
            return below, above, True
        if end < x:
            below = end
        elif begin < above:
            above = begin
    return below, above, False
