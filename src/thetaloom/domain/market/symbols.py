"""What is known of a symbol: its identity at the brokers, its options, and how long that is believed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.domain.values.symbols import canonical_symbol

IDENTITY_LIFE = timedelta(days=7)
NOTHING_LIFE = timedelta(hours=1)  # of a search that found nothing
SYMBOL_MAX = 12
SEED = "shipped"
FOUND_MAX = 50
QUERY_MAX = 60
BATCH_MAX = 500
CONID_MAX = 2**53  # beyond it JSON readers lose digits, and no database holds much more
_ADJUSTED = re.compile(r"[A-Z]{1,5}[1-9]")
_MARKED = re.compile(r"[A-Z]{1,5}[./ -](P[A-Z]?|PR[A-Z]|WS?|RT?|U|WI)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRecord:
    """One symbol; ``None`` is not known, never a guess."""

    symbol: str
    name: str
    kind: str  # equity, etf or index
    exchange: str | None = None  # where it is listed
    currency: str = "USD"
    multiplier: int | None = None  # of its standard options; None: none are known
    tick_class: str | None = None  # a key of ``ticks.CLASS_NAMES``; None: not known, and then nickels and dimes
    roots: tuple[str, ...] = ()  # of its options
    conid: int | None = None  # IBKR's number
    sector: str | None = None
    benchmark: str | None = None
    source: str = SEED
    refreshed_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether it needs no look-up: it is younger than seven days."""
        return now - self.refreshed_at < IDENTITY_LIFE

    def covers(self, source: str, now: datetime) -> bool:
        """Tell whether this very source said so, and not too long ago."""
        return self.source == source and self.is_fresh(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSymbol:
    """The answer to a look-up: the record, and a warning where it is old because nobody answered."""

    record: SymbolRecord
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """How well the registry spares look-ups."""

    symbols: int
    shipped: int
    fresh: int
    stale: int
    hits: int
    misses: int
    stale_served: int
    errors: int

    @property
    def lookups(self) -> int:
        """How often something was asked for."""
        return self.hits + self.misses + self.stale_served + self.errors

    @property
    def hit_rate(self) -> float | None:
        """The share that needed no question to a source, 0 to 1; ``None`` before the first."""
        return self.hits / self.lookups if self.lookups else None


def why_no_underlying(symbol: str) -> str:
    """Say why a symbol can be none of an underlying; nothing where it may be one, whether anybody knows it or not."""
    index = INDEX_ROOTS.get(symbol)
    if index is not None and index.underlying != symbol:
        return f"{symbol} is a root of {index.underlying}: name {index.underlying}, and the root in the strategy"
    if _ADJUSTED.fullmatch(symbol):
        return f"{symbol} is an adjusted root of {symbol[:-1]}: what its contracts deliver is not known, so none open"
    if symbol.startswith(("/", "./")):
        return f"{symbol[:20]} is a future: options on shares, funds and indices are traded here, and no others"
    if _MARKED.fullmatch(symbol):
        return f"{symbol} is a preferred share, a warrant, a right or a unit, and there are no options on these"
    if not 0 < len(symbol) <= SYMBOL_MAX or not symbol.replace(".", "").isalnum():
        return f"{symbol[:20]!r} is no symbol; a good one: SPY"
    return ""


def matching_symbols(records: Iterable[SymbolRecord], query: str, count: int = FOUND_MAX) -> Sequence[SymbolRecord]:
    """Return what fits a query, the nearest first: the symbol itself, its beginning, a root, then words of the name."""
    wanted = canonical_symbol(query)
    placed = [(place, record) for record in records if (place := _place(record, wanted)) is not None]
    placed.sort(key=lambda entry: (entry[0], len(entry[1].symbol), entry[1].symbol))
    return [record for _, record in placed[:count]]


def _place(record: SymbolRecord, wanted: str) -> int | None:
    name = record.name.upper()
    fits = (
        record.symbol == wanted,
        wanted in record.roots,
        record.symbol.startswith(wanted),
        any(word.startswith(wanted) for word in name.split()),
        wanted in name,
    )
    return next((place for place, is_so in enumerate(fits) if is_so), None)
