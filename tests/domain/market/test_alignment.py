from datetime import UTC, datetime, timedelta

import pytest

from tests.domain.market.conftest import BarsOf
from thetaloom.domain.market.alignment import (
    VALIDITY,
    Alignment,
    FrameSignal,
    align,
    bars_direction,
    frame_direction,
    size_factor,
)
from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.words import Direction, Timeframes

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
UP, DOWN, FLAT = Direction.UP, Direction.DOWN, Direction.FLAT


@pytest.mark.parametrize(
    ("long_weight", "direction"),
    [(56, UP), (55, FLAT), (50, FLAT), (45, FLAT), (44, DOWN)],
)
def test_a_frame_points_where_over_55_percent_of_its_weight_does(long_weight: float, direction: Direction) -> None:
    signals = [
        FrameSignal(is_long=True, confidence=long_weight, at=NOW),
        FrameSignal(is_long=False, confidence=100 - long_weight, at=NOW),
    ]

    assert frame_direction(signals, "1h", NOW) is direction


def test_a_signal_fades_and_ends_with_the_validity_of_its_frame() -> None:
    fresh = FrameSignal(is_long=True, confidence=50, at=NOW)
    old = FrameSignal(is_long=False, confidence=70, at=NOW - VALIDITY["15m"] / 2)

    assert frame_direction([fresh, old], "15m", NOW) is UP  # 50 against 35
    assert frame_direction([fresh, old], "1d", NOW) is DOWN
    assert frame_direction([old], "3m", NOW) is None
    assert frame_direction([], "1d", NOW) is None


@pytest.mark.parametrize(
    ("directions", "word", "percent"),
    [
        ([UP, UP, UP], Timeframes.STRONG_LONG, 100),
        ([DOWN, DOWN, DOWN, DOWN, UP], Timeframes.STRONG_SHORT, 80),
        ([UP, UP], Timeframes.LONG, 100),
        ([DOWN, DOWN, DOWN, FLAT], Timeframes.SHORT, 75),
        ([UP], Timeframes.WEAK_LONG, 100),
        ([DOWN, FLAT], Timeframes.WEAK_SHORT, 50),
        ([UP, FLAT, FLAT], Timeframes.NO_TRADE, 100 / 3),
        ([UP, DOWN], Timeframes.NO_TRADE, 50),
        ([FLAT, FLAT], Timeframes.NO_TRADE, 0),
    ],
)
def test_what_the_frames_recommend(directions: list[Direction], word: Timeframes, percent: float) -> None:
    found = align({name: direction for name, direction in zip(VALIDITY, directions, strict=False)})

    assert found is not None
    assert found.word is word
    assert found.percent == pytest.approx(percent)


def test_no_frames_recommend_nothing() -> None:
    assert align({}) is None


def test_bars_point_where_they_go(bars_of: BarsOf) -> None:
    rising = bars_of(1, 120, drift=0.01, deviation=0.002)
    falling = bars_of(1, 120, drift=-0.01, deviation=0.002)

    assert bars_direction(rising) in (UP, FLAT)  # MACD may already weaken in a steady rise
    assert bars_direction(falling) in (DOWN, FLAT)
    assert bars_direction(bars_of(1, 25)) is None
    assert bars_direction(Bars()) is None


@pytest.mark.parametrize(
    ("base", "percent", "confluence", "factor"),
    [(1.0, 60, 2, 1.0), (1.0, 70, 3, 1.21), (1.0, 95, 6, 1.95), (2.0, 95, 7, 2.5), (0.1, 60, 1, 0.25)],
)
def test_the_size_follows_alignment_within_limits(base: float, percent: float, confluence: int, factor: float) -> None:
    alignment = Alignment(word=Timeframes.LONG, percent=percent, confluence=confluence, directions={})

    assert size_factor(base, alignment) == pytest.approx(factor)


def test_every_frame_has_a_life() -> None:
    assert list(VALIDITY) == ["3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
    assert list(VALIDITY.values()) == sorted(VALIDITY.values())
    assert min(VALIDITY.values()) > timedelta(0)
