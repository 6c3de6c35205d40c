"""A strategy's score table and hard stops in words, for its page and for the documents alike."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.conditions import Comparison, Condition
from thetaloom.domain.strategy.exit_rules import ExitRule, ExitUnit
from thetaloom.domain.strategy.one_check import number_text
from thetaloom.domain.strategy.score_rules import HardStops, ScoreBand, ScoreSlope, ScoreTerm

COMPARED = {
    Comparison.AT_LEAST: "at least",
    Comparison.AT_MOST: "at most",
    Comparison.ABOVE: "above",
    Comparison.BELOW: "below",
}
EXIT_UNIT_WORDS = {
    ExitUnit.PERCENT_OF_PREMIUM: " % of the premium",
    ExitUnit.PERCENT_OF_MAX_LOSS: " % of the max loss",
    ExitUnit.PERCENT_OF_PEAK: " % of the highest profit",
    ExitUnit.DOLLARS: " dollars",
    ExitUnit.R: " R",
    ExitUnit.DAYS: " days",
    ExitUnit.MINUTES: " minutes",
    ExitUnit.DELTA: "",
    ExitUnit.SHARE: "",
    ExitUnit.PERCENT: " %",
    ExitUnit.ATR: " ATR",
    ExitUnit.NONE: "",
}
Name = Callable[[str], str]  # how a name is set apart from the words around it


@dataclass(frozen=True, slots=True, kw_only=True)
class TermWords:
    """One term of a score: what is read, the points it gives, and what else is to be known of it."""

    reading: str
    points: str
    note: str


def condition_words(condition: Condition, name: Name = str) -> str:
    """Say what a condition asks for."""
    return f"{name(condition.metric.value)} {COMPARED[condition.comparison]} {number_text(condition.threshold)}"


def exit_number(rule: ExitRule) -> str:
    """Say where an exit rule acts; empty where its kind says it all."""
    if rule.at is not None:
        return f"{rule.at} of the exchange"
    return "" if rule.unit is ExitUnit.NONE else f"{number_text(rule.threshold)}{EXIT_UNIT_WORDS[rule.unit]}"


def exit_conditions(rule: ExitRule) -> Iterator[str]:
    """Say when an exit rule acts at all, and on how much."""
    if rule.activates_at is not None:
        unit = ExitUnit.PERCENT_OF_PREMIUM if rule.unit is ExitUnit.PERCENT_OF_PEAK else rule.unit
        yield f"once the profit has reached {number_text(rule.activates_at)}{EXIT_UNIT_WORDS[unit]}"
    if rule.intraday_only:
        yield "only on the day it was opened"
    if rule.only_if_loss:
        yield "only while not in profit"
    if rule.only_if_profit_above is not None:
        yield f"only with a profit above {number_text(rule.only_if_profit_above)} % of the premium"
    if rule.only_if_profit_below is not None:
        yield f"only with a profit below {number_text(rule.only_if_profit_below)} % of the premium"
    if rule.quantity_percent < 100:
        yield f"closes {rule.quantity_percent} %"


def score_words(terms: Iterable[ScoreTerm]) -> Iterator[TermWords]:
    """Return the terms of a score with all their weights, one by one."""
    for term in terms:
        reading = term.metric.value if term.metric is not None else term.word.value if term.word is not None else ""
        parts = [f"{_band(band)}: {_points(band.points)}" for band in term.bands]
        parts += [f"{one.word.replace('_', ' ')}: {_points(one.points)}" for one in term.words]
        parts += list(_slope(term.slope)) if term.slope is not None else []
        if term.unknown_points is not None:
            parts.append(f"unknown: {_points(term.unknown_points)}")
        yield TermWords(reading=reading, points="; ".join(parts), note=" ".join(_notes(term)))


def stop_words(stops: HardStops, name: Name = str) -> Iterator[str]:
    """Say what bars an entry whatever the score."""
    if stops.history_sessions_min is not None:
        yield f"fewer than {stops.history_sessions_min} sessions of history"
    if stops.earnings_within_days is not None:
        yield f"earnings today or within {stops.earnings_within_days} days"
    if stops.ex_dividend_within_days is not None:
        yield f"an ex-dividend date within {stops.ex_dividend_within_days} days, for short American options"
    if stops.range_3d_percent is not None:
        ranges = "".join(f" ({one.symbol}: {number_text(one.points)} dollars)" for one in stops.range_3d_points)
        yield f"the last 3 closes within {number_text(stops.range_3d_percent)} % of price{ranges}"
    for condition in stops.blocked_when:
        yield condition_words(condition, name)


def _notes(term: ScoreTerm) -> Iterator[str]:
    if term.note:
        yield term.note
    if term.when is not None:
        yield f"Counts only while {term.when.word} is {term.when.expected}."
    if term.only and not term.note:  # a note of its own says it better
        yield "Any other word sets the score to 0."
    if term.required:
        yield "While it is unknown there is no entry."


def _band(band: ScoreBand) -> str:
    bounds = (("above", band.above), ("at least", band.at_least), ("below", band.below), ("at most", band.at_most))
    return " and ".join(f"{word} {number_text(bound)}" for word, bound in bounds if bound is not None) or "else"


def _slope(slope: ScoreSlope) -> Iterator[str]:
    sides = (
        ("above", slope.per_point_above, slope.max_above),
        ("below", slope.per_point_below, slope.max_below),
    )
    for side, points, most in sides:
        if points:
            cap = f", at most {number_text(most)}" if most is not None else ""
            yield f"each point {side} {number_text(slope.pivot)}: {_points(points)}{cap}"


def _points(points: Decimal) -> str:
    return f"{points.normalize():+f}" if points else "0"
