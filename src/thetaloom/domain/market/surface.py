"""A smile per expiration that no trade could profit from, for marks of strikes that nobody quotes.

Each expiration is Gatheral's SVI: total variance w(k) = a + b·(ρ·(k − m) + √((k − m)² + s²)) over k = ln(strike /
forward). It is fitted to the mids of out-of-the-money contracts, each miss measured in half bid-ask widths. What would
be arbitrage is pressed out and then looked for: a negative density (butterfly), and total variance that falls
with time (calendar). A smile that still fails is not given; a simpler one is, or none.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from thetaloom.domain.market.chain import Floats
from thetaloom.errors import InvalidInput

MODEL = "model:svi"
Shape = tuple[float, float, float, float, float]  # a, b, rho, m, s

POINTS_MIN = 5
GRID_REACH = 2.5  # of the widest quoted strike, in log-moneyness
FAR = 2.0  # log-moneyness; smiles are kept apart at least to here
GRID_REACH_MIN = 6.0  # deviations at the money
GRID_POINTS = 161
CHECK_POINTS = 601
PEAKS_MAX, PEAK_POINTS = 24, 201
PEAK_SHARE = 0.02  # of the whole range of a curve
ROUNDING = 1e-9
DENSITY_MARGIN = 2e-3
RISE_MARGIN = 1e-4
PENALTIES = (100.0, 1000.0, 10000.0, 100000.0)
EVALUATIONS_MAX = 40
GOOD_MISS = 1.0  # half-widths; a fit no worse needs no other start
WING_MAX = 2.0  # Lee: total variance can't rise faster than twice the log-moneyness
WORSE_MIN = 1.0  # half-widths more than the unbound smile misses by
WORSE_MAX = 4.0  # times the miss of the unbound smile that a sound one may have
RHO_MAX = 0.9  # a far smile with no wing on one side would leave none to all nearer ones
OUTLIER = 4.0  # half-widths; beyond, a miss counts by its root
HALF_WIDTH_MIN = 0.005
VARIANCE_MIN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SmilePoint:
    """One out-of-the-money quote: its volatility, and how far a half bid-ask width moves it."""

    strike: float
    iv: float
    iv_half_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Smile:
    """The fitted smile of one expiration."""

    years: float
    forward: float
    a: float
    b: float
    rho: float
    m: float
    s: float
    points: int
    inside_share: float  # of the points, those whose fitted volatility lies inside the bid-ask width
    miss_median: float  # of the fit, in half-widths
    iv_miss_median: float
    source: str = MODEL

    def variance(self, moneyness: Floats) -> Floats:
        """Return the total variance over ln(strike / forward)."""
        return _variance((self.a, self.b, self.rho, self.m, self.s), moneyness)

    def iv(self, strikes: Floats | float) -> Floats:
        """Return the volatility of each strike, 0.20 = 20 %."""
        moneyness = np.log(np.asarray(strikes, dtype=np.float64) / self.forward)
        volatility: Floats = np.sqrt(self.variance(np.atleast_1d(moneyness)) / self.years)
        return volatility


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMark:
    """A price that no market gave; ``source`` says so wherever it goes."""

    price: float
    iv: float
    source: str


def fit_smile(
    points: Sequence[SmilePoint], *, forward: float, years: float, after: Smile | None = None
) -> Smile | None:
    """Return the smile of one expiration, free of arbitrage with itself and with the one ``after``; else ``None``.

    The points come from out-of-the-money contracts, by the volatilities their mids imply.
    """
    if not (forward > 0 and years > 0) or (after is not None and after.years <= years):
        raise InvalidInput("a smile needs a forward, a life, and the smile after it to be of a longer life")
    if len(points) < POINTS_MIN:
        return None
    quotes = _Quotes.of(points, forward, years)
    free = _free_fit(quotes)
    # A smile pressed far from its quotes would press all nearer ones as well: rather leave it out.
    worst = WORSE_MAX * quotes.miss(free) + WORSE_MIN
    shape = free if after is None else _solved(quotes, free, PENALTIES[0], after)[1]
    for penalty in PENALTIES[1:]:
        lowered = _lowered(shape, quotes.reach, after)
        limit = min(worst, quotes.miss(shape) * 1.05 + 0.02)
        if quotes.miss(lowered) <= limit and _is_sound(lowered, quotes.reach, after):
            return _smile(lowered, quotes, forward, years)
        shape = _solved(quotes, shape, penalty, after)[1]
    for last in (_lowered(shape, quotes.reach, after), _simple(quotes, after)):
        if quotes.miss(last) <= worst and _is_sound(last, quotes.reach, after):
            return _smile(last, quotes, forward, years)
    return None


def fit_surface(slices: Sequence[tuple[float, float, Sequence[SmilePoint]]]) -> tuple[Smile, ...]:
    """Return the smiles of (years, forward, points), nearest first; expirations without a sound smile are left out.

    They are fitted from the farthest to the nearest: a near smile is easily kept below a far one where nothing is
    quoted, while a far one could not follow the wings of a near one.
    """
    found: list[Smile] = []
    for years, forward, points in sorted(slices, key=lambda entry: -entry[0]):
        smile = fit_smile(points, forward=forward, years=years, after=found[-1] if found else None)
        if smile is not None:
            found.append(smile)
    return tuple(reversed(found))


def model_mark(
    smile: Smile, *, is_call: bool, strike: float, rate: float, american_spot: float | None = None
) -> ModelMark:
    """Return the model's price of one contract; with ``american_spot`` it may be exercised early."""
    iv = float(smile.iv(strike)[0])
    if american_spot is None:
        from thetaloom.maths.black_scholes import bsm_price  # compiles on first use

        price = bsm_price(is_call, smile.forward, strike, smile.years, rate, rate, iv)
    else:
        from thetaloom.maths.american_chain import chain_american_greeks

        dividend_yield = rate - math.log(smile.forward / american_spot) / smile.years
        found = chain_american_greeks(american_spot, strike, smile.years, is_call, iv, rate, dividend_yield)
        price = float(found.price[0])
    return ModelMark(price=price, iv=iv, source=smile.source)


def density_sign(smile: Smile, moneyness: Floats) -> Floats:
    """Return Durrleman's function: negative where the smile would give a butterfly a negative price."""
    return _density((smile.a, smile.b, smile.rho, smile.m, smile.s), moneyness)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quotes:
    moneyness: Floats
    variance: Floats  # total
    half_widths: Floats  # of total variance
    reach: float
    dense: float  # about how far from the forward the quotes lie thickest

    @classmethod
    def of(cls, points: Sequence[SmilePoint], forward: float, years: float) -> "_Quotes":
        strikes, ivs, widths = (
            np.array([getattr(point, name) for point in points], dtype=np.float64)
            for name in ("strike", "iv", "iv_half_width")
        )
        if not (strikes > 0).all() or not (ivs > 0).all():
            raise InvalidInput("a point of a smile needs a strike and a volatility above 0")
        moneyness = np.log(strikes / forward)
        order = np.argsort(moneyness, kind="stable")
        at_money = float(np.interp(0.0, moneyness[order], ivs[order])) * math.sqrt(years)
        return cls(
            moneyness=moneyness[order],
            variance=(ivs**2 * years)[order],
            half_widths=(2 * ivs * np.maximum(widths, HALF_WIDTH_MIN * 0.1) * years)[order],
            dense=max(0.3 * float(np.abs(moneyness).max()), 0.3 * at_money),
            reach=max(GRID_REACH * float(np.abs(moneyness).max()), GRID_REACH_MIN * at_money),
        )

    def miss(self, shape: Shape) -> float:
        """The median miss of a shape in half-widths."""
        return float(np.median(np.abs(_variance(shape, self.moneyness) - self.variance) / self.half_widths))


def _variance(shape: Shape, moneyness: Floats) -> Floats:
    a, b, rho, m, s = shape
    distance = moneyness - m
    found: Floats = a + b * (rho * distance + np.sqrt(distance**2 + s**2))
    return found


def _density(shape: Shape, moneyness: Floats) -> Floats:
    _, b, rho, m, s = shape
    distance = moneyness - m
    root = np.sqrt(distance**2 + s**2)
    variance = np.maximum(_variance(shape, moneyness), VARIANCE_MIN)
    slope = b * (rho + distance / root)
    bend = b * s**2 / root**3
    found: Floats = (1 - moneyness * slope / (2 * variance)) ** 2 - slope**2 / 4 * (1 / variance + 0.25) + bend / 2
    return found


def _starts(quotes: _Quotes) -> list[Shape]:
    k, w = quotes.moneyness, quotes.variance
    low, at_low = float(w.min()), float(k[int(np.argmin(w))])
    wing = max(float(np.abs(np.diff(w)).sum()) / max(float(k[-1] - k[0]), 1e-6), 1e-4)
    width = max(0.1 * float(k[-1] - k[0]), 1e-3)
    skewed = -0.7 if w[0] > w[-1] else 0.7
    return [
        (0.5 * low, min(wing, 1.0), rho, at_low + shift * width, scale * width)
        for rho, shift, scale in ((skewed, 0.0, 1.0), (0.5 * skewed, 0.5, 3.0), (0.0, 0.0, 0.3))
    ]


def _free_fit(quotes: _Quotes) -> Shape:
    found: list[tuple[float, Shape]] = []
    for start in _starts(quotes):
        found.append(_solved(quotes, start, PENALTIES[0], None))
        if quotes.miss(found[-1][1]) <= GOOD_MISS:
            break
    return min(found, key=lambda one: one[0])[1]


def _solved(quotes: _Quotes, start: Shape, penalty: float, after: Smile | None) -> tuple[float, Shape]:
    from scipy.optimize import least_squares  # heavy, and only here

    far = max(FAR, quotes.reach)
    grid = np.sinh(np.linspace(-1, 1, GRID_POINTS) * math.asinh(far / quotes.dense)) * quotes.dense
    ceiling = after.variance(grid) * (1 - RISE_MARGIN) if after is not None else np.full(GRID_POINTS, math.inf)
    level = float(np.median(quotes.variance))
    root = 1 / math.sqrt(len(quotes.moneyness))

    def misses(free: Floats) -> Floats:
        shape = _shape(free)
        miss = (_variance(shape, quotes.moneyness) - quotes.variance) / quotes.half_widths
        tamed = np.sign(miss) * OUTLIER * np.sqrt(2 * (np.sqrt(1 + (miss / OUTLIER) ** 2) - 1))
        dents = np.maximum(0.0, DENSITY_MARGIN - _density(shape, grid))
        rises = np.maximum(0.0, _variance(shape, grid) - ceiling) / level
        return np.concatenate([root * tamed, penalty * dents, penalty * rises, penalty * _wing_excess(shape, after)])

    solved = least_squares(misses, _free(start), method="trf", x_scale="jac", max_nfev=EVALUATIONS_MAX)
    return float(solved.cost), _shape(solved.x)


def _wing_excess(shape: Shape, after: Smile | None) -> Floats:
    _, b, rho, _, _ = shape
    wings = np.array([b * (1 + rho), b * (1 - rho)])
    excess = np.maximum(0.0, wings - 0.98 * WING_MAX)
    if after is None:
        return excess
    ceiling = np.array([after.b * (1 + after.rho), after.b * (1 - after.rho)])
    return np.concatenate([excess, np.maximum(0.0, wings - ceiling * (1 - RISE_MARGIN))])


def _free(shape: Shape) -> Floats:
    # Coordinates without bounds: the least variance, b, and s by their logarithms, rho by its arctangent.
    a, b, rho, m, s = shape
    least = max(a + b * s * math.sqrt(1 - rho * rho), VARIANCE_MIN)
    return np.array(
        [
            math.log(least),
            math.log(max(b, 1e-9)),
            math.atanh(min(max(rho / RHO_MAX, -0.999), 0.999)),
            m,
            math.log(max(s, 1e-6)),
        ]
    )


def _shape(free: Floats) -> Shape:
    log_least, log_b, turn, m, log_s = (float(x) for x in np.clip(free, -40.0, 40.0))
    rho = RHO_MAX * math.tanh(turn)
    b, s = math.exp(min(log_b, 4.0)), math.exp(min(log_s, 4.0))
    return math.exp(min(log_least, 6.0)) - b * s * math.sqrt(1 - rho * rho), b, rho, m, s


def _lowered(shape: Shape, reach: float, after: Smile | None) -> Shape:
    # What the penalty leaves of a crossing is less than a quote could show: take it off outright.
    if after is None:
        return shape
    a, b, rho, m, s = shape
    up, down = after.b * (1 + after.rho), after.b * (1 - after.rho)
    b *= min(1.0, up / max(b * (1 + rho), 1e-300), down / max(b * (1 - rho), 1e-300)) * (1 - 1e-12)
    shape = (a, b, rho, m, s)
    rise = max(0.0, _rise(shape, reach, after))
    return a - rise - ROUNDING * max(after.variance(np.array([0.0]))[0], rise), b, rho, m, s


def _is_sound(shape: Shape, reach: float, after: Smile | None) -> bool:
    a, b, rho, m, s = shape
    least = a + b * s * math.sqrt(1 - rho * rho)
    if not (all(map(math.isfinite, shape)) and b >= 0 and abs(rho) < 1 and s > 0 and least > 0):
        return False
    if b * (1 + abs(rho)) > WING_MAX:
        return False
    if _highest(lambda k: -_density(shape, k), _check_grid(reach, (m, s))) > 0:
        return False
    if after is None:
        return True
    is_steeper = b * (1 + rho) > after.b * (1 + after.rho) or b * (1 - rho) > after.b * (1 - after.rho)
    return not is_steeper and _rise(shape, reach, after) <= 0


def _rise(shape: Shape, reach: float, after: Smile) -> float:
    grid = _check_grid(reach, (shape[3], shape[4]), (after.m, after.s))
    return _highest(lambda k: _variance(shape, k) - after.variance(k), grid)


def _check_grid(reach: float, *bends: tuple[float, float]) -> Floats:
    # Evenly over the middle, densely where a smile bends, and far out: beyond, smiles and their bounds are straight.
    turns = np.sinh(np.linspace(-8, 8, CHECK_POINTS // 3))
    out = np.geomspace(reach, 20 * max(FAR, reach), CHECK_POINTS // 4)
    parts = [np.linspace(-reach, reach, CHECK_POINTS), out, -out]
    return np.unique(np.concatenate([*parts, *(np.clip(m + s * turns, -out[-1], out[-1]) for m, s in bends)]))


def _highest(curve: Callable[[Floats], Floats], grid: Floats) -> float:
    # The highest point, also between those of the grid: each peak nearly as high is looked at closely.
    heights = curve(grid)
    best = float(heights.max())
    inner = heights[1:-1]
    near = inner >= best - PEAK_SHARE * float(np.ptp(heights))
    peaks = np.flatnonzero((inner >= heights[:-2]) & (inner >= heights[2:]) & near) + 1
    for at in peaks[:PEAKS_MAX]:
        best = max(best, float(curve(np.linspace(grid[at - 1], grid[at + 1], PEAK_POINTS)).max()))
    return best


def _simple(quotes: _Quotes, after: Smile | None) -> Shape:
    # The smile after, lowered to fit the middle as far as it can be; or flat where none is after.
    if after is None:
        return float(np.median(quotes.variance)), 0.0, 0.0, 0.0, 1.0
    least = after.a + after.b * after.s * math.sqrt(1 - after.rho**2)
    drop = float(np.median(after.variance(quotes.moneyness) - quotes.variance))
    return after.a - min(max(drop, 0.0), 0.9 * least), after.b, after.rho, after.m, after.s


def _smile(shape: Shape, quotes: _Quotes, forward: float, years: float) -> Smile:
    a, b, rho, m, s = shape
    fitted = _variance(shape, quotes.moneyness)
    misses = np.abs(fitted - quotes.variance) / quotes.half_widths
    apart = np.abs(np.sqrt(fitted / years) - np.sqrt(quotes.variance / years))
    return Smile(
        years=years,
        forward=forward,
        a=a,
        b=b,
        rho=rho,
        m=m,
        s=s,
        points=len(misses),
        inside_share=round(float((misses <= 1).mean()), 6),
        miss_median=round(float(np.median(misses)), 6),
        iv_miss_median=round(float(np.median(apart)), 9),
    )
