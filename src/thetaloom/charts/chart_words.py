"""The words and numbers written beside a chart of candles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from thetaloom.domain.market.chain import to_date

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNKNOWN = "–"
LABEL_GAP_MIN = 0.04  # of the width; two labels nearer than this would touch


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the words of a panel."""

    text: str
    color: str
    bold: bool = False


def price(number: float | None) -> str:
    """Write a price with its cents."""
    return UNKNOWN if number is None else f"{number:,.2f}"


def compact(number: float | None) -> str:
    """Write a number with about four digits."""
    if number is None or not math.isfinite(number):
        return UNKNOWN
    size = abs(number)
    places = 0 if size >= 1000 else (1 if size >= 100 else (2 if size >= 1 else 3))
    text = f"{number:,.{places}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else "0"


def level_text(level: float, levels: Sequence[float]) -> str:
    """Write a level of the grid with the places that its neighbors need."""
    step = min((abs(one - other) for one, other in pairwise(levels)), default=abs(level) or 1.0)
    places = next((places for places in range(6) if math.isclose(round(step, places), step, rel_tol=1e-6)), 6)
    return f"{level:,.{places}f}".replace("-", "−") if abs(level) > step / 1e6 else "0"


def summary(
    numbers: Sequence[float | None], write: Callable[[float], str], color: str, *, apart: bool = False
) -> list[Line]:
    """Return the most, the least, the average and the median of what is shown, on two lines or four."""
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    if not known:
        return []
    most, least = f"max {write(max(known))}", f"min {write(min(known))}"
    mean, middle = f"mean {write(fmean(known))}", f"median {write(median(known))}"
    if apart:
        return [Line(text, color) for text in (most, least, mean, middle)]
    return [Line(f"{most}  {least}", color), Line(f"{mean}  {middle}", color)]


def day_text(on: date) -> str:
    """Write a day as 5 Jan 2026."""
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def change_text(change: float, before: float, timeframe: str) -> str:
    """Write the change of the last candle against the close before it."""
    sign = "+" if change >= 0 else "−"
    share = f"{sign}{abs(change) / before * 100:.2f} %"
    return f"{sign}{abs(change):,.2f}  ({share}) on the {'day' if timeframe == 'daily' else 'week'}"


def month_ticks(days: Sequence[int], *, quarters: bool, room: int = 0) -> list[tuple[int, str]]:
    """Return where months or quarters begin among the candles, with their names; the first of a year says which.

    ``room`` is how many candles the width has room for, if it is more than there are. Of two that would touch, the
    later one is left out.
    """
    dates = [to_date(day) for day in days]
    gap = LABEL_GAP_MIN * max(len(dates), room)
    edge = min(0, len(dates) - room)  # of the panel, where the words beside it end
    found: list[tuple[int, str]] = []
    named = None  # the year said last
    for at in range(1, len(dates)):
        before, on = dates[at - 1], dates[at]
        is_new = (before.year, before.month) != (on.year, on.month)
        if quarters:
            is_new = (before.year, (before.month - 1) // 3) != (on.year, (on.month - 1) // 3)
        if not is_new or at - (found[-1][0] if found else edge) < gap:
            continue
        name = MONTHS[on.month - 1]
        found.append((at, name if on.year == named else f"{name} {on.year}"))
        named = on.year
    return found
