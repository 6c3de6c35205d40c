"""What charts are drawn from: the candles of both timeframes with the history that their averages need."""

from datetime import date, timedelta

from thetaloom.domain.market.chart_series import (
    WARM_UP,
    Candles,
    ChartSeries,
    Timeframe,
    chart_series,
    daily_candles,
    weekly_candles,
)
from thetaloom.ports.market_data import MarketData

HISTORY_DAYS = 7 * (Timeframe.WEEKLY.shown_max + WARM_UP + 1)  # calendar days; the weeks reach back the farthest


def read_candles(market: MarketData, symbol: str, today: date) -> tuple[Candles, Candles]:
    """Return the daily and the weekly candles of ``symbol``, as many as a chart and its averages need."""
    daily = daily_candles(market.history(symbol, today - timedelta(days=HISTORY_DAYS), today))
    return (
        daily.last(Timeframe.DAILY.shown_max + WARM_UP),
        weekly_candles(daily).last(Timeframe.WEEKLY.shown_max + WARM_UP),
    )


def both_series(
    symbol: str, daily: Candles, weekly: Candles, source: str, synthetic: bool
) -> tuple[ChartSeries | None, ChartSeries | None]:
    """Return what the daily and the weekly chart show; ``None`` for one that cannot be drawn."""
    return (
        chart_series(symbol, Timeframe.DAILY, daily, source=source, synthetic=synthetic),
        chart_series(symbol, Timeframe.WEEKLY, weekly, source=source, synthetic=synthetic),
    )


def series_now(market: MarketData, symbol: str, today: date) -> tuple[ChartSeries | None, ChartSeries | None]:
    """Return what charts of ``symbol`` show at this moment, by the same reading that a run makes."""
    daily, weekly = read_candles(market, symbol, today)
    return both_series(symbol, daily, weekly, market.name, market.synthetic)
