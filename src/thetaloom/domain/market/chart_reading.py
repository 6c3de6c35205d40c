"""The technical rules: what the charts' own numbers say, computed alike every time.

Four indicators vote on each timeframe, and three of them must agree. The weekly chart may confirm the daily one or
contradict it. Stop and targets are measured by the average true range and by the levels that the market has shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from thetaloom.domain.market.alignment import Alignment, align
from thetaloom.domain.market.chart_series import ChartSeries, Timeframe, latest_of
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.market.words import Direction, MarketBias
from thetaloom.domain.values.money import NOTHING, Price

ANALYST = "rules"
CONFIRMATIONS_MIN = 3  # of the four
LEVEL_CANDLES = 20  # over which support and resistance are looked for
STOP_ATRS = Decimal(2)
TARGET_ATRS = (Decimal(3), Decimal(5))  # the farthest that the two targets may be
LEVEL_ATRS_MIN = Decimal(1)  # a level nearer than this, to the entry or to the other target, is noise
CENT = Decimal("0.01")

CONFIDENCE_OF_VOTES = {3: Decimal("0.65"), 4: Decimal("0.75")}
CONFIDENCE_ALIGNED = Decimal("0.1")  # added where the weekly chart says the same
CONFIDENCE_NEUTRAL = Decimal("0.5")

FRAME_NAMES = {Timeframe.DAILY: "daily", Timeframe.WEEKLY: "weekly"}
POINTING = {
    MarketBias.BULLISH: Direction.UP,
    MarketBias.BEARISH: Direction.DOWN,
    MarketBias.NEUTRAL: Direction.FLAT,
}


class Vote(StrEnum):
    """What one indicator says."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"  # exactly between
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """One of the four votes, and the numbers it rests on."""

    name: str
    vote: Vote
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameReading:
    """The four votes of one timeframe; without a direction what is unknown could still tip the scale."""

    timeframe: Timeframe
    confirmations: tuple[Confirmation, ...]
    direction: MarketBias | None

    def count(self, vote: Vote) -> int:
        """How many of the four say ``vote``."""
        return sum(one.vote is vote for one in self.confirmations)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartReading:
    """What the rules see in the charts, and the opinion that follows, or why none does."""

    daily: FrameReading | None
    weekly: FrameReading | None
    alignment: Alignment | None
    opinion: Opinion | None
    no_opinion: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A price at which a move would be done, and why there."""

    price: Price
    basis: str


def read_charts(request: AnalysisRequest) -> ChartReading:
    """Read the charts by the technical rules."""
    daily, weekly = (None if one is None else read_frame(one) for one in (request.daily, request.weekly))
    known = {
        frame.timeframe.value: POINTING[frame.direction]
        for frame in (daily, weekly)
        if frame is not None and frame.direction is not None
    }
    said = _opinion(request, daily, weekly)
    return ChartReading(
        daily=daily,
        weekly=weekly,
        alignment=align(known),
        opinion=said if isinstance(said, Opinion) else None,
        no_opinion=said.reason if isinstance(said, NoOpinion) else "",
    )


def opinion_of(request: AnalysisRequest, reading: ChartReading) -> Opinion | NoOpinion:
    """Return the opinion in a reading in the form of an analyst's answer."""
    return reading.opinion or NoOpinion(analyst=ANALYST, reason=reading.no_opinion, cost=NOTHING, made_at=request.now)


def read_frame(series: ChartSeries) -> FrameReading:
    """Count the votes of SuperTrend, SMA 20, MACD and RSI as of the newest candle."""
    close = series.candles.closes[-1]
    pointing, average = latest_of(series.supertrend_direction), latest_of(series.sma_20)
    histogram, strength = latest_of(series.macd_histogram), latest_of(series.rsi)
    confirmations = (
        _confirmation("supertrend", pointing, 0.0, "SuperTrend", latest_of(series.supertrend)),
        _confirmation("sma_20", None if average is None else close, average or 0.0, "SMA 20", average),
        _confirmation("macd", histogram, 0.0, "MACD histogram", histogram),
        _confirmation("rsi", strength, 50.0, "RSI", strength),
    )
    return FrameReading(
        timeframe=series.timeframe, confirmations=confirmations, direction=_direction([c.vote for c in confirmations])
    )


def votes_text(frame: FrameReading) -> str:
    """Say in a line what the four votes of a timeframe come to."""
    word = "undecided" if frame.direction is None else frame.direction.value
    return f"{FRAME_NAMES[frame.timeframe]} {word}: {', '.join(one.text for one in frame.confirmations)}"


def _cents(price: Price) -> Price:
    return Price(Decimal(price).quantize(CENT, ROUND_HALF_EVEN))


def _confirmation(name: str, number: float | None, middle: float, what: str, shown: float | None) -> Confirmation:
    if number is None or shown is None:
        return Confirmation(name=name, vote=Vote.UNKNOWN, text=f"{what} not known")
    vote = Vote.NEUTRAL if number == middle else (Vote.BULLISH if number > middle else Vote.BEARISH)
    return Confirmation(name=name, vote=vote, text=f"{what} {shown:.2f} {vote}")


def _direction(votes: Sequence[Vote]) -> MarketBias | None:
    unknown = votes.count(Vote.UNKNOWN)
    for vote, direction in ((Vote.BULLISH, MarketBias.BULLISH), (Vote.BEARISH, MarketBias.BEARISH)):
        if votes.count(vote) >= CONFIRMATIONS_MIN:
            return direction
    is_open = any(votes.count(vote) + unknown >= CONFIRMATIONS_MIN for vote in (Vote.BULLISH, Vote.BEARISH))
    return None if unknown and is_open else MarketBias.NEUTRAL


def _opinion(request: AnalysisRequest, daily: FrameReading | None, weekly: FrameReading | None) -> Opinion | NoOpinion:
    if request.daily is None or daily is None:
        return _none(request, "there are no daily candles that can be read")
    if daily.direction is None:
        return _none(request, f"too few daily candles: {votes_text(daily)}")
    other = None if weekly is None else weekly.direction
    is_against = MarketBias.NEUTRAL not in (daily.direction, other) and other not in (None, daily.direction)
    reasons = (votes_text(daily), votes_text(weekly) if weekly is not None else "weekly: no candles that can be read")
    if daily.direction is MarketBias.NEUTRAL or is_against:
        why = "the weekly chart contradicts the daily one" if is_against else "fewer than three of four agree"
        return _neutral(request, (why, *reasons))
    return _directional(
        request, request.daily, daily, daily.direction, is_aligned=other is daily.direction, said=reasons
    )


def _neutral(request: AnalysisRequest, reasons: tuple[str, ...]) -> Opinion:
    return Opinion(
        analyst=ANALYST,
        direction=MarketBias.NEUTRAL,
        confidence=CONFIDENCE_NEUTRAL,
        entry=request.spot,
        reasons=reasons,
        cost=NOTHING,
        made_at=request.now,
    )


def _directional(
    request: AnalysisRequest,
    series: ChartSeries,
    daily: FrameReading,
    direction: MarketBias,
    *,
    is_aligned: bool,
    said: tuple[str, ...],
) -> Opinion | NoOpinion:
    entry, atr = request.spot, latest_of(series.atr)
    if entry is None:
        return _none(request, "the price of the underlying is not known")
    if atr is None or _cents(Price(str(atr))) <= 0:
        return _none(request, "the average true range is not known, or less than a cent")
    sign = 1 if direction is MarketBias.BULLISH else -1
    span = Price(str(atr))
    stop = _cents(entry - span * STOP_ATRS * sign)
    targets = _targets(request, entry, span, sign)
    if stop <= 0 or any(target.price <= 0 for target in targets):
        return _none(request, f"the average true range {_cents(span)} is too wide for a price of {entry}")
    confidence = CONFIDENCE_OF_VOTES[daily.count(Vote(direction.value))] + CONFIDENCE_ALIGNED * is_aligned
    frames = "the weekly chart says the same" if is_aligned else "the weekly chart does not confirm it"
    return Opinion(
        analyst=ANALYST,
        direction=direction,
        confidence=confidence,
        entry=entry,
        stop=stop,
        targets=tuple(target.price for target in targets),
        reasons=(
            *said,
            frames,
            f"stop {stop}: {STOP_ATRS} times the average true range of {_cents(span)}",
            *(f"target {target.price}: {target.basis}" for target in targets),
        ),
        cost=NOTHING,
        made_at=request.now,
    )


def _targets(request: AnalysisRequest, entry: Price, span: Price, sign: int) -> tuple[Target, ...]:
    levels = sorted(_levels(request, sign), key=lambda level: sign * Decimal(level.price))
    found: list[Target] = []
    start = entry
    for atrs in TARGET_ATRS:
        nearest, farthest = span * LEVEL_ATRS_MIN, _cents(entry + span * atrs * sign)
        within = (
            level for level in levels if (level.price - start) * sign >= nearest and (farthest - level.price) * sign > 0
        )
        measured = Target(price=farthest, basis=f"{atrs} times the average true range, no level before it")
        found.append(next(within, measured))
        start = found[-1].price
    return tuple(found)


def _levels(request: AnalysisRequest, sign: int) -> list[Target]:
    levels = []
    for series in (request.daily, request.weekly):
        if series is None:
            continue
        name = FRAME_NAMES[series.timeframe]
        side = series.candles.highs if sign > 0 else series.candles.lows
        best = max if sign > 0 else min
        word = "high" if sign > 0 else "low"
        if len(side) >= LEVEL_CANDLES:
            levels.append((best(side[-LEVEL_CANDLES:]), f"the {word} of {LEVEL_CANDLES} {name} candles"))
        levels.append((best(side), f"the {word} of all {len(side)} {name} candles"))
        averages = ((200, series.sma_200), (50, series.sma_50))
        levels += [(line[-1], f"the {name} SMA {period}") for period, line in averages if line[-1] is not None]
    return [Target(price=_cents(Price(str(level))), basis=basis) for level, basis in levels]


def _none(request: AnalysisRequest, reason: str) -> NoOpinion:
    return NoOpinion(analyst=ANALYST, reason=reason, cost=NOTHING, made_at=request.now)
