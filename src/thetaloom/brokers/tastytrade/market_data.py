"""Chains, quotes, history and metrics of tastytrade as ``MarketData``."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx2
from httpx2.websockets import HTTPXWSException, WebSocketDisconnect
from tastytrade import DXLinkStreamer
from tastytrade.dxfeed import Candle
from tastytrade.instruments import NestedOptionChain
from tastytrade.metrics import MarketMetricInfo, get_market_metrics
from tastytrade.utils import TastytradeError

from thetaloom.brokers.tastytrade.breaks import why_broken
from thetaloom.brokers.tastytrade.compact import CompactDecoder
from thetaloom.brokers.tastytrade.feed_line import FeedLine
from thetaloom.brokers.tastytrade.names import MARK, Names
from thetaloom.brokers.tastytrade.parse import contract_of
from thetaloom.brokers.tastytrade.session import TastytradeSession, WireRefusal
from thetaloom.brokers.tastytrade.settings import NAME, TastytradeSettings
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Dividend, EventKind, Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.symbols import canonical_symbol, spellings
from thetaloom.errors import BrokerUnavailable, MarketDataUnavailable
from thetaloom.links.kept_stream import KeptStream, Line
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import QuoteBatch, Underlying

STREAM = "tastytrade market data"
T = TypeVar("T")
QUIET_SECONDS = 0.3  # after the last first quote a chain counts as told
LOOK_SECONDS = 0.02
FIRST_QUOTES_SECONDS_MAX = 5.0
CANDLES_SECONDS_MAX = 20.0
FOREIGN = (httpx2.HTTPError, HTTPXWSException, WebSocketDisconnect, TastytradeError, *NONSENSE, TimeoutError)


class TastytradeMarket:
    """Market data of one session: a kept DXLink stream for quotes, requests for all else."""

    name = NAME
    synthetic = False

    def __init__(
        self,
        settings: TastytradeSettings,
        session: TastytradeSession,
        *,
        loop: OwnerLoop,
        clock: Clock,
        calendar: TradingCalendar,
    ) -> None:
        self._settings = settings
        self._session = session
        self._loop = loop  # of the session
        self._clock = clock
        self._calendar = calendar
        self.board = QuoteBoard(clock, NAME)
        self.decoder = CompactDecoder(self.board, clock)
        self._listed: dict[str, date] = {}
        self._names = Names(session)
        self._wanted: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._reading = OwnerLoop(STREAM)  # decoding never holds up an order
        self._stream = KeptStream(
            name=STREAM,
            loop=self._reading,
            open_line=self._open_line,
            clock=clock,
            silence_seconds=settings.silence_seconds,
        )
        self._stream.on_change(self._line_changed)

    def start(self) -> None:
        """Open the stream."""
        self._stream.start()

    def stop(self) -> None:
        """Close the stream."""
        self._stream.stop()
        self._reading.stop()

    def wait_up(self, timeout_seconds: float) -> bool:
        """Wait for the stream; return whether it stands."""
        return self._stream.wait_up(timeout_seconds)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the stream stands."""
        return (self._stream.status(),)

    def underlying(self, symbol: str) -> Underlying | None:
        """Return the symbol where tastytrade lists options on it."""
        if not self._list(symbol):
            return None
        return Underlying(symbol=symbol, name=symbol, kind="index" if symbol in INDEX_ROOTS else "equity")

    def symbols(self) -> Sequence[str]:
        """Return the symbols whose chains were asked for; tastytrade has no list of all."""
        return self.board.symbols()

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the whole chain; the first time it waits for the first quotes."""
        if not self._list(underlying):
            return None
        return self.board.chain(underlying, at)

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return quotes; contracts that nobody asked for yet are subscribed to first."""
        wanted = tuple(contracts)
        self._subscribe(wanted, {one.underlying for one in wanted})
        return self.board.quotes(wanted, at)

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the underlying."""
        self._subscribe((), {underlying})
        return self.board.spot(underlying, at)

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the daily bars of the sessions that have closed."""
        closed = self._closed(first, last)
        return [
            _bar(one, day)
            for one in self._candles(symbol, "1d", first)
            if (day := _at(one).date()) in closed and one.close > 0
        ]

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the newest complete bars of some minutes."""
        now, span = self._clock.now(), timedelta(minutes=minutes)
        # Nights and weekends lie between the bars of a session.
        first = now - span * count * 5 - timedelta(days=5)
        candles = [one for one in self._candles(symbol, f"{minutes}m", first) if _at(one) + span <= now]
        bars = [_bar(one, self._calendar.exchange_date(_at(one))) for one in candles if one.close > 0]
        return bars[-count:]

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return the volatility at the close of each session, as the feed's daily candles have it."""
        closed = self._closed(first, last)
        return [
            (day, float(one.imp_volatility))
            for one in self._candles(symbol, "1d", first)
            if (day := _at(one).date()) in closed and one.imp_volatility
        ]

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return the next earnings and dividend as far as the metrics tell; the test site has none."""
        now = self._clock.now()
        if symbol in INDEX_ROOTS:
            return Events(as_of=now, source=NAME, not_applicable=frozenset(EventKind))
        metrics = self.metrics(symbol)
        if metrics is None:
            return None
        reports = metrics.earnings.expected_report_date if metrics.earnings is not None else None
        # Either may be the newer one: the "next" date has been seen to be nine months behind the other.
        told = {on for on in (metrics.dividend_ex_date, metrics.dividend_next_date) if on is not None}
        today = self._calendar.exchange_date(now)
        amount = None if metrics.dividend_rate_per_share is None else Decimal(metrics.dividend_rate_per_share)
        return Events(
            as_of=now,
            source=NAME,
            earnings=(reports,) if reports is not None and first <= reports <= last else (),
            dividends=tuple(Dividend(ex_on=on, amount=amount) for on in sorted(told) if first <= on <= last),
            # What comes after the dates that are told is not known.
            earnings_known_until=reports if reports is not None and reports >= today else None,
            dividends_known_until=max((on for on in told if on >= today), default=None),
        )

    def metrics(self, symbol: str) -> MarketMetricInfo | None:
        """Return the market metrics: IV rank, volatilities, events; ``None`` where there are none."""
        try:
            found = self._asked(get_market_metrics(self._session, [self._name(symbol)]))
        except WireRefusal:
            return None
        return next((one for one in found if canonical_symbol(one.symbol) == symbol), None)

    def iv_rank(self, symbol: str) -> float | None:
        """Return the broker's own IV rank, 0 to 100."""
        metrics = self.metrics(symbol)
        rank = None if metrics is None else metrics.tw_implied_volatility_index_rank
        return None if rank is None else 100 * float(rank)

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts."""
        wanted = tuple(contracts)
        underlyings = {one.underlying for one in wanted}
        known = self._names.known(underlyings)
        self._want(wanted, known)
        self.board.watch(wanted)
        if underlyings - known.keys():  # whoever watches does not wait for an answer
            self._loop.post(self._want_by_name(underlyings))

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts."""
        return self.board.poll()

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there is something new."""
        self.board.on_change(wake)

    async def _open_line(self, hear: Callable[[], None]) -> Line:
        token = await asyncio.wrap_future(self._loop.post(self._quote_token()))
        line = FeedLine(
            url=token["dxlink-url"],
            token=token["token"],
            decoder=self.decoder,
            hear=self._hearing(hear),
            aggregation_seconds=0.1,
            keepalive_seconds=min(15.0, self._settings.silence_seconds / 3),
        )
        return await line.open()

    async def _quote_token(self) -> dict[str, Any]:
        try:
            told = await self._session._get("/api-quote-tokens")  # as the SDK's own streamer
        except WireRefusal as no:
            raise BrokerUnavailable(f"tastytrade gives no quote token: {no.words}") from no
        if not all(isinstance(told.get(name), str) and told[name] for name in ("dxlink-url", "token")):
            raise BrokerUnavailable("tastytrade gives no quote token")
        return told

    def _hearing(self, hear: Callable[[], None]) -> Callable[[], None]:
        def heard() -> None:
            hear()
            self.board.confirm(self._clock.now())

        return heard

    def _line_changed(self) -> None:
        status = self._stream.status()
        if not status.is_up:
            self.board.lost(status.heard_at or self._clock.now())

    def _list(self, symbol: str) -> bool:
        """Read the contracts of a symbol once a day, and subscribe to all; tell whether there are any."""
        today = self._calendar.exchange_date(self._clock.now())
        if self._listed.get(symbol) == today:
            return True
        # Chains have been seen under the root of the options, too.
        for name in dict.fromkeys((self._name(symbol), *spellings(symbol, MARK))):
            contracts = self._contracts_of(symbol, name)
            if contracts:
                self.board.list_chain(symbol, contracts)
                self._listed[symbol] = today
                self._subscribe(contracts, {symbol})
                return True
        return False

    def _contracts_of(self, symbol: str, name: str) -> list[OptionContract]:
        try:
            roots = self._asked(NestedOptionChain.get(self._session, name))
        except WireRefusal:
            return []
        mine = (root for root in roots if canonical_symbol(root.underlying_symbol) == symbol)
        return [one for root in mine for one in _contracts(root)]

    def _name(self, symbol: str) -> str:
        return self._asked(self._names.of([symbol]))[symbol]

    async def _names_or_symbols(self, symbols: Collection[str]) -> Mapping[str, str]:
        try:
            return await self._names.of(symbols)
        except (BrokerUnavailable, *NONSENSE):  # they are asked for again with the next call
            return {symbol: symbol for symbol in symbols}

    async def _want_by_name(self, underlyings: Collection[str]) -> None:
        self._want((), await self._names_or_symbols(underlyings))

    def _subscribe(self, contracts: Sequence[OptionContract], underlyings: Set[str]) -> None:
        """Subscribe to what is new, and wait for the first that is told of it."""
        names = self._names.known(underlyings)
        if underlyings - names.keys():
            names = self._asked(self._names_or_symbols(underlyings))
        if self._want(contracts, names):
            self._await_quotes()

    def _want(self, contracts: Sequence[OptionContract], names_of: Mapping[str, str]) -> bool:
        names = {name: symbol for symbol, name in names_of.items()}
        with self._lock:
            slots = {one.streamer: one for one in contracts}
            new = (slots.keys() | names.keys()) - self._wanted
            if not new:
                return False
            placed = {symbol: self.board.place(one) for symbol, one in slots.items() if symbol in new}
            self.decoder.listen(placed, names)
            self._wanted |= new
            self._stream.want(self._wanted)
        return True

    def _await_quotes(self) -> None:
        end = time.monotonic() + FIRST_QUOTES_SECONDS_MAX
        pause = threading.Event()  # never set: a wait with an end
        seen, quiet_since = self.decoder.events, time.monotonic()
        is_begun = False
        while time.monotonic() < end and self._stream.status().is_up:
            pause.wait(LOOK_SECONDS)
            if self.decoder.events != seen:
                seen, quiet_since, is_begun = self.decoder.events, time.monotonic(), True
            elif time.monotonic() - quiet_since > (QUIET_SECONDS if is_begun else 2 * QUIET_SECONDS):
                return

    def _candles(self, symbol: str, interval: str, first: date | datetime) -> list[Candle]:
        start = first if isinstance(first, datetime) else datetime(first.year, first.month, first.day, tzinfo=UTC)
        name = self._name(symbol)
        try:
            found = self._loop.call(self._candles_async(name, interval, start), CANDLES_SECONDS_MAX)
        except (BrokerUnavailable, TimeoutError) as error:
            raise MarketDataUnavailable(f"tastytrade tells no history of {symbol}: {error}") from error
        return sorted(found, key=lambda one: one.time)

    async def _candles_async(self, name: str, interval: str, start: datetime) -> list[Candle]:
        found: list[Candle] = []
        try:
            async with DXLinkStreamer(self._session) as streamer:
                await streamer.subscribe_candle([name], interval, start)
                async for one in streamer.listen(Candle):
                    if not one.remove:
                        found.append(one)
                    if one.snapshot_end or one.snapshot_snip:
                        return found
        except* WireRefusal as group:
            raise BrokerUnavailable(f"tastytrade gives no quote token: {why_broken(group)}") from group
        except* FOREIGN as group:
            raise BrokerUnavailable(f"tastytrade's candles broke off: {why_broken(group)}") from group
        return found

    def _closed(self, first: date, last: date) -> frozenset[date]:
        now = self._clock.now()
        sessions = self._calendar.sessions_between(first, last)
        return frozenset(one.session_on for one in sessions if one.close_at <= now)

    def _asked(self, asking: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.call(asking, 3 * self._settings.request_timeout_seconds + 1)
        except TimeoutError as error:
            raise MarketDataUnavailable("tastytrade did not answer in time") from error
        except BrokerUnavailable as error:
            raise MarketDataUnavailable(error.message) from error
        except NONSENSE as error:
            raise MarketDataUnavailable(f"tastytrade's answer cannot be read: {type(error).__name__}") from error


def _contracts(root: NestedOptionChain) -> Iterable[OptionContract]:
    if root.shares_per_contract != 100 or root.option_chain_type != "Standard":
        return  # what an adjusted contract delivers is not what its symbol says
    for expiration in root.expirations:
        for strike in expiration.strikes:
            for symbol in (strike.call, strike.put):
                contract = contract_of(symbol)
                if contract is not None:
                    yield contract


def _at(candle: Candle) -> datetime:
    return datetime.fromtimestamp(candle.time / 1000, UTC)


def _bar(candle: Candle, on: date) -> Bar:
    return Bar(
        session_on=on,
        open=float(candle.open),
        high=float(candle.high),
        low=float(candle.low),
        close=float(candle.close),
        volume=None if candle.volume is None else float(candle.volume),
    )
