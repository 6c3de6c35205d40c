"""Charts: whoever draws them, beside the engine's thread or in it."""

from collections.abc import Sequence
from typing import Protocol

from thetaloom.domain.market.chart_series import ChartSeries, DrawnChart


class ChartPainter(Protocol):
    """Draws charts from nothing but their numbers."""

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...] | None:
        """Return the charts of ``wanted``, or ``None`` while they are still being drawn: ask again.

        Raises ``Unavailable`` where nothing can be drawn now.
        """
        ...

    def close(self) -> None:
        """Stop whatever draws."""
        ...
