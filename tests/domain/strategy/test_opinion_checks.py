"""Opinions weighed by their shares, and held against what a strategy asks for."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.market.opinions import Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.strategy.analysis_rules import AnalysisRule, AnalystName
from thetaloom.domain.strategy.judging import first_no
from thetaloom.domain.strategy.opinion_checks import check_opinion, weigh_opinions
from thetaloom.domain.strategy.strategies import Bias
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Answer, Reason

RISE = Opinion(
    analyst="rules",
    direction=MarketBias.BULLISH,
    confidence=Decimal("0.75"),
    entry=Price(100),
    stop=Price(96),
    targets=(Price(106),),
    made_at=datetime(2026, 1, 5, 15, tzinfo=UTC),
)
NEUTRAL = Opinion(analyst="rules", direction=MarketBias.NEUTRAL, confidence=Decimal("0.5"), made_at=RISE.made_at)
SHARES = st.integers(min_value=0, max_value=100).map(lambda percent: Decimal(percent) / 100)
BY_RULES = AnalysisRule()


def by_llm(share: str) -> AnalysisRule:
    """Return a rule that gives a language model this share."""
    return AnalysisRule(analyst=AnalystName.LLM, weight=Decimal(share))


def said_by_model(direction: MarketBias, confidence: str) -> Opinion:
    """Return the opinion of a model without levels."""
    return Opinion(analyst="llm", direction=direction, confidence=Decimal(confidence), made_at=RISE.made_at)


def test_the_rules_count_alone_and_a_model_by_default_not_at_all() -> None:
    fall = said_by_model(MarketBias.BEARISH, "1")

    assert weigh_opinions(BY_RULES, RISE, None).confidence == Decimal("0.75")
    assert AnalysisRule(analyst=AnalystName.LLM).share == 0
    assert not AnalysisRule(analyst=AnalystName.LLM).decides
    assert weigh_opinions(AnalysisRule(analyst=AnalystName.LLM), RISE, fall).direction is MarketBias.BULLISH


def test_those_who_agree_add_up_and_those_who_differ_leave_less() -> None:
    agreed = weigh_opinions(by_llm("0.4"), RISE, said_by_model(MarketBias.BULLISH, "0.9"))
    differed = weigh_opinions(by_llm("0.4"), RISE, said_by_model(MarketBias.BEARISH, "0.9"))
    outvoted = weigh_opinions(by_llm("0.6"), RISE, said_by_model(MarketBias.BEARISH, "0.9"))

    assert (agreed.direction, agreed.confidence) == (MarketBias.BULLISH, Decimal("0.81"))
    assert agreed.opinion is RISE
    assert (differed.direction, differed.confidence) == (MarketBias.BULLISH, Decimal("0.45"))
    assert (outvoted.direction, outvoted.confidence) == (MarketBias.BEARISH, Decimal("0.54"))


def test_as_much_on_two_sides_is_decided_by_the_rules() -> None:
    weighed = weigh_opinions(by_llm("0.5"), RISE, said_by_model(MarketBias.BEARISH, "0.75"))

    assert weighed.direction is MarketBias.BULLISH


def test_a_model_that_says_nothing_leaves_only_the_share_of_the_rules() -> None:
    assert weigh_opinions(by_llm("0.4"), RISE, None).confidence == Decimal("0.45")
    assert weigh_opinions(by_llm("1"), RISE, None).direction is None


@given(share=SHARES, sure=SHARES, direction=st.sampled_from(list(MarketBias)))
def test_a_model_never_makes_the_confidence_more_than_the_surer_of_the_two(
    share: Decimal, sure: Decimal, direction: MarketBias
) -> None:
    witness = said_by_model(direction, str(sure))

    weighed = weigh_opinions(by_llm(str(share)), RISE, witness)

    assert 0 <= weighed.confidence <= max(RISE.confidence, sure)


def test_every_no_carries_its_numbers_and_its_distance() -> None:
    rule = AnalysisRule(confidence_min=Decimal("0.8"), r_multiple_min=Decimal(2), return_percent_min=Decimal(7))

    checks = {one.name: one for one in check_opinion(rule, (Bias.BULLISH,), weigh_opinions(rule, RISE, None), why="")}

    assert checks["opinion"].verdict.is_allowed
    assert (checks["opinion_confidence"].verdict.reason, checks["opinion_confidence"].distance) == (
        Reason.OPINION_UNSURE,
        "+0.05",
    )
    assert (checks["r_multiple"].verdict.reason, checks["r_multiple"].distance) == (Reason.REWARD_TOO_SMALL, "+0.5")
    assert (checks["expected_return"].value, checks["expected_return"].limit) == ("6", ">= 7")
    assert checks["expected_return"].distance == "+1"


@pytest.mark.parametrize(
    ("opinion", "biases", "reason"),
    [
        (RISE, (Bias.BULLISH, Bias.NEUTRAL), None),
        (RISE, (Bias.BEARISH,), Reason.OPINION_AGAINST),
        (NEUTRAL, (Bias.NEUTRAL,), None),
        (NEUTRAL, (Bias.BULLISH,), Reason.OPINION_AGAINST),
        (replace(RISE, targets=()), (Bias.BULLISH,), Reason.NO_OPINION),
        (None, (Bias.BULLISH,), Reason.NO_OPINION),
    ],
)
def test_an_opinion_must_be_one_that_the_strategy_suits(
    opinion: Opinion | None, biases: tuple[Bias, ...], reason: Reason | None
) -> None:
    verdict = first_no(check_opinion(BY_RULES, biases, weigh_opinions(BY_RULES, opinion, None), why="too few candles"))

    assert verdict.reason is reason
    if opinion is None:
        assert (verdict.answer, verdict.facts["why"]) == (Answer.UNKNOWN, "too few candles")


def test_zero_asks_for_no_reward_and_no_return() -> None:
    rule = AnalysisRule(r_multiple_min=Decimal(0), return_percent_min=Decimal(0))
    bare = replace(RISE, targets=(), stop=None)

    assert first_no(check_opinion(rule, (Bias.BULLISH,), weigh_opinions(rule, bare, None), why="")).is_allowed
