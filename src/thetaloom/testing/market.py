"""A market of hand-set quotes: nothing moves but what a test sets, and nothing is known before its time."""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataUnavailable
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import Bar, QuoteBatch, Underlying
from thetaloom.testing import builders
from thetaloom.testing.builders import Number


@dataclass(frozen=True, slots=True, order=True)
class _Change:
    at: datetime
    number: int  # of two changes at one instant the later set wins
    key: OptionContract | str = field(compare=False)  # a contract, or an underlying
    known: Quote | Price | None = field(compare=False)


class FixedMarket:
    """Implements ``ports.market_data.ReplayedMarket`` over quotes and spots that were set, now or for later."""

    name = "fixed"

    def __init__(
        self,
        clock: Clock,
        *,
        synthetic: bool = True,
        always_fresh: bool = False,
        calendar: TradingCalendar | None = None,
    ) -> None:
        self._clock = clock
        self.is_down = False  # while set, questions raise MarketDataUnavailable
        self.synthetic = synthetic
        self.always_fresh = always_fresh  # a quote counts as confirmed at every instant until it changes
        self.chains: dict[str, OptionChain | None] = {}  # what ``chain`` answers in place of the quotes that were set
        self._calendar = calendar or builders.trading_calendar()
        self._started_at = clock.now()
        self._changes: list[_Change] = []
        self._unseen: list[_Change] = []
        self._columns: dict[str, dict[OptionContract, float]] = {}
        self._bars: dict[str, list[Bar]] = {}
        self._intraday: dict[tuple[str, int], list[Bar]] = {}
        self._ivs: dict[str, list[tuple[date, float]]] = {}
        self._events: dict[str, Events | None] = {}
        self._watched: frozenset[OptionContract] = frozenset()
        self._wakes: list[Callable[[], None]] = []

    def set_quote(
        self,
        contract: str | OptionContract,
        bid: Number | None,
        ask: Number | None,
        *,
        at: datetime | None = None,
        quoted_at: datetime | None = None,
    ) -> None:
        """Let a contract be quoted so from an instant on, by default now; ``quoted_at`` is its stamp, if another."""
        known = contract if isinstance(contract, OptionContract) else builders.contract(contract)
        self._add(known, builders.quote(bid, ask, at=quoted_at or at or self._clock.now()), at)

    def set_quotes(
        self, quotes: Mapping[str, tuple[Number | None, Number | None]], *, at: datetime | None = None
    ) -> None:
        """Let several contracts be quoted so from an instant on."""
        for text, (bid, ask) in quotes.items():
            self.set_quote(text, bid, ask, at=at)

    def drop_quote(self, contract: str, *, at: datetime | None = None) -> None:
        """Let a contract have no quote from an instant on."""
        self._add(builders.contract(contract), None, at)

    def set_spot(self, underlying: str, spot: Number | None, *, at: datetime | None = None) -> None:
        """Let an underlying cost so much from an instant on; ``None`` makes it unknown."""
        self._add(underlying, None if spot is None else builders.price(spot), at)

    def set_column(self, name: str, numbers: Mapping[str, float]) -> None:
        """Give the chain further numbers, as ``set_column("delta", {"SPY 2026-01-16 P 560": -0.3})``."""
        known = {builders.contract(text): number for text, number in numbers.items()}
        self._columns.setdefault(name, {}).update(known)

    def set_greeks(self, contract: OptionContract, iv: float, delta: float) -> None:
        """Give a contract of the chain its volatility and its delta."""
        for name, number in (("iv", iv), ("delta", delta)):
            self._columns.setdefault(name, {})[contract] = number

    def set_history(self, symbol: str, bars: Iterable[Bar]) -> None:
        """Give an underlying its daily bars."""
        self._bars[symbol] = sorted(bars, key=lambda bar: bar.session_on)

    def set_intraday(self, symbol: str, minutes: int, bars: Iterable[Bar]) -> None:
        """Give an underlying its bars of some minutes, oldest first, all of them complete."""
        self._intraday[symbol, minutes] = list(bars)

    def set_iv_history(self, symbol: str, ivs: Iterable[tuple[date, float]]) -> None:
        """Give an underlying its volatilities by session, 0.20 = 20 %."""
        self._ivs[symbol] = sorted(ivs)

    def set_events(self, symbol: str, events: Events | None) -> None:
        """Give an underlying its earnings and dividends; ``None``, as at first, leaves them unknown."""
        self._events[symbol] = events

    def underlying(self, symbol: str) -> Underlying | None:
        """Return the symbol when anything was set for it."""
        kind = "index" if symbol in INDEX_ROOTS else "equity"
        return Underlying(symbol=symbol, name=symbol, kind=kind) if symbol in self.symbols() else None

    def symbols(self) -> Sequence[str]:
        """Return the underlyings for which anything was set."""
        named = (key if isinstance(key, str) else key.underlying for key in (c.key for c in self._changes))
        return sorted({*named, *self._bars})

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain of the contracts that have a quote at an instant."""
        if underlying in self.chains:
            return self.chains[underlying]
        quotes = {
            key: quote
            for key, quote in self._known(at).items()
            if isinstance(key, OptionContract) and isinstance(quote, Quote) and key.underlying == underlying
        }
        if not quotes:
            return None
        columns = {
            name: {listed: number for listed, number in numbers.items() if listed in quotes}
            for name, numbers in self._columns.items()
        }
        spot = self.spot(underlying, at)
        return builders.chain(quotes, spot=spot, at=at, columns=columns, synthetic=self.synthetic)

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes that were set by an instant."""
        known = self._known(at)
        found = ((contract, known.get(contract)) for contract in contracts)
        return {contract: quote for contract, quote in found if isinstance(quote, Quote)}

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price that was set by an instant."""
        spot = self._known(at).get(underlying)
        return spot if isinstance(spot, Price) else None

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the bars of the sessions that had closed by now."""
        now = self._clock.now()
        sessions = self._calendar.sessions_between(first, last) if symbol in self._bars else ()
        closed = {session.session_on for session in sessions if session.close_at <= now}
        return [bar for bar in self._bars.get(symbol, ()) if bar.session_on in closed]

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the last of the bars that were set."""
        return self._intraday.get((symbol, minutes), [])[-count:]

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return the volatilities of the sessions that had closed by now."""
        now = self._clock.now()
        sessions = self._calendar.sessions_between(first, last) if symbol in self._ivs else ()
        closed = {session.session_on for session in sessions if session.close_at <= now}
        return [(on, iv) for on, iv in self._ivs.get(symbol, []) if on in closed]

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return the events that were set, those outside of the days asked for left out."""
        known = self._events.get(symbol)
        if known is None:
            return None
        return replace(
            known,
            earnings=tuple(day for day in known.earnings if first <= day <= last),
            dividends=tuple(one for one in known.dividends if first <= one.ex_on <= last),
        )

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the set of contracts whose changes ``poll`` reports."""
        self._watched = frozenset(contracts)

    def poll(self) -> QuoteBatch | None:
        """Return what changed by now among the watched contracts and their underlyings."""
        now = self._clock.now()
        due = [change for change in self._unseen if change.at <= now]
        self._unseen = [change for change in self._unseen if change.at > now]
        underlyings = {contract.underlying for contract in self._watched}
        touched = {change.key for change in due}
        quotes = self.quotes(self._watched & touched, now)
        spots = {symbol: self.spot(symbol, now) for symbol in underlyings & touched}
        known = {symbol: spot for symbol, spot in spots.items() if spot is not None}
        return QuoteBatch(as_of=now, quotes=quotes, spots=known) if quotes or known else None

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when something is set."""
        self._wakes.append(wake)

    def next_change(self, after: datetime) -> datetime | None:
        """Return the instant of the first change after an instant."""
        return next((change.at for change in self._changes if change.at > after), None)

    def starts_at(self) -> datetime:
        """Return the instant at which the market was made."""
        return self._started_at

    def _add(self, key: OptionContract | str, known: Quote | Price | None, at: datetime | None) -> None:
        change = _Change(at or self._clock.now(), len(self._changes), key, known)
        insort(self._changes, change)
        insort(self._unseen, change)
        for wake in self._wakes:
            wake()

    def _known(self, at: datetime) -> dict[OptionContract | str, Quote | Price | None]:
        if self.is_down:
            raise MarketDataUnavailable("the fixed market is down")
        until = min(at, self._clock.now())
        known = {change.key: change.known for change in self._changes if change.at <= until}
        if not self.always_fresh:
            return known
        return {key: replace(one, quoted_at=until) if isinstance(one, Quote) else one for key, one in known.items()}
