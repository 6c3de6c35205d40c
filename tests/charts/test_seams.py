"""Breaks of a history are found where they are, and nowhere else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.charts.candles import composed
from thetaloom.charts.chart_words import month_ticks
from thetaloom.charts.seams import SEAMS_MAX, seams_of
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chain import from_date
from thetaloom.domain.market.chart_series import ChartSeries, Timeframe, chart_series, daily_candles, weekly_candles


def series_on(days: Sequence[date], prices: Sequence[float], timeframe: Timeframe = Timeframe.DAILY) -> ChartSeries:
    """Return a market that stood at each price all day."""
    bars = [
        Bar(session_on=on, open=price, high=price, low=price, close=price, volume=None)
        for on, price in zip(days, prices, strict=True)
    ]
    daily = daily_candles(bars)
    found = chart_series("X", timeframe, daily if timeframe is Timeframe.DAILY else weekly_candles(daily))
    assert found is not None
    return found


def weekdays(first: date, count: int) -> list[date]:
    """Return as many weekdays."""
    days = [first + timedelta(days=at) for at in range(count * 2)]
    return [day for day in days if day.weekday() < 5][:count]


def test_days_that_are_missing_are_named_and_a_long_weekend_is_not() -> None:
    days = [day for day in weekdays(date(2025, 12, 1), 40) if not date(2025, 12, 25) <= day <= date(2025, 12, 29)]
    broken = [day for day in days if not date(2026, 1, 5) <= day <= date(2026, 1, 9)]

    assert seams_of(series_on(days, [100.0] * len(days))) == ()
    (seam,) = seams_of(series_on(broken, [100.0] * len(broken)))
    assert seam.text == "No candles between 2 Jan 2026 and 12 Jan 2026."
    assert seam.label == "9 days missing"
    assert broken[seam.at] == date(2026, 1, 12)


def test_a_missing_week_is_missed_among_weeks() -> None:
    days = weekdays(date(2025, 1, 6), 100)
    broken = [day for day in days if not date(2025, 2, 10) <= day <= date(2025, 2, 14)]

    assert seams_of(series_on(days, [100.0] * 100, Timeframe.WEEKLY)) == ()
    (seam,) = seams_of(series_on(broken, [100.0] * 95, Timeframe.WEEKLY))
    assert seam.text == "No candles between 7 Feb 2025 and 21 Feb 2025."


def test_a_jump_as_of_a_split_is_named_either_way_and_a_crash_is_not() -> None:
    days = weekdays(date(2025, 1, 6), 4)

    assert seams_of(series_on(days, [100.0, 100.0, 60.0, 60.0])) == ()
    (down,) = seams_of(series_on(days, [100.0, 100.0, 10.0, 10.0]))
    (up,) = seams_of(series_on(days, [100.0, 100.0, 800.0, 800.0]))
    assert (down.at, down.label) == (2, "÷ 10 overnight")
    assert up.label == "× 8 overnight"
    assert "From 100.00 to 10.00 before 8 Jan 2025" in down.text


@given(st.lists(st.sampled_from([1.0, 3.0, 9.0]), min_size=2, max_size=40))
def test_there_is_a_seam_for_each_jump_up_to_the_most_that_are_named(prices: list[float]) -> None:
    jumps = sum(one != after for one, after in pairwise(prices))

    found = seams_of(series_on(weekdays(date(2025, 1, 6), len(prices)), prices))

    assert len(found) == min(jumps, SEAMS_MAX)


def test_the_picture_marks_a_seam_in_every_panel_and_says_it_once() -> None:
    series = series_on(weekdays(date(2025, 1, 6), 60), [100.0] * 30 + [10.0] * 30)

    with composed(series, dark=True) as figure:
        places = [[np.asarray(line.get_xdata()).tolist() for line in axes.lines] for axes in figure.axes]
        said = [text.get_text() for axes in figure.axes for text in axes.texts if "overnight" in text.get_text()]

    assert [panel.count([29.5, 29.5]) for panel in places] == [1] * 7
    assert said == ["÷ 10 overnight"]


def test_prices_are_never_shown_below_zero() -> None:
    series = series_on(weekdays(date(2025, 1, 6), 60), [100.0] * 30 + [10.0] * 30)
    assert any(number is not None and number < 0 for number in series.band_lower)

    with composed(series, dark=False) as figure:
        assert figure.axes[0].get_ylim()[0] == 0.0


def test_months_after_a_gap_do_not_stand_on_each_other_and_the_year_is_said_again() -> None:
    days = [*weekdays(date(2025, 8, 1), 45), date(2026, 3, 30), *weekdays(date(2026, 4, 1), 60)]

    ticks = month_ticks([from_date(day) for day in days], quarters=False)

    places = [at for at, _ in ticks]
    assert all(after - one >= 4 for one, after in pairwise(places))
    assert [text for _, text in ticks][:3] == ["Sep 2025", "Oct", "May 2026"]


def test_nothing_traded_in_all_that_is_shown_is_drawn_without_complaint() -> None:
    series = series_on(weekdays(date(2025, 1, 6), 30), [100.0] * 30)
    silent = replace(series, candles=replace(series.candles, volumes=(0.0,) * 30))

    with composed(silent, dark=True) as figure:
        assert figure.axes[2].get_ylim()[0] == 0.0
