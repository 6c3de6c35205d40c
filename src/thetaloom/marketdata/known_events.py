"""A source of market data whose calendar of events is completed by files: hardly any broker tells one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.marketdata.event_files import EventTable
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import Choosing, Linked, LinkStatus, SourceChoice
from thetaloom.ports.market_data import Bar, MarketData, QuoteBatch, SymbolSearch, Underlying


class KnownEvents:
    """The market that it is given; only ``corporate_events`` knows more: what files say, and what never comes."""

    def __init__(self, market: MarketData, table: EventTable, clock: Clock) -> None:
        self._market, self._table, self._clock = market, table, clock
        self.name, self.synthetic = market.name, market.synthetic

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return what the source and the files know together; each kind is complete as far as one of them says."""
        told = self._market.corporate_events(symbol, first, last)
        filed = self._table.events(symbol, first, last, now=self._clock.now(), source=self.name)
        if told is None or filed is None:
            return told or filed
        dividends = {one.ex_on: one for one in (*filed.dividends, *told.dividends)}
        return Events(
            as_of=told.as_of,
            source=told.source,
            earnings=tuple(sorted({*told.earnings, *filed.earnings})),
            dividends=tuple(dividends[day] for day in sorted(dividends)),
            earnings_known_until=_later(told.earnings_known_until, filed.earnings_known_until),
            dividends_known_until=_later(told.dividends_known_until, filed.dividends_known_until),
            not_applicable=told.not_applicable | filed.not_applicable,
        )

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what the market says of a symbol."""
        return self._market.underlying(symbol)

    def matching(self, query: str) -> Sequence[str]:
        """Return the symbols that the market finds."""
        return self._market.matching(query) if isinstance(self._market, SymbolSearch) else ()

    def symbols(self) -> Sequence[str]:
        """Return the symbols of the market."""
        return self._market.symbols()

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the market's chain."""
        return self._market.chain(underlying, at)

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the market's quotes."""
        return self._market.quotes(contracts, at)

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the underlying."""
        return self._market.spot(underlying, at)

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the market's daily bars."""
        return self._market.history(symbol, first, last)

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the market's bars of minutes."""
        return self._market.intraday(symbol, minutes, count)

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return the market's volatilities at the closes."""
        return self._market.iv_history(symbol, first, last)

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts."""
        self._market.watch(contracts)

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts."""
        return self._market.poll()

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there is something new."""
        self._market.on_change(wake)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the connections of the market stand."""
        return self._market.links() if isinstance(self._market, Linked) else ()

    def choices(self) -> Sequence[SourceChoice]:
        """Return who speaks for each symbol, where the market stands on several sources."""
        return self._market.choices() if isinstance(self._market, Choosing) else ()


def _later(one: date | None, other: date | None) -> date | None:
    return max((day for day in (one, other) if day is not None), default=None)
