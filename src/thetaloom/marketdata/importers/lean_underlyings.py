"""What LEAN keeps of underlyings, written beside the recordings: bars, factors, names over time, interest rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from thetaloom.marketdata.importers.dates import read_day
from thetaloom.marketdata.importers.importing import ImportedFile, Wish
from thetaloom.marketdata.importers.lean_bars import adjusted, checked_bars, checked_factors, factors_for, lines_of
from thetaloom.marketdata.importers.lean_names import Kind, LeanJob
from thetaloom.marketdata.importers.rejected import RejectedRows
from thetaloom.marketdata.importers.writing import unfinished_file, write_frame

if TYPE_CHECKING:
    import polars as pl

FOLDER = "underlying"
Rejects = list[tuple[int, str, str, str]]


def import_underlying(job: LeanJob, stem: str, wish: Wish) -> ImportedFile:
    """Write one file of an underlying to the folder ``underlying``; daily bars as the settings' history files."""
    frame, bad = _READERS[job.kind](job)
    rejected = RejectedRows(wish.out / "rejected" / f"{stem}.csv")
    output = wish.out / FOLDER / f"{stem}.parquet"
    try:
        rejected.add(bad)
        rejected.finish()
        if frame.height:
            output.parent.mkdir(parents=True, exist_ok=True)
            with unfinished_file(output) as unfinished:
                write_frame(frame, unfinished)
                unfinished.replace(output)
        rejected.keep()
    finally:
        rejected.drop()
    return ImportedFile(
        source=job.name,
        format="lean",
        rows=frame.height,
        rejected=rejected.reasons.total(),
        reasons=dict(sorted(rejected.reasons.items())),
        output=str(output) if frame.height else None,
        rejected_to=str(rejected.path) if rejected.reasons else None,
    )


def _bars(job: LeanJob) -> tuple[pl.DataFrame, Rejects]:
    import polars as pl

    path = job.paths[0]
    step = next((part for part in ("daily", "hour", "second") if f"_{part}" in job.stem), "minute")
    frame, bad = checked_bars(path, step)
    frame = frame.sort("bar_end")
    if step != "daily":
        at = pl.col("bar_end").dt.replace_time_zone("America/New_York", ambiguous="earliest", non_existent="null")
        return frame.with_columns(at.dt.convert_time_zone("UTC").alias("bar_end")), bad
    daily = frame.select(pl.col("bar_end").dt.date().alias("date"), pl.exclude("bar_end"))
    factors = factors_for(path)
    return (daily if factors is None else adjusted(daily, factors)), bad


def _factors(job: LeanJob) -> tuple[pl.DataFrame, Rejects]:
    return checked_factors(job.paths[0])


def _mapping(job: LeanJob) -> tuple[pl.DataFrame, Rejects]:
    import polars as pl

    rows, bad = [], []
    for security, number, line in lines_of(job.paths[0]):
        parts = [part.strip() for part in line.split(",")]
        on = read_day(parts[0])
        if on is None or len(parts) < 2 or not parts[1]:
            bad.append((number, "", "bad_entry", line))
        else:
            rows.append((security, on, parts[1].upper(), parts[2] if len(parts) > 2 else None))
    schema = {"security": pl.String, "until": pl.Date, "symbol": pl.String, "exchange": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row"), bad


def _rates(job: LeanJob) -> tuple[pl.DataFrame, Rejects]:
    import polars as pl

    rows, bad = [], []
    for _, number, line in lines_of(job.paths[0]):
        on_text, _, rate_text = line.partition(",")
        on = read_day(on_text)
        if number == 1 and on is None:
            continue  # the header
        try:
            rate = float(rate_text) / 100  # percent in the file
        except ValueError:
            rate = math.nan
        if on is None or not abs(rate) <= 1:
            bad.append((number, "", "bad_entry", line))
        else:
            rows.append((on, rate))
    return pl.DataFrame(rows, schema={"date": pl.Date, "rate": pl.Float64}, orient="row"), bad


_READERS: dict[Kind, Callable[[LeanJob], tuple[pl.DataFrame, Rejects]]] = {
    Kind.BARS: _bars,
    Kind.FACTORS: _factors,
    Kind.MAPPING: _mapping,
    Kind.RATES: _rates,
}
