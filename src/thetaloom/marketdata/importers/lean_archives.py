"""The text of LEAN's archives as frames: all members of one archive read at once, each row knowing its member."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.opening import read_members
from thetaloom.marketdata.importers.tables import LINE, Heading, read_batch

if TYPE_CHECKING:
    import polars as pl

SCALE = 10_000.0
MEMBER = "#member"
NEW_YORK = "America/New_York"
MANY_TIMES = 4
DAY_MILLISECONDS = 86_400_000
QUOTE_COLUMNS = (
    "time",
    "bid_open",
    "bid_high",
    "bid_low",
    "bid",
    "bid_size",
    "ask_open",
    "ask_high",
    "ask_low",
    "ask",
    "ask_size",
)
TRADE_COLUMNS = ("time", "open", "high", "low", "last", "volume")
INTEREST_COLUMNS = ("time", "open_interest")
COLUMNS = {"quote": QUOTE_COLUMNS, "trade": TRADE_COLUMNS, "openinterest": INTEREST_COLUMNS}
STEPS = {"minute": timedelta(minutes=1), "second": timedelta(seconds=1), "hour": timedelta(hours=1)}


class MemberLines:
    """The original lines of an archive, by their number over all members: member, line within it, text."""

    __slots__ = ("_names", "_starts", "_texts")

    def __init__(self, names: list[str], starts: list[int], texts: list[bytes]) -> None:
        self._names, self._starts, self._texts = names, starts, texts

    def __add__(self, later: MemberLines) -> MemberLines:
        """Return the lines of both; those of ``later`` have the larger numbers."""
        return MemberLines(
            self._names + later._names,
            self._starts + later._starts,
            self._texts + later._texts,
        )

    def __getitem__(self, number: int) -> str:
        at = bisect_right(self._starts, number) - 1
        within = number - self._starts[at]
        line = self._texts[at].split(b"\n")[within].rstrip(b"\r").decode(errors="replace")
        return f"{self._names[at]}:{within + 1}: {line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """All rows of one archive as text."""

    frame: pl.DataFrame  # LINE, MEMBER (its place in ``members``) and the columns as text
    members: list[str]
    torn: dict[int, str]
    lines: MemberLines
    next_line: int  # the number that the next archive's first line may have


def read_archive(path: Path, columns: Sequence[str], wanted: Collection[str], first: int = 1) -> Archive:
    """Read the ``wanted`` columns of all members of an archive of CSV files without headers.

    Their lines are numbered from ``first``. All columns but the time and the last are numbers already, as far as every
    cell is one.
    """
    import polars as pl

    names, texts = read_members(path)
    counts = np.fromiter((text.count(b"\n") for text in texts), np.int64, len(texts))
    starts = first + np.concatenate(([0], np.cumsum(counts)))
    next_line = int(starts[-1])
    lines = MemberLines(names, starts[:-1].tolist(), texts)
    heading = Heading(names=tuple(columns), separator=",", line=0, preamble=())
    whole = b"".join(texts)
    if not whole:
        empty = pl.DataFrame(schema={LINE: pl.Int64, MEMBER: pl.UInt32, **dict.fromkeys(wanted, pl.String)})
        return Archive(frame=empty, members=names, torn={}, lines=lines, next_line=next_line)
    batch = read_batch(whole, first, heading, wanted, frozenset(columns) - {"time"})
    member_of = np.repeat(np.arange(len(names), dtype=np.uint32), counts)
    members = pl.Series(MEMBER, member_of[batch.frame[LINE].to_numpy() - first])
    return Archive(
        frame=batch.frame.with_columns(members),
        members=names,
        torn=dict(batch.torn),
        lines=lines,
        next_line=next_line,
    )


def bar_ends(frame: pl.DataFrame, days: pl.Series, step: str) -> pl.DataFrame:
    """Add ``quote_time``, the end of each bar, and ``#on``, its date: LEAN stamps the start.

    The start is in milliseconds since the exchange's midnight, or a date and time. A day's bar has no time yet: it
    ends with its session. ``#bad_time`` marks what cannot be read.
    """
    import polars as pl

    told = pl.DataFrame([frame["time"], days.alias("day")])
    different = told.unique()
    if different.height * MANY_TIMES < told.height:
        # Contracts share their minutes: each is looked at once.
        ends = bar_ends(different.select("time"), different["day"], step).with_columns(different["day"])
        return frame.with_columns(
            told.join(ends, on=["time", "day"], how="left", nulls_equal=True, maintain_order="left").drop("time", "day")
        )
    text = frame["time"].str.strip_chars(" \r")
    millis = text.cast(pl.Int64, strict=False)
    # Counted on the wall clock: on days on which the clocks change midnight is an hour farther away, or nearer.
    offsets = pl.DataFrame({"millis": millis}).select(pl.duration(milliseconds="millis")).to_series()
    wall = days.cast(pl.Datetime("us")) + offsets
    spelled = text.is_not_null() & millis.is_null()
    if spelled.any():
        wall = wall.scatter(spelled.arg_true(), cells.each_once(text.filter(spelled), _spelled, pl.Datetime("us")))
    start = wall.dt.replace_time_zone(NEW_YORK, ambiguous="earliest", non_existent="null")
    is_possible = start.is_not_null() & (millis.is_between(0, DAY_MILLISECONDS - 1) | spelled).fill_null(False)
    end = start.dt.convert_time_zone("UTC") + STEPS.get(step, timedelta(0))
    return frame.with_columns(
        pl.Series("#on", start.dt.date()),
        (~is_possible).alias("#bad_time"),
        pl.Series("quote_time", end).set(~is_possible, None)
        if step in STEPS
        else pl.lit(None, pl.Datetime("us", "UTC")).alias("quote_time"),
    )


def _spelled(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d %H:%M")  # noqa: DTZ007  # the exchange's wall; its zone is put on later
    except ValueError:
        return None
