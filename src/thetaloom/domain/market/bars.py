"""Bars of an underlying, one by one and as columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from thetaloom.domain.market.chain import from_date

PLACES = 6  # a price has no more; what is stored must be the same to the byte on every replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of an underlying, of the session or of a part of it."""

    session_on: date
    open: float
    high: float
    low: float
    close: float
    volume: float | None  # None = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The same as columns, oldest first, without the opens, which no indicator here rests on."""

    days: tuple[int, ...] = ()  # since 1970-01-01; several of the same day are parts of it
    highs: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()
    closes: tuple[float, ...] = ()
    volumes: tuple[float, ...] = ()  # empty where any is unknown, or where nothing was ever traded: an index has none

    def __len__(self) -> int:
        return len(self.closes)

    @property
    def are_prices(self) -> bool:
        """Whether every bar can be right: finite, above zero, and the close between low and high."""
        rows = zip(self.lows, self.closes, self.highs, strict=True)
        return all(0 < low <= close <= high < math.inf for low, close, high in rows)

    def last(self, count: int) -> "Bars":
        """Return the latest ``count`` bars."""
        start = max(len(self) - count, 0)
        return Bars(
            days=self.days[start:],
            highs=self.highs[start:],
            lows=self.lows[start:],
            closes=self.closes[start:],
            volumes=self.volumes[start:],
        )


def columns_of(bars: Sequence[Bar]) -> Bars:
    """Return ``bars``, oldest first, as columns."""
    volumes = tuple(float(bar.volume) for bar in bars if bar.volume is not None)
    return Bars(
        days=tuple(from_date(bar.session_on) for bar in bars),
        highs=tuple(round(bar.high, PLACES) for bar in bars),
        lows=tuple(round(bar.low, PLACES) for bar in bars),
        closes=tuple(round(bar.close, PLACES) for bar in bars),
        volumes=volumes if len(volumes) == len(bars) and any(volumes) else (),
    )


def weekly(bars: Bars) -> Bars:
    """Return one bar for each week that begins on a Monday; the last may be of a week that is not over."""
    starts = [at for at, day in enumerate(bars.days) if at == 0 or week_of(day) != week_of(bars.days[at - 1])]
    parts = list(pairwise([*starts, len(bars)]))
    return Bars(
        days=tuple(bars.days[end - 1] for _, end in parts),
        highs=tuple(max(bars.highs[start:end]) for start, end in parts),
        lows=tuple(min(bars.lows[start:end]) for start, end in parts),
        closes=tuple(bars.closes[end - 1] for _, end in parts),
        volumes=tuple(sum(bars.volumes[start:end]) for start, end in parts) if bars.volumes else (),
    )


def week_of(day: int) -> int:
    """Return the number of the week, begun on a Monday, that a day since 1970-01-01 is in."""
    return (day + 3) // 7  # 1970-01-01 was a Thursday
