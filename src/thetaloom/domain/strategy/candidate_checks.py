"""Whether a candidate passes its strategy's own rules, with the numbers behind each answer.

Every check is made and kept, also after the first no, so that a person sees all of the way to a yes.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from thetaloom.domain.strategy.conditions import Comparison, Condition
from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation
from thetaloom.domain.strategy.one_check import NO_DISTANCE, UNKNOWN, Check, make_check, number_text
from thetaloom.domain.strategy.strategies import Liquidity, Metric, SizeBy, Strategy
from thetaloom.domain.strategy.strike_quality import leg_quality, quality_level, structure_quality
from thetaloom.domain.strategy.structures import CREDIT_NAMES
from thetaloom.domain.values.instruments import ExerciseStyle, Right
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown

PERCENT = Decimal(100)
BOXES = frozenset({"long_box", "short_box"})
NEVER_LOSE = frozenset({"long_box", "conversion"})  # they lend money, and all that is at risk is the rate


def check_candidate(
    evaluation: Evaluation,
    strategy: Strategy,
    metrics: Mapping[Metric, Decimal],
    *,
    shares_held: int | None = None,
    forced: bool = False,
) -> tuple[Verdict, tuple[Check, ...]]:
    """Return the first no, or a yes, and every check. ``metrics`` holds what is known of the market.

    ``shares_held`` are those of the account that no other structure counts on, negative when sold short.
    What the evaluation itself says (net credit, POP …) comes from there, whatever ``metrics`` holds. A ``forced``
    run shows the quality of the strikes and goes on.
    """
    checks = (
        *_check_quotes(evaluation),
        *(check for leg in evaluation.legs for check in _check_liquidity(leg, strategy.liquidity)),
        *_check_quality(evaluation, strategy.liquidity.strike_quality_min, forced=forced),
        _check_credit(evaluation),
        *_check_box(evaluation),
        _check_risk(evaluation, strategy),
        *_check_shares(strategy, shares_held),
        *(_check_condition(condition, evaluation, metrics) for condition in strategy.conditions),
    )
    return next((check.verdict for check in checks if not check.verdict.is_allowed), ALLOWED), checks


def _check_quotes(evaluation: Evaluation) -> Iterator[Check]:
    for one in evaluation.legs:
        contract, said = one.leg.contract, f"{number_text(one.bid)} / {number_text(one.ask)}"
        yield make_check(f"quote {one.leg.notation}", one.verdict, said, "a quote to trade on", "a better quote")
        plain = denied(Reason.ADJUSTED_CONTRACT, root=contract.root) if contract.is_adjusted else ALLOWED
        yield make_check(f"contract {one.leg.notation}", plain, contract.root, "a standard contract", "another root")
    if not evaluation.verdict.is_allowed and all(one.verdict.is_allowed for one in evaluation.legs):
        yield make_check("evaluation", evaluation.verdict, evaluation.structure_name, "known prices", "known prices")


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
        said = f"<= {number_text(rule.bid_ask_width_percent_max)} % of mid"
        return make_check(name, unknown(Reason.BID_ASK_TOO_WIDE), UNKNOWN, said, UNKNOWN)
    reason = Reason.BID_ASK_TOO_WIDE
    return _compare(name, width, Comparison.AT_MOST, limit, reason, reason)


def _check_quality(evaluation: Evaluation, least: Decimal | None, *, forced: bool) -> Iterator[Check]:
    qualities = [leg_quality(one) for one in evaluation.legs]
    limit = "shown only" if least is None else f">= {number_text(least)}{', waived by force' if forced else ''}"
    for one, quality in zip(evaluation.legs, qualities, strict=True):
        yield _check_one_quality(f"strike quality {one.leg.notation}", quality.total, least, limit, forced=forced)
    weakest, mean = structure_quality(qualities)
    text = f"{number_text(weakest)} at the weakest leg, {number_text(mean)} on average"
    yield make_check("strike quality", ALLOWED, text, "shown only", NO_DISTANCE)


def _check_one_quality(name: str, total: Decimal, least: Decimal | None, limit: str, *, forced: bool) -> Check:
    shown = f"{number_text(total)} ({quality_level(total)})"
    if least is None or forced or total >= least:
        return make_check(name, ALLOWED, shown, limit, NO_DISTANCE)
    gap = f"+{number_text(least - total)}"
    verdict = denied(Reason.STRIKE_QUALITY_TOO_LOW, check=name, value=number_text(total), limit=limit, distance=gap)
    return make_check(name, verdict, shown, limit, gap)


def _check_credit(evaluation: Evaluation) -> Check:
    found = _decimal(evaluation.mid_price)
    if evaluation.structure_name not in CREDIT_NAMES:
        return make_check("net price", ALLOWED, number_text(found), "credit or debit", NO_DISTANCE)
    return _compare(
        "net price", found, Comparison.ABOVE, Decimal(0), Reason.NOT_A_CREDIT, Reason.NO_QUOTE, unit=" per share"
    )


def _check_risk(evaluation: Evaluation, strategy: Strategy) -> Check:
    limit = "any" if strategy.allow_undefined_risk else "a limited loss"
    if evaluation.is_loss_unlimited:
        verdict = ALLOWED if strategy.allow_undefined_risk else denied(Reason.NO_MAX_LOSS)
        return make_check("max loss", verdict, "unlimited", limit, "a bought leg that limits the loss")
    if evaluation.max_loss is None:
        return make_check("max loss", unknown(Reason.NO_MAX_LOSS), UNKNOWN, limit, UNKNOWN)
    if evaluation.max_loss == 0 and evaluation.structure_name not in NEVER_LOSE:
        # A credit as large as its width, say: nobody gives that away, so the quotes are not of one moment.
        facts = {"mid_price": number_text(_decimal(evaluation.mid_price)), "width": number_text(evaluation.width)}
        return make_check("max loss", denied(Reason.IMPLAUSIBLE_PRICE, **facts), "0", "above 0", "better quotes")
    return make_check("max loss", ALLOWED, number_text(evaluation.max_loss), limit, NO_DISTANCE)


def _check_box(evaluation: Evaluation) -> Iterator[Check]:
    if evaluation.structure_name in BOXES:
        american = [one.leg.notation for one in evaluation.legs if _is_american(one)]
        verdict = denied(Reason.EARLY_EXERCISE, legs=", ".join(american)) if american else ALLOWED
        style = "American" if american else "European"
        yield make_check("exercise style", verdict, style, "European", "an index option of European style")


def _is_american(one: LegEvaluation) -> bool:
    return one.leg.contract.exercise_style is ExerciseStyle.AMERICAN


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
    verdict = ALLOWED if is_floor else denied(Reason.NO_MAX_LOSS, limit=number_text(condition.threshold))
    said = f"{condition.comparison} {number_text(condition.threshold)}"
    return make_check(Metric.MAX_LOSS.value, verdict, "unlimited", said, "a bought leg that limits the loss")


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


def _reward_to_risk(evaluation: Evaluation) -> Decimal | None:
    if evaluation.max_profit is None or evaluation.max_loss is None or evaluation.max_loss <= 0:
        return None
    return evaluation.max_profit.ratio(evaluation.max_loss)


def _premium_yield(evaluation: Evaluation) -> Decimal | None:
    sold = [one.leg.contract for one in evaluation.legs if one.leg.ratio < 0]
    # Puts first: what they are bought at is what the premium must pay for.
    strikes = [contract.strike for right in (Right.PUT, Right.CALL) for contract in sold if contract.right is right]
    if evaluation.mid_price is None or not strikes:
        return None
    return Decimal(evaluation.mid_price) * PERCENT / strikes[0]


def candidate_metrics(evaluation: Evaluation) -> dict[Metric, Decimal]:
    """Return the numbers of the candidate that are known."""
    found = {metric: read(evaluation) for metric, read in CANDIDATE_METRICS.items()}
    return {metric: number for metric, number in found.items() if number is not None}


CANDIDATE_METRICS: dict[Metric, Callable[[Evaluation], Decimal | None]] = {
    Metric.NET_CREDIT: lambda evaluation: _decimal(evaluation.mid_price),
    Metric.CREDIT_TO_WIDTH: _credit_to_width,
    Metric.POP: lambda evaluation: None if evaluation.pop is None else evaluation.pop * PERCENT,
    Metric.MAX_LOSS: lambda evaluation: _decimal(evaluation.max_loss),
    Metric.REWARD_TO_RISK: _reward_to_risk,
    Metric.PREMIUM_YIELD: _premium_yield,
    Metric.EXPIRATIONS: lambda evaluation: Decimal(len({one.leg.contract.expires_on for one in evaluation.legs})),
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
    said = f"{comparison} {number_text(limit)}{unit}"
    if found is None:
        return make_check(name, unknown(reason_unknown, check=name, limit=said), UNKNOWN, said, UNKNOWN)
    if comparison.holds(found, limit):
        return make_check(name, ALLOWED, number_text(found), said, NO_DISTANCE)
    change = limit - found
    is_strict = comparison in (Comparison.ABOVE, Comparison.BELOW)
    distance = f"{'more than ' if is_strict else ''}{'+' if change > 0 else ''}{number_text(change)}"
    verdict = denied(reason, check=name, value=number_text(found), limit=said, distance=distance)
    return make_check(name, verdict, number_text(found), said, distance)


def _decimal(number: Decimal | int | None) -> Decimal | None:
    return None if number is None else Decimal(number)
