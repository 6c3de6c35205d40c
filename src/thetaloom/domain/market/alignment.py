"""Whether the timeframes, from minutes to weeks, point the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.latest import Technicals, latest
from thetaloom.domain.market.words import Direction, Timeframes

VALIDITY: dict[str, timedelta] = {
    "3m": timedelta(minutes=15),
    "5m": timedelta(minutes=15),
    "15m": timedelta(hours=1),
    "30m": timedelta(hours=2),
    "1h": timedelta(hours=4),
    "4h": timedelta(hours=16),
    "1d": timedelta(hours=24),
    "1w": timedelta(days=7),
}
LONG_PERCENT, SHORT_PERCENT = 55, 45
# At least this share of the frames, and this many of them, must agree.
STRONG_SHARE, STRONG_FRAMES = 80, 3
NORMAL_SHARE, NORMAL_FRAMES = 70, 2
WEAK_SHARE = 50
CONFLUENCE_FACTORS = {3: 1.1, 4: 1.2, 5: 1.3, 6: 1.5}
ALIGNMENT_FACTORS = {70: 1.1, 80: 1.2, 90: 1.3}
FACTOR_MIN, FACTOR_MAX = 0.25, 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSignal:
    """What one indicator of one timeframe says."""

    is_long: bool
    confidence: float  # 0 to 100
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How far the timeframes agree."""

    word: Timeframes
    percent: float  # of the frames, those that point as most of them do; neutral ones agree with nobody
    confluence: int  # how many that are
    directions: Mapping[str, Direction]


def frame_direction(signals: Sequence[FrameSignal], frame: str, now: datetime) -> Direction | None:
    """Return where a timeframe points: up with over 55 % of the weight long, down with under 45 %, else flat.

    A signal weighs its confidence, less as it ages: nothing once it is as old as the frame allows.
    """
    weights = [one.confidence * _freshness(now - one.at, VALIDITY[frame]) for one in signals]
    total = sum(weights)
    if total <= 0:
        return None
    return _pointing(sum(weight for one, weight in zip(signals, weights, strict=True) if one.is_long), total)


def _pointing(long_weight: float, total: float) -> Direction:
    if 100 * long_weight > LONG_PERCENT * total:
        return Direction.UP
    return Direction.DOWN if 100 * long_weight < SHORT_PERCENT * total else Direction.FLAT


def _freshness(age: timedelta, validity: timedelta) -> float:
    return min(max(1 - age / validity, 0.0), 1.0)


def align(directions: Mapping[str, Direction]) -> Alignment | None:
    """Return how far the timeframes that have a direction agree; ``None`` without any."""
    if not directions:
        return None
    ups = sum(one is Direction.UP for one in directions.values())
    downs = sum(one is Direction.DOWN for one in directions.values())
    count = max(ups, downs)
    percent = count / len(directions) * 100
    return Alignment(
        word=_word(percent, count, is_up=ups > downs) if ups != downs else Timeframes.NO_TRADE,
        percent=percent,
        confluence=count,
        directions=dict(directions),
    )


def _word(percent: float, count: int, *, is_up: bool) -> Timeframes:
    if percent >= STRONG_SHARE and count >= STRONG_FRAMES:
        return Timeframes.STRONG_LONG if is_up else Timeframes.STRONG_SHORT
    if percent >= NORMAL_SHARE and count >= NORMAL_FRAMES:
        return Timeframes.LONG if is_up else Timeframes.SHORT
    if percent >= WEAK_SHARE:
        return Timeframes.WEAK_LONG if is_up else Timeframes.WEAK_SHORT
    return Timeframes.NO_TRADE


def bars_direction(bars: Bars) -> Direction | None:
    """Return where the indicators of one timeframe's bars point; ``None`` where too few bars are known.

    Price against the 20-bar average, the MACD histogram, RSI against 50, SuperTrend and the directional index each
    have a vote of the same weight; one that stands exactly between says nothing.
    """
    found = latest(bars)
    votes = [vote for vote in _votes(found, bars.closes[-1]) if vote] if len(bars) and found.macd is not None else []
    if not votes:
        return None
    return _pointing(sum(vote > 0 for vote in votes), len(votes))


def _votes(found: Technicals, close: float) -> list[float]:
    return [
        close - (found.sma_20 or close),
        found.macd_histogram or 0.0,
        (found.rsi_14 or 50.0) - 50.0 if found.rsi_14 is not None else 0.0,
        0.0 if found.supertrend_is_up is None else (1.0 if found.supertrend_is_up else -1.0),
        (found.plus_di or 0.0) - (found.minus_di or 0.0),
    ]


def size_factor(base: float, alignment: Alignment) -> float:
    """Return ``base`` times the factors of confluence and of alignment, within 0.25 to 2.5."""
    factor = base * _step(CONFLUENCE_FACTORS, alignment.confluence) * _step(ALIGNMENT_FACTORS, alignment.percent)
    return min(max(factor, FACTOR_MIN), FACTOR_MAX)


def _step(factors: Mapping[int, float], reached: float) -> float:
    return max((factor for least, factor in factors.items() if reached >= least), default=1.0)
