"""Opinions: levels on the right side, and the numbers that follow from them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.market.opinions import Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput

LONG = Opinion(
    analyst="rules",
    direction=MarketBias.BULLISH,
    confidence=Decimal("0.8"),
    entry=Price(100),
    stop=Price(96),
    targets=(Price(106), Price(110)),
    made_at=datetime(2026, 1, 5, 15, tzinfo=UTC),
)
CENTS = st.integers(min_value=1, max_value=100_000).map(lambda cents: Price(Decimal(cents) / 100))


def test_reward_over_risk_and_the_return_are_those_of_the_first_target() -> None:
    assert (LONG.risk, LONG.reward) == (Price(4), Price(6))
    assert LONG.r_multiple == Decimal("1.5")
    assert LONG.expected_return_percent == 6


def test_a_missing_level_leaves_the_numbers_unknown() -> None:
    bare = replace(LONG, stop=None)

    assert bare.r_multiple is None
    assert bare.expected_return_percent == 6
    assert replace(LONG, targets=()).expected_return_percent is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop": Price(101)},
        {"stop": Price(100)},
        {"targets": (Price(99),)},
        {"targets": (Price(110), Price(106))},
        {"stop": Price(-1)},
        {"direction": MarketBias.BEARISH},
        {"direction": MarketBias.NEUTRAL},
        {"confidence": Decimal("1.01")},
        {"confidence": Decimal(-1)},
    ],
)
def test_an_opinion_that_contradicts_itself_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        replace(LONG, **wrong)


@pytest.mark.parametrize(
    ("confidence", "label"),
    [("1", "high"), ("0.8", "high"), ("0.79", "medium"), ("0.5", "medium"), ("0.49", "low"), ("0", "low")],
)
def test_the_label_follows_the_number(confidence: str, label: str) -> None:
    assert replace(LONG, confidence=Decimal(confidence)).label == label


def test_an_opinion_comes_back_from_its_json() -> None:
    assert from_json(canonical_json(LONG), Opinion) == LONG


@given(entry=CENTS, stop=CENTS, target=CENTS)
def test_levels_that_stand_for_a_rise_never_stand_for_a_fall(entry: Price, stop: Price, target: Price) -> None:
    made = set()
    for direction in (MarketBias.BULLISH, MarketBias.BEARISH):
        try:
            one = replace(LONG, direction=direction, entry=entry, stop=stop, targets=(target,))
        except InvalidInput:
            continue
        made.add(one.direction)
        assert one.r_multiple is not None
        assert one.r_multiple >= 0

    assert len(made) <= 1
    assert bool(made) == (stop < entry < target or stop > entry > target)
