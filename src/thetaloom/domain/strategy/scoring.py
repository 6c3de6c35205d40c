"""How well a market suits a strategy: the sum of its table's points, each with the reading and the row behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.market.view import MarketView
from thetaloom.domain.strategy.metrics import Metric, WordMetric
from thetaloom.domain.strategy.one_check import number_text
from thetaloom.domain.strategy.score_rules import ScoreBand, ScoreRule, ScoreSlope, ScoreTerm, ScoreWord
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown

AGAINST_SHOWN = 2  # terms that are named when a score is too low
SHOW_ANYWAY_MIN = Decimal(30)  # below the strategy's own minimum and from here on a score is still worth showing
ZERO = Decimal(0)
POINT_PLACES = 4  # what is shown adds up to the total


class Confidence(StrEnum):
    """A score in a word."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    VERY_LOW = "very_low"


CONFIDENCES: tuple[tuple[Decimal, Confidence], ...] = (
    (Decimal(80), Confidence.HIGH),
    (Decimal(60), Confidence.MEDIUM),
    (Decimal(40), Confidence.LOW),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermScore:
    """What one term of the table added, and why."""

    name: str  # of the metric or the word
    reading: str | None  # None = unknown
    points: Decimal
    text: str  # the points with their sign, the reading, and the row of the table


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The sum, its label, and every part of it."""

    total: Decimal
    label: Confidence
    minimum: Decimal
    base: Decimal
    terms: tuple[TermScore, ...]
    unknown: tuple[str, ...]  # readings that are not known; they add what their term says, or nothing
    verdict: Verdict  # whether the score is enough to enter

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sum in words, part by part."""
        return (f"{number_text(self.base)} to start with", *(term.text for term in self.terms))


def confidence_of(total: Decimal) -> Confidence:
    """Return the label of a score: 80 and up high, 60 medium, 40 low, below that very low."""
    return next((label for least, label in CONFIDENCES if total >= least), Confidence.VERY_LOW)


def score_rule_of(strategy: Strategy) -> ScoreRule:
    """Return the strategy's own table; without one the bias must suit it, and the bias's confidence is the score."""
    if strategy.score is not None:
        return strategy.score
    views = tuple(ScoreWord(word=bias.value, points=ZERO) for bias in strategy.biases)
    return ScoreRule(
        base=ZERO,
        cap=Decimal(100),
        terms=(
            ScoreTerm(word=WordMetric.BIAS, words=views, only=True),
            ScoreTerm(metric=Metric.BIAS_CONFIDENCE, slope=ScoreSlope(pivot=ZERO, per_point_above=Decimal(1))),
        ),
    )


def score_strategy(
    strategy: Strategy,
    view: MarketView,
    *,
    candidate: Mapping[Metric, Decimal] | None = None,
    stopped: bool = False,
) -> Score:
    """Score a market for a strategy. ``candidate`` holds what is known of the structure; a hard stop makes it 0."""
    rule = score_rule_of(strategy)
    own = candidate or {}
    parts = [(term, _read(term, view, own)) for term in rule.terms]
    terms = tuple(_term_score(term, reading, view) for term, reading in parts)
    missing = tuple(dict.fromkeys(_name(term) for term, reading in parts if reading is None))
    is_barred = any(term.only and _points_of_word(term, reading) is None for term, reading in parts)
    knows_nothing = all(reading is None for _, reading in parts)
    total = rule.base + sum((term.points for term in terms), ZERO)
    total = ZERO if stopped or is_barred or knows_nothing else _bounded(rule, total)
    required = [_name(term) for term, reading in parts if term.required and reading is None]
    return Score(
        total=total,
        label=confidence_of(total),
        minimum=rule.minimum,
        base=rule.base,
        terms=terms,
        unknown=missing,
        verdict=_verdict(
            total,
            rule.minimum,
            missing=required or (list(missing) if knows_nothing else []),
            against="a hard stop" if stopped else _against(rule.terms, terms, is_barred=is_barred),
        ),
    )


def _read(term: ScoreTerm, view: MarketView, candidate: Mapping[Metric, Decimal]) -> Decimal | str | None:
    if term.word is not None:
        named = view.words.get(term.word.value)
        return None if named is None else named.word
    assert term.metric is not None
    if term.metric in candidate:
        return candidate[term.metric]
    measured = view.numbers.get(term.metric.value)
    return None if measured is None else measured.number


def _term_score(term: ScoreTerm, reading: Decimal | str | None, view: MarketView) -> TermScore:
    name = _name(term)
    if reading is None:
        points = term.unknown_points or ZERO
        why = view.unknown.get(name, "")
        return _said(name, None, points, f"{name} unknown" + (f": {why}" if why else ""))
    if term.when is not None:
        named = view.words.get(term.when.word.value)
        if named is None or named.word != term.when.expected:
            stands = "unknown" if named is None else named.word
            row = f"{name} {_text(reading)} counts only while {term.when.word} is {term.when.expected}, it is {stands}"
            return _said(name, _text(reading), ZERO, row)
    points, row = _row(term, reading)
    return _said(name, _text(reading), points, f"{name} {_text(reading)}{row}")


def _said(name: str, reading: str | None, points: Decimal, row: str) -> TermScore:
    sign = "+" if points >= 0 else "−"
    return TermScore(name=name, reading=reading, points=points, text=f"{sign}{number_text(abs(points))} {row}")


def _row(term: ScoreTerm, reading: Decimal | str) -> tuple[Decimal, str]:
    if isinstance(reading, str):
        points = _points_of_word(term, reading)
        if points is not None:
            return points, ""
        return ZERO, ", which sets the score to 0" if term.only else ", no points for it"
    for band in term.bands:
        if _fits(band, reading):
            return band.points, _band_text(band)
    return _sloped(term.slope, reading) if term.slope is not None else (ZERO, ", in no band")


def _points_of_word(term: ScoreTerm, reading: Decimal | str | None) -> Decimal | None:
    return next((one.points for one in term.words if one.word == reading), None)


def _fits(band: ScoreBand, number: Decimal) -> bool:
    if band.above is not None and number <= band.above:
        return False
    if band.at_least is not None and number < band.at_least:
        return False
    if band.below is not None and number >= band.below:
        return False
    return band.at_most is None or number <= band.at_most


def _band_text(band: ScoreBand) -> str:
    bounds = (("above", band.above), ("at least", band.at_least), ("below", band.below), ("at most", band.at_most))
    parts = [f"{word} {number_text(bound)}" for word, bound in bounds if bound is not None]
    return ", " + (" and ".join(parts) or "any other")


def _sloped(slope: ScoreSlope, number: Decimal) -> tuple[Decimal, str]:
    is_above = number >= slope.pivot
    rate, most = (slope.per_point_above, slope.max_above) if is_above else (slope.per_point_below, slope.max_below)
    points = abs(number - slope.pivot) * rate
    if most is not None and abs(points) > most:
        points = most.copy_sign(points)
    way = "above" if is_above else "below"
    limit = "" if most is None else f", at most {number_text(most)}"
    gap, pivot = number_text(abs(number - slope.pivot)), number_text(slope.pivot)
    return round(points, POINT_PLACES).normalize() + 0, f", {gap} {way} {pivot} at {number_text(rate)} each{limit}"


def _bounded(rule: ScoreRule, total: Decimal) -> Decimal:
    capped = total if rule.cap is None else min(total, rule.cap)
    return max(capped, rule.floor)


def _against(terms: Sequence[ScoreTerm], scores: Sequence[TermScore], *, is_barred: bool) -> str:
    pairs = zip(terms, scores, strict=True)
    low = [score for term, score in pairs if (term.only if is_barred else score.points < 0)]
    return "; ".join(score.text for score in sorted(low, key=lambda score: score.points)[:AGAINST_SHOWN])


def _verdict(total: Decimal, minimum: Decimal, *, missing: list[str], against: str) -> Verdict:
    if missing:
        return unknown(Reason.INDICATOR_UNKNOWN, check="score", unknown=", ".join(missing))
    if total >= minimum:
        return ALLOWED
    value, limit, gap = number_text(total), number_text(minimum), number_text(minimum - total)
    facts = {"against": against} if against else {}
    return denied(Reason.SCORE_TOO_LOW, check="score", value=value, limit=limit, distance=f"+{gap}", **facts)


def _name(term: ScoreTerm) -> str:
    return term.word.value if term.word is not None else term.metric.value if term.metric is not None else ""


def _text(reading: Decimal | str) -> str:
    return reading if isinstance(reading, str) else number_text(reading)
