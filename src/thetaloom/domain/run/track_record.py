"""What scores say of a reader: how often right, how well calibrated, how biased, and whether there is any edge.

Opinions on one symbol whose horizons overlap see the same market, so they are not drawn anew one by one: intervals
are of whole blocks of symbol and time. All of it is the same every time it is computed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.opinion_scores import OpinionScore

Floats = NDArray[np.float64]
Z_95 = 1.959963984540054
RESAMPLES = 2_000
SEED = 20_260_101
BLOCK_DAYS = 28  # calendar days that twenty sessions take
BINS = ((0.0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.0))
BLOCKS_MIN = 10  # with fewer nothing is said of an edge
PLACES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number with the interval that holds it in 95 of 100 cases; ``None`` where there are too few."""

    estimate: Decimal
    low: Decimal | None
    high: Decimal | None

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Opinions of like confidence: what was said, and how often it came true."""

    least: Decimal
    most: Decimal
    count: int
    said: Decimal
    came_true: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """The record of one analyst with one model and one prompt."""

    analyst: str
    model: str
    prompt: str
    opinions: int  # given
    judged: int
    blocks: int  # of symbol and time, which are as good as independent
    hit_rate: Measured | None  # Wilson
    brier: Measured | None  # 0 is perfect; always saying one half gets 0.25
    skill: Measured | None  # share of the Brier score of the plain base rate that is saved; 0 = no better than it
    edge: Measured | None  # hit rate less that of always saying bullish, over opinions with a direction
    overconfidence: Measured | None  # mean confidence less hit rate
    bullish_bias: Measured | None  # share of bullish opinions less share of rises, over opinions with a direction
    calibration: tuple[CalibrationBin, ...]
    calibration_error: Decimal | None  # mean distance of what was said from what came true, by bins
    wins: int
    losses: int
    breakeven: int
    r_average: Measured | None
    r_best: Decimal | None
    r_worst: Decimal | None

    @property
    def has_edge(self) -> bool | None:
        """Whether an edge above zero is shown; ``None`` while there is too little to say."""
        if self.edge is None or self.edge.low is None:
            return None
        return self.edge.low > 0


def track_records(scores: Sequence[OpinionScore]) -> tuple[TrackRecord, ...]:
    """Return a record for each analyst, model and prompt, those with the most judged opinions first."""
    groups: dict[tuple[str, str, str], list[OpinionScore]] = {}
    for score in scores:
        groups.setdefault((score.analyst, score.model, score.prompt), []).append(score)
    records = [track_record(*key, members) for key, members in sorted(groups.items())]
    return tuple(sorted(records, key=lambda record: -record.judged))


def track_record(analyst: str, model: str, prompt: str, scores: Sequence[OpinionScore]) -> TrackRecord:
    """Return the record that these scores make."""
    judged = sorted((one for one in scores if one.brier is not None), key=lambda one: (one.made_at, one.id))
    directed = [one for one in judged if one.direction is not MarketBias.NEUTRAL]
    results = [one for one in scores if one.r_result is not None]
    said, right = _column(judged, lambda one: one.confidence), _column(judged, lambda one: int(bool(one.is_right)))
    ups = _column(directed, lambda one: int(bool(one.is_up)))
    bulls = _column(directed, lambda one: int(one.direction is MarketBias.BULLISH))
    right_directed = _column(directed, lambda one: int(bool(one.is_right)))
    gains = _column(results, lambda one: one.r_result or 0)
    blocks, directed_blocks = blocks_of(judged), blocks_of(directed)
    bins = _calibration(said, right)
    return TrackRecord(
        analyst=analyst,
        model=model,
        prompt=prompt,
        opinions=len(scores),
        judged=len(judged),
        blocks=len(set(blocks)),
        hit_rate=wilson(int(right.sum()), len(judged)),
        brier=bootstrap((said - right) ** 2, blocks),
        skill=_skill(said, right, blocks),
        edge=bootstrap(right_directed - ups, directed_blocks),
        overconfidence=bootstrap(said - right, blocks),
        bullish_bias=bootstrap(bulls - ups, directed_blocks),
        calibration=bins,
        calibration_error=_calibration_error(bins, len(judged)),
        wins=int((gains > 0).sum()),
        losses=int((gains < 0).sum()),
        breakeven=int((gains == 0).sum()),
        r_average=bootstrap(gains, blocks_of(results)),
        r_best=_exact(gains.max()) if len(gains) else None,
        r_worst=_exact(gains.min()) if len(gains) else None,
    )


def wilson(hits: int, count: int) -> Measured | None:
    """Return a share with its Wilson interval of 95 %."""
    if count == 0:
        return None
    share, square = hits / count, Z_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z_95 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return Measured(estimate=_exact(share), low=_exact(low), high=_exact(high))


def bootstrap(numbers: Floats, blocks: Sequence[str]) -> Measured | None:
    """Return a mean with its interval of 95 % over blocks drawn anew; without enough blocks there is no interval."""
    if not len(numbers):
        return None
    sums, counts = _by_block(numbers, blocks)
    if len(sums) < BLOCKS_MIN:
        return Measured(estimate=_exact(numbers.mean()), low=None, high=None)
    drawn = _draws(len(sums))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Measured(estimate=_exact(numbers.mean()), low=_exact(low), high=_exact(high))


def blocks_of(scores: Sequence[OpinionScore]) -> list[str]:
    """Name the block of each score: its symbol, and the four weeks it was made in."""
    return [f"{one.symbol}|{one.made_on.toordinal() // BLOCK_DAYS}" for one in scores]


def _skill(said: Floats, right: Floats, blocks: Sequence[str]) -> Measured | None:
    # The base rate is that of all these opinions; where all came true, or none, nothing can be better than it.
    if not len(right) or right.min() == right.max():
        return None
    plain = (right.mean() - right) ** 2
    estimate = 1 - ((said - right) ** 2).mean() / plain.mean()
    own, counts = _by_block((said - right) ** 2, blocks)
    hits, _ = _by_block(right, blocks)
    if len(own) < BLOCKS_MIN:
        return Measured(estimate=_exact(estimate), low=None, high=None)
    drawn = _draws(len(own))
    total = counts[drawn].sum(axis=1)
    rate = hits[drawn].sum(axis=1) / total
    base = rate * (1 - rate)
    kept = base > 0
    skills = 1 - (own[drawn].sum(axis=1) / total)[kept] / base[kept]
    low, high = np.quantile(skills, (0.025, 0.975))
    return Measured(estimate=_exact(estimate), low=_exact(low), high=_exact(high))


def _calibration(said: Floats, right: Floats) -> tuple[CalibrationBin, ...]:
    found = []
    for least, most in BINS:
        inside = (said >= least) & ((said < most) if most < 1 else (said <= most))
        count = int(inside.sum())
        came_true = wilson(int(right[inside].sum()), count)
        if came_true is not None:
            mean = _exact(said[inside].mean())
            one = CalibrationBin(least=_exact(least), most=_exact(most), count=count, said=mean, came_true=came_true)
            found.append(one)
    return tuple(found)


def _calibration_error(bins: Sequence[CalibrationBin], count: int) -> Decimal | None:
    if not count:
        return None
    total = sum(one.count * abs(one.said - one.came_true.estimate) for one in bins)
    return round(Decimal(total) / count, PLACES)


def _by_block(numbers: Floats, blocks: Sequence[str]) -> tuple[Floats, Floats]:
    _, places = np.unique(np.asarray(blocks, dtype=str), return_inverse=True)
    counts = np.bincount(places).astype(np.float64)
    return np.bincount(places, weights=numbers).astype(np.float64), counts


def _draws(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(SEED).integers(0, count, size=(RESAMPLES, count))


def _column(scores: Sequence[OpinionScore], read: Callable[[OpinionScore], Decimal | int]) -> Floats:
    return np.array([float(read(one)) for one in scores], dtype=float)


def _exact(number: float | np.float64) -> Decimal:
    return round(Decimal(str(float(number))), PLACES)
