"""Decodes DXLink's compact events straight into the columns of a quote board, many times faster than into objects."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thetaloom.links.quote_board import QuoteBoard
from thetaloom.ports.clock import Clock

FIELDS: dict[str, tuple[str, ...]] = {
    "Quote": ("eventSymbol", "bidTime", "askTime", "bidPrice", "askPrice", "bidSize", "askSize"),
    "Greeks": ("eventSymbol", "volatility", "delta"),
    "Trade": ("eventSymbol", "time", "price", "dayVolume"),
    "Summary": ("eventSymbol", "openInterest"),
}
MICROSECONDS_PER_MS = 1000
STAMP_MAX = 4_102_444_800_000  # milliseconds until the year 2100: what is beyond is no time


class BadEvents(ValueError):
    """Events that are not what was set up."""


class CompactDecoder:
    """Knows the slot of each subscribed symbol and writes what the feed says of it. The line's thread calls."""

    def __init__(self, board: QuoteBoard, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._slots: dict[str, int] = {}
        self._underlyings: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = dict(FIELDS)
        self._quoted: set[str] = set()  # underlyings whose price is the middle of their quote
        self.events = 0  # so far

    def listen(self, slots: Mapping[str, int], underlyings: Mapping[str, str]) -> None:
        """Take over more symbols: options with their slots, underlyings with the names that we have for them."""
        self._slots = {**self._slots, **slots}
        self._underlyings = {**self._underlyings, **underlyings}

    def configure(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Take over the order of fields that the server has settled on."""
        for kind, names in fields.items():
            if kind in FIELDS:
                self._names[kind] = tuple(names)

    def take(self, told: Sequence[Any]) -> int:
        """Take over the data of one message, compact or full; return how many events it held."""
        if told and isinstance(told[0], dict):
            told = self._compacted(told)
        count = 0
        for kind, flat in zip(told[::2], told[1::2], strict=True):
            names = self._names.get(kind)
            if names is None:
                continue
            if len(flat) % len(names):
                raise BadEvents(f"{len(flat)} values of {kind}, which has {len(names)} fields")
            columns = {name: flat[at :: len(names)] for at, name in enumerate(names)}
            count += len(columns["eventSymbol"])
            self._write(kind, columns)
        self.events += count
        return count

    def _compacted(self, told: Sequence[Mapping[str, Any]]) -> list[Any]:
        found: list[Any] = []
        for kind in dict.fromkeys(str(one.get("eventType")) for one in told):
            names = self._names.get(kind, ())
            events = [one for one in told if one.get("eventType") == kind]
            found += [kind, [one.get(name, "NaN") for one in events for name in names]]
        return found

    def _write(self, kind: str, columns: Mapping[str, list[Any]]) -> None:
        symbols = columns["eventSymbol"]
        slots = [self._slots.get(symbol, -1) for symbol in symbols]
        if -1 in slots:
            self._write_spots(kind, columns, slots)
            kept = [at for at, slot in enumerate(slots) if slot >= 0]
            if not kept:
                return
            columns = {name: [column[at] for at in kept] for name, column in columns.items()}
            slots = [slots[at] for at in kept]
        places = np.array(slots, np.int64)
        if kind == "Quote":
            stamps = np.maximum(_numbers(columns["bidTime"]), _numbers(columns["askTime"]))
            self._board.put_many(
                places,
                _numbers(columns["bidPrice"]),
                _numbers(columns["askPrice"]),
                _numbers(columns["bidSize"]),
                _numbers(columns["askSize"]),
                self._microseconds(stamps),
            )
        elif kind == "Greeks":
            self._board.put_greeks_many(places, _numbers(columns["volatility"]), _numbers(columns["delta"]))
        elif kind == "Trade":
            self._board.put_counts_many(places, volumes=_numbers(columns["dayVolume"]))
        elif kind == "Summary":
            self._board.put_counts_many(places, open_interests=_numbers(columns["openInterest"]))

    def _write_spots(self, kind: str, columns: Mapping[str, list[Any]], slots: Sequence[int]) -> None:
        for at, slot in enumerate(slots):
            symbol = self._underlyings.get(columns["eventSymbol"][at]) if slot < 0 else None
            if symbol is None:
                continue
            if kind == "Quote":
                bid, ask = _number(columns["bidPrice"][at]), _number(columns["askPrice"][at])
                if bid > 0 and ask >= bid:
                    stamp = max(_number(columns["bidTime"][at]), _number(columns["askTime"][at]))
                    self._board.put_spot(symbol, round((bid + ask) / 2, 4), self._instant(stamp))
                    self._quoted.add(symbol)
            elif kind == "Trade" and symbol not in self._quoted:  # an index has no quotes
                self._board.put_spot(symbol, _number(columns["price"][at]), self._instant(_number(columns["time"][at])))

    def _microseconds(self, stamps: NDArray[np.float64]) -> NDArray[np.int64]:
        # A feed that does not say when means now.
        now = self._clock.now().timestamp() * 1000
        return (np.where((stamps > 0) & (stamps < STAMP_MAX), stamps, now) * MICROSECONDS_PER_MS).astype(np.int64)

    def _instant(self, stamp: float) -> datetime:
        return datetime.fromtimestamp(stamp / 1000, UTC) if 0 < stamp < STAMP_MAX else self._clock.now()


def _numbers(column: Sequence[Any]) -> NDArray[np.float64]:
    # Numbers that are none come as text: "NaN", "Infinity"; a missing one as null.
    if bool not in set(map(type, column)):  # which would pass for a price of one dollar
        try:
            return np.array(column, np.float64)
        except (OverflowError, TypeError, ValueError):  # one of them is no number
            pass
    return np.array([_number(one) for one in column], np.float64)


def _number(one: Any) -> float:
    try:
        number = math.nan if isinstance(one, bool) else float(one)
    except (OverflowError, TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan
