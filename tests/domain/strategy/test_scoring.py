"""Scores against sums worked by hand from the tables, and what is unknown."""

import tomllib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.metrics import WORDS, Metric, WordMetric
from thetaloom.domain.strategy.scoring import Confidence, confidence_of, score_strategy
from thetaloom.domain.strategy.strategies import Bias, Strategy
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.domain.values.reasons import Answer, Reason
from thetaloom.store.catalogue import load_catalogue
from thetaloom.testing import builders

SCORED: dict[str, Strategy] = {strategy.id: strategy for strategy in load_catalogue() if strategy.score is not None}

# The market in which every table but that of the directional ones has its say.
QUIET: dict[str, Any] = {"iv_rank": 45, "adx_14": 18, "hv_iv_ratio": "0.75", "stress": 25, "rsi_14": 50}
WILD: dict[str, Any] = {"iv_rank": 15, "adx_14": 38, "hv_iv_ratio": "1.45", "stress": 75, "rsi_14": 72}


# Each sum stands as it was worked by hand: base, then the terms in the order of the table.
EXAMPLES: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    # 50 + (45 − 25) / 2 + 10 + 15 + 15 + 10 + 5 + 10
    ("senex-trident", QUIET, {"macd_state": "neutral", "bands": "inside"}, "125"),
    # 50 − (25 − 15) × 0.8 − 20 − 8 − 5 − 15 − 5 − 15, below nothing
    ("senex-trident", WILD, {"macd_state": "strong_bullish", "bands": "above"}, "0"),
    # the boundaries: 50 + 0 + 0 + 0 + 0 + 0 + 5 − 5
    (
        "senex-trident",
        {"iv_rank": 25, "adx_14": 30, "hv_iv_ratio": "0.8", "stress": 30, "rsi_14": 70},
        {"macd_state": "strong_bearish", "bands": "inside"},
        "50",
    ),
    # 50 + 30 (not 32.5) + 0 + 0 + 12 + 0 − 5 + 0
    (
        "senex-trident",
        {"iv_rank": 90, "adx_14": 20, "hv_iv_ratio": "1.2", "stress": 70, "rsi_14": 44},
        {"macd_state": "bearish_exhausted", "bands": "below"},
        "87",
    ),
    # 50 + 15 + (45 − 35) / 2 + 0 + 0 + 0
    ("short-put-vertical", QUIET | {"stress": 20}, {"regime": "none", "macd_state": "neutral"}, "70"),
    # 50 − 30 − (35 − 30) × 2 + 10 + 5 − 10
    (
        "short-put-vertical",
        {"iv_rank": 30, "stress": 45, "rsi_14": 28},
        {"regime": "bear", "macd_state": "strong_bullish"},
        "15",
    ),
    # 50 + 30 + 20 + 10 − 15 − 20
    (
        "short-call-vertical",
        {"iv_rank": 70, "stress": 61, "rsi_14": 29},
        {"regime": "bear", "macd_state": "bearish"},
        "75",
    ),
    # 50 + 15 + 10 + (50 − 35) / 2 − 10 + 0 + 10
    (
        "short-call-vertical",
        {"iv_rank": 50, "stress": 19, "rsi_14": 60},
        {"regime": "range", "macd_state": "bullish"},
        "82.5",
    ),
    # 50 + 30 + 15 − 10
    ("bull-call-spread", {"sma_20_distance": "1.5"}, {"macd_state": "bullish", "bands": "above"}, "85"),
    # 50 − 40 + 15 + 10
    ("bull-call-spread", {"sma_20_distance": "0.1"}, {"macd_state": "bearish", "bands": "inside"}, "35"),
    # 50 + 35 − 25 + 10
    ("bear-put-spread", {"sma_20_distance": 2}, {"macd_state": "strong_bearish", "bands": "inside"}, "70"),
    # 50 − 20 + 20 − 10
    ("bear-put-spread", {"sma_20_distance": -2}, {"macd_state": "bearish_exhausted", "bands": "below"}, "40"),
    # 50 + 10 + 5 + 5 + 0 + 10 + 0
    (
        "short-iron-condor",
        {"iv_rank": 50, "adx_14": 27, "hv_iv_ratio": "0.95", "stress": 50},
        {"macd_state": "bullish", "bands": "inside"},
        "80",
    ),
    # 50 + 20 − 10 − 15 + 15 − 8 − 10
    (
        "short-iron-condor",
        {"iv_rank": 65, "adx_14": 35, "hv_iv_ratio": "1.21", "stress": 61},
        {"macd_state": "neutral", "bands": "below"},
        "42",
    ),
    # 50 + 15 − 25
    ("long-iron-condor", {"iv_rank": 30, "adx_14": "35.1"}, {}, "40"),
    # 40 + 20 + 12 + 15 − 15 + 10 + 5 + 10 would be 97
    (
        "iron-butterfly",
        {"iv_rank": 65, "hv_iv_ratio": "0.75", "adx_14": 14, "stress": 25, "range_days": 5},
        {"macd_state": "strong_bullish", "bands": "inside"},
        "97",
    ),
    # 50 + 20 + 15 + 15 + 10 + 10 + 0 − 10, held to 100
    (
        "long-straddle",
        {"iv_rank": 25, "hv_iv_ratio": "1.3", "adx_14": 26, "stress": 40, "days_to_earnings": 5},
        {"macd_state": "bullish", "bands": "inside"},
        "100",
    ),
    # 50 − 15 − 5 + 0 + 8 + 5 − 5 + 10
    (
        "long-straddle",
        {"iv_rank": 55, "hv_iv_ratio": "0.95", "adx_14": 18, "stress": 10, "days_to_earnings": 2},
        {"macd_state": "neutral", "bands": "above"},
        "48",
    ),
    # 50 − 25 + 5 − 10 + 5 + 10 + 0
    (
        "short-straddle",
        {"iv_rank": 40, "hv_iv_ratio": "0.95", "adx_14": 34, "stress": 45},
        {"macd_state": "bearish", "bands": "inside"},
        "35",
    ),
    # 50 + 10 + 20 + 25 − 15 − 8 + 5
    (
        "short-strangle-senex",
        {"iv_rank": 55, "hv_iv_ratio": "0.7", "adx_14": 12, "stress": 20},
        {"macd_state": "strong_bearish", "bands": "above"},
        "87",
    ),
    # 50 + 5 + 0 − 5 + 12 + 3 + 8 + 0
    (
        "long-strangle",
        {"iv_rank": 35, "hv_iv_ratio": "1.05", "adx_14": 18, "stress": 71, "days_to_earnings": 30},
        {"macd_state": "bullish_exhausted", "bands": "below"},
        "73",
    ),
    # 50 + 35 + 25 + 20, held to 100; without the two expirations nothing is added for them
    ("call-calendar", {"iv_rank": 20, "adx_14": 14, "hv_iv_ratio": "1.35"}, {}, "100"),
    # 50 − 20 + 0 + 0
    ("put-calendar", {"iv_rank": 55, "adx_14": 24, "hv_iv_ratio": "1.05"}, {}, "30"),
    # 30 + 25 + 20 + 15 + 12 + 0 + 5 + 0 + 5: iv_rank 35 is below 40, and neither below 30 nor above 60
    (
        "call-ratio-backspread",
        {"iv_rank": 35, "adx_14": 30, "hv_iv_ratio": "1.25", "recent_move": 3, "stress": 30, "days_to_earnings": 8},
        {"macd_state": "bullish", "direction": "up"},
        "100",
    ),
    # a trend that is spent scores nothing, whatever else is there
    ("call-ratio-backspread", QUIET, {"macd_state": "bullish_exhausted", "direction": "up"}, "0"),
    # 30 + 30 − 20 − 15 + 7 − 5 + 0 − 10 − 10
    (
        "put-ratio-backspread",
        {"iv_rank": 61, "adx_14": 20, "hv_iv_ratio": "1.1", "recent_move": 11, "stress": 71, "days_to_earnings": 9},
        {"macd_state": "strong_bearish", "direction": "down"},
        "7",
    ),
    # 50 − 30 + 10 + 5; the yield is the candidate's and not known here
    ("cash-secured-put-senex", {"iv_rank": 49, "adx_14": 20}, {"macd_state": "neutral"}, "35"),
    # 50 + 20 + 10
    ("covered-call", {"iv_rank": 70}, {"macd_state": "bullish"}, "80"),
]


@pytest.mark.parametrize(("strategy_id", "numbers", "words", "total"), EXAMPLES)
def test_scores_equal_the_sums_worked_by_hand(
    strategy_id: str, numbers: dict[str, Any], words: dict[str, str], total: str
) -> None:
    score = score_strategy(SCORED[strategy_id], builders.market_view(numbers, words))

    assert score.total == Decimal(total)
    assert score.label is confidence_of(Decimal(total))


def test_every_table_has_an_example() -> None:
    assert {example[0] for example in EXAMPLES} == set(SCORED)


@pytest.mark.parametrize("strategy_id", sorted(SCORED))
def test_every_score_says_its_minimum_and_survives_its_documents(strategy_id: str) -> None:
    strategy = SCORED[strategy_id]

    assert strategy.score is not None
    assert strategy.score.minimum == (40 if strategy_id == "senex-trident" else 35)
    assert strategy.hard_stops is not None
    assert strategy.hard_stops.history_sessions_min == 20
    assert parse_strategy(strategy_document(strategy)) == strategy
    assert parse_strategy(tomllib.loads(strategy_toml(strategy), parse_float=Decimal)) == strategy


def test_each_reason_carries_its_signed_points_its_reading_and_its_row() -> None:
    view = builders.market_view(QUIET, {"macd_state": "neutral", "bands": "above"})

    score = score_strategy(SCORED["senex-trident"], view)

    assert score.reasons == (
        "50 to start with",
        "+10 iv_rank 45, 20 above 25 at 0.5 each, at most 30",
        "+10 adx_14 18, below 20",
        "+15 hv_iv_ratio 0.75, below 0.8",
        "+15 macd_state neutral",
        "+10 stress 25, below 30",
        "−5 bands above",
        "+10 rsi_14 50, at least 45 and at most 55",
    )


def test_an_unknown_reading_adds_nothing_and_is_named_with_its_cause() -> None:
    words = {"macd_state": "neutral", "bands": "inside"}
    readings = {name: number for name, number in QUIET.items() if name != "iv_rank"}
    view = builders.market_view(readings, words, unknown={"iv_rank": "12 of 60 sessions"})

    score = score_strategy(SCORED["senex-trident"], view)

    assert score.total == 115
    assert score.unknown == ("iv_rank",)
    assert score.terms[0].text == "+0 iv_rank unknown: 12 of 60 sessions"
    assert score.verdict.is_allowed


def test_a_required_reading_denies_while_it_is_unknown(scored_by: Callable[..., Strategy]) -> None:
    term = {"metric": "iv_rank", "bands": [{"points": 60}], "required": True}
    other = {"metric": "rsi_14", "bands": [{"points": 1}]}

    score = score_strategy(scored_by([term, other]), builders.market_view({"rsi_14": 50}))

    assert score.verdict.answer is Answer.UNKNOWN
    assert score.verdict.reason is Reason.INDICATOR_UNKNOWN


def test_a_market_of_which_nothing_is_known_scores_nothing() -> None:
    score = score_strategy(SCORED["short-iron-condor"], builders.market_view())

    assert score.total == 0
    assert score.verdict.answer is Answer.UNKNOWN


def test_a_hard_stop_makes_the_score_nothing() -> None:
    view = builders.market_view(QUIET, {"macd_state": "neutral", "bands": "inside"})

    score = score_strategy(SCORED["senex-trident"], view, stopped=True)

    assert score.total == 0
    assert score.label is Confidence.VERY_LOW
    assert score.verdict.reason is Reason.SCORE_TOO_LOW
    assert score.verdict.facts["distance"] == "+40"


def test_a_score_at_its_minimum_is_enough_and_just_below_is_not() -> None:
    bulls = {"macd_state": "bearish", "bands": "inside"}

    enough = score_strategy(SCORED["bull-call-spread"], builders.market_view({"sma_20_distance": 1}, bulls))
    less = score_strategy(SCORED["bull-call-spread"], builders.market_view({"sma_20_distance": 0}, bulls))

    assert (enough.total, enough.verdict.is_allowed) == (Decimal(35), True)
    assert (less.total, less.verdict.is_allowed) == (Decimal(20), False)


@pytest.mark.parametrize(
    ("total", "label"),
    [
        ("100", "high"),
        ("80", "high"),
        ("79.99", "medium"),
        ("60", "medium"),
        ("59.9", "low"),
        ("40", "low"),
        ("39.9", "very_low"),
        ("0", "very_low"),
    ],
)
def test_labels_are_cut_at_eighty_sixty_and_forty(total: str, label: str) -> None:
    assert confidence_of(Decimal(total)) == label


def test_a_strategy_without_a_table_is_scored_by_its_bias() -> None:
    bullish = builders.strategy(biases=(Bias.BULLISH, Bias.NEUTRAL))

    suits = score_strategy(bullish, builders.market_view({"bias_confidence": 63}, {"bias": "bullish"}))
    against = score_strategy(bullish, builders.market_view({"bias_confidence": 90}, {"bias": "bearish"}))

    assert suits.total == 63
    assert against.total == 0
    assert not against.verdict.is_allowed


def test_the_candidate_adds_its_own_numbers() -> None:
    view = builders.market_view({"iv_rank": 55, "adx_14": 24, "hv_iv_ratio": "1.05"})

    with_two = score_strategy(SCORED["call-calendar"], view, candidate={Metric.EXPIRATIONS: Decimal(2)})
    with_one = score_strategy(SCORED["call-calendar"], view, candidate={Metric.EXPIRATIONS: Decimal(1)})

    assert (with_two.total, with_one.total) == (Decimal(40), Decimal(30))


@given(
    strategy_id=st.sampled_from(sorted(SCORED)),
    numbers=st.dictionaries(
        st.sampled_from([metric.value for metric in Metric]),
        st.decimals(0, 100, places=2, allow_nan=False, allow_infinity=False),
    ),
    words=st.fixed_dictionaries(
        {metric.value: st.sampled_from([word.value for word in WORDS[metric]]) for metric in WordMetric}
    ),
)
def test_a_score_is_the_bounded_sum_of_what_it_shows(
    strategy_id: str, numbers: dict[str, Decimal], words: dict[str, str]
) -> None:
    strategy = SCORED[strategy_id]
    assert strategy.score is not None

    score = score_strategy(strategy, builders.market_view(numbers, words))

    total = score.base + sum(term.points for term in score.terms)
    bounded = max(total if strategy.score.cap is None else min(total, strategy.score.cap), strategy.score.floor)
    assert score.total in (bounded, Decimal(0))
    assert all(term.text.startswith(("+", "−")) for term in score.terms)
    assert score.verdict.is_allowed == (score.total >= score.minimum)
