"""What the engine asks of the market's past: a year of daily bars, betas, and the volatility index."""

from datetime import UTC, date, datetime, timedelta

from thetaloom.domain.market.bars import Bars, columns_of
from thetaloom.domain.market.chain import to_date
from thetaloom.domain.market.volatility import BENCHMARK, beta
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.money import Price
from thetaloom.errors import AnswerPending, MarketDataUnavailable
from thetaloom.ports.market_data import MarketData

HISTORY_DAYS = 400  # calendar days of daily bars; a year of sessions and some to spare
VOLATILITY_INDEX = "VIX"
INDEX_DAYS = 10  # where the source has no spot of it, the last close of these days counts, with its own time


def first_day(today: date) -> date:
    """Return the day from which a year of daily bars is asked for."""
    return today - timedelta(days=HISTORY_DAYS)


def year_of_bars(market: MarketData, symbol: str, today: date) -> Bars:
    """Return the daily bars of ``symbol`` that indicators and betas rest on."""
    return columns_of(market.history(symbol, first_day(today), today))


def beta_against(market: MarketData, symbol: str, today: date, benchmark: str = BENCHMARK) -> float | None:
    """Return the beta of ``symbol``, as the market reading computes it; of the benchmark itself it is 1."""
    if symbol == benchmark:
        return 1.0
    return beta(year_of_bars(market, symbol, today), year_of_bars(market, benchmark, today))


def volatility_index(
    market: MarketData, calendar: TradingCalendar, now: datetime
) -> tuple[Price | None, datetime | None]:
    """Return the VIX and when it was so; where the source has no spot of it, its last close.

    A source that cannot tell of it leaves it unknown: that is no reason against the symbol it is read for.
    """
    today = calendar.exchange_date(now)
    try:
        spot = market.spot(VOLATILITY_INDEX, now)
        if spot is not None:
            return spot, now
        bars = columns_of(market.history(VOLATILITY_INDEX, today - timedelta(days=INDEX_DAYS), today))
    except AnswerPending:
        raise
    except MarketDataUnavailable:
        return None, None
    return (Price(str(bars.closes[-1])), closed_at(calendar, bars)) if len(bars) else (None, None)


def closed_at(calendar: TradingCalendar, bars: Bars) -> datetime | None:
    """Return when the last of ``bars`` was complete."""
    if not len(bars):
        return None
    on = to_date(bars.days[-1])
    session = calendar.session_on(on)
    return session.close_at if session is not None else datetime(on.year, on.month, on.day, tzinfo=UTC)
