"""A live source whose slow answers are remembered, and which keeps nobody waiting who may not wait.

History, volatilities and events change once a session at most, and are asked for by every run, every pair of a scan
and every page. Chains, quotes and prices are asked for anew each time.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataPending, MarketDataUnavailable
from thetaloom.links.questions import Questions
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import Linked, LinkStatus
from thetaloom.ports.market_data import Bar, MarketData, QuoteBatch, SymbolSearch, Underlying

T = TypeVar("T")
Row = TypeVar("Row")

FAILED_FOR = timedelta(seconds=30)  # a source that failed is not asked the same again for so long
INCOMPLETE_FOR = timedelta(minutes=5)  # what a source has not published yet is asked for again after so long
LATE_QUOTE_SECONDS = 1.5  # for so long a quote that came late waits for the next look
EVENTS_FOR = timedelta(hours=1)
MATCHING_FOR = timedelta(hours=1)
SLOT_MINUTES = 30  # bars of half an hour and more begin with the session or on the hour
LATE_BAR = timedelta(minutes=1)  # by which the bar of a slot that has just ended may come late


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept(Generic[T]):
    until: datetime
    answer: T | None = None
    failure: MarketDataUnavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span(Generic[Row]):
    """Rows from a day on up to the newest session that had closed."""

    first: date
    closed_on: date
    rows: Sequence[Row]


class RememberedMarket:
    """Implements ``ports.market_data.MarketData`` over one live source, and names itself as that."""

    def __init__(self, market: MarketData, clock: Clock, calendar: TradingCalendar) -> None:
        self.name = market.name
        self.synthetic = market.synthetic
        self._market = market
        self._clock = clock
        self._calendar = calendar
        self._wakes: list[Callable[[], None]] = []
        self._questions = Questions(
            market.name, pending=MarketDataPending, missing=MarketDataUnavailable, wake=self._wake
        )
        # Of quotes and prices a late answer counts only as long as the stream has told nothing since.
        self._quotes = Questions(
            market.name,
            pending=MarketDataPending,
            missing=MarketDataUnavailable,
            wake=self._wake,
            keep_seconds=LATE_QUOTE_SECONDS,
        )
        self._kept: dict[Hashable, _Kept[Any]] = {}
        self._spans: dict[tuple[str, str], _Span[Any]] = {}
        self._day: date | None = None

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what is known of a symbol, asked for once a day."""
        return self._remembered(
            ("underlying", symbol),
            symbol,
            lambda: self._market.underlying(symbol),
            lambda found: timedelta(days=1) if found is not None else INCOMPLETE_FOR,
        )

    def matching(self, query: str) -> Sequence[str]:
        """Return the symbols that fit, asked for once an hour; none where the source has no search."""
        market = self._market
        if not isinstance(market, SymbolSearch):
            return ()
        return self._remembered(
            ("matching", query),
            f"symbols like {query}",
            lambda: market.matching(query),
            lambda found: MATCHING_FOR if found else INCOMPLETE_FOR,
        )

    def symbols(self) -> Sequence[str]:
        """Return the symbols of the source."""
        return self._market.symbols()

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain as the source has it now."""
        return self._questions.ask(
            ("chain", underlying), f"the chain of {underlying}", lambda: self._market.chain(underlying, at)
        )

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes as the source has them now."""
        wanted = tuple(contracts)
        return self._quotes.ask(("quotes", wanted), "quotes", lambda: self._market.quotes(wanted, at))

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price as the source has it now."""
        return self._quotes.ask(
            ("spot", underlying), f"the price of {underlying}", lambda: self._market.spot(underlying, at)
        )

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return daily bars, asked for once a session."""
        return self._span("history", symbol, first, last, self._market.history, lambda bar: bar.session_on)

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return volatilities, asked for once a session."""
        return self._span("iv_history", symbol, first, last, self._market.iv_history, lambda row: row[0])

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return bars within the session, asked for when one more can be complete."""
        now = self._clock.now()
        slot = timedelta(minutes=math.gcd(max(1, minutes), SLOT_MINUTES))
        begun = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % slot
        ends = begun + (LATE_BAR if now - begun < LATE_BAR < slot else slot)
        return self._remembered(
            ("intraday", symbol, minutes, count),
            f"bars of {symbol}",
            lambda: self._market.intraday(symbol, minutes, count),
            lambda bars: ends - now,
        )

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return the events, asked for once an hour."""
        return self._remembered(
            ("events", symbol, first, last),
            f"events of {symbol}",
            lambda: self._market.corporate_events(symbol, first, last),
            lambda found: EVENTS_FOR if found is not None else INCOMPLETE_FOR,
        )

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts."""
        self._market.watch(contracts)

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts."""
        batch = self._market.poll()
        if batch is not None:
            self._quotes.forget_late()
        return batch

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when ``poll`` has something, or an answer came that somebody did not wait for."""
        self._wakes.append(wake)
        self._market.on_change(wake)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the source's connections stand."""
        return self._market.links() if isinstance(self._market, Linked) else ()

    def close(self) -> None:
        """Ask nothing more aside; the source itself is its maker's to close."""
        self._questions.close()
        self._quotes.close()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()

    def _remembered(self, key: Hashable, what: str, call: Callable[[], T], keep_for: Callable[[T], timedelta]) -> T:
        self._forget_yesterday()
        kept = self._kept.get(key)
        if kept is not None and self._clock.now() < kept.until:
            if kept.failure is not None:
                raise kept.failure
            known: Any = kept.answer
            return cast(T, known)

        def read() -> T:
            try:
                found = call()
            except MarketDataUnavailable as error:
                self._kept[key] = _Kept(until=self._clock.now() + FAILED_FOR, failure=error)
                raise
            self._kept[key] = _Kept(until=self._clock.now() + keep_for(found), answer=found)
            return found

        return self._questions.ask(key, what, read)

    def _span(
        self,
        kind: str,
        symbol: str,
        first: date,
        last: date,
        call: Callable[[str, date, date], Sequence[Row]],
        day_of: Callable[[Row], date],
    ) -> Sequence[Row]:
        now = self._clock.now()
        today, closed_on = self._calendar.exchange_date(now), self._closed_on(now)
        span: _Span[Row] | None = self._spans.get((kind, symbol))
        if span is None or span.closed_on != closed_on or first < span.first:
            since = first if span is None else min(first, span.first)

            def read() -> _Span[Row]:
                rows = tuple(call(symbol, since, max(last, today)))
                found = _Span(first=since, closed_on=closed_on, rows=rows)
                if rows and day_of(rows[-1]) >= closed_on:
                    self._spans[kind, symbol] = found
                return found

            span = self._remembered(
                (kind, symbol, since, closed_on), f"the past of {symbol}", read, lambda found: INCOMPLETE_FOR
            )
        return [row for row in span.rows if first <= day_of(row) <= last]

    def _closed_on(self, now: datetime) -> date:
        today = self._calendar.exchange_date(now)
        session = self._calendar.session_on(today)
        if session is not None and session.close_at <= now:
            return today
        return self._calendar.previous_session(today).session_on

    def _forget_yesterday(self) -> None:
        today = self._calendar.exchange_date(self._clock.now())
        if today != self._day:
            self._day, self._kept = today, {}
