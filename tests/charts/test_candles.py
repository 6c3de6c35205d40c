"""The picture of candles: of the promised size, in both themes, the same bytes from the same numbers."""

import struct
from datetime import date, timedelta

import pytest

from thetaloom.charts.candles import draw_candles
from thetaloom.charts.chart_words import compact, level_text, month_ticks, summary
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chain import from_date
from thetaloom.domain.market.chart_series import ChartSeries, Timeframe, chart_series, daily_candles, weekly_candles
from thetaloom.domain.values.canonical import canonical_json, from_json


def series_of(
    count: int, *, step: float = 0.1, volume: float | None = 2e6, weeks: bool = False, swing: float = 1.0
) -> ChartSeries:
    """Return a market of ``count`` sessions that rises by ``step`` a day and swings."""
    bars = [
        Bar(
            session_on=date(2024, 1, 1) + timedelta(days=7 * (at // 5) + at % 5),
            open=100 + at * step - 0.4 * swing,
            high=100 + at * step + (1 + at % 3) * swing,
            low=100 + at * step - (1 + at % 4) * swing,
            close=100 + at * step + (at % 5 - 2) * 0.4 * swing,
            volume=None if volume is None else volume * (1 + at % 7),
        )
        for at in range(count)
    ]
    candles = daily_candles(bars)
    found = chart_series(
        "SPY",
        Timeframe.WEEKLY if weeks else Timeframe.DAILY,
        weekly_candles(candles) if weeks else candles,
        source="drawn",
        synthetic=True,
    )
    assert found is not None
    return found


def size_of(png: bytes) -> tuple[int, int]:
    """Return width and height as the file's own header says them."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("dark", [True, False])
def test_a_chart_has_the_promised_size_in_both_themes(dark: bool) -> None:
    assert size_of(draw_candles(series_of(300), dark=dark)) == (1920, 1080)


def test_the_numbers_read_back_from_their_json_draw_the_same_bytes() -> None:
    series = series_of(300)

    again = from_json(canonical_json(series), ChartSeries)

    assert draw_candles(again) == draw_candles(series)


def test_the_themes_differ_and_so_do_two_markets() -> None:
    drawn = {
        draw_candles(series_of(60)),
        draw_candles(series_of(60), dark=False),
        draw_candles(series_of(60, step=0.2)),
    }

    assert len(drawn) == 3


@pytest.mark.parametrize(
    "series",
    [
        series_of(2),
        series_of(12),
        series_of(30, volume=None),
        series_of(40, step=0.0, swing=0.0),
        series_of(200, weeks=True),
    ],
    ids=["two candles", "no average yet", "no volume", "a price that never moves", "weeks"],
)
def test_what_is_not_known_yet_is_left_out_and_never_fails(series: ChartSeries) -> None:
    assert size_of(draw_candles(series)) == (1920, 1080)


def test_months_are_named_where_they_begin_and_a_year_with_its_first() -> None:
    days = [from_date(date(2025, 11, 3) + timedelta(days=at)) for at in range(100)]

    ticks = month_ticks(days, quarters=False)

    assert [text for _, text in ticks] == ["Dec 2025", "Jan 2026", "Feb"]
    assert [text for _, text in month_ticks(days, quarters=True)] == ["Jan 2026"]


def test_numbers_are_written_short_and_zero_has_no_sign() -> None:
    assert [compact(number) for number in (1234.5, -12.345, 0.1234, -0.0, None)] == [
        "1,234",
        "−12.35",
        "0.123",
        "0",
        "–",
    ]
    assert [level_text(level, [0.0, 2.5, 5.0]) for level in (0.0, 2.5, 5.0)] == ["0", "2.5", "5.0"]


def test_a_summary_is_over_what_is_known() -> None:
    lines = summary([None, 1.0, 2.0, 6.0], lambda number: f"{number:g}", "red", apart=True)

    assert [line.text for line in lines] == ["max 6", "min 1", "mean 3", "median 2"]
    assert summary([None, None], str, "red") == []
