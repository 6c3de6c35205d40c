from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.market import conditions
from thetaloom.domain.market.conditions import Judged
from thetaloom.domain.market.latest import Technicals
from thetaloom.domain.market.words import (
    Bands,
    Direction,
    Extreme,
    MacdState,
    MarketBias,
    Momentum,
    Regime,
    Sentiment,
    Trend,
)

CALM = {"iv_rank": 30.0, "recent_move": 2.0, "price": 100.0, "support": 95.0, "resistance": 105.0}
QUIET: dict[str, Any] = {"stress": 10.0, "iv_rank": 30.0, "quiet_sessions": 1, "adx": 15.0, "state": MacdState.NEUTRAL}
RISING = Technicals(macd_histogram=0.4, atr_14=2.0, adx_14=28.0, rsi_14=60.0, plus_di=30.0, minus_di=12.0)


@pytest.mark.parametrize(
    ("changed", "stress"),
    [
        ({}, 0),
        ({"iv_rank": 50.0}, 0),
        ({"iv_rank": 51.0}, 10.2),
        ({"iv_rank": 70.0}, 14),
        ({"iv_rank": 71.0}, 28.4),
        ({"iv_rank": 100.0}, 40),
        ({"recent_move": 2.99}, 0),
        ({"recent_move": 3.0}, 15),
        ({"recent_move": 5.0}, 15),
        ({"recent_move": 6.0}, 18),
        ({"recent_move": 10.0}, 30),
        ({"recent_move": 25.0}, 30),
        ({"price": 93.1}, 0),  # 0.98 of support to the cent
        ({"price": 93.09}, 15),
        ({"price": 107.1}, 0),
        ({"price": 107.11}, 15),
        ({"iv_rank": 100.0, "recent_move": 12.0, "price": 80.0}, 85),
    ],
)
def test_stress_adds_up_as_the_rules_say(changed: dict[str, float], stress: float) -> None:
    assert conditions.market_stress(**(CALM | changed)) == pytest.approx(stress)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(1, 1000), st.floats(1, 1000), st.floats(1, 1000))
def test_stress_stays_on_its_scale_and_rises_with_iv_rank(
    iv_rank: float, move: float, price: float, support: float, resistance: float
) -> None:
    rest = {"recent_move": move, "price": price, "support": support, "resistance": resistance}
    stress = conditions.market_stress(iv_rank=iv_rank, **rest)

    assert 0 <= stress <= 100
    assert conditions.market_stress(iv_rank=100.0, **rest) >= stress


@pytest.mark.parametrize(
    ("adx", "word"),
    [(0, Trend.WEAK), (20, Trend.WEAK), (20.01, Trend.MODERATE), (30, Trend.MODERATE), (30.01, Trend.STRONG)],
)
def test_trend_words_begin_above_20_and_30(adx: float, word: Trend) -> None:
    assert conditions.trend_word(adx) is word


def test_the_direction_is_that_of_the_larger_index() -> None:
    assert conditions.direction_word(30, 10) is Direction.UP
    assert conditions.direction_word(10, 30) is Direction.DOWN
    assert conditions.direction_word(10, 10) is Direction.FLAT


@pytest.mark.parametrize(
    ("changed", "bands", "state"),
    [
        ({}, Bands.INSIDE, MacdState.STRONG_BULLISH),
        ({"macd_histogram": 0.1}, Bands.INSIDE, MacdState.NEUTRAL),
        ({"macd_histogram": -0.1}, Bands.INSIDE, MacdState.NEUTRAL),
        ({"macd_histogram": 0.11}, Bands.INSIDE, MacdState.BULLISH),
        ({"macd_histogram": 0.29}, Bands.INSIDE, MacdState.BULLISH),
        ({"adx_14": 25.0}, Bands.INSIDE, MacdState.BULLISH),
        ({"plus_di": 10.0}, Bands.INSIDE, MacdState.BULLISH),
        ({"rsi_14": 70.0}, Bands.INSIDE, MacdState.STRONG_BULLISH),
        ({"rsi_14": 70.1}, Bands.INSIDE, MacdState.BULLISH_EXHAUSTED),
        ({}, Bands.ABOVE, MacdState.BULLISH_EXHAUSTED),
        ({}, Bands.BELOW, MacdState.STRONG_BULLISH),
        ({"macd_histogram": -0.4}, Bands.INSIDE, MacdState.BEARISH),
        ({"macd_histogram": -0.4, "minus_di": 40.0}, Bands.INSIDE, MacdState.STRONG_BEARISH),
        ({"macd_histogram": -0.4, "rsi_14": 29.9}, Bands.INSIDE, MacdState.BEARISH_EXHAUSTED),
        ({"macd_histogram": -0.4}, Bands.BELOW, MacdState.BEARISH_EXHAUSTED),
        ({"macd_histogram": -0.4}, Bands.ABOVE, MacdState.BEARISH),
        ({"adx_14": None}, Bands.INSIDE, None),
        ({"macd_histogram": None}, Bands.INSIDE, None),
        ({}, None, None),
    ],
)
def test_macd_states(changed: dict[str, Any], bands: Bands | None, state: MacdState | None) -> None:
    assert conditions.macd_state(replace(RISING, **changed), bands) is state


@pytest.mark.parametrize(
    ("price", "word", "position", "distance"),
    [
        (100.0, Bands.INSIDE, 50.0, 10.0),
        (108.0, Bands.INSIDE, 90.0, 2 / 1.08),
        (110.0, Bands.INSIDE, 100.0, 0.0),
        (110.5, Bands.ABOVE, 102.5, 0.0),
        (91.0, Bands.INSIDE, 5.0, 1 / 0.91),
        (89.0, Bands.BELOW, -5.0, 0.0),
    ],
)
def test_the_place_between_bands_at_90_and_110(price: float, word: Bands, position: float, distance: float) -> None:
    assert conditions.bands_word(price, 90, 110) is word
    assert conditions.bollinger_position(price, 90, 110) == pytest.approx(position)
    assert conditions.band_distance(price, 90, 110) == pytest.approx(distance)


def test_bands_without_width_tell_no_place() -> None:
    assert conditions.bollinger_position(100, 100, 100) is None


@pytest.mark.parametrize(
    ("closes", "days"),
    [
        ([500.0, 501.0, 502.0], 3),
        ([500.0, 501.0, 502.01], 2),
        ([490.0, 500.0, 501.0, 502.0], 3),
        ([500.0] * 30, 20),
        ([510.0, 500.0, 510.0], 1),
        ([], None),
    ],
)
def test_days_of_a_range_of_two_points_in_qqq(closes: list[float], days: int | None) -> None:
    assert conditions.range_days(closes, 500, conditions.range_threshold("QQQ", 500)) == days


def test_the_threshold_of_a_range_is_two_points_of_qqq_and_a_percentage_of_all_else() -> None:
    assert conditions.range_threshold("QQQ", 400) == 0.5
    assert conditions.range_threshold("SPY", 400) == conditions.range_threshold("GOOG", 40) == 0.4


def test_the_range_of_three_closes() -> None:
    assert conditions.close_range([90.0, 100.0, 102.0, 101.0], 100) == 2
    assert conditions.close_range([100.0, 101.0], 100) is None


@pytest.mark.parametrize(
    ("rsi", "bands", "distance", "word"),
    [
        (81.0, Bands.ABOVE, 0.0, Extreme.OVERBOUGHT),
        (75.0, Bands.ABOVE, 5.1, Extreme.OVERBOUGHT),
        (75.0, Bands.ABOVE, 5.0, Extreme.NONE),
        (81.0, Bands.INSIDE, 5.0, Extreme.NONE),
        (19.0, Bands.BELOW, 0.0, Extreme.OVERSOLD),
        (29.0, Bands.BELOW, -5.1, Extreme.OVERSOLD),
        (30.0, Bands.BELOW, -9.0, Extreme.NONE),
        (81.0, Bands.BELOW, -9.0, Extreme.NONE),
    ],
)
def test_three_signs_make_an_extreme(rsi: float, bands: Bands, distance: float, word: Extreme) -> None:
    assert conditions.extreme_word(rsi=rsi, bands=bands, sma_distance=distance) is word


@pytest.mark.parametrize(
    ("adx", "extreme", "judged"),
    [
        (30.0, Extreme.OVERBOUGHT, Judged(word=Momentum.NONE, confidence=None)),
        (31.0, Extreme.OVERBOUGHT, Judged(word=Momentum.EXHAUSTION, confidence=60)),
        (31.0, Extreme.NONE, Judged(word=Momentum.CONTINUATION, confidence=60)),
        (40.0, Extreme.NONE, Judged(word=Momentum.CONTINUATION, confidence=60)),
        (41.0, Extreme.NONE, Judged(word=Momentum.CONTINUATION, confidence=80)),
    ],
)
def test_momentum(adx: float, extreme: Extreme, judged: Judged) -> None:
    assert conditions.momentum(adx=adx, extreme=extreme) == judged


@pytest.mark.parametrize(
    ("changed", "word", "confidence"),
    [
        ({}, Regime.NONE, None),
        ({"stress": 80.0, "iv_rank": 90.0}, Regime.CRISIS, 80),
        ({"stress": 79.9, "iv_rank": 75.0, "quiet_sessions": 9}, Regime.HIGH_VOLATILITY, 75),
        ({"quiet_sessions": 2}, Regime.NONE, None),
        ({"quiet_sessions": 3, "adx": 40.0, "state": MacdState.BULLISH}, Regime.RANGE, 80),
        ({"quiet_sessions": 9}, Regime.RANGE, 100),
        ({"adx": 25.0, "state": MacdState.STRONG_BULLISH}, Regime.NONE, None),
        ({"adx": 26.0, "state": MacdState.STRONG_BULLISH}, Regime.BULL, 60),
        ({"adx": 31.0, "state": MacdState.BULLISH}, Regime.BULL, 80),
        ({"adx": 31.0, "state": MacdState.BULLISH_EXHAUSTED}, Regime.NONE, None),
        ({"adx": 26.0, "state": MacdState.BEARISH}, Regime.BEAR, 60),
        ({"adx": 31.0, "state": MacdState.STRONG_BEARISH}, Regime.BEAR, 80),
    ],
)
def test_the_regime_is_the_first_that_fits(changed: dict[str, Any], word: Regime, confidence: float | None) -> None:
    assert conditions.regime(**(QUIET | changed)) == Judged(word=word, confidence=confidence)


@pytest.mark.parametrize(
    ("iv_rank", "rsi", "word"),
    [
        (71, 61, MarketBias.BEARISH),
        (70, 61, MarketBias.NEUTRAL),
        (71, 60, MarketBias.NEUTRAL),
        (51, 39, MarketBias.BULLISH),
        (90, 39, MarketBias.BULLISH),
        (50, 39, MarketBias.NEUTRAL),
        (51, 40, MarketBias.NEUTRAL),
    ],
)
def test_the_bias_by_iv_rank_and_rsi(iv_rank: float, rsi: float, word: MarketBias) -> None:
    assert conditions.bias_word(iv_rank=iv_rank, rsi=rsi) is word


@pytest.mark.parametrize(
    ("iv_rank", "volume", "confidence"),
    [(50, 0, 60), (0, 0, 10), (70, 500_000, 85), (80, 1_000_000, 100), (100, 5e7, 100), (40, 5e7, 60)],
)
def test_the_confidence_in_the_bias(iv_rank: float, volume: float, confidence: float) -> None:
    assert conditions.bias_confidence(iv_rank=iv_rank, volume=volume) == pytest.approx(confidence)


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (0.29, Sentiment.EXTREME_BULLISH),
        (0.3, Sentiment.BULLISH),
        (0.69, Sentiment.BULLISH),
        (0.7, Sentiment.NEUTRAL),
        (1.3, Sentiment.NEUTRAL),
        (1.31, Sentiment.BEARISH),
        (2.0, Sentiment.BEARISH),
        (2.01, Sentiment.EXTREME_BEARISH),
    ],
)
def test_the_mood_of_a_put_call_ratio(ratio: float, word: Sentiment) -> None:
    assert conditions.sentiment_word(ratio) is word
    assert conditions.put_call_blend(ratio, ratio) == pytest.approx(ratio)


def test_volume_weighs_more_than_open_interest() -> None:
    assert conditions.put_call_blend(1.0, 0.5) == pytest.approx(0.8)
