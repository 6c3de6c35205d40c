"""Scores and what they say of a reader, against answers worked out elsewhere."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.opinion_scores import OpinionScore, flat_band, judge, score_of
from thetaloom.domain.run.track_record import bootstrap, track_record, track_records, wilson
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.domain.values.money import Price

MADE = datetime(2026, 1, 5, 15, tzinfo=UTC)
DUE = date(2026, 1, 9)


def score(direction: MarketBias = MarketBias.BULLISH, confidence: str = "0.7", **changes: Any) -> OpinionScore:
    directed = direction is not MarketBias.NEUTRAL
    sign = 1 if direction is MarketBias.BULLISH else -1
    record = OpinionRecord(
        id="op-1",
        user_id=UserId("anna"),
        run_id=RunId("run-1"),
        strategy_id=StrategyId("s"),
        symbol="XYZ",
        analyst="llm",
        model="m",
        share=Decimal(0),
        direction=direction,
        confidence=Decimal(confidence),
        entry=Price(100) if directed else None,
        stop=Price(100 - 4 * sign) if directed else None,
        targets=(Price(100 + 8 * sign),) if directed else (),
        r_multiple=None,
        expected_return_percent=None,
        reasons=(),
        no_opinion="",
        cost=None,
        spot=Price(100),
        synthetic=False,
        made_at=MADE,
    )
    made = score_of(record, prompt="daily-en@1", atr=2.0, made_on=MADE.date(), due_on=DUE)
    assert made is not None
    return replace(made, **changes)


def bars(*closes: float, reach: float = 1.0) -> list[Bar]:
    return [
        Bar(
            session_on=date(2026, 1, 6) + timedelta(days=at),
            open=x,
            high=x + reach,
            low=x - reach,
            close=x,
            volume=None,
        )
        for at, x in enumerate(closes)
    ]


B, D, N = MarketBias.BULLISH, MarketBias.BEARISH, MarketBias.NEUTRAL
CASES: tuple[tuple[MarketBias, tuple[float, ...], bool, str, str | None], ...] = (
    (B, (100, 101, 102, 103), True, "0.09", "0.75"),  # held to the end, three of four dollars of risk
    (B, (100, 104, 108, 103), True, "0.09", "2"),  # the target, whatever came after
    (B, (100, 96, 108, 109), True, "0.09", "-1"),  # the stop, whatever came after
    (B, (104, 105, 104, 99), False, "0.49", "-0.25"),  # entered on the last day only
    (B, (105, 106, 107, 109), True, "0.09", None),  # right, and never entered
    (B, (100, 100, 100, 100), False, "0.49", "0"),  # a market that stands still is no rise
    (D, (100, 99, 98, 97), True, "0.09", "0.75"),
    (D, (100, 104, 92, 91), True, "0.09", "-1"),
    (D, (100, 100, 92, 101), False, "0.49", "2"),
    (N, (100, 110, 90, 104), True, "0.09", None),  # within 0.5 × 2 × √20 = 4.47 at the end
    (N, (100, 101, 102, 105), False, "0.49", None),
)


@pytest.mark.parametrize(("direction", "closes", "right", "brier", "result"), CASES)
def test_an_opinion_is_judged_at_the_close_of_its_due_day(
    direction: MarketBias, closes: tuple[float, ...], right: bool, brier: str, result: str | None
) -> None:
    found = judge(score(direction), bars(*closes), MADE)

    assert (found.is_right, found.brier) == (right, Decimal(brier))
    assert found.r_result == (None if result is None else Decimal(result))
    assert found.end == Price(str(float(closes[-1]))) and found.judged_at == MADE


def test_without_the_due_session_nothing_is_judged() -> None:
    assert judge(score(), bars(100, 101, 102), MADE).judged_at is None
    assert judge(score(), [], MADE).judged_at is None
    assert judge(score(), bars(100, float("nan"), 101, 102), MADE).judged_at is None


def test_a_neutral_opinion_without_a_range_cannot_be_judged_right_or_wrong() -> None:
    found = judge(score(N, band=None), bars(100, 101, 102, 103), MADE)

    assert found.judged_at == MADE and found.is_right is None and found.brier is None
    assert flat_band(None) is None and flat_band(float("nan")) is None and flat_band(2.0) == Price("4.47")


def test_a_session_that_touches_both_levels_counts_as_stopped() -> None:
    assert judge(score(), bars(100, 100, 100, 100, reach=9), MADE).r_result == Decimal(-1)


WILSON = (  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    (81, 263, "0.2553", "0.3662"),
    (15, 148, "0.0624", "0.1605"),
    (0, 20, "0.0000", "0.1611"),
    (1, 29, "0.0061", "0.1718"),
)


@pytest.mark.parametrize(("hits", "count", "low", "high"), WILSON)
def test_wilson_intervals_are_the_published_ones(hits: int, count: int, low: str, high: str) -> None:
    found = wilson(hits, count)

    assert found is not None and (found.low, found.high) == (Decimal(low), Decimal(high))


@given(st.integers(1, 400), st.data())
def test_a_wilson_interval_holds_its_share_and_mirrors(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count))
    one, other = wilson(hits, count), wilson(count - hits, count)

    assert one is not None and other is not None and one.low is not None and one.high is not None
    assert 0 <= one.low <= one.estimate <= one.high <= 1
    assert other.high is not None and abs(one.low + other.high - 1) <= Decimal("0.0002")


def test_a_bootstrap_interval_is_that_of_the_normal_law_for_many_blocks() -> None:
    numbers = np.random.default_rng(7).normal(0.3, 1.0, 400)

    found = bootstrap(numbers, [str(at) for at in range(400)])

    half = 1.96 * numbers.std() / 20
    assert found is not None and found.low is not None and found.high is not None
    assert abs(float(found.low) - (numbers.mean() - half)) < 0.01
    assert abs(float(found.high) - (numbers.mean() + half)) < 0.01


def test_opinions_on_the_same_market_do_not_make_an_interval_narrower() -> None:
    numbers = np.random.default_rng(7).normal(0.3, 1.0, 40)
    alone = bootstrap(numbers, [str(at) for at in range(40)])
    tenfold = bootstrap(np.repeat(numbers, 10), [str(at) for at in range(40) for _ in range(10)])

    assert alone == tenfold


def judged(count: int, *, right: float, confidence: str, up: float = 0.5) -> list[OpinionScore]:
    made = []
    for at in range(count):
        is_up, is_right = at % 100 < up * 100, (at * 37) % 100 < right * 100
        direction = B if is_up == is_right else D
        brier = (Decimal(confidence) - int(is_right)) ** 2
        day = MADE.date() + timedelta(days=28 * at)
        made.append(
            replace(
                score(direction, confidence),
                id=str(at),
                made_on=day,
                judged_at=MADE,
                is_right=is_right,
                is_up=is_up,
                brier=brier,
            )
        )
    return made


def test_a_reader_who_knows_shows_an_edge_and_one_who_guesses_none() -> None:
    knows = track_record("llm", "m", "p", judged(400, right=0.7, confidence="0.7"))
    guesses = track_record("llm", "m", "p", judged(400, right=0.5, confidence="0.9"))

    assert knows.has_edge is True and knows.edge is not None and knows.edge.excludes_zero
    assert knows.hit_rate is not None and knows.hit_rate.estimate == Decimal("0.7")
    assert knows.overconfidence is not None and knows.overconfidence.estimate == 0
    assert knows.calibration_error == 0
    assert guesses.has_edge is False and guesses.edge is not None and not guesses.edge.excludes_zero
    assert guesses.overconfidence is not None and guesses.overconfidence.estimate == Decimal("0.4")
    assert guesses.brier is not None and guesses.brier.estimate == Decimal("0.41")
    assert guesses.skill is not None and guesses.skill.estimate == Decimal("-0.64")


def test_saying_bullish_in_a_rising_market_is_no_edge() -> None:
    every = [replace(one, direction=B, is_right=one.is_up) for one in judged(300, right=1.0, confidence="0.8", up=0.7)]

    found = track_record("llm", "m", "p", every)

    assert found.hit_rate is not None and found.hit_rate.estimate == Decimal("0.7")
    assert found.edge is not None and found.edge.estimate == 0 and found.has_edge is False
    assert found.bullish_bias is not None and found.bullish_bias.estimate == Decimal("0.3")


def test_a_few_opinions_say_nothing_of_an_edge() -> None:
    few = track_record("llm", "m", "p", judged(9, right=1.0, confidence="0.9"))
    none = track_record("llm", "m", "p", [score()])

    assert few.has_edge is None and few.edge is not None and few.edge.low is None
    assert none.opinions == 1 and none.judged == 0 and none.hit_rate is None and none.has_edge is None


def test_records_are_by_analyst_model_and_prompt() -> None:
    other = replace(score(), prompt="daily-en@2", id="x")

    found = track_records([score(), *judged(3, right=1, confidence="0.9"), other])

    assert [(one.prompt, one.opinions, one.judged) for one in found] == [("daily-en@1", 4, 3), ("daily-en@2", 1, 0)]
