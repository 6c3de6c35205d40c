"""The technical rules: three of four, the weekly chart, and levels worked by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.analysts.rules import RulesAnalyst
from thetaloom.domain.market.chart_reading import Vote, read_charts, read_frame
from thetaloom.domain.market.chart_series import Candles, ChartSeries, Timeframe
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.market.words import MarketBias, Timeframes
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.money import Price

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
NUMBER = st.one_of(st.none(), st.floats(min_value=1, max_value=99).map(lambda number: round(number, 2)))


def frame(timeframe: Timeframe = Timeframe.DAILY, **changes: Any) -> ChartSeries:
    """Return two candles around 100 with all four votes bullish; ``changes`` are the newest numbers of lines."""
    newest: dict[str, float | None] = {
        "sma_20": 98.0,
        "sma_50": 95.0,
        "sma_200": 90.0,
        "band_lower": 94.0,
        "band_upper": 102.0,
        "supertrend": 96.0,
        "supertrend_direction": 1.0,
        "macd": 1.2,
        "macd_signal": 1.0,
        "macd_histogram": 0.2,
        "rsi": 58.0,
        "obv": 1e6,
        "atr": 2.0,
    } | changes
    candles = Candles(
        days=(20000, 20001), opens=(99.0, 99.5), highs=(104.5, 101.0), lows=(97.0, 99.0), closes=(99.5, 100.0)
    )
    lines: dict[str, Any] = {name: (None, number) for name, number in newest.items()}
    return ChartSeries(symbol="SPY", timeframe=timeframe, candles=candles, **lines)


def weak(timeframe: Timeframe = Timeframe.DAILY) -> ChartSeries:
    """Return the same with all four votes bearish."""
    return frame(timeframe, supertrend_direction=-1.0, supertrend=103.0, sma_20=101.0, macd_histogram=-0.2, rsi=41.0)


def request(daily: ChartSeries | None, weekly: ChartSeries | None, *, spot: str | None = "100") -> AnalysisRequest:
    """Return what an analyst is shown."""
    price = None if spot is None else Price(spot)
    return AnalysisRequest(symbol="SPY", spot=price, spot_as_of=AT, daily=daily, weekly=weekly, now=AT)


def asked(daily: ChartSeries | None, weekly: ChartSeries | None, *, spot: str | None = "100") -> Opinion:
    """Return the opinion of charts that allow one."""
    said = RulesAnalyst().opine(request(daily, weekly, spot=spot))
    assert isinstance(said, Opinion)
    return said


def refused(daily: ChartSeries | None, weekly: ChartSeries | None = None, *, spot: str | None = "100") -> str:
    """Return why charts allow no opinion."""
    said = RulesAnalyst().opine(request(daily, weekly, spot=spot))
    assert isinstance(said, NoOpinion)
    return said.reason


def test_four_votes_and_the_weekly_chart_make_a_sure_opinion_with_levels_worked_by_hand() -> None:
    said = asked(frame(), frame(Timeframe.WEEKLY))

    assert (said.direction, said.confidence) == (MarketBias.BULLISH, Decimal("0.85"))
    assert (said.entry, said.stop) == (Price(100), Price(96))  # two times an ATR of 2 below
    assert said.targets == (Price("104.5"), Price(110))  # the high before 106, then five ATRs
    assert said.r_multiple == Decimal("1.125")
    assert said.expected_return_percent == Decimal("4.5")


def test_three_votes_are_enough_and_less_sure() -> None:
    three = frame(rsi=45.0)

    assert asked(three, None).confidence == Decimal("0.65")
    assert asked(three, frame(Timeframe.WEEKLY)).confidence == Decimal("0.75")
    assert asked(frame(), None).confidence == Decimal("0.75")


def test_two_votes_on_each_side_are_neutral_and_name_no_stop() -> None:
    said = asked(frame(rsi=45.0, macd_histogram=-0.1), None)

    assert (said.direction, said.confidence) == (MarketBias.NEUTRAL, Decimal("0.5"))
    assert (said.stop, said.targets, said.r_multiple) == (None, (), None)


def test_a_weekly_chart_that_contradicts_the_daily_one_makes_it_neutral() -> None:
    reading = read_charts(request(frame(), weak(Timeframe.WEEKLY)))

    assert reading.opinion is not None
    assert reading.opinion.direction is MarketBias.NEUTRAL
    assert reading.opinion.reasons[0] == "the weekly chart contradicts the daily one"
    assert reading.alignment is not None
    assert reading.alignment.word is Timeframes.NO_TRADE


def test_a_fall_is_the_mirror_of_a_rise() -> None:
    said = asked(weak(), weak(Timeframe.WEEKLY))

    assert (said.direction, said.confidence) == (MarketBias.BEARISH, Decimal("0.85"))
    assert said.stop == Price(104)
    assert said.targets == (Price(97), Price(95))  # the low, then SMA 50, which is at least an ATR further


def test_a_level_nearer_than_one_range_is_noise_and_without_any_the_range_measures() -> None:
    near = replace(frame(), candles=replace(frame().candles, highs=(101.9, 101.0)))

    assert asked(near, None).targets == (Price(106), Price(110))
    assert "target 106.00: 3 times the average true range, no level before it" in asked(near, None).reasons


@pytest.mark.parametrize(
    ("changes", "vote"),
    [
        ({"rsi": 50.0}, Vote.NEUTRAL),
        ({"rsi": 50.01}, Vote.BULLISH),
        ({"rsi": 49.99}, Vote.BEARISH),
        ({"rsi": None}, Vote.UNKNOWN),
    ],
)
def test_exactly_between_says_nothing(changes: dict[str, Any], vote: Vote) -> None:
    assert read_frame(frame(**changes)).confirmations[3].vote is vote


def test_what_is_unknown_decides_only_where_it_cannot_tip_the_scale() -> None:
    assert read_frame(frame(rsi=None)).direction is MarketBias.BULLISH
    assert read_frame(frame(rsi=None, macd_histogram=-0.1)).direction is None
    assert read_frame(frame(rsi=50.0, macd_histogram=-0.1, sma_20=None)).direction is MarketBias.NEUTRAL


def test_without_what_it_rests_on_there_is_no_opinion_and_its_reason_is_said() -> None:
    assert "no daily candles" in refused(None)
    assert "price of the underlying" in refused(frame(), spot=None)
    assert "average true range" in refused(frame(atr=None))
    assert "average true range" in refused(frame(atr=0.001))
    assert "too wide" in refused(frame(atr=60.0))
    assert "RSI not known" in refused(frame(rsi=None, macd_histogram=None))


def test_a_reading_comes_back_from_its_json() -> None:
    reading = read_charts(request(frame(), weak(Timeframe.WEEKLY)))

    assert from_json(canonical_json(reading), type(reading)) == reading


@given(
    average=NUMBER,
    histogram=st.one_of(st.none(), st.floats(min_value=-5, max_value=5)),
    strength=NUMBER,
    pointing=st.sampled_from([None, 1.0, -1.0]),
    atr=NUMBER,
    weekly=st.sampled_from([None, frame(Timeframe.WEEKLY), weak(Timeframe.WEEKLY)]),
)
def test_any_opinion_has_three_votes_and_a_stop_of_two_ranges(
    average: float | None,
    histogram: float | None,
    strength: float | None,
    pointing: float | None,
    atr: float | None,
    weekly: ChartSeries | None,
) -> None:
    shown = frame(sma_20=average, macd_histogram=histogram, rsi=strength, supertrend_direction=pointing, atr=atr)

    reading = read_charts(request(shown, weekly))

    said = reading.opinion
    if said is None or said.direction is MarketBias.NEUTRAL:
        assert (said is None) == bool(reading.no_opinion)
        return
    assert reading.daily is not None
    assert reading.daily.count(Vote(said.direction.value)) >= 3
    assert said.risk is not None
    assert atr is not None
    assert abs(float(said.risk) - 2 * atr) < 0.011
    assert said.r_multiple is not None
    assert Decimal("0.49") <= said.r_multiple <= Decimal("1.51")
