"""The words that a market is described with; each list is complete."""

from enum import StrEnum


class MacdState(StrEnum):
    """Where MACD 12/26/9 stands, how much force is behind it and whether that is spent."""

    NEUTRAL = "neutral"
    BULLISH = "bullish"
    BEARISH = "bearish"
    STRONG_BULLISH = "strong_bullish"
    STRONG_BEARISH = "strong_bearish"
    BULLISH_EXHAUSTED = "bullish_exhausted"
    BEARISH_EXHAUSTED = "bearish_exhausted"


class Trend(StrEnum):
    """How strong the trend is, whichever way it goes."""

    WEAK = "weak"
    MODERATE = "moderate"
    STRONG = "strong"


class Direction(StrEnum):
    """Which way a price goes."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"


class Regime(StrEnum):
    """The kind of market, the first that fits in this order."""

    CRISIS = "crisis"
    HIGH_VOLATILITY = "high_volatility"
    RANGE = "range"
    BULL = "bull"
    BEAR = "bear"
    NONE = "none"


class Bands(StrEnum):
    """Where the price stands to the Bollinger bands."""

    INSIDE = "inside"
    ABOVE = "above"
    BELOW = "below"


class Extreme(StrEnum):
    """Whether the price has run too far."""

    OVERBOUGHT = "overbought"
    OVERSOLD = "oversold"
    NONE = "none"


class Momentum(StrEnum):
    """Whether a strong trend goes on or is spent."""

    CONTINUATION = "continuation"
    EXHAUSTION = "exhaustion"
    NONE = "none"


class MarketBias(StrEnum):
    """A view of the market: that of IV rank and RSI, or an analyst's."""

    BULLISH = "bullish"
    NEUTRAL = "neutral"
    BEARISH = "bearish"


class Sentiment(StrEnum):
    """What the put/call ratio says of the mood."""

    EXTREME_BULLISH = "extreme_bullish"
    BULLISH = "bullish"
    NEUTRAL = "neutral"
    BEARISH = "bearish"
    EXTREME_BEARISH = "extreme_bearish"


class DealerGamma(StrEnum):
    """The side dealers are on if they sold the puts and bought the calls: long dampens moves, short feeds them."""

    LONG = "long"
    SHORT = "short"


class Timeframes(StrEnum):
    """What the timeframes together recommend."""

    STRONG_LONG = "strong_long"
    LONG = "long"
    WEAK_LONG = "weak_long"
    NO_TRADE = "no_trade"
    WEAK_SHORT = "weak_short"
    SHORT = "short"
    STRONG_SHORT = "strong_short"
