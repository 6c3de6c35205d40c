"""Value at risk: the loss of a day that days of the past, each priced anew, exceed only so often."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.risk.repricing import Missing, ScenarioPosition, UnknownPosition, reprice, split_known
from thetaloom.domain.risk.scenarios import SPOT_FACTOR_MIN
from thetaloom.errors import InvalidInput

CONFIDENCES = (0.95, 0.99)
RETURN_DAYS = 252
DEVIATIONS = 3.0  # what is called the worst case of a normal day


@dataclass(frozen=True, slots=True, kw_only=True)
class LossAt:
    """Losses of one day at one confidence, in dollars and positive; a negative one is a gain."""

    confidence: float
    historical: float | None  # a loss that so happened; ``None`` where there are too few days to tell
    shortfall: float | None  # the mean of the losses that are at least as big
    parametric: float  # as if the days were normally distributed with their mean and deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAtRisk:
    """What one day may cost, from so many days; ``None`` for the figures that nothing supports."""

    days: int
    losses: tuple[LossAt, ...]
    three_sigma: float | None  # the loss three deviations below the mean
    worst_day: float | None  # the biggest loss of all the days
    positions: int
    unknown: tuple[UnknownPosition, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every position is in the figures."""
        return not self.unknown


def value_at_risk(
    positions: Sequence[ScenarioPosition],
    returns: Mapping[str, Sequence[float]],
    *,
    confidences: Sequence[float] = CONFIDENCES,
    days_max: int = RETURN_DAYS,
    exact: bool = False,
) -> ValueAtRisk:
    """Price the book anew under each day's returns: all underlyings move together as they did on that day.

    ``returns`` holds, by underlying, simple returns of the same days, oldest first; the last ``days_max`` count.
    Volatility and time stand still. The historical figure is the smallest loss of the worst days that make up
    at least 1 - confidence of all.
    """
    for confidence in confidences:
        if not 0.5 < confidence < 1.0:
            raise InvalidInput(f"confidence: {confidence:g} is not above 0.5 and below 1")
    moves = _checked(returns, days_max)
    days = len(next(iter(moves.values()), ()))
    lacks = [
        position.missing or (None if position.underlying in moves and days else Missing.RETURNS)
        for position in positions
    ]
    known, unknown = split_known(positions, lacks)
    if not known:
        return ValueAtRisk(days=days, losses=(), three_sigma=None, worst_day=None, positions=0, unknown=unknown)
    factors = np.maximum(1.0 + np.array([moves[position.underlying] for position in known]), SPOT_FACTOR_MIN)
    pnl = np.sort(reprice(known, factors, np.ones(1), exact=exact).pnl.sum(axis=(0, 2)))
    mean, deviation = float(pnl.mean()), float(pnl.std(ddof=1)) if days > 1 else math.nan
    return ValueAtRisk(
        days=days,
        losses=tuple(_loss_at(confidence, pnl, mean, deviation) for confidence in confidences) if days > 1 else (),
        three_sigma=DEVIATIONS * deviation - mean if days > 1 else None,
        worst_day=-float(pnl[0]),
        positions=len(known),
        unknown=unknown,
    )


def _loss_at(confidence: float, pnl: Floats, mean: float, deviation: float) -> LossAt:
    tail = (1.0 - confidence) * len(pnl)
    is_told = round(tail, 9) >= 1.0  # a day in a hundred needs a hundred days
    bad = math.ceil(round(tail, 9))
    return LossAt(
        confidence=confidence,
        historical=-float(pnl[bad - 1]) if is_told else None,
        shortfall=-float(pnl[:bad].mean()) if is_told else None,
        parametric=NormalDist().inv_cdf(confidence) * deviation - mean,
    )


def _checked(returns: Mapping[str, Sequence[float]], days_max: int) -> dict[str, Sequence[float]]:
    lengths = {len(days) for days in returns.values()}
    if len(lengths) > 1:
        raise InvalidInput(f"returns: the underlyings have {sorted(lengths)} days, not the same ones")
    for underlying, days in returns.items():
        if not all(-1.0 <= day <= 100.0 for day in days):  # a NaN fails it, too
            raise InvalidInput(f"returns: {underlying} has one that is not within -1 to 100")
    return {underlying: days[-days_max:] for underlying, days in returns.items()}
