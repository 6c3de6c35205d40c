"""The chance that a position's profit reaches a target at any time until a horizon, the underlying lognormal.

Over the life the prices at which the target is reached form regions whose edges move. The chance solves Kolmogorov's
backward equation outside of them and is 1 inside: finite differences in the logarithm of the price, with stencils
cut to the edges. A simulation with antithetic paths and bridges between its dates checks it.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.black_scholes import FloatArray, bsm_price

KindArray = npt.NDArray[np.int8]
STOCK = 0  # a call is 1, a put -1

DEVIATIONS = 6.0
POINTS = 361
DATES = 56
EDGES_MAX = 16
COARSE_POINTS = 61
HALVINGS = 16
NEAR_STRIKES = np.array([-0.08, -0.03, -0.01, 0.0, 0.01, 0.03, 0.08])  # deviations around each strike
CUT_MIN = 1e-3  # of a step of the grid; an edge nearer than that to a point takes the point in


@njit(cache=True, error_model="numpy", nogil=True)
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
    step = 2.0 * DEVIATIONS * spread / (POINTS - 1)
    center = math.log(spot)
    low = center - DEVIATIONS * spread + min(0.0, drift * horizon)
    step = (2.0 * DEVIATIONS * spread + abs(drift) * horizon) / (POINTS - 1)
    low = center - step * round((center - low) / step)  # the spot is a point of the grid
    edges = target_edges(
        kinds, strikes, shares, years, ivs, early_exercise, cash, target, rate, dividend_yield, low, step, spread, dates
    )
    chance = np.zeros(POINTS)
    inside = np.zeros(POINTS, dtype=np.bool_)
    left, right = np.empty(POINTS), np.empty(POINTS)
    inside_later = np.zeros(POINTS, dtype=np.bool_)
    left_later, right_later = np.empty(POINTS), np.empty(POINTS)
    for j in range(dates.size - 1, -1, -1):
        _cut(edges[j], low, step, inside, left, right)
        if j < dates.size - 1:
            wait = dates[j + 1] - dates[j]
            # Early rounds damp what the sudden edge at the horizon leaves behind.
            weight = 1.0 if j >= dates.size - 5 else 0.5
            _step_back(
                chance, wait, drift, iv, step, weight, inside, left, right, inside_later, left_later, right_later
            )
        for i in range(POINTS):
            if inside[i]:
                chance[i] = 1.0
            inside_later[i], left_later[i], right_later[i] = inside[i], left[i], right[i]
    found: float = chance[round((center - low) / step)]
    return min(max(found, 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def target_dates(horizon: float) -> FloatArray:
    """Give the dates of the grid in years, denser towards the horizon, where worth changes fastest."""
    dates = np.empty(DATES + 1)
    for j in range(DATES + 1):
        left = 1.0 - j / DATES
        dates[j] = horizon * (1.0 - left * left)
    return dates


@njit(cache=True, error_model="numpy", nogil=True)
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
    points = np.empty(COARSE_POINTS + NEAR_STRIKES.size * strikes.size)
    for i in range(COARSE_POINTS):
        points[i] = low + (high - low) * i / (COARSE_POINTS - 1)
    for leg in range(strikes.size):
        for n in range(NEAR_STRIKES.size):
            at = low if kinds[leg] == STOCK else math.log(strikes[leg]) + NEAR_STRIKES[n] * spread
            points[COARSE_POINTS + leg * NEAR_STRIKES.size + n] = min(max(at, low), high)
    points = np.unique(points)
    edges = np.full((dates.size, 2 * EDGES_MAX), math.nan)
    for j in range(dates.size):
        count = 0
        was_above = False
        for i in range(points.size):
            above = (
                _worth(points[i], dates[j], kinds, strikes, shares, years, ivs, early_exercise, rate, dividend_yield)
                + cash
                >= target
            )
            if above != was_above and count < 2 * EDGES_MAX:
                edge = -math.inf
                if i > 0:
                    outer, inner = points[i - 1], points[i]
                    for _ in range(HALVINGS):
                        middle = 0.5 * (outer + inner)
                        worth = _worth(
                            middle, dates[j], kinds, strikes, shares, years, ivs, early_exercise, rate, dividend_yield
                        )
                        if (worth + cash >= target) == was_above:
                            outer = middle
                        else:
                            inner = middle
                    edge = 0.5 * (outer + inner)
                edges[j, count] = edge
                count += 1
                was_above = above
        if was_above and count < 2 * EDGES_MAX:
            edges[j, count] = math.inf
    return edges


@njit(cache=True, error_model="numpy")
def _worth(
    x: float,
    date: float,
    kinds: KindArray,
    strikes: FloatArray,
    shares: FloatArray,
    years: FloatArray,
    ivs: FloatArray,
    early_exercise: npt.NDArray[np.bool_],
    rate: float,
    dividend_yield: float,
) -> float:
    price = math.exp(x)
    total = 0.0
    for leg in range(strikes.size):
        if kinds[leg] == STOCK:
            total += shares[leg] * price
            continue
        left = max(0.0, years[leg] - date)
        worth = bsm_price(kinds[leg] == 1, price, strikes[leg], left, rate, dividend_yield, ivs[leg])
        if early_exercise[leg]:
            worth = max(worth, kinds[leg] * (price - strikes[leg]))
        total += shares[leg] * worth
    return total


@njit(cache=True, error_model="numpy")
def _cut(
    edges: FloatArray,
    low: float,
    step: float,
    inside: npt.NDArray[np.bool_],
    left: FloatArray,
    right: FloatArray,
) -> None:
    # Which points lie in a region, and how far each other one has to its neighbours or to a nearer edge.
    tolerance = CUT_MIN * step
    for i in range(inside.size):
        inside[i] = False
        left[i], right[i] = step, step
    for n in range(edges.size // 2):
        begin, end = edges[2 * n], edges[2 * n + 1]
        if math.isnan(begin):
            break
        for i in range(inside.size):
            x = low + i * step
            if begin - tolerance <= x <= end + tolerance:
                inside[i] = True
            elif 0.0 < begin - x < step:
                right[i] = begin - x
            elif 0.0 < x - end < step:
                left[i] = x - end


@njit(cache=True, error_model="numpy")
def _step_back(
    chance: FloatArray,
    wait: float,
    drift: float,
    iv: float,
    step: float,
    weight: float,
    inside: npt.NDArray[np.bool_],
    left: FloatArray,
    right: FloatArray,
    inside_later: npt.NDArray[np.bool_],
    left_later: FloatArray,
    right_later: FloatArray,
) -> None:
    # One step of the theta method: ``weight`` of the operator at the earlier date, the rest at the later one.
    size = chance.size
    given = np.empty(size)
    lower, diagonal, upper = np.zeros(size), np.ones(size), np.zeros(size)
    for i in range(size):
        given[i] = chance[i]
        if 0 < i < size - 1:
            if weight < 1.0 and not inside_later[i]:
                down, up = _rates(left_later[i], right_later[i], drift, iv)
                below = 1.0 if left_later[i] < step else chance[i - 1]
                above = 1.0 if right_later[i] < step else chance[i + 1]
                given[i] += (1.0 - weight) * wait * (down * (below - chance[i]) + up * (above - chance[i]))
            if inside[i]:
                given[i] = 1.0
                continue
            down, up = _rates(left[i], right[i], drift, iv)
            down *= weight * wait
            up *= weight * wait
            diagonal[i] += down + up
            if left[i] < step:
                given[i] += down
            else:
                lower[i] = -down
            if right[i] < step:
                given[i] += up
            else:
                upper[i] = -up
    for i in range(1, size):
        factor = lower[i] / diagonal[i - 1]
        diagonal[i] -= factor * upper[i - 1]
        given[i] -= factor * given[i - 1]
    chance[size - 1] = given[size - 1] / diagonal[size - 1]
    for i in range(size - 2, -1, -1):
        chance[i] = (given[i] - upper[i] * chance[i + 1]) / diagonal[i]


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
