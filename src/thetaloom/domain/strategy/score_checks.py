"""What cannot stand together in a score or among hard stops."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from thetaloom.domain.strategy.conditions import Condition
from thetaloom.domain.strategy.fields import Problems, shown
from thetaloom.domain.strategy.metrics import CANDIDATES_OWN, METRIC_MAX, SIGNED_METRICS, WORDS, Metric, WordMetric
from thetaloom.domain.strategy.score_rules import HardStops, ScoreBand, ScoreRule, ScoreTerm, ScoreWhen


def condition_problems(condition: Condition) -> Problems:
    """Return the threshold that its metric can never reach."""
    least, most = metric_range(condition.metric)
    if least <= condition.threshold <= most:
        return {}
    return {"threshold": f"is {condition.threshold}; expected {least} to {most} for {condition.metric}"}


def metric_range(metric: Metric) -> tuple[int, int]:
    """Return the least and the most that a metric can be."""
    most = METRIC_MAX[metric]
    return (-most if metric in SIGNED_METRICS else 0), most


def band_problems(band: ScoreBand) -> Problems:
    """Return bounds that stand twice on one side, or the wrong way round."""
    if band.above is not None and band.at_least is not None:
        return {"above": f"is {band.above}; expected nothing beside at_least, which is {band.at_least}"}
    if band.below is not None and band.at_most is not None:
        return {"below": f"is {band.below}; expected nothing beside at_most, which is {band.at_most}"}
    low = band.above if band.above is not None else band.at_least
    high = band.below if band.below is not None else band.at_most
    is_closed = band.above is None and band.below is None
    if low is None or high is None or low < high or (is_closed and low == high):
        return {}
    name = "above" if band.above is not None else "at_least"
    return {name: f"is {low}; expected less than the upper bound, which is {high}"}


def when_problems(when: ScoreWhen) -> Problems:
    """Return the word that the metric never says."""
    wrong = _word_problem(when.word, when.expected)
    return {"is": wrong} if wrong else {}


def term_problems(term: ScoreTerm) -> Problems:
    """Return what a term reads that has no points, and the points that it can never give."""
    if (term.metric is None) == (term.word is None):
        given = "both stand" if term.metric is not None else "is missing"
        return {"metric": f"{given}; expected either metric, a number, or word"}
    return _word_term_problems(term, term.word) if term.word is not None else _number_term_problems(term)


def score_problems(rule: ScoreRule) -> Problems:
    """Return a floor, cap or minimum that cannot stand beside the others."""
    if rule.cap is not None and rule.cap <= rule.floor:
        return {"cap": f"is {rule.cap}; expected more than floor, which is {rule.floor}"}
    if rule.cap is not None and rule.minimum > rule.cap:
        return {"minimum": f"is {rule.minimum}; expected at most cap, which is {rule.cap}"}
    return {}


def stop_problems(stops: HardStops) -> Problems:
    """Return stops that are told twice, or before their number is there."""
    problems: Problems = {}
    if stops.range_3d_points and stops.range_3d_percent is None:
        problems["range_3d_percent"] = "is missing; expected the range of the symbols not named in range_3d_points"
    symbols = [one.symbol for one in stops.range_3d_points]
    for at, symbol in enumerate(symbols):
        if symbol in symbols[:at]:
            problems[f"range_3d_points[{at}].symbol"] = f"is {shown(symbol)}, which stands in the list already"
    for at, condition in enumerate(stops.blocked_when):
        if condition.metric in CANDIDATES_OWN:
            problems[f"blocked_when[{at}].metric"] = (
                f'is "{condition.metric}"; expected a number of the market, the candidate\'s are entry conditions'
            )
    return problems


def _word_term_problems(term: ScoreTerm, metric: WordMetric) -> Problems:
    problems: Problems = {}
    if term.bands or term.slope is not None:
        problems["bands" if term.bands else "slope"] = "stands beside a word; expected words"
    if not term.words:
        problems["words"] = "is empty; expected the words that have points"
    named = [one.word for one in term.words]
    for at, word in enumerate(named):
        wrong = _word_problem(metric, word)
        if wrong or word in named[:at]:
            problems[f"words[{at}].word"] = wrong or f"is {shown(word)}, which stands in the list already"
    return problems


def _number_term_problems(term: ScoreTerm) -> Problems:
    problems: Problems = {}
    if term.words:
        problems["words"] = "stands beside a metric; expected bands or a slope"
    if term.only:
        problems["only"] = "is true; expected false, only a word decides alone"
    if not term.bands and term.slope is None:
        problems["bands"] = "is empty and there is no slope; expected one of them"
    for at, band in enumerate(term.bands[:-1]):
        if not any(_bounds(band)):
            problems[f"bands[{at}]"] = "takes every number; expected bounds, as bands below it are never reached"
    assert term.metric is not None
    least, most = metric_range(term.metric)
    for at, band in enumerate(term.bands):
        for name, bound in zip(("above", "at_least", "below", "at_most"), _numbers(band), strict=True):
            if bound is not None and not least <= bound <= most:
                problems[f"bands[{at}].{name}"] = f"is {bound}; expected {least} to {most} for {term.metric}"
    return problems


def _numbers(band: ScoreBand) -> tuple[Decimal | None, ...]:
    return band.above, band.at_least, band.below, band.at_most


def _bounds(band: ScoreBand) -> list[bool]:
    return [bound is not None for bound in _numbers(band)]


def _word_problem(metric: WordMetric, word: str) -> str | None:
    known = [member.value for member in WORDS[metric]]
    return None if word in known else f"is {shown(word)}; expected one of {', '.join(known)}"


SCORE_CHECKS: dict[type, Callable[[Any], Problems]] = {
    ScoreBand: band_problems,
    ScoreWhen: when_problems,
    ScoreTerm: term_problems,
    ScoreRule: score_problems,
    HardStops: stop_problems,
}
