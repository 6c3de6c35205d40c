"""What a template can read: the names, what each means, and an example market to try a template on."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

NAMES: Mapping[str, str] = {
    "symbol": "the underlying's symbol",
    "current_price": "its last price, dollars",
    "trend": "bullish, bearish or neutral by the averages of 20, 50 and 200 sessions; none when unknown",
    "atr": "average true range of 14 sessions, dollars",
    "indicators": "mapping of the daily chart's newest numbers",
    "weekly": "mapping of the weekly chart's newest numbers",
    "bars": "the last 60 daily candles, oldest first: date, open, high, low, close, volume",
    "analysis_daily": "what the technical rules read in the daily chart, in a line; none when unknown",
    "analysis_weekly": "the same of the weekly chart",
    "strategy": "mapping: id, name, description, bias, dte_min, dte_max",
    "previous_analyses": "up to 5 earlier opinions on the symbol, newest last: made_at, direction, confidence",
    "source": "where the market's numbers come from",
    "now": "the market's time, UTC; now() is the same",
    "today": "its date; today() is the same",
}
INDICATORS = (
    "close",
    "sma_20",
    "sma_50",
    "sma_200",
    "band_lower",
    "band_upper",
    "supertrend",
    "supertrend_direction",
    "macd",
    "macd_signal",
    "macd_histogram",
    "rsi",
    "obv",
    "atr",
)
_DAILY = (182.4, 180.1, 176.3, 168.9, 174.8, 186.2, 175.5, 1.0, 1.42, 1.1, 0.32, 58.3, 1_250_000.0, 2.6)
_WEEKLY = (182.4, 176.0, 170.2, 151.7, 160.3, 190.5, 165.2, 1.0, 4.1, 3.6, 0.5, 61.0, 9_800_000.0, 6.4)
EXAMPLE: Mapping[str, object] = {
    "symbol": "XYZ",
    "current_price": Decimal("182.40"),
    "trend": "bullish",
    "atr": Decimal("2.60"),
    "indicators": dict(zip(INDICATORS, _DAILY, strict=True)),
    "weekly": dict(zip(INDICATORS, _WEEKLY, strict=True)),
    "bars": [
        {"date": date(2026, 1, 5), "open": 180.2, "high": 183.0, "low": 179.6, "close": 181.7, "volume": 5_100_000},
        {"date": date(2026, 1, 6), "open": 181.7, "high": 183.4, "low": 181.0, "close": 182.4, "volume": 4_600_000},
    ],
    "analysis_daily": (
        "daily bullish: SuperTrend 175.50 bullish, SMA 20 180.10 bullish, MACD histogram 0.32 bullish,"
        " RSI 58.30 bullish"
    ),
    "analysis_weekly": (
        "weekly bullish: SuperTrend 165.20 bullish, SMA 20 176.00 bullish, MACD histogram 0.50 bullish,"
        " RSI 61.00 bullish"
    ),
    "strategy": {
        "id": "put-credit-spread-30dte",
        "name": "Put Credit Spread 30 DTE",
        "description": "",
        "bias": ["bullish"],
        "dte_min": 25,
        "dte_max": 45,
    },
    "previous_analyses": [{"made_at": "2026-01-05", "direction": "bullish", "confidence": Decimal("0.62")}],
    "source": "example",
    "now": datetime(2026, 1, 6, 20, 0, tzinfo=UTC),
    "today": date(2026, 1, 6),
}
