"""What sources say together, and the confidence that comes of it, by hand-worked numbers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.run.confluence import (
    Confluence,
    SignalMarket,
    Stance,
    Vote,
    agreement,
    confidence,
)
from thetaloom.domain.run.signals import Direction
from thetaloom.domain.values.ids import SignalId

NOW = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)
BULLISH, BEARISH, NEUTRAL = Direction.BULLISH, Direction.BEARISH, Direction.NEUTRAL
WEIGHTS = {"tradingview": "1.0", "gex": "0.9", "mtf": "0.85", "manual": "0.7"}
ALONE = Confluence(contributions=(), agreeing=1, dissenting=0, share=None, dissent=None, advantage=None)


def vote(source: str, direction: Direction = BULLISH, *, minutes: float = 0, **changes: Any) -> Vote:
    """Return a vote with the weight that its source has by default."""
    given: dict[str, Any] = {
        "signal_id": SignalId(f"sig-{source}-{minutes}"),
        "source": source,
        "direction": direction,
        "weight": Decimal(WEIGHTS.get(source, "1")),
        "half_life_minutes": 10,
        "minutes_max": 20,
        "received_at": NOW - timedelta(minutes=minutes),
    }
    return Vote(**(given | changes))


def total(market: SignalMarket, direction: Direction = BULLISH, found: Confluence = ALONE, points: int = 0) -> Decimal:
    """Return the confidence."""
    return confidence(direction, market, found, points=points, size_factor=Decimal(1)).total


def test_a_signal_that_stands_alone_has_no_share() -> None:
    found = agreement(vote("tradingview"), [], NOW)

    assert (found.share, found.dissent, found.advantage, found.agreeing) == (None, None, None, 1)


def test_the_share_is_that_of_the_weight_which_agrees() -> None:
    found = agreement(vote("tradingview"), [vote("gex", BEARISH), vote("mtf")], NOW)

    assert found.share == Decimal("0.6727")  # (1 + 0.85) / (1 + 0.85 + 0.9)
    assert (found.dissent, found.advantage) == (Decimal("0.3273"), Decimal("0.3454"))
    assert [(row.source, row.stance) for row in found.contributions] == [
        ("tradingview", Stance.AGREES), ("gex", Stance.DISSENTS), ("mtf", Stance.AGREES),
    ]  # fmt: skip


def test_a_word_counts_half_after_its_half_life_and_nothing_after_its_end() -> None:
    others = [vote("gex", BEARISH, minutes=10), vote("mtf", minutes=20), vote("manual", minutes=20.1)]

    found = agreement(vote("tradingview"), others, NOW)

    assert [(row.source, row.counts) for row in found.contributions] == [
        ("tradingview", Decimal("1.0000")), ("gex", Decimal("0.4500")), ("mtf", Decimal("0.2125")),
    ]  # fmt: skip


def test_only_the_newest_word_of_a_source_counts_and_its_own_source_not_twice() -> None:
    others = [vote("gex", BEARISH, minutes=5), vote("gex", minutes=1), vote("tradingview", BEARISH, minutes=1)]

    found = agreement(vote("tradingview"), others, NOW)

    assert (found.agreeing, found.dissenting, found.share) == (2, 0, Decimal(1))


def test_who_abstains_is_shown_and_not_counted() -> None:
    found = agreement(vote("tradingview"), [vote("gex", NEUTRAL)], NOW)

    assert found.share is None and found.contributions[1].stance is Stance.ABSTAINS


@pytest.mark.parametrize(
    ("market", "direction", "expected"),
    [
        ({}, BULLISH, 50),
        ({"vix": "14.99"}, BULLISH, 55),
        ({"vix": "15"}, BULLISH, 50),
        ({"vix": "30"}, BULLISH, 50),
        ({"vix": "30.01"}, BULLISH, 40),
        ({"trend": BULLISH}, BULLISH, 60),
        ({"trend": BULLISH}, BEARISH, 30),
        ({"trend": NEUTRAL}, BEARISH, 50),
        ({"bias": "0.5"}, BULLISH, 50),
        ({"bias": "0.51"}, BULLISH, 55),
        ({"bias": "0.51"}, BEARISH, 45),
        ({"vix": "40", "trend": BEARISH, "bias": "-1"}, BULLISH, 30),  # -10 -20 -5, but -20 at most
        ({"vix": "12", "trend": BEARISH, "bias": "-1"}, BEARISH, 70),
        ({"iv_rank": "25"}, BULLISH, 60),
        ({"iv_rank": "75"}, BULLISH, 40),
        ({"gex_strength": "0.4", "gex_age_minutes": 240}, BULLISH, 56),
        ({"gex_strength": "0.4", "gex_age_minutes": 241}, BULLISH, 53),
        ({"gex_strength": "0.4", "gex_age_minutes": 0}, BEARISH, 44),
        ({"alignment": "60", "alignment_direction": BULLISH}, BULLISH, 50),
        ({"alignment": "61", "alignment_direction": BULLISH}, BULLISH, 70),
        ({"alignment": "90", "alignment_direction": BEARISH}, BULLISH, 50),
    ],
)
def test_each_part_of_the_confidence(market: dict[str, Any], direction: Direction, expected: int) -> None:
    exact: dict[str, Any] = {
        name: Decimal(word) if isinstance(word, str) and word[-1].isdigit() else word for name, word in market.items()
    }

    assert total(SignalMarket(**exact), direction) == expected


@pytest.mark.parametrize(("share", "expected"), [("0.6999", 50), ("0.7", 60), ("1", 60)])
def test_agreement_of_seven_tenths_adds_ten(share: str, expected: int) -> None:
    found = Confluence(contributions=(), agreeing=2, dissenting=1, share=Decimal(share), dissent=None, advantage=None)

    assert total(SignalMarket(), found=found) == expected


@pytest.mark.parametrize(
    ("market", "factor"),
    [
        ({}, "1"),
        ({"vix": Decimal(31)}, "0.5"),
        ({"alignment": Decimal(71), "alignment_direction": BEARISH}, "0.5"),
        ({"alignment": Decimal(70), "alignment_direction": BEARISH}, "1"),
        ({"alignment": Decimal(39), "alignment_direction": BULLISH}, "0.5"),
        ({"vix": Decimal(31), "alignment": Decimal(39), "alignment_direction": BULLISH}, "0.25"),
    ],
)
def test_a_wild_or_opposed_market_halves_the_size(market: dict[str, Any], factor: str) -> None:
    found = confidence(BULLISH, SignalMarket(**market), ALONE, points=0, size_factor=Decimal(1))

    assert found.size_factor == Decimal(factor)


NUMBERS = st.none() | st.decimals(-200, 200, places=2)
MARKETS = st.builds(
    SignalMarket,
    vix=NUMBERS,
    trend=st.none() | st.sampled_from(Direction),
    bias=st.none() | st.decimals(-1, 1, places=2),
    iv_rank=NUMBERS,
    gex_strength=st.none() | st.decimals(-1, 1, places=2),
    gex_age_minutes=st.none() | st.integers(0, 10_000),
    alignment=NUMBERS,
    alignment_direction=st.none() | st.sampled_from(Direction),
)


@given(MARKETS, st.sampled_from(Direction), st.sampled_from([0, 5, 10]))
def test_a_confidence_is_the_sum_of_its_table_within_its_bounds(
    market: SignalMarket, direction: Direction, points: int
) -> None:
    found = confidence(direction, market, ALONE, points=points, size_factor=Decimal(1))

    assert 0 <= found.total <= 100
    context = sum(part.points for part in found.parts if part.name.startswith("context"))
    rest = sum(part.points for part in found.parts if not part.name.startswith("context"))
    assert found.total == min(max(rest + min(max(context, -20), 20), 0), 100)
