"""The numbers and words that an entry condition may test, with what each means and how far it can reach."""

from enum import StrEnum

from thetaloom.domain.market import words
from thetaloom.domain.market.events import DAYS_MAX
from thetaloom.domain.strategy.fields import MAGNITUDE_MAX, Word


class Metric(Word):
    """A number of the market or of the candidate that an entry condition may test."""

    # the market's
    UNDERLYING_PRICE = "underlying_price", "Price of the underlying, dollars."
    ATM_IV = "atm_iv", "30-day at-the-money implied volatility, percent."
    IV_RANK = "iv_rank", "Place of today's IV between the year's low and high, 0 to 100."
    IV_PERCENTILE = "iv_percentile", "Share of the year's days with an IV below today's, 0 to 100."
    IV_CHANGE_5D = "iv_change_5d", "Change of the 30-day IV over 5 sessions, percentage points."
    HV_30 = "hv_30", "Historical volatility over 30 days, percent, annualized."
    HV_IV_RATIO = "hv_iv_ratio", "Historical over implied 30-day volatility; 0.8 says IV is the higher."
    TERM_SLOPE = "term_slope", "60-day over 30-day at-the-money IV; above 1 the later is the higher."
    SKEW_25D = "skew_25d", "30-day IV of the 25-delta put less that of the call, percentage points."
    BETA = "beta", "Slope of daily log returns against the benchmark's over 252 sessions."
    VIX = "vix", "The VIX index."
    RSI_14 = "rsi_14", "Relative strength index over 14 days, 0 to 100."
    ADX_14 = "adx_14", "Average directional index over 14 days, 0 to 100."
    ATR_14 = "atr_14", "Average true range over 14 days, dollars."
    STOCHASTIC_K = "stochastic_k", "Slow %K of the stochastic 14/3/3, 0 to 100."
    MACD_HISTOGRAM = "macd_histogram", "MACD 12/26/9 less its signal, dollars."
    SMA_20_DISTANCE = "sma_20_distance", "How far the price is above the 20-day average, percent of the average."
    BOLLINGER_POSITION = "bollinger_position", "Place between the Bollinger bands 20/2: lower 0, upper 100."
    BAND_DISTANCE = "band_distance", "Distance to the nearer Bollinger band, percent of price; 0 outside of them."
    SUPPORT = "support", "Lowest low of 20 sessions, dollars."
    RESISTANCE = "resistance", "Highest high of 20 sessions, dollars."
    RECENT_MOVE = "recent_move", "High less low of 5 sessions, percent of price."
    DAILY_RANGE = "daily_range", "High less low of the last session, percent of its close."
    RANGE_DAYS = "range_days", "Latest closes within 0.4 % of price of one another (QQQ: 2 points), at most 20."
    RANGE_3D = "range_3d", "Highest less lowest of the last 3 closes, percent of price."
    OBV_FLOW_20 = "obv_flow_20", "On-balance volume gained in 20 sessions, percent of their volume."
    VOLUME = "volume", "Shares traded in the last complete session."
    AVERAGE_VOLUME = "average_volume", "Shares traded per session over 20 sessions."
    PUT_CALL_RATIO = "put_call_ratio", "Put over call open interest."
    PUT_CALL_VOLUME_RATIO = "put_call_volume_ratio", "Put over call volume."
    PUT_CALL_BLEND = "put_call_blend", "0.6 of the volume ratio and 0.4 of the open interest ratio."
    NET_GAMMA = "net_gamma", "Gamma exposure of the chain, million dollars of delta per 1 % move, puts negative."
    GAMMA_FLIP_DISTANCE = "gamma_flip_distance", "How far spot is above the zero-gamma price, percent of spot."
    CALL_WALL = "call_wall", "Strike with the most call gamma, dollars."
    PUT_WALL = "put_wall", "Strike with the most put gamma, dollars."
    STRESS = "stress", "Market stress, 0 to 100."
    REGIME_CONFIDENCE = "regime_confidence", "Confidence in the regime, 0 to 100."
    MOMENTUM_CONFIDENCE = "momentum_confidence", "Confidence in the momentum, 0 to 100."
    BIAS_CONFIDENCE = "bias_confidence", "Confidence in the bias, 0 to 100."
    ALIGNMENT = "alignment", "Share of the timeframes that agree, weighed by confidence and age, 0 to 100."
    DAYS_TO_EARNINGS = (
        "days_to_earnings",
        "Calendar days to the next earnings report; 366 where none is due in a year or ever.",
    )
    DAYS_TO_EX_DIVIDEND = (
        "days_to_ex_dividend",
        "Calendar days to the next ex-dividend date; 366 where none is due in a year or ever.",
    )
    HISTORY_SESSIONS = "history_sessions", "Complete sessions of daily bars at hand."
    # the candidate's
    EXPECTED_MOVE_PERCENT = "expected_move_percent", "ATM straddle of the chosen expiration, percent of spot."
    NET_CREDIT = "net_credit", "Net credit at mid, dollars per share; a debit is negative."
    CREDIT_TO_WIDTH = "credit_to_width", "Net credit in percent of the widest spread."
    POP = "pop", "Probability of profit, percent."
    MAX_LOSS = "max_loss", "Largest loss of one structure, dollars, positive."
    REWARD_TO_RISK = "reward_to_risk", "Largest profit over largest loss; unknown where either has no limit."
    PREMIUM_YIELD = "premium_yield", "Net credit in percent of the sold put's strike, or else of the sold call's."
    EXPIRATIONS = "expirations", "Number of expirations among the legs."


class WordMetric(Word):
    """What a word says of the market."""

    MACD_STATE = "macd_state", "Where MACD stands, how much force is behind it and whether that is spent."
    TREND = "trend", "How strong the trend is, by ADX."
    DIRECTION = "direction", "Which way the trend goes, by DI+ and DI−."
    REGIME = "regime", "The kind of market."
    BANDS = "bands", "Where the price stands to the Bollinger bands."
    SUPERTREND = "supertrend", "Which way SuperTrend 10/3 points."
    MOMENTUM = "momentum", "Whether a strong trend goes on or is spent."
    EXTREME = "extreme", "Whether the price has run too far."
    BIAS = "bias", "The view that IV rank and RSI give."
    SENTIMENT = "sentiment", "The mood that the put/call ratio shows."
    DEALER_GAMMA = "dealer_gamma", "Whether dealers are long or short gamma."
    TIMEFRAMES = "timeframes", "What the timeframes together recommend."


WORDS: dict[WordMetric, type[StrEnum]] = {
    WordMetric.MACD_STATE: words.MacdState,
    WordMetric.TREND: words.Trend,
    WordMetric.DIRECTION: words.Direction,
    WordMetric.REGIME: words.Regime,
    WordMetric.BANDS: words.Bands,
    WordMetric.SUPERTREND: words.Direction,
    WordMetric.MOMENTUM: words.Momentum,
    WordMetric.EXTREME: words.Extreme,
    WordMetric.BIAS: words.MarketBias,
    WordMetric.SENTIMENT: words.Sentiment,
    WordMetric.DEALER_GAMMA: words.DealerGamma,
    WordMetric.TIMEFRAMES: words.Timeframes,
}

CANDIDATES_OWN = frozenset(
    {
        Metric.EXPECTED_MOVE_PERCENT,
        Metric.NET_CREDIT,
        Metric.CREDIT_TO_WIDTH,
        Metric.POP,
        Metric.MAX_LOSS,
        Metric.REWARD_TO_RISK,
        Metric.PREMIUM_YIELD,
        Metric.EXPIRATIONS,
    }
)
MARKET_METRICS = frozenset(Metric) - CANDIDATES_OWN
METRIC_OF: dict[str, Metric] = {metric.value: metric for metric in Metric}

# Above the largest of these a condition could never hold, or never fail: a slip of the unit.
METRIC_MAX: dict[Metric, int] = {
    Metric.UNDERLYING_PRICE: 1_000_000,
    Metric.ATM_IV: 1000,
    Metric.IV_RANK: 100,
    Metric.IV_PERCENTILE: 100,
    Metric.IV_CHANGE_5D: 1000,
    Metric.HV_30: 1000,
    Metric.HV_IV_RATIO: 100,
    Metric.TERM_SLOPE: 10,
    Metric.SKEW_25D: 1000,
    Metric.BETA: 100,
    Metric.VIX: 1000,
    Metric.RSI_14: 100,
    Metric.ADX_14: 100,
    Metric.ATR_14: 1_000_000,
    Metric.STOCHASTIC_K: 100,
    Metric.MACD_HISTOGRAM: 1_000_000,
    Metric.SMA_20_DISTANCE: 1000,
    Metric.BOLLINGER_POSITION: 1000,
    Metric.BAND_DISTANCE: 100,
    Metric.SUPPORT: 1_000_000,
    Metric.RESISTANCE: 1_000_000,
    Metric.RECENT_MOVE: 1000,
    Metric.DAILY_RANGE: 1000,
    Metric.RANGE_DAYS: 20,
    Metric.RANGE_3D: 1000,
    Metric.OBV_FLOW_20: 100,
    Metric.VOLUME: MAGNITUDE_MAX,
    Metric.AVERAGE_VOLUME: MAGNITUDE_MAX,
    Metric.PUT_CALL_RATIO: 1000,
    Metric.PUT_CALL_VOLUME_RATIO: 1000,
    Metric.PUT_CALL_BLEND: 1000,
    Metric.NET_GAMMA: 1_000_000,
    Metric.GAMMA_FLIP_DISTANCE: 100,
    Metric.CALL_WALL: 1_000_000,
    Metric.PUT_WALL: 1_000_000,
    Metric.STRESS: 100,
    Metric.REGIME_CONFIDENCE: 100,
    Metric.MOMENTUM_CONFIDENCE: 100,
    Metric.BIAS_CONFIDENCE: 100,
    Metric.ALIGNMENT: 100,
    Metric.DAYS_TO_EARNINGS: DAYS_MAX,
    Metric.DAYS_TO_EX_DIVIDEND: DAYS_MAX,
    Metric.HISTORY_SESSIONS: 10_000,
    Metric.EXPECTED_MOVE_PERCENT: 100,
    Metric.NET_CREDIT: 10_000,
    Metric.CREDIT_TO_WIDTH: 100,
    Metric.POP: 100,
    Metric.MAX_LOSS: MAGNITUDE_MAX,
    Metric.REWARD_TO_RISK: 10_000,
    Metric.PREMIUM_YIELD: 100,
    Metric.EXPIRATIONS: 8,
}
SIGNED_METRICS = frozenset(
    {
        Metric.NET_CREDIT,
        Metric.CREDIT_TO_WIDTH,
        Metric.PREMIUM_YIELD,
        Metric.IV_CHANGE_5D,
        Metric.SKEW_25D,
        Metric.BETA,
        Metric.MACD_HISTOGRAM,
        Metric.SMA_20_DISTANCE,
        Metric.BOLLINGER_POSITION,
        Metric.OBV_FLOW_20,
        Metric.NET_GAMMA,
        Metric.GAMMA_FLIP_DISTANCE,
    }
)
