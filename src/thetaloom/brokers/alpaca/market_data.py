"""Alpaca's market data: chains by snapshots, watched contracts by the stream, both on one board of quotes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from thetaloom.brokers.alpaca import sdk
from thetaloom.brokers.alpaca.data_reading import (
    Quoted,
    daily_bars,
    intraday_bars,
    listed_of,
    not_later,
    quotes_of,
    snapshots_of,
    trade_of,
)
from thetaloom.brokers.alpaca.session import AlpacaSession, No
from thetaloom.brokers.alpaca.streams import open_quote_line
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.symbols import spellings
from thetaloom.errors import BrokerUnavailable, InvalidInput, MarketDataUnavailable
from thetaloom.links.instants import microseconds
from thetaloom.links.kept_stream import KeptStream
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import Bar, QuoteBatch, Underlying

DELAYS = {"indicative": timedelta(minutes=15), "opra": timedelta(0)}
STOCK_DELAYS = {"iex": timedelta(0), "sip": timedelta(0), "delayed_sip": timedelta(minutes=15)}
CHAIN_EVERY, SPOT_EVERY = timedelta(seconds=15), timedelta(seconds=2)
CLASS_MARK = "."  # before a class of shares: BRKB is BRK.B to Alpaca
LISTED_DAYS, CONTRACTS_PAGE, SNAPSHOTS_PAGE = 1_100, 10_000, 100
SESSION_MINUTES = 390


class AlpacaMarket:
    """Implements ``ports.market_data.MarketData``; no number of it claims to be newer than its feed can know."""

    name = "alpaca"
    synthetic = False

    def __init__(self, session: AlpacaSession, loop: OwnerLoop, clock: Clock, calendar: TradingCalendar) -> None:
        self._session = session
        self._clock = clock
        self._calendar = calendar
        settings = session.settings
        self._feed = sdk.OptionsFeed(settings.option_feed)
        self._stock_feed = sdk.DataFeed(settings.stock_feed)
        self._delay, self._stock_delay = DELAYS[settings.option_feed], STOCK_DELAYS[settings.stock_feed]
        self._board = QuoteBoard(clock, self.name)
        self._known: dict[str, tuple[Underlying, str] | None] = {}  # with the symbol that Alpaca has for it
        self._listed_on: dict[str, date] = {}
        self._unusual: set[OptionContract] = set()  # listed, and not traded here: adjusted ones, and halted ones
        self._read_at: dict[str, datetime] = {}  # when a chain was, and a spot under its own name
        self._streamed: frozenset[OptionContract] = frozenset()
        self._stream = KeptStream(
            name="alpaca option quotes",
            loop=loop,
            open_line=lambda heard: open_quote_line(settings, partial(self._hear, heard), self._take),
            clock=clock,
            silence_seconds=settings.silence_seconds,
        )
        self._stream.on_change(self._lose)

    def start(self) -> None:
        """Open the stream."""
        self._stream.start()

    def stop(self) -> None:
        """Close the stream."""
        self._stream.stop()

    def links(self) -> Sequence[LinkStatus]:
        """Return how the stream of quotes stands."""
        return (self._stream.status(),)

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what Alpaca says of a symbol."""
        if symbol not in self._known:
            self._known[symbol] = self._asset(symbol)
        found = self._known[symbol]
        return None if found is None else found[0]

    def symbols(self) -> Sequence[str]:
        """Return the symbols of which a chain was read."""
        return self._board.symbols()

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the whole chain, read anew where it is more than some seconds old."""
        now = self._clock.now()
        self._list(underlying, now)
        if now - self._read_at.get(underlying, now - CHAIN_EVERY) >= CHAIN_EVERY:
            asked = sdk.OptionChainRequest(underlying_symbol=self._name(underlying), feed=self._feed)
            told = self._ask(partial(self._session.options.get_option_chain, asked), f"the chain of {underlying}")
            found: list[Quoted] = self._read(snapshots_of, told)
            self._board.list_chain(underlying, [one.contract for one in found if one.contract not in self._unusual])
            self._put(found, is_streamed=False)
            self._read_at[underlying] = now
        self.spot(underlying, at)
        return self._board.chain(underlying, at)

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of contracts; those that are not streamed are read."""
        wanted = tuple(contracts)
        is_up = self._stream.status().is_up
        known = self._board.quotes(wanted, at)
        missing = [one for one in wanted if one not in known or not (is_up and one in self._streamed)]
        for start in range(0, len(missing), SNAPSHOTS_PAGE):
            symbols = [one.compact for one in missing[start : start + SNAPSHOTS_PAGE]]
            asked = sdk.OptionSnapshotRequest(symbol_or_symbols=symbols, feed=self._feed)
            told = self._ask(partial(self._session.options.get_option_snapshot, asked), "quotes")
            self._put(snapshots_of(told), is_streamed=False)
        return self._board.quotes(wanted, at)

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the latest trade; an index has none here."""
        now, mark = self._clock.now(), f"spot {underlying}"
        if underlying not in INDEX_ROOTS and now - self._read_at.get(mark, now - SPOT_EVERY) >= SPOT_EVERY:
            name = self._name(underlying)
            asked = sdk.StockLatestTradeRequest(symbol_or_symbols=name, feed=self._stock_feed)
            told = self._ask(partial(self._session.stocks.get_stock_latest_trade, asked), f"the price of {underlying}")
            trade = self._read(trade_of, told, name)
            self._read_at[mark] = now
            if trade is not None:
                self._board.put_spot(underlying, trade[0], min(trade[1], now - self._stock_delay))
        return self._board.spot(underlying, at)

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the daily bars of sessions that had closed, adjusted for splits."""
        start, end = (self._calendar.at_minute(on, 0) for on in (first, last + timedelta(days=1)))
        told = self._bars(symbol, sdk.TimeFrame(1, sdk.TimeFrameUnit.Day), start, end)
        bars: list[Bar] = self._read(daily_bars, told, self._name(symbol), self._calendar, self._clock.now())
        return [bar for bar in bars if first <= bar.session_on <= last]

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the last complete bars of regular sessions."""
        now = self._clock.now()
        if not 1 <= minutes < SESSION_MINUTES:
            return ()
        unit, amount = (
            (sdk.TimeFrameUnit.Hour, minutes // 60) if minutes % 60 == 0 else (sdk.TimeFrameUnit.Minute, minutes)
        )
        if unit is sdk.TimeFrameUnit.Minute and minutes > 59:
            return ()
        start = now
        for _ in range(count * minutes // SESSION_MINUTES + 2):
            start = self._calendar.previous_session(self._calendar.exchange_date(start)).open_at
        told = self._bars(symbol, sdk.TimeFrame(amount, unit), start, now)
        bars: list[Bar] = self._read(intraday_bars, told, self._name(symbol), minutes, self._calendar, now)
        return bars[-count:]

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return nothing: Alpaca keeps no history of volatilities."""
        return ()

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return that nothing is known."""
        return None

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the contracts that are streamed and polled."""
        wanted = frozenset(contracts)
        gone = [self._board.place(one) for one in self._streamed - wanted]
        self._streamed = wanted
        self._board.watch(wanted)
        if gone:
            self._board.release(gone)
        self._stream.want(frozenset(one.compact for one in wanted))

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts."""
        return self._board.poll()

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when ``poll`` has something."""
        self._board.on_change(wake)

    def _asset(self, symbol: str) -> tuple[Underlying, str] | None:
        for theirs in spellings(symbol, CLASS_MARK):
            told = self._ask(partial(self._session.trading.get_asset, theirs), f"of {symbol}", missing=True)
            if isinstance(told, Mapping) and told.get("tradable"):
                name = str(told.get("name") or symbol)
                kind = "index" if symbol in INDEX_ROOTS else "etf" if " ETF" in name else "equity"
                return Underlying(symbol=symbol, name=name, kind=kind), theirs
        return None

    def _name(self, symbol: str) -> str:
        """Return how Alpaca lists a symbol; one that it does not know keeps its own."""
        known = None if symbol in INDEX_ROOTS or self.underlying(symbol) is None else self._known[symbol]
        return symbol if known is None else known[1]

    def _list(self, underlying: str, now: datetime) -> None:
        today = self._calendar.exchange_date(now)
        if self._listed_on.get(underlying) == today:
            return
        token: str | None = None
        while True:
            asked = sdk.GetOptionContractsRequest(
                underlying_symbols=[self._name(underlying)],
                expiration_date_gte=today,
                expiration_date_lte=today + timedelta(days=LISTED_DAYS),  # else only those until the weekend
                limit=CONTRACTS_PAGE,
                page_token=token,
            )
            told = self._ask(partial(self._session.trading.get_option_contracts, asked), f"contracts of {underlying}")
            found, unusual = self._read(listed_of, told)
            self._unusual |= unusual
            self._board.list_chain(underlying, found, open_interest=found)
            token, before = told.get("next_page_token") if isinstance(told, Mapping) else None, token
            if not isinstance(token, str) or token in {"", before}:
                break
        self._listed_on[underlying] = today

    def _bars(self, symbol: str, frame: Any, start: datetime, end: datetime) -> Any:
        asked = sdk.StockBarsRequest(
            symbol_or_symbols=self._name(symbol),
            timeframe=frame,
            start=start,
            end=end,
            adjustment="split",
            feed=self._stock_feed,
        )
        return self._ask(partial(self._session.stocks.get_stock_bars, asked), f"bars of {symbol}")

    def _ask(self, call: Callable[[], Any], what: str, *, missing: bool = False) -> Any:
        try:
            answer = self._session.read(call)
        except BrokerUnavailable as error:
            raise MarketDataUnavailable(f"alpaca does not tell {what}: {error.message}") from error
        if isinstance(answer, No):
            if missing and answer.is_missing:
                return None
            raise MarketDataUnavailable(f"alpaca does not tell {what}: {answer.message}")
        return answer

    def _read(self, reader: Callable[..., Any], *parts: Any) -> Any:
        try:
            return reader(*parts)
        except (InvalidInput, *NONSENSE) as error:
            raise MarketDataUnavailable(f"alpaca's market data cannot be read: {error}") from error

    def _put(self, found: Sequence[Quoted], *, is_streamed: bool) -> None:
        latest = self._clock.now() - self._delay
        quoted = [one for one in found if one.at_us]
        if quoted:
            self._board.put_many(
                [self._board.place(one.contract) for one in quoted],
                [one.bid for one in quoted],
                [one.ask for one in quoted],
                [one.bid_size for one in quoted],
                [one.ask_size for one in quoted],
                np.array([microseconds(not_later(one.at_us, latest)) for one in quoted], np.int64),
                is_streamed=is_streamed,
            )
        if is_streamed or not found:
            return
        slots = [self._board.place(one.contract) for one in found]
        self._board.put_greeks_many(slots, [one.iv for one in found], [one.delta for one in found])
        self._board.put_counts_many(slots, volumes=[one.volume for one in found])

    def _take(self, messages: list[Mapping[str, Any]]) -> None:
        self._put(quotes_of(messages), is_streamed=True)

    def _hear(self, heard: Callable[[], None]) -> None:
        heard()
        self._board.confirm(self._clock.now() - self._delay)

    def _lose(self) -> None:
        status = self._stream.status()
        if not status.is_up:
            heard_at = status.heard_at or self._clock.now()
            self._board.lost(heard_at - self._delay)
