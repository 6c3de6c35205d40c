"""What is known of one market at one moment: every number and word with the time it is of and where it is from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One number of the market."""

    number: Decimal
    as_of: datetime  # the newest instant that what it rests on has spoken for
    source: str  # what it rests on: chain, bars, iv_history, events, and the market it came from


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One word of the market."""

    word: str
    as_of: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """Every number and word that is known, by its name as a metric; of the others, why they are not.

    ``none`` holds the events that are known not to come; their number in ``numbers`` is then the days up to
    which nothing is due, at most a year.
    """

    numbers: Mapping[str, Measured] = field(default_factory=dict)
    words: Mapping[str, Named] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    none: Mapping[str, str] = field(default_factory=dict)
