"""The columns behind a ``QuoteBoard``: one slot per contract, and the order in which a chain lists them.

Nothing here locks or looks at a clock; the board does both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thetaloom.domain.market.chain import Floats, from_date, from_strike
from thetaloom.domain.values.instruments import OptionContract, Right

Integers = NDArray[np.int64]
Slots = NDArray[np.int64]
Flags = NDArray[np.bool_]
FIRST_SLOTS = 1024
NO_LINE = 0  # of quotes that no line stands behind: silence does not confirm them
QUOTED = ("bid", "ask", "bid_size", "ask_size")
NUMBER_MAX = 1e10  # no price, size or count of any market is beyond
IV_MAX = 20.0  # 2000 %
SENSE = {"volume": (0, NUMBER_MAX), "open_interest": (0, NUMBER_MAX), "iv": (0, IV_MAX), "delta": (-1, 1)}
TOLD = tuple(SENSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The contracts of one underlying in the order of a chain."""

    slots: Slots
    root: NDArray[np.str_]
    expires_on: NDArray[np.int32]
    strike: Integers
    is_call: Flags

    def trading_on(self, day: int) -> "Listing":
        """Return those that have not expired before ``day``, which counts from 1970-01-01."""
        stands = self.expires_on >= day
        if stands.all():
            return self
        return Listing(
            slots=self.slots[stands],
            root=self.root[stands],
            expires_on=self.expires_on[stands],
            strike=self.strike[stands],
            is_call=self.is_call[stands],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardCounts:
    """What a board was told so far, and what of it was odd."""

    quotes: int = 0
    future: int = 0  # stamped later than our clock; kept as said now
    late: int = 0  # older than what was known of the contract; left out
    crossed: int = 0  # bid above ask; kept
    odd_sizes: int = 0  # negative; kept as unknown


class QuoteSlots:
    """The newest numbers of every contract that was given a slot; a slot is never given to another one."""

    def __init__(self) -> None:
        self.contracts: list[OptionContract] = []
        self._slot_of: dict[OptionContract, int] = {}
        self._listed: dict[str, set[int]] = {}
        self._listings: dict[str, Listing] = {}
        self.quoted = np.full((FIRST_SLOTS, len(QUOTED)), np.nan)  # one row is one quote, read and written as one
        self.volume, self.open_interest, self.iv, self.delta = (np.full(FIRST_SLOTS, np.nan) for _ in TOLD)
        self.said_at: Integers = np.zeros(FIRST_SLOTS, np.int64)  # microseconds: the quote's own instant
        self.good_at: Integers = np.zeros(FIRST_SLOTS, np.int64)  # known good by then, whatever the present line says
        self.line: Integers = np.full(FIRST_SLOTS, NO_LINE, np.int64)  # the line that stands behind it
        self.is_new: Flags = np.zeros(FIRST_SLOTS, np.bool_)  # changed since it was last polled
        self.is_watched: Flags = np.zeros(FIRST_SLOTS, np.bool_)
        self.present_line = NO_LINE + 1
        self.confirmed_at = 0  # the present line was last heard

    def slot(self, contract: OptionContract) -> int | None:
        """Return the slot of ``contract``; ``None`` when it was given none."""
        return self._slot_of.get(contract)

    def place(self, contract: OptionContract) -> int:
        """Return the slot of ``contract``, a new one if need be."""
        slot = self._slot_of.get(contract)
        if slot is None:
            slot = len(self.contracts)
            if slot >= len(self.line):
                self._double()
            self.contracts.append(contract)
            self._slot_of[contract] = slot
        return slot

    def add_listed(self, underlying: str, contracts: Iterable[OptionContract]) -> list[int]:
        """Give each contract a slot and a place in the chain of ``underlying``; return the slots."""
        slots = [self.place(contract) for contract in contracts]
        listed = self._listed.setdefault(underlying, set())
        if not listed.issuperset(slots):
            listed.update(slots)
            self._listings.pop(underlying, None)
        return slots

    def listing(self, underlying: str) -> Listing | None:
        """Return what is listed of ``underlying``; ``None`` when nothing is."""
        listing = self._listings.get(underlying)
        if listing is None and self._listed.get(underlying):
            listing = self._listings[underlying] = self._sorted(self._listed[underlying])
        return listing

    def underlyings(self) -> tuple[str, ...]:
        """Return the symbols of which anything is listed, in the order of the alphabet."""
        return tuple(sorted(self._listed))

    def set_counts(
        self, name: str, slots: Sequence[int], known: Mapping[OptionContract, float] | Sequence[float]
    ) -> None:
        """Set volume or open interest, given by contract or in the order of ``slots``."""
        if isinstance(known, Mapping):
            self.set_told(name, [self.place(contract) for contract in known], list(known.values()))
        else:
            self.set_told(name, slots, known)

    def set_told(self, name: str, slots: ArrayLike, told: ArrayLike) -> None:
        """Set a column at some slots; a number that cannot be is unknown."""
        least, most = SENSE[name]
        numbers = np.asarray(told, np.float64)
        getattr(self, name)[np.asarray(slots, np.int64)] = np.where(
            (numbers >= least) & (numbers <= most), numbers, np.nan
        )

    def write(self, slot: int, quoted: tuple[float, float, float, float], at_us: int, line: int) -> None:
        """Let a slot be quoted so as of an instant, as ``line`` says."""
        row = self.quoted[slot]
        if self.line[slot] != line or not _same(row.tolist(), quoted):
            self.is_new[slot] = True
        row[:] = quoted
        self.said_at[slot] = self.good_at[slot] = at_us
        self.line[slot] = line

    def write_many(self, slots: Slots, quoted: Floats, at_us: Integers, line: int) -> None:
        """Let many be quoted so; the rows of ``quoted`` are those of ``slots``, in order of time."""
        before = self.quoted[slots]
        is_same = ((before == quoted) | (np.isnan(before) & np.isnan(quoted))).all(axis=1)
        self.is_new[slots[~is_same | (self.line[slots] != line)]] = True
        self.quoted[slots] = quoted  # of a slot that stands twice numpy keeps the last
        self.said_at[slots] = self.good_at[slots] = at_us
        self.line[slots] = line

    def good_us(self, slots: Slots) -> Integers:
        """Return when each quote was last known good."""
        good = self.good_at[slots]
        return np.where(self.line[slots] == self.present_line, np.maximum(good, self.confirmed_at), good)

    def settle(self, slots: Slots) -> None:
        """Write down how long each quote was good by the present line, which from now on confirms it no more."""
        self.good_at[slots] = self.good_us(slots)
        self.line[slots] = NO_LINE

    def begin_line(self) -> None:
        """Begin a line that has said nothing so far."""
        self.present_line += 1
        self.confirmed_at = 0

    def _sorted(self, listed: Iterable[int]) -> Listing:
        slots = np.fromiter(listed, np.int64)
        contracts = [self.contracts[slot] for slot in slots.tolist()]
        root = np.array([contract.root for contract in contracts], np.str_)
        expires_on = np.array([from_date(contract.expires_on) for contract in contracts], np.int32)
        strike = np.array([from_strike(contract.strike) for contract in contracts], np.int64)
        is_call = np.array([contract.right is Right.CALL for contract in contracts], np.bool_)
        order = np.lexsort((root, ~is_call, strike, expires_on))
        return Listing(
            slots=slots[order],
            root=root[order],
            expires_on=expires_on[order],
            strike=strike[order],
            is_call=is_call[order],
        )

    def _double(self) -> None:
        self.quoted = np.concatenate((self.quoted, np.full_like(self.quoted, np.nan)))
        for name in TOLD:
            told: Floats = getattr(self, name)
            setattr(self, name, np.concatenate((told, np.full_like(told, np.nan))))
        for name in ("said_at", "good_at", "line", "is_new", "is_watched"):
            column: NDArray[Any] = getattr(self, name)
            setattr(self, name, np.concatenate((column, np.zeros_like(column))))


def _same(one: Iterable[float], other: Iterable[float]) -> bool:
    return all(a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))  # NaN is unlike itself
