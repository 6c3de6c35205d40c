"""All strategies on one market: scored, selected, judged and put in order, with the reasons of those that are out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, nearest_years
from thetaloom.domain.market.indicators import atm_straddle
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.explanations import Blocking, CheckLine, blocking_reasons, line_of, verdict_line
from thetaloom.domain.strategy.hard_stops import Moment, check_hard_stops, sells_american
from thetaloom.domain.strategy.judging import Judged, judge_candidate, score_check, score_market
from thetaloom.domain.strategy.metrics import METRIC_OF, Metric
from thetaloom.domain.strategy.one_check import Check
from thetaloom.domain.strategy.scoring import SHOW_ANYWAY_MIN, Confidence, Score, score_rule_of
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import Side, Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import DAYS_PER_YEAR
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.money import HUNDRED, Money
from thetaloom.domain.values.reasons import Reason, Verdict, denied

Readings = Mapping[Metric, Decimal]


class RankingKind(StrEnum):
    """What a ranking came to."""

    AUTO = "auto"  # the best of those that may be entered
    FORCED = "forced"  # a person named the strategy; its minimum score is waived
    LOW_SCORES = "low_scores"  # some could be traded, none scores enough
    NO_TRADE = "no_trade"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """One market at one moment, as strategies are ranked on it."""

    chain: OptionChain
    expirations: tuple[Expiration, ...]
    view: MarketView
    now: datetime
    today: date  # the exchange's
    rates: RateCurve
    dividend_yield: float
    tradeable_capital: Money | None = None
    shares_held: int | None = None  # those of the account that no other structure counts on
    is_open: bool | None = None
    next_open: str = ""
    data_age_seconds_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedStrategy:
    """One strategy's place: its score, its structure with numbers, and what stands against it."""

    strategy_id: StrategyId
    name: str
    score: Score
    priority: int
    verdict: Verdict
    legs: tuple[Leg, ...] = ()
    expires_on: date | None = None
    evaluation: Evaluation | None = None
    reasons: tuple[str, ...] = ()
    checks: tuple[Check, ...] = field(default=(), repr=False)
    blocking: tuple[Blocking, ...] = ()

    @property
    def is_eligible(self) -> bool:
        """Whether nothing but the account's limits stands between it and a proposal."""
        return self.verdict.is_allowed

    @property
    def is_only_low(self) -> bool:
        """Whether its score is all that is wrong with it."""
        return self.verdict.reason is Reason.SCORE_TOO_LOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """All strategies on one symbol in order, and what it comes to."""

    kind: RankingKind
    title: str
    symbol: str
    as_of: datetime
    confidence: Confidence | None  # of the best
    best: StrategyId | None
    entries: tuple[RankedStrategy, ...]
    warnings: tuple[str, ...]
    hard_stops: tuple[Check, ...]  # those of the market itself that say no, whatever the strategy


def readings_of(view: MarketView) -> dict[Metric, Decimal]:
    """Return the numbers of a market by their metric."""
    return {METRIC_OF[name]: measured.number for name, measured in view.numbers.items()}


def rank_strategies(
    strategies: Sequence[Strategy],
    market: MarketState,
    *,
    forced: StrategyId | None = None,
    with_chances: bool = True,
) -> Ranking:
    """Rank strategies by score, then by their fixed priority; ``forced`` waives the minimum score of the one named.

    A forced strategy's strikes may miss by three times their limit. Its hard stops and rules stay as they are.
    Without chances the evaluations lack P50, touches and the mean, on which no place and no rule rests.
    """
    chosen = [one for one in strategies if forced is None or one.id == forced]
    readings = readings_of(market.view)
    ranked = [
        _rank(strategy, market, readings, is_forced=forced is not None, with_chances=with_chances)
        for strategy in chosen
    ]
    ranked.sort(key=_order)
    stops = tuple(
        check for check in check_hard_stops(None, market.view, _moment(market, ())) if not check.verdict.is_allowed
    )
    best = next((one for one in ranked if one.is_eligible), None)
    kind = _kind(ranked, best, is_forced=forced is not None)
    return Ranking(
        kind=kind,
        title=_title(kind, ranked, best, market.chain.underlying),
        symbol=market.chain.underlying,
        as_of=market.chain.as_of,
        confidence=None if best is None else best.score.label,
        best=None if best is None else best.strategy_id,
        entries=tuple(ranked),
        warnings=_warnings(kind, best, market),
        hard_stops=stops,
    )


def judge_selection(
    strategy: Strategy,
    market: MarketState,
    readings: Readings,
    selection: Selection,
    *,
    forced: bool = False,
    with_chances: bool = True,
) -> tuple[Evaluation, Judged]:
    """Work out the numbers of the legs selected, and hold them against the strategy's rules."""
    held = {(leg.contract.root, leg.contract.expires_on) for leg in selection.legs}
    lives = [one for one in market.expirations if (one.root, one.expires_on) in held]
    evaluation = evaluate_structure(
        selection.legs,
        market.chain,
        now=market.now,
        expirations=market.expirations,
        rate=market.rates.at(nearest_years(lives)),
        dividend_yield=market.dividend_yield,
        quote_age_max=timedelta(seconds=strategy.liquidity.quote_age_seconds_max),
        names=selection.leg_names,
        shares=strategy.shares,
        with_chances=with_chances,
    )
    metrics = {**readings, **_expected_move(market, selection)}
    moment = _moment(market, selection.legs)
    judged = judge_candidate(
        strategy, evaluation, market.view, moment, metrics, shares_held=market.shares_held, forced=forced
    )
    return evaluation, judged


def _order(one: RankedStrategy) -> tuple[bool, Decimal, int, str]:
    # Those that can be entered come first; a fine score of what cannot be traded helps nobody.
    return (not one.is_eligible, -one.score.total, one.priority, one.strategy_id)


def _rank(
    strategy: Strategy, market: MarketState, readings: Readings, *, is_forced: bool, with_chances: bool
) -> RankedStrategy:
    selection = select_structure(
        strategy,
        market.chain,
        market.expirations,
        now=market.now,
        rate=market.rates.at(strategy.expiration.dte_target / DAYS_PER_YEAR),
        dividend_yield=market.dividend_yield,
        tradeable_capital=market.tradeable_capital,
        readings=readings,
        relaxed=is_forced,
    )
    if not selection.legs:
        return _without_legs(strategy, market, selection, is_forced=is_forced)
    found = judge_selection(strategy, market, readings, selection, forced=is_forced, with_chances=with_chances)
    return _judged(strategy, selection, *found, is_forced=is_forced)


def _without_legs(strategy: Strategy, market: MarketState, selection: Selection, *, is_forced: bool) -> RankedStrategy:
    sells = any(leg.side is Side.SELL for leg in strategy.legs)
    stops = check_hard_stops(strategy.hard_stops, market.view, _moment(market, (), sells=sells))
    lines = [*map(line_of, stops), verdict_line("selection", selection.verdict)]
    against = next((check.verdict for check in stops if not check.verdict.is_allowed), selection.verdict)
    score = score_market(strategy, market.view, stops, {})
    return RankedStrategy(
        strategy_id=strategy.id,
        name=strategy.name,
        score=score,
        priority=score_rule_of(strategy).priority,
        verdict=against,
        checks=stops,
        blocking=blocking_reasons(lines, first=_code(against)),
    )


def _judged(
    strategy: Strategy, selection: Selection, evaluation: Evaluation, judged: Judged, *, is_forced: bool
) -> RankedStrategy:
    verdict = judged.verdict
    if verdict.is_allowed and strategy.score is None and not is_forced:
        # Without a table of its own a strategy may run by hand; to be chosen by itself it needs the bias.
        verdict = judged.score.verdict
    if verdict.is_allowed and not strategy.active:
        verdict = denied(Reason.STRATEGY_INACTIVE, strategy=strategy.id)
    lines: list[CheckLine] = [line_of(check) for check in judged.checks if not check.verdict.is_allowed]
    if not verdict.is_allowed and judged.verdict.is_allowed:
        is_low = verdict is judged.score.verdict
        lines.append(line_of(score_check(judged.score, forced=False)) if is_low else verdict_line("strategy", verdict))
    return RankedStrategy(
        strategy_id=strategy.id,
        name=strategy.name,
        score=judged.score,
        priority=score_rule_of(strategy).priority,
        verdict=verdict,
        legs=selection.legs,
        expires_on=selection.expires_on,
        evaluation=evaluation,
        reasons=selection.reasons,
        checks=judged.checks,
        blocking=blocking_reasons(lines, first=_code(verdict)),
    )


def _expected_move(market: MarketState, selection: Selection) -> dict[Metric, Decimal]:
    if selection.expires_on is None or market.chain.spot is None:
        return {}
    straddle = atm_straddle(market.chain, selection.expires_on, selection.legs[0].contract.root)
    return {} if straddle is None else {Metric.EXPECTED_MOVE_PERCENT: straddle.ratio(market.chain.spot) * HUNDRED}


def _moment(market: MarketState, legs: tuple[Leg, ...], *, sells: bool = False) -> Moment:
    age = market.now - market.chain.as_of
    return Moment(
        symbol=market.chain.underlying,
        today=market.today,
        has_short_american=sells_american(legs) or (sells and not legs),
        is_open=market.is_open,
        next_open=market.next_open,
        data_age_seconds=None if market.data_age_seconds_max is None else int(age.total_seconds()),
        data_age_seconds_max=market.data_age_seconds_max,
    )


def _code(verdict: Verdict) -> str:
    return verdict.reason.value if verdict.reason else ""


def _kind(ranked: Sequence[RankedStrategy], best: RankedStrategy | None, *, is_forced: bool) -> RankingKind:
    if best is not None:
        return RankingKind.FORCED if is_forced else RankingKind.AUTO
    return RankingKind.LOW_SCORES if any(one.is_only_low for one in ranked) else RankingKind.NO_TRADE


def _title(kind: RankingKind, ranked: Sequence[RankedStrategy], best: RankedStrategy | None, symbol: str) -> str:
    match kind:
        case RankingKind.AUTO | RankingKind.FORCED if best is not None:
            label = best.score.label.replace("_", " ")
            how = "forced: " if kind is RankingKind.FORCED else ""
            return f"{how}{best.name} on {symbol}, score {best.score.total:f} ({label} confidence)"
        case RankingKind.LOW_SCORES:
            low = next(one for one in ranked if one.is_only_low)
            return f"no strategy scores enough on {symbol}; {low.name} comes nearest with {low.score.total:f}"
    return f"no trade on {symbol}: {len(ranked)} strategies, none can be entered"


def _warnings(kind: RankingKind, best: RankedStrategy | None, market: MarketState) -> tuple[str, ...]:
    warnings = []
    if market.chain.synthetic:
        warnings.append("the market is synthetic: made by a seed")
    if best is not None and best.score.unknown:
        warnings.append(f"unknown and without points: {', '.join(best.score.unknown)}")
    if kind is RankingKind.FORCED and best is not None and best.score.total < best.score.minimum:
        floor = "" if best.score.total >= SHOW_ANYWAY_MIN else f", and below {SHOW_ANYWAY_MIN} even to be shown"
        warnings.append(f"forced below its minimum score of {best.score.minimum:f}{floor}")
    if best is not None and best.evaluation is not None and best.evaluation.is_loss_unlimited:
        warnings.append("the loss has no limit")
    return tuple(warnings)
