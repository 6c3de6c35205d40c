"""The recording of one underlying as compact arrays, and what it knew at any of its instants.

Rows are sorted by time and, within an instant, in the order of a chain. What is known at an instant is, for
each contract, its last row so far; everything else is read from that row. Volume is summed up and open
interest carried on beforehand, row by row, so that nothing ever depends on a later row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import STRIKE_SCALE, Floats
from thetaloom.domain.market.quotes import PRICE_DIGITS
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.recorded.reading import COUNTS, PRICES, Recording, refuse_duplicates

if TYPE_CHECKING:
    import polars as pl

Integers = NDArray[np.int64]
Rows = NDArray[np.int32]
PRICE_SCALE = 10**PRICE_DIGITS
UNKNOWN = -1  # no price and no count is negative
RATIOS = ("implied_vol", "delta")
STAMP = "quoted_at"
# The parts of a contract's key, see ``_contract_keys``: 8 bits of root, 1 of right, 27 of strike.
PUT_SHIFT, STRIKE_SHIFT, EXPIRATION_SHIFT = 8, 9, 36
ROOT_MASK, STRIKE_MASK = (1 << PUT_SHIFT) - 1, (1 << (EXPIRATION_SHIFT - STRIKE_SHIFT)) - 1


class Tape:
    """What one feed said of one underlying, to be read at any instant."""

    __slots__ = (
        "_columns",
        "_cursor",
        "_row_contract",
        "_row_session",
        "_row_start",
        "_session_of",
        "_spots",
        "expires_on",
        "is_call",
        "root",
        "session_days",
        "snapshots",
        "strike",
        "times",
    )

    def __init__(self, columns: Mapping[str, NDArray[Any]], roots: Sequence[str], *, snapshots: bool) -> None:
        """Take the rows in order; ``roots`` are what the column ``root`` counts."""
        self.snapshots = snapshots
        listed, self._row_contract = _contracts(columns)
        self.expires_on = (listed >> EXPIRATION_SHIFT).astype(np.int32)
        self.strike = (listed >> STRIKE_SHIFT) & STRIKE_MASK
        self.is_call = (listed >> PUT_SHIFT) & 1 == 0
        self.root = np.array(roots, np.str_)[listed & ROOT_MASK]

        self.times, starts = np.unique(columns["quote_time"], return_index=True)  # microseconds since 1970
        self._row_start = np.append(starts, len(columns["quote_time"])).astype(np.int32)
        self.session_days, sessions = np.unique(columns["session_date"], return_inverse=True)
        self._row_session = sessions.astype(np.int16)
        self._session_of = self._row_session[starts]
        self._columns = {name: columns[name] for name in (*PRICES, *COUNTS, *RATIOS, STAMP) if name in columns}
        if not snapshots:
            _carry_on(self._columns, self._row_contract, self._row_session)
        self._spots = _spots_by_instant(columns, self._row_start)
        self._cursor: tuple[int, Rows] = (-1, np.full(len(listed), -1, np.int32))

    def instant_before(self, microseconds: int) -> int:
        """Return the index of the newest instant at or before; -1 when the feed had not begun."""
        return int(np.searchsorted(self.times, microseconds, side="right")) - 1

    def spot(self, instant: int) -> float:
        """Return the price of the underlying, NaN while it is unknown."""
        return float(self._spots[instant])

    def session_day(self, instant: int) -> int:
        """Return the session of an instant, in days since 1970-01-01."""
        return int(self.session_days[self._session_of[instant]])

    def known_rows(self, instant: int) -> Rows:
        """Return, for each contract, the row that stands at ``instant``; -1 for those not (or no longer) listed."""
        if self.snapshots:
            first, last = self._row_start[instant], self._row_start[instant + 1]
            rows = np.full(len(self.strike), -1, np.int32)
            rows[self._row_contract[first:last]] = np.arange(first, last, dtype=np.int32)
        else:
            rows = self._last_rows(instant)
        return np.where(self.expires_on >= self.session_day(instant), rows, np.int32(-1))

    def _last_rows(self, instant: int) -> Rows:
        # One tuple replaced as a whole: readers in other threads see the old cursor or the new one.
        before, rows = self._cursor
        if instant == before:
            return rows
        if instant < before:
            before, rows = -1, np.full(len(self.strike), -1, np.int32)
        else:
            rows = rows.copy()
        first, last = self._row_start[before + 1], self._row_start[instant + 1]
        # Of a contract that stands more than once numpy keeps the last, which is the newest.
        rows[self._row_contract[first:last]] = np.arange(first, last, dtype=np.int32)
        self._cursor = (instant, rows)
        return rows

    def price(self, name: str, rows: Rows) -> Floats:
        """Return bids or asks of rows in dollars, NaN where there is none."""
        return np.asarray(self._numbers(name, rows) / PRICE_SCALE)

    def count(self, name: str, rows: Rows) -> Floats:
        """Return sizes or open interest of rows, NaN where unknown."""
        return self._numbers(name, rows)

    def ratio(self, name: str, rows: Rows) -> Floats:
        """Return implied volatilities or deltas of rows, NaN where unknown."""
        if name not in self._columns:
            return np.full(len(rows), np.nan)
        return np.asarray(self._columns[name][rows], np.float64)

    def volume(self, instant: int, rows: Rows) -> Floats:
        """Return the contracts traded so far in the session of ``instant``."""
        counts = self._numbers("volume", rows)
        idle = self._row_session[rows] != self._session_of[instant]
        return np.where(idle & ~np.isnan(counts), 0.0, counts)

    def quoted_at(self, instant: int, rows: Rows) -> Integers:
        """Return when each row was last known good.

        A feed of changes confirms by its silence: while it speaks of anything, a quote it does not mention
        stands. It does so only within a session; what has not been mentioned since an earlier one was good
        until that one's last word. Where the file says itself when a quote was good, it was so no later.
        """
        session = self._session_of[instant]
        ends = np.searchsorted(self._session_of, np.arange(session), side="right") - 1
        good = np.append(self.times[ends], self.times[instant])
        found = np.asarray(good[self._row_session[rows]])
        if STAMP not in self._columns:
            return found
        told = self._columns[STAMP][rows]
        return np.where(told == UNKNOWN, found, np.minimum(told, found))

    def _numbers(self, name: str, rows: Rows) -> Floats:
        if name not in self._columns:
            return np.full(len(rows), np.nan)
        numbers = self._columns[name][rows]
        return np.where(numbers == UNKNOWN, np.nan, numbers)


def load_tape(
    recordings: Sequence[Recording], underlying: str, *, snapshots: bool | None, roots: Mapping[str, str]
) -> Tape:
    """Read one underlying from the recordings that have it.

    ``snapshots`` says that each instant is complete, so that a contract it leaves out is gone; ``None`` takes
    files with a column of that name as such, and refuses them beside others. ``roots`` names the root where a file
    does not.
    """
    import polars as pl

    frame = pl.concat([recording.load(underlying) for recording in recordings], how="diagonal")
    if snapshots is None:
        snapshots = _are_snapshots(recordings, underlying)
    listed = [roots.get(underlying, underlying)]
    if "root" in frame.columns:
        listed = sorted({*listed, *frame["root"].drop_nulls().unique()})
    columns = _encoded(frame, listed, listed.index(roots.get(underlying, underlying)))
    del frame
    order = np.lexsort((_contract_keys(columns), columns["quote_time"]))
    columns = {name: column[order] for name, column in columns.items()}
    same = (np.diff(columns["quote_time"]) == 0) & (np.diff(_contract_keys(columns)) == 0)
    if same.any():
        refuse_duplicates(" and ".join(recording.name for recording in recordings), int(same.sum()))
    return Tape(columns, listed, snapshots=snapshots)


def _are_snapshots(recordings: Sequence[Recording], underlying: str) -> bool:
    whole = [recording.name for recording in recordings if "snapshot" in recording.columns]
    changes = [recording.name for recording in recordings if "snapshot" not in recording.columns]
    if whole and changes:
        raise InvalidInput(
            f"{underlying} is in {whole[0]} as snapshots and in {changes[0]} as changes: together they play neither",
            advice="Keep recordings of one grain in a folder of their own, and name that one.",
            details={"file": changes[0], "other": whole[0], "symbol": underlying},
        )
    return bool(whole)


def _encoded(frame: pl.DataFrame, roots: Sequence[str], usual_root: int) -> dict[str, NDArray[Any]]:
    import polars as pl

    bid, ask = (pl.col(name) for name in PRICES)
    no_quote = (bid.fill_null(0) == 0) & (ask.fill_null(0) == 0)
    day = pl.col("quote_time").dt.date()
    encodings = {
        "quote_time": pl.col("quote_time").to_physical(),
        "session_date": pl.coalesce("session_date", day) if "session_date" in frame.columns else day,
        "expiration": pl.col("expiration").to_physical(),
        "strike": (pl.col("strike") * STRIKE_SCALE).round().cast(pl.Int32),
        "is_call": pl.col("right") == "C",
        **{
            name: pl.when(~no_quote).then((pl.col(name) * PRICE_SCALE).round()).cast(pl.Int32).fill_null(UNKNOWN)
            for name in PRICES
        },
        **{name: pl.col(name).cast(pl.Int32).fill_null(UNKNOWN) for name in COUNTS},
        STAMP: pl.col(STAMP).to_physical().fill_null(UNKNOWN),
        **{name: pl.col(name).fill_null(float("nan")) for name in (*RATIOS, "underlying_price")},
    }
    if len(roots) > 1:
        code = pl.col("root").cast(pl.Enum(roots)).to_physical().cast(pl.Int32)
        encodings["root"] = code.fill_null(usual_root)
    optional = {*COUNTS, *RATIOS, STAMP, "underlying_price"} - set(frame.columns)
    # One column at a time, and copied: polars would keep the memory of the whole frame.
    return {
        name: np.array(frame.select(encoding.to_physical().alias(name))[name].to_numpy())
        for name, encoding in encodings.items()
        if name not in optional
    }


def _contract_keys(columns: Mapping[str, NDArray[Any]]) -> Integers:
    # One number per contract whose order is the order of a chain: expiration, strike, calls first, root.
    keys = columns["expiration"].astype(np.int64) << EXPIRATION_SHIFT
    keys |= columns["strike"].astype(np.int64) << STRIKE_SHIFT
    keys |= (~columns["is_call"]).astype(np.int64) << PUT_SHIFT
    return keys | columns["root"] if "root" in columns else keys


def _contracts(columns: Mapping[str, NDArray[Any]]) -> tuple[Integers, Rows]:
    listed, row_contract = np.unique(_contract_keys(columns), return_inverse=True)
    return listed, row_contract.astype(np.int32)


def _carry_on(columns: dict[str, NDArray[Any]], contract: Rows, session: NDArray[np.int16]) -> None:
    # A row of a feed of changes tells the contracts traded since the row before, and open interest once.
    order = np.argsort(contract, kind="stable")
    row_numbers = np.arange(len(order))
    new_contract = np.diff(contract[order], prepend=-1) != 0
    if "volume" in columns:
        new_session = new_contract | (np.diff(session[order], prepend=-1) != 0)
        total = np.cumsum(np.maximum(columns["volume"][order], 0), dtype=np.int64)
        before = np.concatenate(([0], total))[np.maximum.accumulate(np.where(new_session, row_numbers, 0))]
        columns["volume"][order] = total - before
    if "open_interest" in columns:
        told = new_contract | (columns["open_interest"][order] != UNKNOWN)
        source = np.maximum.accumulate(np.where(told, row_numbers, 0))
        columns["open_interest"][order] = columns["open_interest"][order][source]


def _spots_by_instant(columns: Mapping[str, NDArray[Any]], row_start: Rows) -> Floats:
    if "underlying_price" not in columns:
        return np.full(len(row_start) - 1, np.nan)
    # The last price named at or before the last row of the instant.
    prices = columns["underlying_price"]
    named = np.where(np.isnan(prices), 0, np.arange(len(prices)))
    return np.asarray(prices[np.maximum.accumulate(named)][row_start[1:] - 1])
