"""Interactive Brokers as a source of market data: chains near the money, quotes of what is watched, daily history."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import structlog
from ib_async import BarData
from ib_async.wrapper import RequestError

from thetaloom.brokers.ibkr.chains import Chains
from thetaloom.brokers.ibkr.quote_lines import QuoteLines
from thetaloom.brokers.ibkr.registry import Registry
from thetaloom.brokers.ibkr.session import Session
from thetaloom.brokers.ibkr.settings import IbkrSettings
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, MarketDataUnavailable
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import Bar, QuoteBatch, Underlying

PACING = "pacing violation"  # said under a number that also means that there is nothing
NO_DATA = frozenset({162, 200, 354, 366, 10089, 10168, 10187})  # there is nothing to be had, and nothing is broken
YEAR_DAYS = 365
READ_EVERY = timedelta(seconds=5)  # quotes of contracts that have no line
BAR_SIZES = {1: "1 min", 2: "2 mins", 3: "3 mins", 5: "5 mins", 10: "10 mins", 15: "15 mins", 30: "30 mins"}
HOUR_SIZES = {60: "1 hour", 120: "2 hours", 180: "3 hours", 240: "4 hours"}
T = TypeVar("T")
log = structlog.get_logger()


class IbkrMarket:
    """Implements ``ports.market_data.MarketData`` and ``ports.links.Linked`` over the connection of a broker."""

    name = "ibkr"
    synthetic = False

    def __init__(
        self,
        *,
        settings: IbkrSettings,
        session: Session,
        registry: Registry,
        clock: Clock,
        calendar: TradingCalendar,
        loop: OwnerLoop,
    ) -> None:
        self._settings = settings
        self._session = session
        self._registry = registry
        self._clock = clock
        self._calendar = calendar
        self._loop = loop
        self._board = QuoteBoard(clock, self.name)
        self.lines = QuoteLines(session, registry, self._board, clock, settings.market_lines)
        self._chains = Chains(
            settings=settings,
            session=session,
            registry=registry,
            lines=self.lines,
            board=self._board,
            clock=clock,
            calendar=calendar,
        )
        self._read_at: dict[OptionContract, datetime] = {}
        self._bars: dict[tuple[str, str, date, date], tuple[BarData, ...]] = {}

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what TWS knows of a symbol."""
        found = self._ask(self._registry.resolve(symbol))
        if found is None:
            return None
        return Underlying(
            symbol=symbol, name=found.name, kind=found.kind, exchange=found.exchange or None, conid=found.conid
        )

    def matching(self, query: str) -> Sequence[str]:
        """Return the symbols with options that TWS finds, sixteen at most."""
        return self._ask(self._registry.matching(query))

    def symbols(self) -> Sequence[str]:
        """Return the underlyings whose chains were asked for; TWS cannot list all that it has."""
        return self._board.symbols()

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain near the money, a short while after each of its contracts was asked for."""
        if not self._ask(self._chains.read(underlying)):
            return None
        self._confirm()
        return self._board.chain(underlying, at)

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of contracts; those that have no line are lent one first."""
        wanted = tuple(contracts)
        self._read(wanted)
        self._confirm()
        return self._board.quotes(wanted, at)

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of an underlying; the first call opens a line on it."""
        if self._board.spot(underlying, at) is None:
            self._ask(self._chains.follow(underlying))
        return self._board.spot(underlying, at)

    def known_spot(self, underlying: str) -> Price | None:
        """Return the price of an underlying as far as it is known, without asking."""
        return self._board.spot(underlying, self._clock.now())

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the daily bars of sessions that have closed."""
        return [
            Bar(
                session_on=day,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                close=bar.close,
                volume=bar.volume if bar.volume >= 0 else None,
            )
            for day, bar in self._days(symbol, "TRADES", first, last)
        ]

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the last complete bars of so many minutes; none where TWS has no such bars."""
        size = (BAR_SIZES | HOUR_SIZES).get(minutes)
        if size is None:
            return []
        now = self._clock.now()
        days = max(2, count * minutes // 390 + 2)
        told = self._ask(self._history(symbol, "TRADES", f"{days} D", size))
        complete = [bar for bar in told if not _is_under_way(bar, minutes, now)]
        return [
            Bar(
                session_on=self._day(bar), open=bar.open, high=bar.high, low=bar.low, close=bar.close, volume=bar.volume
            )
            for bar in complete[-count:]
        ]

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return IBKR's own 30-day volatility at the close of sessions."""
        return [(day, bar.close) for day, bar in self._days(symbol, "OPTION_IMPLIED_VOLATILITY", first, last)]

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return ``None``: the socket brings no calendar of events without a subscription of its own."""
        return None

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Keep lines on these contracts."""
        wanted = tuple(dict.fromkeys(contracts))
        self._board.watch(wanted)
        self._loop.post(self._watch(wanted))

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts."""
        self._confirm()
        return self._board.poll()

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when ``poll`` has something."""
        self._board.on_change(wake)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the connection and the farms behind it stand."""
        return self._session.links()

    # In the loop of the connection.

    async def reopen(self) -> None:
        """Ask for everything that is wanted anew."""
        await self.lines.reopen()

    def line_lost_or_back(self) -> None:
        """Hear that the connection ended, or is open again."""
        if not self._session.stream.status().is_up:
            self.lines.lost()

    def restored(self, subscriptions_lost: bool) -> None:
        """Hear that TWS has its line to IBKR again."""
        if subscriptions_lost:
            self.lines.lost()
            self._loop.post(self._reopen_once())

    async def _reopen_once(self) -> None:
        try:
            await self.lines.reopen()
        except BrokerUnavailable:
            return  # the next opening of the line asks again

    async def _watch(self, wanted: Sequence[OptionContract]) -> None:
        try:
            for symbol in dict.fromkeys(one.underlying for one in wanted):
                await self.lines.follow(symbol)
            await self.lines.watch(wanted)
        except BrokerUnavailable:
            return  # what is wanted is kept; the next opening of the line asks for it

    def _read(self, wanted: Iterable[OptionContract]) -> None:
        """Read what has no line; where that fails, what is known has the age to show for it."""
        now, status = self._clock.now(), self._session.stream.status()
        if not status.is_up or not self._session.has_market_data:
            return
        today = self._calendar.exchange_date(now)
        old = [one for one in wanted if one.expires_on >= today and not self.lines.is_open(one)]
        known = self._board.quotes(old, now)
        due = [one for one in old if now - self._asked_at(one, known.get(one)) >= READ_EVERY]
        if not due:
            return
        self._read_at |= dict.fromkeys(due, now)
        try:
            self._ask(self.lines.read(due))
        except MarketDataUnavailable as error:
            log.warning("ibkr_quotes_unread", contracts=len(due), error=error.message)

    def _asked_at(self, contract: OptionContract, known: Quote | None) -> datetime:
        asked_at = self._read_at.get(contract, datetime.min.replace(tzinfo=UTC))
        return asked_at if known is None else max(asked_at, known.quoted_at)

    def _days(self, symbol: str, what: str, first: date, last: date) -> list[tuple[date, BarData]]:
        now = self._clock.now()
        today = self._calendar.exchange_date(now)
        key = (symbol, what, first, today)
        if key not in self._bars or not self._bars[key]:
            days = max(1, (today - first).days + 1)
            duration = f"{days} D" if days <= YEAR_DAYS else f"{-(-days // YEAR_DAYS)} Y"
            self._bars[key] = tuple(self._ask(self._history(symbol, what, duration, "1 day")))
        rows = [(self._day(bar), bar) for bar in self._bars[key]]
        closed = {one.session_on for one in self._calendar.sessions_between(first, last) if one.close_at <= now}
        return [(day, bar) for day, bar in rows if day in closed]

    async def _history(self, symbol: str, what: str, duration: str, size: str) -> list[BarData]:
        contract = await self._registry.underlying(symbol)
        if contract is None:
            return []
        try:
            told = await self._session.ask(
                lambda tws: tws.reqHistoricalDataAsync(
                    contract, "", duration, size, what, useRTH=True, formatDate=2, timeout=0
                )
            )
        except RequestError as error:
            if error.code in NO_DATA and PACING not in error.message.lower():
                return []
            raise BrokerUnavailable(f"TWS has no history of {symbol}: {error.message}") from error
        return list(told)

    def _day(self, bar: BarData) -> date:
        at = bar.date
        return self._calendar.exchange_date(at) if isinstance(at, datetime) else at

    def _confirm(self) -> None:
        status = self._session.stream.status()
        if status.is_up and status.heard_at is not None and self._session.has_market_data:
            self._board.confirm(status.heard_at)

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.call(work, self._settings.request_timeout_seconds * 3)
        except BrokerUnavailable as error:
            raise MarketDataUnavailable(error.message, advice=error.advice) from error
        except (TimeoutError, OSError) as error:
            raise MarketDataUnavailable(f"TWS did not answer in time: {error}") from error
        except (RequestError, *NONSENSE) as error:
            raise MarketDataUnavailable(f"what TWS answered cannot be read: {error}") from error


def _is_under_way(bar: BarData, minutes: int, now: datetime) -> bool:
    return isinstance(bar.date, datetime) and bar.date + timedelta(minutes=minutes) > now
