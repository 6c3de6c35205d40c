"""Where the history of a chart is broken: days without candles, and jumps as a split leaves them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from thetaloom.charts.chart_words import day_text
from thetaloom.domain.market.chain import to_date
from thetaloom.domain.market.chart_series import Candles, ChartSeries, Timeframe

# Longer than any closure of the exchange since 1933: candles are missing.
GAP_DAYS_MIN: Final = {Timeframe.DAILY: 8, Timeframe.WEEKLY: 14}
JUMP_FACTOR_MIN = 1.8  # of the open against the close before, either way
SEAMS_MAX = 6  # that are named; a history with more is not worth a closer look


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """A break before the candle ``at``, in few words for the picture and in a sentence for a page."""

    at: int
    label: str
    text: str


def seams_of(series: ChartSeries) -> tuple[Seam, ...]:
    """Return the breaks of a history, oldest first."""
    candles = series.candles
    found = [*_gaps(candles, GAP_DAYS_MIN[series.timeframe]), *_jumps(candles)]
    return tuple(sorted(found, key=lambda seam: seam.at)[:SEAMS_MAX])


def _gaps(candles: Candles, days_min: int) -> list[Seam]:
    return [
        Seam(
            at=at,
            label=f"{after - before - 1} days missing",
            text=f"No candles between {day_text(to_date(before))} and {day_text(to_date(after))}.",
        )
        for at, (before, after) in _pairs(candles.days)
        if after - before >= days_min
    ]


def _jumps(candles: Candles) -> list[Seam]:
    starts = zip(candles.closes, candles.opens[1:], strict=False)
    return [
        Seam(
            at=at,
            label=f"× {opened / closed:.3g} overnight" if opened > closed else f"÷ {closed / opened:.3g} overnight",
            text=(
                f"From {closed:,.2f} to {opened:,.2f} before {day_text(to_date(candles.days[at]))}: "
                "a jump as a split leaves it where prices are not adjusted. Averages across it mean little."
            ),
        )
        for at, (closed, opened) in enumerate(starts, start=1)
        if max(opened / closed, closed / opened) >= JUMP_FACTOR_MIN
    ]


def _pairs(days: Sequence[int]) -> enumerate[tuple[int, int]]:
    return enumerate(pairwise(days), start=1)
