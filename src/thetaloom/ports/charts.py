"""Charts: whoever draws them, beside the engine's thread or in it."""

from collections.abc import Sequence
from typing import Protocol

from thetaloom.domain.market.chart_series import ChartSeries, ChartTheme, DrawnChart, Picture


class ChartPainter(Protocol):
    """Draws charts from nothing but their numbers."""

    def prepare(self) -> None:
        """Get ready to draw, without keeping the caller waiting."""
        ...

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...] | None:
        """Return the charts of ``wanted``, or ``None`` while they are still being drawn: ask again.

        Raises ``Unavailable`` where nothing can be drawn now.
        """
        ...

    def draw(self, series: ChartSeries, theme: ChartTheme) -> Picture:
        """Return one chart, from any thread, and wait for it; the same numbers give the same bytes.

        Raises ``Unavailable`` where nothing can be drawn now.
        """
        ...

    def close(self) -> None:
        """Stop whatever draws."""
        ...
