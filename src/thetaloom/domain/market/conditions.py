"""Judgements on a market: stress, regime, extremes, momentum, trend, range, bias. Every threshold has a name.

Percentages are plain numbers, 5 being 5 %. A judgement whose inputs are not all known is ``None``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from thetaloom.domain.market.indicators import FLOAT_PLACES
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

STRONG_ADX, MODERATE_ADX = 30, 20
# MACD less its signal, as a part of the average true range, so that cheap and dear shares compare.
MACD_NEUTRAL, MACD_STRONG, MACD_STRONG_ADX = 0.05, 0.15, 25
OVERBOUGHT, OVERSOLD, VERY_OVERBOUGHT, VERY_OVERSOLD = 70, 30, 80, 20
STRETCHED_PERCENT = 5  # from the 20-day average
EXTREME_COUNT = 3  # of four signs
CRISIS_STRESS, HIGH_IV_RANK = 80, 75
# The word "strong" begins at an ADX of 30, where the regime already adds its 20; its own trend begins lower.
REGIME_ADX, REGIME_STRONG_ADX, MOMENTUM_STRONG_ADX = 25, 30, 40
RANGE_SESSIONS, RANGE_SESSIONS_MAX = 3, 20
RANGE_PERCENT = 0.4  # what 2 points are of QQQ near 500
RANGE_POINTS = {"QQQ": 2.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A word and the confidence in it, 0 to 100; ``None`` where no rule gives one."""

    word: Regime | Momentum
    confidence: float | None


def market_stress(*, iv_rank: float, recent_move: float, price: float, support: float, resistance: float) -> float:
    """Return the market stress, 0 to 100: the share of IV rank, of the recent move and of a broken level."""
    stress = 0.0
    if iv_rank > 70:
        stress += 40 * iv_rank / 100
    elif iv_rank > 50:
        stress += 20 * iv_rank / 100
    if recent_move > 5:
        stress += 30 * min(recent_move, 10) / 10
    elif recent_move >= 3:
        stress += 15
    if price < 0.98 * support:
        stress += 15
    if price > 1.02 * resistance:
        stress += 15
    return min(stress, 100.0)


def trend_word(adx: float) -> Trend:
    """Return how strong the trend is."""
    if adx > STRONG_ADX:
        return Trend.STRONG
    return Trend.MODERATE if adx > MODERATE_ADX else Trend.WEAK


def direction_word(plus_di: float, minus_di: float) -> Direction:
    """Return which way the trend goes."""
    if plus_di == minus_di:
        return Direction.FLAT
    return Direction.UP if plus_di > minus_di else Direction.DOWN


def macd_state(found: Technicals, bands: Bands | None) -> MacdState | None:
    """Return the state of MACD.

    Neutral while the histogram is within 5 % of the average true range. Else it is bullish or bearish by its sign:
    exhausted once RSI is beyond 70 (30) or the price outside the band on that side; else strong with a histogram
    of 15 % of the average true range or more, ADX above 25 and the directional index on the same side.
    """
    histogram, atr, adx, rsi = found.macd_histogram, found.atr_14, found.adx_14, found.rsi_14
    if histogram is None or atr is None or adx is None or rsi is None or bands is None:
        return None
    if abs(histogram) <= MACD_NEUTRAL * atr:
        return MacdState.NEUTRAL
    is_up = histogram > 0
    spent = rsi > OVERBOUGHT or bands is Bands.ABOVE if is_up else rsi < OVERSOLD or bands is Bands.BELOW
    if spent:
        return MacdState.BULLISH_EXHAUSTED if is_up else MacdState.BEARISH_EXHAUSTED
    agrees = (found.plus_di or 0) > (found.minus_di or 0) if is_up else (found.minus_di or 0) > (found.plus_di or 0)
    if abs(histogram) >= MACD_STRONG * atr and adx > MACD_STRONG_ADX and agrees:
        return MacdState.STRONG_BULLISH if is_up else MacdState.STRONG_BEARISH
    return MacdState.BULLISH if is_up else MacdState.BEARISH


def bands_word(price: float, lower: float, upper: float) -> Bands:
    """Return where ``price`` stands to the bands; a price on a band is inside."""
    if price > upper:
        return Bands.ABOVE
    return Bands.BELOW if price < lower else Bands.INSIDE


def bollinger_position(price: float, lower: float, upper: float) -> float | None:
    """Return the place between the bands: 0 at the lower, 100 at the upper, beyond them outside of that."""
    return (price - lower) / (upper - lower) * 100 if upper > lower else None


def band_distance(price: float, lower: float, upper: float) -> float:
    """Return the distance to the nearer band, percent of price; 0 outside of them."""
    return max(min(price - lower, upper - price), 0.0) / price * 100


def range_threshold(symbol: str, price: float) -> float:
    """Return within how many percent of price closes must stay for a range: 2 points of QQQ, 0.4 % of all else."""
    return RANGE_POINTS[symbol] / price * 100 if symbol in RANGE_POINTS else RANGE_PERCENT


def close_range(closes: Sequence[float], price: float, sessions: int = RANGE_SESSIONS) -> float | None:
    """Return the highest less the lowest of the last closes, percent of price."""
    window = closes[-sessions:]
    return (max(window) - min(window)) / price * 100 if sessions > 0 and len(window) == sessions else None


def range_days(closes: Sequence[float], price: float, percent: float) -> int | None:
    """Return how many of the latest closes, at most 20, lie within ``percent`` of price of one another."""
    if not closes:
        return None
    low = high = closes[-1]
    days = 0
    for close in reversed(closes[-RANGE_SESSIONS_MAX:]):
        low, high = min(low, close), max(high, close)
        if round((high - low) / price * 100 - percent, FLOAT_PLACES) > 0:  # two points exactly are a range still
            break
        days += 1
    return days


def extreme_word(*, rsi: float, bands: Bands, sma_distance: float) -> Extreme:
    """Return whether three or more signs say that the price has run too far.

    The signs above: RSI over 70, over 80, price above the upper band, more than 5 % above the average. Below: 30, 20,
    the lower band, 5 % below.
    """
    above = (rsi > OVERBOUGHT, rsi > VERY_OVERBOUGHT, bands is Bands.ABOVE, sma_distance > STRETCHED_PERCENT)
    below = (rsi < OVERSOLD, rsi < VERY_OVERSOLD, bands is Bands.BELOW, sma_distance < -STRETCHED_PERCENT)
    if sum(above) >= EXTREME_COUNT:
        return Extreme.OVERBOUGHT
    return Extreme.OVERSOLD if sum(below) >= EXTREME_COUNT else Extreme.NONE


def momentum(*, adx: float, extreme: Extreme) -> Judged:
    """Return whether a strong trend (ADX above 30) goes on or is spent: 60, and 20 more with ADX above 40."""
    if trend_word(adx) is not Trend.STRONG:
        return Judged(word=Momentum.NONE, confidence=None)
    word = Momentum.CONTINUATION if extreme is Extreme.NONE else Momentum.EXHAUSTION
    return Judged(word=word, confidence=80.0 if adx > MOMENTUM_STRONG_ADX else 60.0)


def regime(*, stress: float, iv_rank: float, quiet_sessions: int, adx: float, state: MacdState) -> Judged:
    """Return the kind of market: crisis, high volatility, range, bull or bear, the first that fits.

    Confidence is the stress in a crisis, IV rank in high volatility, 50 and 10 more for each day of a range (three
    make one), 60 in a bull or bear market and 20 more with ADX above 30.
    """
    if stress >= CRISIS_STRESS:
        return Judged(word=Regime.CRISIS, confidence=stress)
    if iv_rank >= HIGH_IV_RANK:
        return Judged(word=Regime.HIGH_VOLATILITY, confidence=iv_rank)
    if quiet_sessions >= RANGE_SESSIONS:
        return Judged(word=Regime.RANGE, confidence=min(50.0 + 10 * quiet_sessions, 100.0))
    if adx > REGIME_ADX and state in (MacdState.BULLISH, MacdState.STRONG_BULLISH):
        return Judged(word=Regime.BULL, confidence=80.0 if adx > REGIME_STRONG_ADX else 60.0)
    if adx > REGIME_ADX and state in (MacdState.BEARISH, MacdState.STRONG_BEARISH):
        return Judged(word=Regime.BEAR, confidence=80.0 if adx > REGIME_STRONG_ADX else 60.0)
    return Judged(word=Regime.NONE, confidence=None)


def bias_word(*, iv_rank: float, rsi: float) -> MarketBias:
    """Return the bias: dear options after a rise are bearish, after a fall bullish."""
    if iv_rank > 70 and rsi > 60:
        return MarketBias.BEARISH
    return MarketBias.BULLISH if iv_rank > 50 and rsi < 40 else MarketBias.NEUTRAL


def bias_confidence(*, iv_rank: float, volume: float) -> float:
    """Return the confidence in the bias, 0 to 100: 60, up to 30 for IV rank over 50, up to 10 for volume."""
    return min(60 + min(30.0, iv_rank - 50) + min(10.0, volume / 1_000_000 * 10), 100.0)


def sentiment_word(ratio: float) -> Sentiment:
    """Return the mood that a put/call ratio shows."""
    if ratio < 0.3:
        return Sentiment.EXTREME_BULLISH
    if ratio < 0.7:
        return Sentiment.BULLISH
    if ratio > 2.0:
        return Sentiment.EXTREME_BEARISH
    return Sentiment.BEARISH if ratio > 1.3 else Sentiment.NEUTRAL


def put_call_blend(by_volume: float, by_interest: float) -> float:
    """Return 0.6 of the ratio of volumes and 0.4 of that of open interests."""
    return 0.6 * by_volume + 0.4 * by_interest
