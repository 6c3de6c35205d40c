"""The rules analyst on real sessions, against the same rules worked a second time without any code of ours."""

import math
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.domain.market.rules_by_hand import ByHand, Row, read_by_hand
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chart_reading import ChartReading, read_charts
from thetaloom.domain.market.chart_series import Timeframe, chart_series, daily_candles, weekly_candles
from thetaloom.domain.market.opinions import AnalysisRequest
from thetaloom.domain.strategy.analysis_rules import AnalysisRule
from thetaloom.domain.strategy.judging import first_no
from thetaloom.domain.strategy.opinion_checks import check_opinion, weigh_opinions
from thetaloom.domain.strategy.strategies import Bias
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason

SHARED = Path(__file__).parents[3] / "../shared/data/underlying"
RECORDED = ("SPY", "QQQ", "IWM", "DIA", "AAPL")
EVERY = 5  # sessions between two looks
BOTH = (Bias.BULLISH, Bias.BEARISH)


def recorded(symbol: str) -> list[Bar]:
    """Two years of real sessions."""
    file = SHARED / f"{symbol}_daily_2024_2026.parquet"
    if not file.exists():
        pytest.skip(f"no recorded sessions at {file}")
    import polars

    rows = polars.read_parquet(file).sort("date").iter_rows(named=True)
    return [
        Bar(
            session_on=row["date"],
            open=row["open"],
            high=row["high"],
            low=row["low"],
            close=row["close"],
            volume=float(row["volume"]),
        )
        for row in rows
    ]


def made(count: int = 420) -> list[Bar]:
    """Sessions of a market that turns, made by a formula."""
    found, on = [], date(2024, 1, 1)
    for at in range(count):
        on += timedelta(days=3 if on.weekday() == 4 else 1)
        close = 100 + 18 * math.sin(at / 37) + 4 * math.sin(at / 5) + at / 30
        reach = 1.2 + 0.5 * math.sin(at / 3)
        found.append(Bar(session_on=on, open=close, high=close + reach, low=close - reach, close=close, volume=None))
    return found


def read(bars: list[Bar]) -> tuple[ChartReading, AnalysisRequest]:
    """What our reader says at the last close."""
    daily = daily_candles(bars)
    now = datetime(2026, 1, 5, 15, tzinfo=UTC)
    request = AnalysisRequest(
        symbol="XYZ",
        spot=Price(str(round(bars[-1].close, 2))),
        spot_as_of=now,
        daily=chart_series("XYZ", Timeframe.DAILY, daily),
        weekly=chart_series("XYZ", Timeframe.WEEKLY, weekly_candles(daily)),
        now=now,
    )
    return read_charts(request), request


def by_hand(bars: list[Bar]) -> ByHand:
    """What the rules come to without our code."""
    rows = [
        Row(on=bar.session_on, high=round(bar.high, 4), low=round(bar.low, 4), close=round(bar.close, 4))
        for bar in bars
    ]
    return read_by_hand(rows, Decimal(str(round(bars[-1].close, 2))))


@pytest.mark.parametrize("name", ["made", *RECORDED])
def test_direction_levels_and_ratios_are_those_worked_by_hand(name: str) -> None:
    bars = made() if name == "made" else recorded(name)
    seen: Counter[str] = Counter()

    for end in range(22, len(bars) + 1, EVERY):
        reading, _ = read(bars[:end])
        expected = by_hand(bars[:end])
        said = reading.opinion
        seen[expected.direction] += 1

        assert ("none" if said is None else said.direction.value) == expected.direction, bars[end - 1].session_on
        if said is None or expected.stop is None:
            continue
        assert str(said.confidence) == expected.confidence
        assert abs(Decimal(said.stop or 0) - expected.stop) <= Decimal("0.01")
        assert all(
            abs(Decimal(one) - other) <= Decimal("0.01")
            for one, other in zip(said.targets, expected.targets, strict=True)
        )
        assert said.r_multiple is not None and expected.r_multiple is not None
        assert abs(said.r_multiple - expected.r_multiple) < Decimal("0.01")
        assert said.expected_return_percent is not None and expected.return_percent is not None
        assert abs(said.expected_return_percent - expected.return_percent) < Decimal("0.02")

    assert seen["bullish"] and seen["bearish"] and seen["neutral"] and seen["none"]


@pytest.mark.parametrize("name", ["made", *RECORDED])
def test_an_entry_needs_one_times_the_risk_and_five_percent_as_worked_by_hand(name: str) -> None:
    bars = made() if name == "made" else recorded(name)
    rule = AnalysisRule()
    verdicts: Counter[str] = Counter()

    for end in range(60, len(bars) + 1, EVERY):
        expected = by_hand(bars[:end])
        opinion = read(bars[:end])[0].opinion
        verdict = first_no(check_opinion(rule, BOTH, weigh_opinions(rule, opinion, None), why=""))
        verdicts[str(verdict.reason)] += 1

        assert verdict.is_allowed == (
            expected.r_multiple is not None
            and expected.return_percent is not None
            and expected.r_multiple >= 1
            and expected.return_percent >= 5
        )
    assert verdicts[str(Reason.OPINION_AGAINST)] and verdicts[str(Reason.RETURN_TOO_SMALL)]


@pytest.mark.parametrize("name", ["made", *RECORDED])
def test_every_number_that_is_told_is_in_the_evidence(name: str) -> None:
    bars = made() if name == "made" else recorded(name)

    for end in range(60, len(bars) + 1, 40):
        reading, request = read(bars[:end])
        assert reading.opinion is not None
        kept = (request, reading.opinion.stop, reading.opinion.targets, reading.opinion.entry)
        stored = {
            round(Decimal(word), 2)
            for part in kept
            for word in re.findall(r"-?\d+(?:\.\d+)?", canonical_json(part).decode())
        }
        told = re.findall(r"-?\d+\.\d+", " ".join(reading.opinion.reasons))

        assert told and {Decimal(word) for word in told} <= stored
