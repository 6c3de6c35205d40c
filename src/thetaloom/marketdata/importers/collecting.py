"""Gathers the good rows of one source and writes them as one recording: by time, each contract once an instant.

A large source is put aside in parts, and sorted by groups of sessions, so that memory never holds the whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thetaloom.marketdata.importers.building import REASON
from thetaloom.marketdata.importers.cells import RUN_ROWS
from thetaloom.marketdata.importers.layouts import KEYS, OUTPUT
from thetaloom.marketdata.importers.writing import write_frame, write_pieces
from thetaloom.marketdata.recorded.looking import INDEX_ROOTS

if TYPE_CHECKING:
    import polars as pl

# In the metadata of a recording: how far apart its rows are, and what it was made from.
GRAIN, SOURCE = "thetaloom.grain", "thetaloom.source"
GROUP_ROWS = 1_000_000
KEPT_ROWS = 1_000_000  # of one source in memory; above it parts go to the disk


@dataclass(slots=True, kw_only=True)
class Collector:
    """The good rows of one source, in memory or in parts below ``folder``."""

    folder: Path
    rows: int = 0
    days: dict[tuple[str, date], int] = field(default_factory=dict)
    _held: list[pl.DataFrame] = field(default_factory=list)
    _parts: list[Path] = field(default_factory=list)

    def add(self, frame: pl.DataFrame) -> None:
        """Take the good rows of a batch."""
        if frame.is_empty():
            return
        self.rows += frame.height
        for underlying, on, count in _counted(frame):
            self.days[underlying, on] = self.days.get((underlying, on), 0) + count
        self._held.append(frame.drop(REASON, strict=False))
        if sum(one.height for one in self._held) > KEPT_ROWS:
            self._put_aside()

    def groups(self) -> Iterator[pl.DataFrame]:
        """Give the rows by groups of whole sessions, sorted by time."""
        import polars as pl

        if not self._parts:
            if self._held:
                yield _by_time(pl.concat(self._held, how="diagonal"))
            return
        self._put_aside()
        parts = pl.concat([pl.scan_parquet(part) for part in self._parts], how="diagonal")
        for first, last in self._spans():
            yield _by_time(parts.filter(pl.col("session_date").is_between(first, last)).collect())

    def group_count(self) -> int:
        """Return how many groups there will be."""
        return len(self._spans()) if self._parts else 1

    def close(self) -> None:
        """Remove what was put aside."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spans(self) -> list[tuple[date, date]]:
        by_day: dict[date, int] = {}
        for (_, on), count in self.days.items():
            by_day[on] = by_day.get(on, 0) + count
        spans: list[tuple[date, date]] = []
        held = 0
        for on in sorted(by_day):
            if spans and held + by_day[on] <= GROUP_ROWS:
                spans[-1] = (spans[-1][0], on)
                held += by_day[on]
            else:
                spans.append((on, on))
                held = by_day[on]
        return spans

    def _put_aside(self) -> None:
        import polars as pl

        if self._held:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = self.folder / f"part_{len(self._parts)}.parquet"
            write_frame(pl.concat(self._held, how="diagonal").sort("session_date"), part)
            self._parts.append(part)
            self._held = []


def _counted(frame: pl.DataFrame) -> list[tuple[str, date, int]]:
    # The rows of a session stand together, nearly always: they are counted where the session changes.
    import polars as pl

    days = frame.select("underlying", "session_date")
    begins = days.select(pl.any_horizontal(pl.all().ne_missing(pl.all().shift(1)))).to_series().arg_true().to_numpy()
    begins = np.union1d([0], begins)
    if len(begins) > days.height // RUN_ROWS:
        return days.group_by("underlying", "session_date").len().rows()
    counts = np.diff(begins, append=days.height)
    return [(*days.row(int(at)), int(count)) for at, count in zip(begins, counts, strict=True)]


def _by_time(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if frame["quote_time"].is_sorted() else frame.sort("quote_time", maintain_order=True)


def without_duplicates(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the rows whose contract stood at that instant before from the others; the first in the file stays."""
    import polars as pl

    keys = pl.DataFrame([frame[name] for name in KEYS if name in frame.columns])
    if "root" in keys.columns and keys["root"].null_count():
        # What names no root is of the usual one, as where it is played.
        keys = keys.with_columns(pl.coalesce("root", pl.col("underlying").replace(INDEX_ROOTS)))
    if _are_plainly_distinct(keys):
        return frame, frame.clear()
    first = keys.select(pl.struct(pl.all()).hash().is_first_distinct())
    is_first = first.to_series()
    if is_first.all():
        return frame, frame.clear()
    return frame.filter(is_first), frame.filter(~is_first)


def _are_plainly_distinct(keys: pl.DataFrame) -> bool:
    # One number for each contract at its instant, which two of them may share, but no contract has two.
    import polars as pl

    few = [
        pl.col(name).ne_missing(pl.col(name).first()).any() for name in ("underlying", "root") if name in keys.columns
    ]
    if keys.is_empty() or not few or keys.select(pl.any_horizontal(few)).item():
        return False
    moment = pl.col("quote_time").ne_missing(pl.col("quote_time").shift(1)).cum_sum().cast(pl.Int64)  # sorted by time
    life = pl.col("expiration").to_physical().cast(pl.Int64)
    strike = (pl.col("strike") * 1000).cast(pl.Int64)
    is_call = (pl.col("right") == "C").cast(pl.Int64)
    found = keys.select(moment * 2**45 + life * 2**28 + strike * 2 + is_call).to_series()
    return found.n_unique() == len(found)


def as_recording(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the columns and types of a recording, and no quote where both sides were zero."""
    import polars as pl

    missing = [pl.lit(None, pl.Float64).alias(name) for name in ("bid", "ask") if name not in frame.columns]
    frame = frame.with_columns(missing)
    none = (pl.col("bid").fill_null(0) == 0) & (pl.col("ask").fill_null(0) == 0)
    frame = frame.with_columns(pl.when(~none).then(pl.col(name)).alias(name) for name in ("bid", "ask"))
    kept = [name for name in OUTPUT if name in frame.columns]
    return frame.select(kept)


def is_foreign(path: Path, source: str) -> bool:
    """Say whether a file is there that was not made from ``source``."""
    import polars as pl

    if not path.exists():
        return False
    try:
        return pl.read_parquet_metadata(path).get(SOURCE) != source
    except (OSError, pl.exceptions.PolarsError):
        return True


def write_recording(frames: Iterator[pl.DataFrame], path: Path, folder: Path, told: Mapping[str, str]) -> int:
    """Write the frames, each later than the one before, as one file that tells ``told``; return its rows.

    No frame at all writes nothing.
    """
    pieces: list[Path] = []
    rows = 0
    first: pl.DataFrame | None = None
    for frame in frames:
        rows += frame.height
        if first is None:
            first = frame
            continue
        folder.mkdir(parents=True, exist_ok=True)
        if not pieces:
            pieces.append(folder / "piece_0.parquet")
            write_frame(first, pieces[0])
        pieces.append(folder / f"piece_{len(pieces)}.parquet")
        write_frame(frame, pieces[-1])
    if pieces:
        write_pieces(pieces, path, told)
    elif first is not None:
        write_frame(first, path, told)
    return rows
