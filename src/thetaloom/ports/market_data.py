"""Market data: chains, quotes, history and a stream, each with its time and source."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from thetaloom.domain.market.bars import Bar as Bar
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.market.volatility import BENCHMARK
from thetaloom.domain.values.canonical import WHEN_SET
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """What a source knows of a symbol."""

    symbol: str
    name: str
    kind: str  # equity, etf or index
    currency: str = "USD"
    sector: str | None = None  # one of the eleven of GICS; None = unknown, or of no single one
    benchmark: str = BENCHMARK  # the symbol that its beta is against
    exchange: str | None = field(default=None, metadata=WHEN_SET)  # where it is listed, of sources that say so
    conid: int | None = field(default=None, metadata=WHEN_SET)  # IBKR's number


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteBatch:
    """Quotes that changed, as known at ``as_of``."""

    as_of: datetime
    quotes: Mapping[OptionContract, Quote]
    spots: Mapping[str, Price]  # by underlying


class MarketData(Protocol):
    """One source of market data. Nothing it returns is later than the clock's now."""

    name: str
    synthetic: bool

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what is known of ``symbol``; ``None`` when the source does not carry it."""
        ...

    def symbols(self) -> Sequence[str]:
        """Return the symbols the source can give chains of, as far as it can list them."""
        ...

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the whole chain as known at ``at``; ``None`` when there is no data yet."""
        ...

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of those ``contracts`` that have one at ``at``."""
        ...

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the underlying as known at ``at``."""
        ...

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the daily bars of sessions from ``first`` to ``last`` that had closed by the clock's now."""
        ...

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the last ``count`` complete bars of ``minutes`` each up to now; none where the source has none."""
        ...

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return the 30-day at-the-money volatility (0.20 = 20 %) at the close of sessions that had closed by now."""
        ...

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return the earnings and dividends from ``first`` to ``last`` as known now.

        ``None`` when the source knows nothing of them: that is not the same as a calendar without events.
        """
        ...

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the set of contracts whose changes ``poll`` reports."""
        ...

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts since the last poll; ``None`` when nothing did."""
        ...

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, from any thread, when ``poll`` has something."""
        ...


@runtime_checkable
class SymbolSearch(Protocol):
    """A source that can be asked for symbols by their beginnings and by words of names."""

    def matching(self, query: str) -> Sequence[str]:
        """Return symbols that fit ``query``, the nearest first; they may have no options."""
        ...


@runtime_checkable
class ReplayedMarket(MarketData, Protocol):
    """A source whose changes are known ahead to the driver of its virtual clock, and to nobody else."""

    def next_change(self, after: datetime) -> datetime | None:
        """Return the instant of the first change after ``after``; ``None`` when the data ends."""
        ...

    def starts_at(self) -> datetime:
        """Return the instant the clock should start at."""
        ...
