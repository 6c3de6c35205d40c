"""What stands in a folder's other recordings, so that no contract comes to stand twice at one instant of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from thetaloom.marketdata.importers.collecting import GRAIN
from thetaloom.marketdata.importers.layouts import CHANGES, KEYS, SNAPSHOTS
from thetaloom.marketdata.recorded.looking import INDEX_ROOTS

if TYPE_CHECKING:
    import polars as pl

MOMENT = ["underlying", "quote_time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One recording: the symbols and the instants it has."""

    moments: pl.DataFrame
    symbols: frozenset[str]
    grain: str
    first: datetime
    last: datetime


@dataclass(slots=True, kw_only=True)
class Neighbours:
    """The recordings of one folder, each looked at once."""

    _known: dict[Path, Neighbour | None] = field(default_factory=dict)

    def forget(self, path: Path) -> None:
        """Look at a recording anew, because it was written."""
        self._known.pop(path, None)

    def place(self, folder: Path, stem: str, grain: str, symbols: Collection[str]) -> tuple[Path, str]:
        """Return where a recording may lie, and what to say of that: its grain alone where ``folder`` has another.

        Minutes among days would make of each instant a chain that lacks what was silent just then.
        """
        for path in sorted(folder.glob("*.parquet")):
            other = None if path.stem == stem else self._look_at(path)
            shared = other.symbols.intersection(symbols) if other is not None and other.grain != grain else None
            if other is not None and shared:
                apart = folder / grain
                note = (
                    f"{min(shared)} by {grain} lies in {apart}, because {folder} holds it by {other.grain}: "
                    "only recordings of one grain are played together"
                )
                return apart, note
        return folder, ""

    def part(self, frame: pl.DataFrame, own: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Part the rows that stand in no other recording of the folder of ``own`` from those that do."""
        import polars as pl

        if frame.is_empty():
            return frame, frame
        twice: pl.Series | None = None
        for path in sorted(own.parent.glob("*.parquet")):
            moments = None if path == own else self._shared_moments(path, frame)
            if moments is None or moments.is_empty():
                continue
            theirs = pl.scan_parquet(path).join(moments.lazy(), on=MOMENT, how="semi").collect()
            found = _identities(frame).is_in(_identities(theirs).implode())
            twice = found if twice is None else twice | found
        if twice is None or not twice.any():
            return frame, frame.clear()
        return frame.filter(~twice), frame.filter(twice)

    def _shared_moments(self, path: Path, frame: pl.DataFrame) -> pl.DataFrame | None:
        other = self._look_at(path)
        if other is None or not other.symbols.intersection(frame["underlying"].unique().to_list()):
            return None
        # The rows are sorted by time.
        if frame["quote_time"][-1] < other.first or frame["quote_time"][0] > other.last:
            return None
        return other.moments.join(frame.select(MOMENT).unique(), on=MOMENT, how="semi")

    def _look_at(self, path: Path) -> Neighbour | None:
        if path not in self._known:
            self._known[path] = _look_at(path)
        return self._known[path]


def _look_at(path: Path) -> Neighbour | None:
    import polars as pl

    try:
        rows = pl.scan_parquet(path)
        is_whole = "snapshot" in rows.collect_schema()
        found = rows.select(MOMENT).unique().collect()
        grain = pl.read_parquet_metadata(path).get(GRAIN, SNAPSHOTS if is_whole else CHANGES)
        found = found.with_columns(pl.col("quote_time").cast(pl.Datetime("us", "UTC")))
    except (OSError, pl.exceptions.PolarsError):
        return None  # no recording; `data list` tells what is wrong with it
    if found.is_empty():
        return None
    times = found["quote_time"].sort()
    symbols = frozenset(found["underlying"].unique().to_list())
    return Neighbour(moments=found, symbols=symbols, grain=grain, first=times[0], last=times[-1])


def _identities(frame: pl.DataFrame) -> pl.Series:
    import polars as pl

    # A file that names no root means the usual one, as where it is played.
    usual = pl.col("underlying").replace(INDEX_ROOTS)
    root = pl.coalesce("root", usual) if "root" in frame.columns else usual
    names = [name for name in KEYS if name != "root"]
    return frame.select(pl.struct(*names, root.alias("root")).hash()).to_series()
