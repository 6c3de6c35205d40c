"""The numbers of a track record, worked a second time with fractions and loops, and its intervals by another law."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from tests.domain.run.test_track_record import MADE, score
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.opinion_scores import OpinionScore
from thetaloom.domain.run.track_record import BLOCK_DAYS, BLOCKS_MIN, Measured, track_record

TENTH_OF_A_THOUSANDTH = Fraction(1, 10_000)


def opinions(seed: int, count: int, symbols: int = 6) -> list[OpinionScore]:
    """Judged opinions of all kinds: of several symbols and months, sure and unsure, right and wrong."""
    draw, found = np.random.default_rng(seed), []
    for at in range(count):
        direction = list(MarketBias)[draw.integers(3)]
        confidence = Decimal(int(draw.integers(0, 101))) / 100
        is_up = bool(draw.random() < 0.55)
        is_right = (
            bool(draw.random() < 0.5) if direction is MarketBias.NEUTRAL else is_up == (direction is MarketBias.BULLISH)
        )
        found.append(
            replace(
                score(direction, str(confidence)),
                id=str(at),
                symbol=f"S{draw.integers(symbols)}",
                made_on=date(2025, 1, 1) + timedelta(days=int(draw.integers(0, 400))),
                judged_at=MADE,
                is_up=is_up,
                is_right=is_right,
                brier=(confidence - int(is_right)) ** 2,
                r_result=None if draw.random() < 0.2 else Decimal(int(draw.integers(-4, 9))) / 4,
            )
        )
    return found


def mean(numbers: list[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0)) / len(numbers)


def near(found: Measured | Decimal | None, wanted: Fraction) -> bool:
    """Whether a number told to four places is the exact one."""
    assert found is not None
    told = found.estimate if isinstance(found, Measured) else found
    return abs(Fraction(told) - wanted) < TENTH_OF_A_THOUSANDTH


@pytest.mark.parametrize("seed", range(5))
def test_every_number_is_the_one_worked_by_hand(seed: int) -> None:
    every = opinions(seed, 150)
    found = track_record("llm", "m", "p", every)

    said = [Fraction(one.confidence) for one in every]
    right = [Fraction(one.is_right is True) for one in every]
    directed = [one for one in every if one.direction is not MarketBias.NEUTRAL]
    ups = mean([Fraction(one.is_up is True) for one in directed])
    square = mean([(p - x) ** 2 for p, x in zip(said, right, strict=True)])
    base = mean(right)
    results = [Fraction(one.r_result) for one in every if one.r_result is not None]

    assert near(found.hit_rate, base) and near(found.brier, square)
    assert near(found.skill, 1 - square / (base * (1 - base)))
    assert near(found.edge, mean([Fraction(one.is_right is True) for one in directed]) - ups)
    assert near(found.bullish_bias, mean([Fraction(one.direction is MarketBias.BULLISH) for one in directed]) - ups)
    assert near(found.overconfidence, mean(said) - base)
    assert near(found.r_average, mean(results))
    assert near(found.r_best, max(results)) and near(found.r_worst, min(results))
    assert (found.wins, found.losses) == (sum(r > 0 for r in results), sum(r < 0 for r in results))
    assert found.breakeven == sum(r == 0 for r in results)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_said_is_held_against_what_came_true_in_every_bin(seed: int) -> None:
    every = opinions(seed, 150)
    bins: dict[int, list[OpinionScore]] = defaultdict(list)
    for one in every:  # under one half, then tenths, and certainty with the last
        bins[max(min(int(one.confidence * 10), 9), 4)].append(one)

    found = track_record("llm", "m", "p", every)

    assert [one.count for one in found.calibration] == [len(bins[at]) for at in sorted(bins)]
    apart = Fraction(0)
    for told, at in zip(found.calibration, sorted(bins), strict=True):
        said = mean([Fraction(one.confidence) for one in bins[at]])
        came = mean([Fraction(one.is_right is True) for one in bins[at]])
        apart += len(bins[at]) * abs(said - came) / len(every)
        assert near(told.said, said) and near(told.came_true, came)
        assert told.least <= told.said <= told.most
    assert found.calibration_error is not None
    assert abs(Fraction(found.calibration_error) - apart) < 3 * TENTH_OF_A_THOUSANDTH


NUMBERS: tuple[tuple[str, Callable[[OpinionScore], float]], ...] = (
    ("brier", lambda one: float((one.confidence - int(one.is_right is True)) ** 2)),
    ("overconfidence", lambda one: float(one.confidence) - (one.is_right is True)),
)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "number"), NUMBERS, ids=[name for name, _ in NUMBERS])
def test_intervals_are_those_of_the_normal_law_over_blocks(
    seed: int, name: str, number: Callable[[OpinionScore], float]
) -> None:
    every = opinions(seed, 600, symbols=12)
    found = getattr(track_record("llm", "m", "p", every), name)

    blocks: dict[tuple[str, int], list[float]] = defaultdict(list)
    for one in every:
        blocks[one.symbol, one.made_on.toordinal() // BLOCK_DAYS].append(number(one))
    middle = sum(map(sum, blocks.values())) / len(every)
    spread = sum((sum(block) - middle * len(block)) ** 2 for block in blocks.values()) ** 0.5 / len(every)

    assert len(blocks) > 100
    assert abs(float(found.low) - (middle - 1.96 * spread)) < 0.15 * spread
    assert abs(float(found.high) - (middle + 1.96 * spread)) < 0.15 * spread


def test_nothing_is_said_of_an_edge_below_ten_blocks_and_something_from_ten_on() -> None:
    def spread(blocks: int) -> list[OpinionScore]:
        first = date(2025, 1, 1)
        return [
            replace(one, symbol="S", made_on=first + timedelta(days=BLOCK_DAYS * (at % blocks)))
            for at, one in enumerate(opinions(1, 90))
        ]

    few, enough = (track_record("llm", "m", "p", spread(blocks)) for blocks in (BLOCKS_MIN - 1, BLOCKS_MIN))

    assert few.has_edge is None and few.edge is not None and few.edge.low is None
    assert enough.has_edge is not None and enough.edge is not None and enough.edge.low is not None
