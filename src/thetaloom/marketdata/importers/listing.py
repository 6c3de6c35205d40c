"""What recordings a folder holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers.lean_underlyings import FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRecording:
    """One recording; one that cannot be read has a ``problem`` instead of contents."""

    file: str
    symbols: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    instants: int = 0
    rows: int = 0
    problem: str = ""


def list_folder(folder: Path) -> list[ListedRecording]:
    """Return the recordings of a folder in the order of names, from their columns of symbols and instants alone."""
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder", details={"path": str(folder)})
    return [_listed(path) for path in sorted(folder.glob("*.parquet"))]


def folders_below(folder: Path) -> list[Path]:
    """Return the folders just below that hold recordings of another grain."""
    below = {path.parent for path in folder.glob("*/*.parquet") if not path.parent.name.startswith(".")}
    return sorted(below - {folder / FOLDER})


def _listed(path: Path) -> ListedRecording:
    import polars as pl

    at = pl.col("quote_time")
    try:
        found = (
            pl.scan_parquet(path)
            .select(
                pl.col("underlying").unique().sort().implode().alias("symbols"),
                at.min().alias("first"),
                at.max().alias("last"),
                at.n_unique().alias("instants"),
                pl.len().alias("rows"),
            )
            .collect()
            .row(0, named=True)
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        return ListedRecording(file=str(path), problem=str(error).splitlines()[0][:200])
    return ListedRecording(
        file=str(path),
        symbols=tuple(found["symbols"]),
        first=found["first"],
        last=found["last"],
        instants=found["instants"],
        rows=found["rows"],
    )
