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
from thetaloom.maths.svi import Shape, free_of, svi_density, svi_variance

MODEL = "model:svi"

POINTS_MIN = 5
GRID_REACH = 2.5  # of the widest quoted strike, in log-moneyness
FAR = 2.0  # log-moneyness; smiles are kept apart at least to here
GRID_REACH_MIN = 6.0  # deviations at the money
GRID_POINTS = 161
CHECK_POINTS = 601
PEAKS_MAX, PEAK_POINTS = 24, 201
PEAK_SHARE = 0.02  # of the whole range of a curve
ROUNDING = 1e-9
PENALTIES = (100.0, 1000.0, 10000.0, 100000.0)
FREE_ROUNDS_MAX = 150
BOUND_ROUNDS_MAX = 25  # penalties build narrow valleys; better to go on with the next than to the end of one
GOOD_MISS = 1.0  # half-widths; a fit no worse needs no other start
WING_MAX = 2.0  # Lee: total variance can't rise faster than twice the log-moneyness
RISE_MARGIN = 1e-4
WORSE_MIN = 1.0  # half-widths more than the unbound smile misses by
WORSE_MAX = 4.0  # times the miss of the unbound smile that a sound one may have
HALF_WIDTH_MIN = 0.005


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
        return svi_variance((self.a, self.b, self.rho, self.m, self.s), moneyness)

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
    return svi_density((smile.a, smile.b, smile.rho, smile.m, smile.s), moneyness)


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
        return float(np.median(np.abs(svi_variance(shape, self.moneyness) - self.variance) / self.half_widths))


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
    from thetaloom.maths.smile_fit import fit_shape, shape_of  # compiles on first use

    far = max(FAR, quotes.reach)
    grid = np.sinh(np.linspace(-1, 1, GRID_POINTS) * math.asinh(far / quotes.dense)) * quotes.dense
    wings = np.full(2, 0.98 * WING_MAX)
    ceiling = np.full(GRID_POINTS, math.inf)
    if after is not None:
        ceiling = after.variance(grid) * (1 - RISE_MARGIN)
        wings = np.minimum(wings, after.b * np.array([1 + after.rho, 1 - after.rho]) * (1 - RISE_MARGIN))
    rounds = FREE_ROUNDS_MAX if after is None else BOUND_ROUNDS_MAX
    of_quotes = (quotes.moneyness, quotes.variance, quotes.half_widths)
    cost, free = fit_shape(free_of(start), *of_quotes, grid, ceiling, wings, penalty, rounds)
    return cost, shape_of(free)


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
    if _highest(lambda k: -svi_density(shape, k), _check_grid(reach, (m, s))) > 0:
        return False
    if after is None:
        return True
    is_steeper = b * (1 + rho) > after.b * (1 + after.rho) or b * (1 - rho) > after.b * (1 - after.rho)
    return not is_steeper and _rise(shape, reach, after) <= 0


def _rise(shape: Shape, reach: float, after: Smile) -> float:
    grid = _check_grid(reach, (shape[3], shape[4]), (after.m, after.s))
    return _highest(lambda k: svi_variance(shape, k) - after.variance(k), grid)


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
    fitted = svi_variance(shape, quotes.moneyness)
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
