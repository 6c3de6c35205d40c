"""What a market is read from: its chain, a year of bars, its volatility's past and its events."""

from datetime import date, datetime, timedelta

from thetaloom.domain.market.bars import Bars, columns_of
from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.events import DAYS_MAX
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import IV_DAYS, SESSIONS_PER_YEAR
from thetaloom.domain.market.reading import MarketInputs
from thetaloom.domain.market.volatility import BENCHMARK, IvHistory
from thetaloom.domain.values.calendar import DAYS_PER_YEAR, TradingCalendar
from thetaloom.engine.desk import EngineSettings
from thetaloom.engine.history import closed_at, first_day, volatility_index, year_of_bars
from thetaloom.ports.market_data import MarketData

FRAMES = {"15m": 15, "1h": 60, "4h": 240}  # beside the daily and the weekly bars
FRAME_BARS = 80  # enough for the slowest of the indicators that vote


def inputs_of(
    market: MarketData,
    calendar: TradingCalendar,
    settings: EngineSettings,
    chain: OptionChain,
    expirations: tuple[Expiration, ...],
    now: datetime,
) -> MarketInputs:
    """Collect what the market of ``chain`` is read from."""
    symbol, today = chain.underlying, calendar.exchange_date(now)
    bars = year_of_bars(market, symbol, today)
    ivs = market.iv_history(symbol, first_day(today), today)
    known = market.underlying(symbol)
    benchmark = known.benchmark if known is not None else BENCHMARK
    vix, vix_as_of = volatility_index(market, calendar, now)
    return MarketInputs(
        symbol=symbol,
        chain=chain,
        expirations=expirations,
        bars=bars,
        bars_as_of=closed_at(calendar, bars),
        rate=settings.rates.at(IV_DAYS / DAYS_PER_YEAR),
        dividend_yield=settings.dividend_yield,
        today=today,
        now=now,
        benchmark=benchmark,
        benchmark_bars=_closes(market, benchmark, today) if symbol != benchmark else Bars(),
        iv_history=IvHistory(days=tuple(from_date(on) for on, _ in ivs), ivs=tuple(iv for _, iv in ivs)),
        events=market.corporate_events(symbol, today, today + timedelta(days=DAYS_MAX)),
        vix=vix,
        vix_as_of=vix_as_of,
        frames=_frames(market, symbol),
    )


def _frames(market: MarketData, symbol: str) -> dict[str, Bars]:
    frames = {name: columns_of(market.intraday(symbol, minutes, FRAME_BARS)) for name, minutes in FRAMES.items()}
    return {name: bars for name, bars in frames.items() if len(bars)}


def _closes(market: MarketData, benchmark: str, today: date) -> Bars:
    bars = year_of_bars(market, benchmark, today)
    return Bars(days=bars.days, closes=bars.closes).last(SESSIONS_PER_YEAR + 1)
