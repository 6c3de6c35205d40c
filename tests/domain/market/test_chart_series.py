"""The numbers of a chart: weeks from days, whole lines, and nothing where candles cannot be right."""

from datetime import date, timedelta

import pytest

from thetaloom.domain.market import technicals
from thetaloom.domain.market.bars import Bar, weekly
from thetaloom.domain.market.chart_series import (
    Candles,
    ChartSeries,
    Timeframe,
    chart_series,
    daily_candles,
    weekly_candles,
)
from thetaloom.domain.values.canonical import canonical_json, digest_of, from_json

MONDAY = date(2024, 1, 1)


def bars_of(count: int, *, volume: float | None = 1000.0) -> list[Bar]:
    days = [MONDAY + timedelta(days=7 * (at // 5) + at % 5) for at in range(count)]
    prices = [100 + (at % 23) * 0.7 + at * 0.05 for at in range(count)]
    return [
        Bar(session_on=on, open=price - 0.3, high=price + 1, low=price - 1, close=price + 0.2, volume=volume)
        for on, price in zip(days, prices, strict=True)
    ]


def test_a_week_opens_with_its_first_day_and_closes_with_its_last() -> None:
    daily = daily_candles(bars_of(12))

    weeks = weekly_candles(daily)

    assert len(weeks) == 3
    assert weeks.opens[0] == daily.opens[0]
    assert weeks.closes == (daily.closes[4], daily.closes[9], daily.closes[11])
    assert weeks.highs[1] == max(daily.highs[5:10])
    assert weeks.volumes == (5000.0, 5000.0, 2000.0)
    assert weeks.bars == weekly(daily.bars)


def test_every_line_is_as_long_as_the_candles_and_whole_once_enough_came_before() -> None:
    series = chart_series("SPY", Timeframe.DAILY, daily_candles(bars_of(460)))

    assert series is not None
    assert len(series.candles) == 252
    lines = [getattr(series, name) for name in series.__slots__ if isinstance(getattr(series, name), tuple)]
    assert [len(line) for line in lines] == [252] * 13
    assert all(number is not None for line in lines for number in line)


def test_the_lines_are_those_of_the_indicators_over_the_whole_history() -> None:
    candles = daily_candles(bars_of(300))

    series = chart_series("SPY", Timeframe.DAILY, candles)

    assert series is not None
    assert series.sma_200[-1] == pytest.approx(sum(candles.closes[-200:]) / 200, abs=1e-6)
    assert series.rsi[-1] == pytest.approx(technicals.rsi(candles.closes)[-1], abs=1e-6)
    assert series.sma_200[:147].count(None) == 147


def test_candles_that_cannot_be_right_or_are_too_few_make_no_chart() -> None:
    one = Candles(days=(1,), opens=(1.0,), highs=(1.0,), lows=(1.0,), closes=(1.0,))
    wrong = Candles(days=(1, 2), opens=(5.0, 1.0), highs=(1.0, 1.0), lows=(1.0, 1.0), closes=(1.0, 1.0))

    assert chart_series("X", Timeframe.DAILY, one) is None
    assert chart_series("X", Timeframe.DAILY, wrong) is None


def test_without_volume_there_is_no_balance_of_it() -> None:
    series = chart_series("VIX", Timeframe.WEEKLY, daily_candles(bars_of(60, volume=None)))

    assert series is not None
    assert series.candles.volumes == ()
    assert set(series.obv) == {None}


@pytest.mark.parametrize("volume", [1000.0, 1000])  # a feed may count its shares in whole numbers
def test_the_numbers_of_a_chart_come_back_from_their_json_with_the_same_digest(volume: float) -> None:
    series = chart_series("SPY", Timeframe.WEEKLY, daily_candles(bars_of(60, volume=volume)))

    assert series is not None
    again = from_json(canonical_json(series), ChartSeries)
    assert again == series
    assert again.digest == series.digest


def test_whole_numbers_of_a_source_keep_their_digest_when_they_are_read_back() -> None:
    bars = [
        Bar(session_on=date(2026, 1, 1) + timedelta(days=at), open=99, high=101 + at, low=98, close=100, volume=10**6)
        for at in range(40)
    ]
    for candles in (daily_candles(bars), weekly_candles(daily_candles(bars))):
        series = chart_series("SPY", Timeframe.DAILY, candles)
        assert series is not None

        again = from_json(canonical_json(series), ChartSeries)

        assert again.digest == series.digest == digest_of(canonical_json(series))
