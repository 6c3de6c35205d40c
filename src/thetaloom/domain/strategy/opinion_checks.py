"""What the opinions on a market together say, and whether it suffices for an entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.market.opinions import CONFIDENCE_PLACES, Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.strategy.analysis_rules import AnalysisRule, AnalystName
from thetaloom.domain.strategy.one_check import NO_DISTANCE, UNKNOWN, Check, make_check, number_text
from thetaloom.domain.strategy.strategies import Bias
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What the opinions come to: the direction with the most confidence behind it."""

    direction: MarketBias | None  # None: nobody said anything that counts
    confidence: Decimal
    opinion: Opinion | None  # whose levels count


def weigh_opinions(rule: AnalysisRule, rules: Opinion | None, witness: Opinion | None) -> Weighed:
    """Add up the opinions by their shares.

    Each opinion puts its confidence times its share behind its direction; who says nothing puts nothing anywhere.
    Where two directions have as much, that of the rules counts; so do their levels where both say the same.
    """
    if rule.analyst is AnalystName.LLM:
        shares = ((rules, 1 - rule.share), (witness, rule.share))
    else:
        shares = ((rules, rule.share), (None, Decimal(0)))
    behind: dict[MarketBias, Decimal] = {}
    spoken: dict[MarketBias, Opinion] = {}
    for opinion, share in shares:
        if opinion is None or share == 0:
            continue
        behind[opinion.direction] = behind.get(opinion.direction, Decimal(0)) + opinion.confidence * share
        spoken.setdefault(opinion.direction, opinion)
    if not behind:
        return Weighed(direction=None, confidence=Decimal(0), opinion=None)
    direction = max(behind, key=lambda one: behind[one])  # the first of equals
    confidence = round(behind[direction], CONFIDENCE_PLACES)
    return Weighed(direction=direction, confidence=confidence, opinion=spoken[direction])


def check_opinion(rule: AnalysisRule, biases: Sequence[Bias], weighed: Weighed, why: str) -> tuple[Check, ...]:
    """Hold what was weighed against what the strategy asks for; ``why`` says what keeps an opinion from being known."""
    if weighed.direction is None or weighed.opinion is None:
        verdict = unknown(Reason.NO_OPINION, why=why)
        return (make_check("opinion", verdict, UNKNOWN, " or ".join(biases), UNKNOWN),)
    return (
        _direction_check(weighed.direction, biases),
        _least("opinion_confidence", weighed.confidence, rule.confidence_min, Reason.OPINION_UNSURE),
        *_level_checks(rule, weighed.opinion),
    )


def _direction_check(direction: MarketBias, biases: Sequence[Bias]) -> Check:
    suits = direction.value in {bias.value for bias in biases}
    wanted = " or ".join(biases)
    verdict = ALLOWED if suits else denied(Reason.OPINION_AGAINST, opinion=direction.value, suits=wanted)
    return make_check("opinion", verdict, direction.value, wanted, f"an opinion that is {wanted}")


def _level_checks(rule: AnalysisRule, opinion: Opinion) -> list[Check]:
    # A neutral view names no target: there is no move that could be too small.
    if opinion.direction is MarketBias.NEUTRAL:
        return []
    asked = (
        ("r_multiple", opinion.r_multiple, rule.r_multiple_min, Reason.REWARD_TOO_SMALL),
        ("expected_return", opinion.expected_return_percent, rule.return_percent_min, Reason.RETURN_TOO_SMALL),
    )
    return [_least(name, found, least, reason) for name, found, least, reason in asked if least > 0]


def _least(name: str, found: Decimal | None, least: Decimal, reason: Reason) -> Check:
    limit = f">= {number_text(least)}"
    if found is None:
        return make_check(name, unknown(Reason.NO_OPINION, needed=name), UNKNOWN, limit, UNKNOWN)
    verdict: Verdict = ALLOWED
    distance = NO_DISTANCE
    if found < least:
        distance = f"+{number_text(least - found)}"
        verdict = denied(reason, found=number_text(found), least=number_text(least))
    return make_check(name, verdict, number_text(found), limit, distance)
