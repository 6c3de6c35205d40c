"""Imports sources one by one: good rows to Parquet, others aside with their reasons, and what the quotes are worth.

Each source ends as one recording or as nothing; what was imported once, told by its digest, is not imported again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.importers.building import REASON, SIDE, build
from thetaloom.marketdata.importers.collecting import (
    GRAIN,
    SOURCE,
    Collector,
    as_recording,
    without_duplicates,
    write_recording,
)
from thetaloom.marketdata.importers.neighbours import Neighbours
from thetaloom.marketdata.importers.opening import Source
from thetaloom.marketdata.importers.quality import CHAINS_MAX, Quality, count_rows, judge_chains, missing_sessions
from thetaloom.marketdata.importers.rejected import RejectedRows
from thetaloom.marketdata.importers.sources import open_table
from thetaloom.marketdata.importers.tables import LINE, Batch, Originals
from thetaloom.marketdata.importers.writing import unfinished_file

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be imported, and where to."""

    format_name: str
    out: Path
    symbol: str | None
    calendar: TradingCalendar
    rates: RateCurve
    neighbours: Neighbours = field(default_factory=Neighbours, compare=False)  # the recordings already in ``out``


@dataclass(slots=True, kw_only=True)
class ImportedFile:
    """What became of one source."""

    source: str
    format: str
    rows: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    output: str | None = None
    rejected_to: str | None = None
    skipped: bool = False  # it was imported before
    error: dict[str, object] | None = None
    quality: dict[str, object] = field(default_factory=dict)
    note: str = ""  # what else there is to know


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One batch of typed rows, those with a reason among them, and the originals to quote."""

    frame: pl.DataFrame
    doubts: Mapping[str, int]
    lines: Originals


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """A source whose format is known; ``batches`` reads it from its beginning each time it is called."""

    name: str
    format_name: str
    snapshot: str | None  # what to call its instants where each is complete; none for a feed of changes
    grain: str  # how far apart its rows are; see ``Neighbours.place``
    is_listed: bool
    batches: Callable[[], Generator[Taken, None, None]]


def recognize(source: Source, wish: Wish) -> Recognized:
    """Tell a source's format; one of another format than wished raises ``InvalidInput``."""
    table = open_table(source, wish.format_name, wish.symbol, wish.calendar)

    def batches() -> Generator[Taken, None, None]:
        with closing(_read_ahead(open_table(source, wish.format_name, wish.symbol, wish.calendar).batches)) as ahead:
            for batch in ahead:
                built = build(batch.frame, table.layout, table.facts, batch.torn)
                yield Taken(frame=built.frame, doubts=built.doubts, lines=batch.lines)

    return Recognized(
        name=source.name,
        format_name=table.format_name,
        snapshot=table.layout.snapshot,
        grain=table.layout.grain,
        is_listed=table.layout.is_listed,
        batches=batches,
    )


def _read_ahead(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    # To read text and to type it take about as long: the next batch is read while one is typed.
    with ThreadPoolExecutor(1, "thetaloom-import") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def import_recognized(
    source: Recognized, stem: str, wish: Wish, heard: Callable[[int], None] = lambda _: None
) -> ImportedFile:
    """Import one source to the recording ``stem``; ``heard`` is told the rows read so far."""
    rejected = RejectedRows(wish.out / "rejected" / f"{stem}.csv")
    collector = Collector(folder=wish.out / f".{stem}.parts")
    quality = Quality()
    try:
        read = 0
        with closing(source.batches()) as batches:  # an interrupt may come once from polars and once from Python
            for taken in batches:
                _take(taken, source.snapshot, collector, rejected, quality)
                read += taken.frame.height
                heard(read)
        folder, note = wish.neighbours.place(wish.out, stem, source.grain, {symbol for symbol, _ in collector.days})
        output = folder / f"{stem}.parquet"
        output.parent.mkdir(exist_ok=True)
        with unfinished_file(output) as unfinished:
            frames = _recordings(source, wish, collector, rejected, quality, output)
            told = {GRAIN: source.grain, SOURCE: source.name}
            kept = write_recording(frames, unfinished, collector.folder, told)
            rejected.finish()
            if kept:
                unfinished.replace(output)
            else:
                output.unlink(missing_ok=True)  # of an import before this one
        rejected.keep()
        wish.neighbours.forget(output)
    finally:
        collector.close()
        rejected.drop()
    if source.is_listed:
        gaps = missing_sessions(collector.days, wish.calendar)
        quality.add({"gaps": len(gaps)})
        quality.gap_days += gaps
    return ImportedFile(
        source=source.name,
        format=source.format_name,
        rows=kept,
        rejected=rejected.reasons.total(),
        reasons=dict(sorted(rejected.reasons.items())),
        output=str(output) if kept else None,
        rejected_to=str(rejected.path) if rejected.reasons else None,
        quality=quality.as_dict(),
        note=note if kept else "" if read else f"{source.name} holds no rows",
    )


def _take(taken: Taken, snapshot: str | None, collector: Collector, rejected: RejectedRows, quality: Quality) -> None:
    import polars as pl

    quality.add(taken.doubts)
    frame = taken.frame
    if frame[REASON].null_count() < frame.height:
        bad = frame.filter(pl.col(REASON).is_not_null())
        rejected.add(
            (line, side, reason, taken.lines[line])
            for line, side, reason in bad.select(LINE, SIDE, REASON).sort(LINE, SIDE).iter_rows()
        )
        frame = frame.filter(pl.col(REASON).is_null())
    # Put to a batch the same word for all is cheap; to all batches together it would copy every column.
    collector.add(frame if snapshot is None else frame.with_columns(pl.lit(snapshot).alias("snapshot")))


def _recordings(
    source: Recognized, wish: Wish, collector: Collector, rejected: RejectedRows, quality: Quality, output: Path
) -> Iterator[pl.DataFrame]:
    import polars as pl

    chains_max = max(1, CHAINS_MAX // collector.group_count())
    for group in collector.groups():
        unique, twice = without_duplicates(group)
        unique, elsewhere = wish.neighbours.part(unique, output)
        if elsewhere.height:
            twice = pl.concat([twice, elsewhere])
        if twice.height:
            quality.add({"duplicates": twice.height})
            rejected.add(_duplicates(source, twice))
        quality.add(count_rows(unique))
        recording = as_recording(unique)
        if source.is_listed:
            is_whole = source.snapshot is not None
            quality.add(
                judge_chains(
                    recording, calendar=wish.calendar, rates=wish.rates, snapshots=is_whole, chains_max=chains_max
                )
            )
        if recording.height:
            yield recording


def _duplicates(source: Recognized, rows: pl.DataFrame) -> Iterator[tuple[int, str, str, str]]:
    # Only what stands twice needs a second look at the source.
    wanted: dict[int, str] = dict.fromkeys(rows[LINE].to_list(), "")
    for taken in source.batches():
        for line in taken.frame[LINE].unique().to_list():
            if line in wanted:
                wanted[line] = taken.lines[line]
    for line, side in rows.select(LINE, SIDE).iter_rows():
        yield line, side, "duplicate", wanted[line]
