"""Everything that is said of a candidate: hard stops, its strategy's own rules and the score, each as a check."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from thetaloom.domain.market.view import MarketView
from thetaloom.domain.strategy.candidate_checks import candidate_metrics, check_candidate
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.hard_stops import Moment, check_hard_stops
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.one_check import NO_DISTANCE, Check, make_check, number_text
from thetaloom.domain.strategy.scoring import Score, score_strategy
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.reasons import ALLOWED, Answer, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The first no, or a yes, with all that was looked at."""

    verdict: Verdict
    checks: tuple[Check, ...]
    score: Score


def judge_candidate(
    strategy: Strategy,
    evaluation: Evaluation,
    view: MarketView,
    moment: Moment,
    metrics: Mapping[Metric, Decimal],
    *,
    shares_held: int | None = None,
    forced: bool = False,
) -> Judged:
    """Hold a candidate against its hard stops, its rules and its minimum score; forced waives the score alone.

    A strategy without a table of its own is scored by its bias; that score is shown and bars nothing.
    """
    stops = check_hard_stops(strategy.hard_stops, view, moment)
    _, rules = check_candidate(evaluation, strategy, metrics, shares_held=shares_held, forced=forced)
    score = score_market(strategy, view, stops, candidate_metrics(evaluation))
    checks = (*stops, *rules, *(() if strategy.score is None else (score_check(score, forced=forced),)))
    return Judged(verdict=first_no(checks), checks=checks, score=score)


def score_market(
    strategy: Strategy, view: MarketView, stops: tuple[Check, ...], candidate: Mapping[Metric, Decimal]
) -> Score:
    """Score a market whose hard stops are known."""
    stopped = any(not stop.verdict.is_allowed for stop in stops)
    return score_strategy(strategy, view, candidate=candidate, stopped=stopped)


def score_check(score: Score, *, forced: bool) -> Check:
    """Return the score as a check; a forced run shows the minimum and goes on, save where a required reading lacks."""
    verdict, limit = score.verdict, f">= {number_text(score.minimum)}"
    if forced and verdict.answer is Answer.DENY:
        verdict, limit = (
            replace(ALLOWED, facts={"forced": f"minimum {number_text(score.minimum)} waived"}),
            (f"{limit}, waived by force"),
        )
    gap = f"+{number_text(score.minimum - score.total)}" if score.total < score.minimum else NO_DISTANCE
    return make_check("score", verdict, f"{number_text(score.total)} ({score.label.replace('_', ' ')})", limit, gap)


def first_no(checks: tuple[Check, ...]) -> Verdict:
    """Return the verdict of the first check that does not allow, or a yes."""
    return next((check.verdict for check in checks if not check.verdict.is_allowed), ALLOWED)
