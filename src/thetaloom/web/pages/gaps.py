"""When nobody could see what a position is worth, as rows and as marks on a strip of its life."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.book.positions import Position
from thetaloom.store.queries.quote_gaps import QuoteGap
from thetaloom.web.pages.numbers import age

WIDTH = 600  # of the strip
MARK_MIN = 2.0  # so that a second of a month is seen
ROWS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """One gap as it is told."""

    gap: QuoteGap
    length: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapMark:
    """Its place on the strip."""

    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsShown:
    """The gaps of a position, newest first."""

    rows: Sequence[GapRow]  # at most so many
    count: int
    marks: Sequence[GapMark]
    width: int
    until: datetime  # the strip's end
    text: str


def gaps_shown(position: Position, gaps: Sequence[QuoteGap], now: datetime) -> GapsShown | None:
    """Return the gaps as a page shows them; ``None`` where there are none."""
    if not gaps:
        return None
    until = position.closed_at or max(now, position.opened_at)
    newest = list(reversed(gaps))
    return GapsShown(
        rows=[GapRow(gap=gap, length=_length(gap)) for gap in newest[:ROWS_MAX]],
        count=len(gaps),
        marks=[_mark(gap, position.opened_at, until) for gap in gaps],
        width=WIDTH,
        until=until,
        text=_text(gaps),
    )


def _length(gap: QuoteGap) -> str:
    if gap.seconds is None:
        return "no end told so far"
    return age(gap.seconds) if gap.seconds else "under 1 s"


def _mark(gap: QuoteGap, opened: datetime, until: datetime) -> GapMark:
    whole = (until - opened) or timedelta(seconds=1)
    x = max(0.0, (gap.began_at - opened) / whole * WIDTH)
    width = max(MARK_MIN, ((gap.ended_at or until) - gap.began_at) / whole * WIDTH)
    return GapMark(x=round(min(x, WIDTH - MARK_MIN), 1), width=round(min(width, WIDTH - min(x, WIDTH - MARK_MIN)), 1))


def _text(gaps: Sequence[QuoteGap]) -> str:
    blind = _merged(gaps)
    seconds = sum(round((ended_at - began_at).total_seconds()) for began_at, ended_at in blind)
    unended = sum(gap.ended_at is None for gap in gaps)
    count = len(blind) + unended
    times = "once" if count == 1 else f"{count} times"
    known = f", {age(seconds)} in all" if blind else ""
    return times + known + (f", {unended} with no end told so far" if unended else "")


def _merged(gaps: Sequence[QuoteGap]) -> list[tuple[datetime, datetime]]:
    """The stretches of time in which something was missing: two lines that were down at once are one of them."""
    merged: list[tuple[datetime, datetime]] = []
    for began_at, ended_at in sorted((gap.began_at, gap.ended_at) for gap in gaps if gap.ended_at is not None):
        if merged and began_at <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ended_at))
        else:
            merged.append((began_at, ended_at))
    return merged
