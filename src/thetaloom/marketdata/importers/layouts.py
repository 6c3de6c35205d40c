"""What a layout of delimited text is: which header means which of our columns, and how its instants are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.importers import cells

if TYPE_CHECKING:
    import polars as pl

# Grains: each instant a whole chain, or what changed since the one before.
SNAPSHOTS, CHANGES = "snapshots", "changes"
REGULAR = "REGULAR"  # what stands for a contract that delivers a hundred shares, or a hundred times the index
# Our columns, in the order in which they are written.
PRICES = ("bid", "ask")
COUNTS = ("bid_size", "ask_size", "volume", "open_interest")
GREEKS = ("implied_vol", "delta", "gamma", "theta", "vega", "rho")
NUMBERS = ("strike", *PRICES, *COUNTS, "last", *GREEKS, "underlying_price", "mark_price")
KEYS = ("quote_time", "underlying", "root", "expiration", "strike", "right")
OUTPUT = (
    "quote_time",
    "session_date",
    "snapshot",
    "underlying",
    "root",
    "expiration",
    "strike",
    "right",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "last",
    "volume",
    "open_interest",
    *GREEKS,
    "underlying_price",
    "contract_symbol",
    "mark_price",
)


class Zone(StrEnum):
    """Whose clock a format's times without a zone were read from."""

    EXCHANGE = "exchange"
    UTC = "UTC"


class Told(StrEnum):
    """How a format says when a row was quoted."""

    BY_COLUMN = "by column"  # an instant; one at midnight, or a mere date, is the close of its session
    BY_NEWEST_TRADE = "by newest trade"  # of the symbol and date, unless a column tells the moment of the fetch
    BY_FILE = "by file"  # one moment for all rows, said above them


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a file before its rows: from above the header, the file's name, or the person."""

    symbol: str | None = None
    at: datetime | None = None
    spot: float | None = None
    is_comma_decimal: bool = False
    is_of_one: bool = False  # the file says that all its contracts are of ``symbol``
    calendar: TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One format of delimited text, or one of its editions where its vendor has changed the columns.

    ``columns`` names for each of our columns the headers it may stand under, as ``plain_header`` writes them.
    ``sides`` does so for formats with the call and the put of a strike in one row: one mapping for each, which
    is added to ``columns``.
    """

    name: str
    title: str
    needs: tuple[str, ...] = ()  # headers, as its files spell them, that it has and no other format has all of
    columns: Mapping[str, Sequence[str]]
    sides: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    told: Told = Told.BY_COLUMN
    zone: Zone = Zone.EXCHANGE
    iv_in_percent: bool = False
    is_told_later: bool = False  # a date on which the exchange was closed is of the session before it
    is_listed: bool = True  # on an exchange with sessions; crypto trades at all hours
    read_contracts: Callable[[pl.Series], pl.DataFrame] = cells.contracts  # what ``contract_symbol`` names
    snapshot: str | None = "close"  # what to call its instants; none for a feed of changes
    grain: str = SNAPSHOTS
    needs_symbol: bool = False  # no row says of what
    read_preamble: Callable[[Sequence[str], Facts], Facts] | None = None
    read_header: Callable[[Sequence[str]], Sequence[str] | None] | None = None  # names by place; none for another's
    note: str = ""

    @property
    def signature(self) -> frozenset[str]:
        """The headers that it needs, as ``plain_header`` writes them."""
        return frozenset(map(plain_header, self.needs))

    def headers(self) -> frozenset[str]:
        """Every header this layout can make use of."""
        told = [*self.columns.values(), *(names for side in self.sides.values() for names in side.values())]
        return frozenset(name for names in told for name in names)

    def number_headers(self) -> frozenset[str]:
        """Those headers under which numbers stand, and nothing else."""
        sides = [*self.sides.values(), self.columns]
        named = {name: {header for side in sides for header in side.get(name, ())} for name in NUMBERS}
        together = named["bid_size"] & named["ask_size"]  # both sizes in one cell, as 5 x 10
        return frozenset().union(*named.values()) - together


def plain_header(text: str) -> str:
    """Write a header without what spellings differ in: case, brackets, quotes, spaces, underscores, strokes.

    R writes ``X.`` before a name that does not begin with a letter.
    """
    return re.sub(r"^[\"\s]*x\.+|[^a-z0-9]", "", text.lower())
