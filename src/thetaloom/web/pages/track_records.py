"""Track records as pages show them: each number with its interval, and a picture of how well confidence was placed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from thetaloom.domain.run.track_record import CalibrationBin, Measured, TrackRecord
from thetaloom.domain.strategy.analysis_rules import AnalystName
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.store.queries.track_records import records_of
from thetaloom.web.front import Front

YEAR = timedelta(days=365)
WORDS = {None: "too little to say", True: "shown", False: "not shown"}
PERCENT = "\u00a0%"  # never on a line of its own
SIDE, MARGIN = 240, 34  # of the picture, in its own units
DOT_MIN, DOT_MAX = 3.0, 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BinMark:
    """One group of like confidence in the picture, and in words beside it."""

    x: float
    y: float
    top: float
    bottom: float
    radius: float
    said: str
    came_true: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPicture:
    """What was said against what came true; the diagonal is a reader who knows how much it knows."""

    side: int
    margin: int
    marks: Sequence[BinMark]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One track record in words."""

    analyst: str
    model: str
    prompt: str
    opinions: int
    judged: int
    blocks: int
    hit_rate: str
    brier: str
    skill: str
    overconfidence: str
    bias: str
    edge: str
    verdict: str
    results: str
    calibration_error: str
    picture: CalibrationPicture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRow:
    """A strategy that asks the model, and how much it counts there."""

    strategy: str
    weight: Decimal
    decides: bool


def record_rows(front: Front, prompt: str | None) -> list[RecordRow]:
    """Return the records of a year, of all prompts or of those that one was a part of."""
    found = records_of(front.database, front.user, prompt=prompt, start=front.now - YEAR)
    return [row_of(record) for record in found]


def weight_rows(strategies: Iterable[Strategy]) -> list[WeightRow]:
    """Return the strategies that ask a language model, with its weight in each."""
    return [
        WeightRow(strategy=one.id, weight=one.analysis.share, decides=one.analysis.decides)
        for one in strategies
        if one.analysis is not None and one.analysis.analyst is AnalystName.LLM
    ]


def row_of(record: TrackRecord) -> RecordRow:
    """Return a track record in words."""
    error = record.calibration_error
    return RecordRow(
        analyst=record.analyst,
        model=record.model,
        prompt=record.prompt,
        opinions=record.opinions,
        judged=record.judged,
        blocks=record.blocks,
        hit_rate=_percent(record.hit_rate),
        brier=_number(record.brier),
        skill=_percent(record.skill),
        overconfidence=_percent(record.overconfidence),
        bias=_percent(record.bullish_bias),
        edge=_percent(record.edge),
        verdict=WORDS[record.has_edge],
        results=f"{record.wins} won, {record.losses} lost, {record.breakeven} even; mean R {_number(record.r_average)}",
        calibration_error="–" if error is None else _share(error),
        picture=_picture(record.calibration),
    )


def _picture(bins: Sequence[CalibrationBin]) -> CalibrationPicture | None:
    if not bins:
        return None
    most = max(one.count for one in bins)
    marks = [_mark(one, most) for one in bins]
    told = "; ".join(f"said {mark.said}, came true {mark.came_true} of {mark.count}" for mark in marks)
    return CalibrationPicture(side=SIDE, margin=MARGIN, marks=marks, description=told)


def _mark(one: CalibrationBin, most: int) -> BinMark:
    low, high = one.came_true.low, one.came_true.high
    assert low is not None and high is not None  # an interval of Wilson's always has both
    return BinMark(
        x=_across(one.said),
        y=_up(one.came_true.estimate),
        top=_up(high),
        bottom=_up(low),
        radius=round(DOT_MIN + (DOT_MAX - DOT_MIN) * (one.count / most) ** 0.5, 1),
        said=_share(one.said),
        came_true=_percent(one.came_true),
        count=one.count,
    )


def _across(share: Decimal) -> float:
    return round(MARGIN + float(share) * SIDE, 1)


def _up(share: Decimal) -> float:
    return round(MARGIN / 2 + (1 - float(share)) * SIDE, 1)


def _share(part: Decimal) -> str:
    return f"{part * 100:.1f}{PERCENT}"


def _percent(number: Measured | None) -> str:
    return _shown(number, lambda part: f"{part * 100:.1f}", PERCENT)


def _number(number: Measured | None) -> str:
    return _shown(number, lambda plain: f"{plain:.3f}")


def _shown(number: Measured | None, write: Callable[[Decimal], str], unit: str = "") -> str:
    if number is None:
        return "–"
    told = f"{write(number.estimate)}{unit}"
    if number.low is not None and number.high is not None:
        told += f" ({write(number.low)} to {write(number.high)})"
    return told.replace("-", "−")
