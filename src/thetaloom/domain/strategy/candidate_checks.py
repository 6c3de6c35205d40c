"""Whether a candidate passes its strategy's own rules, with the numbers behind each answer.

Every check is made and kept, also after the first no, so that a person sees all of the way to a yes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation
from thetaloom.domain.strategy.strategies import Comparison, Condition, Liquidity, Metric, SizeBy, Strategy
from thetaloom.domain.strategy.structures import CREDIT_NAMES
from thetaloom.domain.values.reasons import ALLOWED, Answer, Reason, Verdict, denied, unknown

UNKNOWN = "unknown"
NO_DISTANCE = "0"
PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule's answer: what was found, what was asked for, and by how much the one must change for a yes."""

    name: str
    verdict: Verdict
    value: str
    limit: str
    distance: str  # "0" for a yes, "unknown", a signed number, or a word where no number would help


def check_candidate(
    evaluation: Evaluation,
    strategy: Strategy,
    metrics: Mapping[Metric, Decimal],
    *,
    shares_held: int | None = None,
) -> tuple[Verdict, tuple[Check, ...]]:
    """Return the first no, or a yes, and every check. ``metrics`` holds what is known of the market.

    ``shares_held`` are those of the account that no other structure counts on, negative when sold short.
    What the evaluation itself says (net credit, POP …) comes from there, whatever ``metrics`` holds.
    """
    checks = (
        *_check_quotes(evaluation),
        *(check for leg in evaluation.legs for check in _check_liquidity(leg, strategy.liquidity)),
        _check_credit(evaluation),
        _check_risk(evaluation, strategy),
        *_check_shares(strategy, shares_held),
        *(_check_condition(condition, evaluation, metrics) for condition in strategy.conditions),
    )
    return next((check.verdict for check in checks if not check.verdict.is_allowed), ALLOWED), checks


def _check_quotes(evaluation: Evaluation) -> Iterator[Check]:
    for one in evaluation.legs:
        contract, said = one.leg.contract, f"{_text(one.bid)} / {_text(one.ask)}"
        yield _check(f"quote {one.leg.notation}", one.verdict, said, "a quote to trade on", "a better quote")
        plain = denied(Reason.ADJUSTED_CONTRACT, root=contract.root) if contract.is_adjusted else ALLOWED
        yield _check(f"contract {one.leg.notation}", plain, contract.root, "a standard contract", "another root")
    if not evaluation.verdict.is_allowed and all(one.verdict.is_allowed for one in evaluation.legs):
        yield _check("evaluation", evaluation.verdict, evaluation.structure_name, "known prices", "known prices")


def _check_liquidity(one: LegEvaluation, rule: Liquidity) -> Iterator[Check]:
    name = one.leg.notation
    if rule.bid_ask_width_max is not None or rule.bid_ask_width_percent_max is not None:
        yield _check_width(one, rule)
    if rule.open_interest_min is not None:
        found, limit = _decimal(one.open_interest), Decimal(rule.open_interest_min)
        reason = Reason.OPEN_INTEREST_TOO_LOW
        yield _compare(f"open interest {name}", found, Comparison.AT_LEAST, limit, reason, reason)
    if rule.volume_min is not None:
        found, limit = _decimal(one.volume), Decimal(rule.volume_min)
        reason = Reason.VOLUME_TOO_LOW
        yield _compare(f"volume {name}", found, Comparison.AT_LEAST, limit, reason, reason)
    found, limit = _decimal(one.quote_age_seconds), Decimal(rule.quote_age_seconds_max)
    yield _compare(
        f"quote age {name}", found, Comparison.AT_MOST, limit, Reason.STALE_QUOTE, Reason.NO_QUOTE, unit=" s"
    )


def _check_width(one: LegEvaluation, rule: Liquidity) -> Check:
    limits = [] if rule.bid_ask_width_max is None else [Decimal(rule.bid_ask_width_max)]
    if rule.bid_ask_width_percent_max is not None and one.mid is not None:
        limits.append(rule.bid_ask_width_percent_max * Decimal(one.mid) / PERCENT)
    # Either limit is enough, so the wider one decides; a percentage of an unknown mid is no limit at all.
    limit = max(limits, default=None)
    width = None if one.mid is None or one.bid_ask_width is None else Decimal(one.bid_ask_width)
    name = f"bid-ask width {one.leg.notation}"
    if limit is None:
        said = f"<= {_text(rule.bid_ask_width_percent_max)} % of mid"
        return _check(name, unknown(Reason.BID_ASK_TOO_WIDE), UNKNOWN, said, UNKNOWN)
    reason = Reason.BID_ASK_TOO_WIDE
    return _compare(name, width, Comparison.AT_MOST, limit, reason, reason)


def _check_credit(evaluation: Evaluation) -> Check:
    found = _decimal(evaluation.mid_price)
    if evaluation.structure_name not in CREDIT_NAMES:
        return _check("net price", ALLOWED, _text(found), "credit or debit", NO_DISTANCE)
    return _compare(
        "net price", found, Comparison.ABOVE, Decimal(0), Reason.NOT_A_CREDIT, Reason.NO_QUOTE, unit=" per share"
    )


def _check_risk(evaluation: Evaluation, strategy: Strategy) -> Check:
    limit = "any" if strategy.allow_undefined_risk else "a limited loss"
    if evaluation.is_loss_unlimited:
        verdict = ALLOWED if strategy.allow_undefined_risk else denied(Reason.NO_MAX_LOSS)
        return _check("max loss", verdict, "unlimited", limit, "a bought leg that limits the loss")
    if evaluation.max_loss is None:
        return _check("max loss", unknown(Reason.NO_MAX_LOSS), UNKNOWN, limit, UNKNOWN)
    return _check("max loss", ALLOWED, _text(evaluation.max_loss), limit, NO_DISTANCE)


def _check_shares(strategy: Strategy, held: int | None) -> Iterator[Check]:
    if strategy.shares:
        # A size by risk is not known yet; sizing then takes no more structures than the shares last for.
        least = strategy.size.quantity if strategy.size.by is SizeBy.FIXED else 1
        comparison = Comparison.AT_LEAST if strategy.shares > 0 else Comparison.AT_MOST
        needed, reason = Decimal(strategy.shares * least), Reason.SHARES_MISSING
        yield _compare("shares", _decimal(held), comparison, needed, reason, reason)


def structures_covered(strategy: Strategy, shares_held: int | None) -> int | None:
    """Return for how many structures the account's shares last; ``None`` where the strategy needs none."""
    if not strategy.shares:
        return None
    return max(0, (shares_held or 0) // strategy.shares)


def _check_condition(condition: Condition, evaluation: Evaluation, metrics: Mapping[Metric, Decimal]) -> Check:
    metric = condition.metric
    if metric is Metric.MAX_LOSS and evaluation.is_loss_unlimited:
        return _check_unlimited(condition)
    found = CANDIDATE_METRICS[metric](evaluation) if metric in CANDIDATE_METRICS else metrics.get(metric)
    return _compare(
        metric.value,
        found,
        condition.comparison,
        condition.threshold,
        _reason(condition),
        Reason.INDICATOR_UNKNOWN,
    )


def _check_unlimited(condition: Condition) -> Check:
    # More than any number: it meets a floor and never a ceiling.
    is_floor = condition.comparison in (Comparison.AT_LEAST, Comparison.ABOVE)
    verdict = ALLOWED if is_floor else denied(Reason.NO_MAX_LOSS, limit=_text(condition.threshold))
    said = f"{condition.comparison} {_text(condition.threshold)}"
    return _check(Metric.MAX_LOSS.value, verdict, "unlimited", said, "a bought leg that limits the loss")


def _reason(condition: Condition) -> Reason:
    if condition.comparison in (Comparison.AT_MOST, Comparison.BELOW):
        return Reason.CONDITION_NOT_MET
    if condition.metric is Metric.NET_CREDIT and condition.threshold < 0:
        return Reason.DEBIT_TOO_HIGH
    return FLOOR_REASONS.get(condition.metric, Reason.CONDITION_NOT_MET)


FLOOR_REASONS: dict[Metric, Reason] = {
    Metric.NET_CREDIT: Reason.CREDIT_TOO_LOW,
    Metric.CREDIT_TO_WIDTH: Reason.CREDIT_TO_WIDTH_TOO_LOW,
    Metric.POP: Reason.POP_TOO_LOW,
    Metric.UNDERLYING_PRICE: Reason.UNDERLYING_PRICE_TOO_LOW,
}


def _credit_to_width(evaluation: Evaluation) -> Decimal | None:
    if evaluation.mid_price is None or evaluation.width is None or evaluation.width <= 0:
        return None
    return evaluation.mid_price.ratio(evaluation.width) * PERCENT


CANDIDATE_METRICS: dict[Metric, Callable[[Evaluation], Decimal | None]] = {
    Metric.NET_CREDIT: lambda evaluation: _decimal(evaluation.mid_price),
    Metric.CREDIT_TO_WIDTH: _credit_to_width,
    Metric.POP: lambda evaluation: None if evaluation.pop is None else evaluation.pop * PERCENT,
    Metric.MAX_LOSS: lambda evaluation: _decimal(evaluation.max_loss),
}


def _compare(
    name: str,
    found: Decimal | None,
    comparison: Comparison,
    limit: Decimal,
    reason: Reason,
    reason_unknown: Reason,
    *,
    unit: str = "",
) -> Check:
    said = f"{comparison} {_text(limit)}{unit}"
    if found is None:
        return _check(name, unknown(reason_unknown, check=name, limit=said), UNKNOWN, said, UNKNOWN)
    if comparison.holds(found, limit):
        return _check(name, ALLOWED, _text(found), said, NO_DISTANCE)
    change = limit - found
    is_strict = comparison in (Comparison.ABOVE, Comparison.BELOW)
    distance = f"{'more than ' if is_strict else ''}{'+' if change > 0 else ''}{_text(change)}"
    verdict = denied(reason, check=name, value=_text(found), limit=said, distance=distance)
    return _check(name, verdict, _text(found), said, distance)


def _check(name: str, verdict: Verdict, value: str, limit: str, distance: str) -> Check:
    gap = {Answer.ALLOW: NO_DISTANCE, Answer.UNKNOWN: UNKNOWN}.get(verdict.answer, distance)
    return Check(name=name, verdict=verdict, value=value, limit=limit, distance=gap)


def _decimal(number: Decimal | int | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def _text(number: Decimal | None) -> str:
    if number is None:
        return UNKNOWN
    plain = Decimal(number)
    return format(round(plain, 4).normalize() + 0, "f") if plain else "0"
