"""A panel of a chart: its frame and grid, the numbers at its edge, and what every panel draws alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from thetaloom.charts.chart_words import level_text
from thetaloom.charts.seams import Seam
from thetaloom.charts.theme import Theme
from thetaloom.domain.market.chain import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BODY = 0.64  # of the room of a candle
TAG_ROOM = 0.0155  # of the height of the figure, that a number at the right edge takes
LEVELS_PER_HEIGHT = 22
SLOTS_MIN = 40  # candles that the width has room for, however few there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: where it is drawn, in which colors, and what stands at its right edge."""

    axes: "Axes"
    theme: Theme
    height: float  # of the figure
    levels: list[float] = field(default_factory=list)  # of the grid
    tags: list[float] = field(default_factory=list)

    def line(self, numbers: Sequence[float | None], color: str, width: float = 1.4) -> None:
        """Draw a line over the candles."""
        shown = floats(numbers)
        self.axes.plot(np.arange(len(shown)), shown, color=color, linewidth=width, solid_joinstyle="round", zorder=3)

    def tag(self, number: float | None, text: str, color: str) -> None:
        """Write the newest number beside the right edge, at its height."""
        low, high = self.axes.get_ylim()
        if number is None or not low <= number <= high:
            return
        self.tags.append(number)
        _beside(
            self.axes,
            number,
            text,
            self.theme.page,
            {"boxstyle": "round,pad=0.22", "facecolor": color, "edgecolor": "none"},
        )


def frame_panel(axes: "Axes", count: int, theme: Theme) -> None:
    """Take away what matplotlib draws around a panel, but for its border."""
    # matplotlib's own ticks would take half of the drawing time; lines and words of the same look take a tenth.
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(min(-1, count - SLOTS_MIN), count)  # few candles stand at the right, as wide as usual
    for spine in axes.spines.values():
        spine.set_color(theme.line)


def draw_grid(panel: Panel, ticks: Sequence[tuple[int, str]], *, is_last: bool) -> None:
    """Draw the lines of the grid, and write their levels where no newest number stands."""
    from matplotlib.collections import LineCollection

    axes, theme = panel.axes, panel.theme
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    levels = [level for level in panel.levels if low <= level <= high]
    lines = [[(at, low), (at, high)] for at, _ in ticks] + [[(left, level), (right, level)] for level in levels]
    grid = LineCollection(lines, colors=theme.line, linewidths=0.6, alpha=0.65, zorder=0.5)
    axes.add_collection(grid, autolim=False)
    for level in levels:
        if all(abs(level - tag) > TAG_ROOM * (high - low) / panel.height for tag in panel.tags):
            _beside(axes, level, level_text(level, levels), theme.dim)
    for at, text in ticks if is_last else ():
        axes.annotate(
            text,
            (at, 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -14),
            textcoords="offset points",
            color=theme.dim,
            fontsize=9,
            ha="center",
            va="baseline",  # months with and without a descender stand on one line
        )


def draw_seams(panel: Panel, seams: Sequence[Seam], *, is_first: bool) -> None:
    """Draw a line where the history is broken, and say in the first panel what is wrong there."""
    for seam in seams:
        panel.axes.axvline(seam.at - 0.5, color=panel.theme.caution, linewidth=1.0, linestyle=(0, (4, 3)), zorder=6)
        if is_first:
            is_right = seam.at > panel.axes.get_xlim()[1] / 2
            panel.axes.annotate(
                seam.label,
                (seam.at - 0.5, 0.0),
                xycoords=("data", "axes fraction"),
                xytext=(-6 if is_right else 6, 6),
                textcoords="offset points",
                color=panel.theme.caution,
                fontsize=9,
                ha="right" if is_right else "left",
                va="bottom",
                zorder=8,
            )


def _beside(axes: "Axes", level: float, text: str, color: str, box: dict[str, object] | None = None) -> None:
    axes.annotate(
        text,
        (1.0, level),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        color=color,
        fontsize=9,
        fontweight="normal" if box is None else "bold",
        va="center",
        zorder=9,
        annotation_clip=False,
        bbox=box,
    )


def draw_columns(panel: Panel, heights: Floats, rises: NDArray[np.bool_], alpha: float) -> None:
    """Draw one column a candle from zero."""
    from matplotlib.collections import PolyCollection

    for is_up in (True, False):
        shown = [at for at in np.flatnonzero(rises == is_up).tolist() if np.isfinite(heights[at])]
        columns = [
            [(at + left, 0.0), (at + left, heights[at]), (at - left, heights[at]), (at - left, 0.0)]
            for at in shown
            for left in (-BODY / 2,)
        ]
        color = color_of(panel.theme, is_up)
        bars = PolyCollection(columns, facecolors=color, edgecolors="none", alpha=alpha, zorder=2)
        panel.axes.add_collection(bars, autolim=False)


def set_limits(panel: Panel, numbers: Floats, room: float, *, floor: float | None = None) -> None:
    """Show all ``numbers`` with ``room``, a share of their height, above and below, but nothing under ``floor``."""
    known = numbers[np.isfinite(numbers)]
    low, high = float(known.min()), float(known.max())
    margin = (high - low or abs(high) or 1.0) * room
    bottom = low - margin if floor is None else max(low - margin, floor)
    panel.axes.set_ylim(bottom, high + margin)
    set_levels(panel, bottom, high + margin)


def set_levels(panel: Panel, low: float, high: float) -> None:
    """Choose round levels for the grid."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(max(2, round(panel.height * LEVELS_PER_HEIGHT)), steps=[1, 2, 2.5, 5, 10])
    panel.levels.extend(float(level) for level in locator.tick_values(low, high))


def color_of(theme: Theme, is_up: bool) -> str:
    """Return the color of a rise or of a fall."""
    return theme.profit if is_up else theme.loss


def floats(numbers: Sequence[float | None]) -> Floats:
    """Return a line as an array; NaN = not known."""
    return np.array([np.nan if number is None else number for number in numbers], dtype=np.float64)
