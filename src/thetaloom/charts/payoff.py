"""The payoff picture: profit and loss over the price of the underlying today, half-way and at expiration."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from thetaloom.charts.theme import DARK, LIGHT, Theme, drawing, saved
from thetaloom.domain.market.chain import Floats
from thetaloom.domain.strategy.payoff import PayoffLeg
from thetaloom.domain.strategy.payoff_curve import PayoffCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1200, 700
LEFT, RIGHT, TOP, BOTTOM = 0.085, 0.975, 0.775, 0.115  # of the figure, around the axes
LEGS_SHOWN_MAX = 4
LABEL_GAP = 0.075  # of the width; two labels nearer than this stand in two rows
LABEL_ROWS = 3
FONT_SIZE = 11.5
LINE_LENGTH = 115  # letters of that size that fit across; a longer line is set smaller
EDGE = 0.07  # of the height; a label so near to an edge turns inward
YLABEL_LEFT = -0.073  # of the width of the axes, however long the numbers are
HEADROOM = 0.14  # of the height, above and below the curves
UNITS: Final = ((1e6, "M", 1.0), (1e3, "k", 100.0), (1.0, "", 0.0))  # from so many of them on
UNLIMITED: Final = "unlimited"
Placed = tuple[float, str, int]


def draw_payoff(
    curves: PayoffCurves, *, form: str = "png", dark: bool = False, width: int = WIDTH, height: int = HEIGHT
) -> bytes:
    """Return the picture as the bytes of a ``png`` or an ``svg``; the same curves give the same bytes."""
    theme = DARK if dark else LIGHT
    with drawing(width, height, theme) as figure:
        axes = figure.add_axes((LEFT, BOTTOM, RIGHT - LEFT, TOP - BOTTOM), facecolor=theme.page)
        _frame(axes, curves, theme)
        _areas(axes, curves, theme)
        _curves(axes, curves, theme)
        _levels(axes, curves, theme)
        _extremes(axes, curves, theme)
        _words(figure, curves, theme)
        return saved(figure, form)


def _frame(axes: "Axes", curves: PayoffCurves, theme: Theme) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    known = [curve for curve in (curves.today, curves.midway, curves.expiration) if curve is not None]
    lowest, highest = min(0.0, *(float(c.min()) for c in known)), max(0.0, *(float(c.max()) for c in known))
    room = (highest - lowest or 1.0) * HEADROOM
    biggest = max(-lowest, highest)
    axes.set_xlim(float(curves.underlying[0]), float(curves.underlying[-1]))
    axes.set_ylim(lowest - room, highest + room)
    axes.set_xlabel("price of the underlying", color=theme.dim)
    axes.set_ylabel("profit and loss, dollars", color=theme.dim)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda amount, _: _short_dollars(float(amount), biggest)))
    axes.yaxis.set_label_coords(YLABEL_LEFT, 0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda price, _: f"{price:,.6g}"))
    axes.tick_params(colors=theme.dim, length=0, pad=6)
    axes.grid(color=theme.line, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.line)
    axes.axhline(0.0, color=theme.dim, linewidth=1.0)


def _areas(axes: "Axes", curves: PayoffCurves, theme: Theme) -> None:
    if curves.likely is not None:
        axes.axvspan(*curves.likely, color=theme.quiet, alpha=0.08, linewidth=0, label="68 % of outcomes")
    price, pnl = curves.underlying, curves.expiration
    axes.fill_between(price, 0.0, np.maximum(pnl, 0.0), color=theme.profit, alpha=0.16, linewidth=0)
    axes.fill_between(price, 0.0, np.minimum(pnl, 0.0), color=theme.loss, alpha=0.16, linewidth=0)


def _curves(axes: "Axes", curves: PayoffCurves, theme: Theme) -> None:
    price = curves.underlying
    axes.plot(price, curves.expiration, color=theme.text, linewidth=2.4, label="expiration", zorder=4)
    half = "" if curves.days is None else f" in {_days(curves.days / 2)}"
    _line(axes, price, curves.midway, theme.caution, (0, (7, 2, 1.5, 2)), f"half-way,{half}" if half else "half-way")
    _line(axes, price, curves.today, theme.accent, (0, (5, 2.5)), "today")


def _line(
    axes: "Axes", price: Floats, pnl: Floats | None, color: str, style: tuple[int, tuple[float, ...]], label: str
) -> None:
    if pnl is not None:
        axes.plot(price, pnl, color=color, linewidth=1.9, linestyle=style, label=label, zorder=5)


def _levels(axes: "Axes", curves: PayoffCurves, theme: Theme) -> None:
    across = axes.get_xaxis_transform()  # prices along, parts of the height up
    for strike, text, row in _placed(axes, [(strike, _strike_text(curves, strike)) for strike in curves.strikes]):
        axes.axvline(strike, color=theme.line, linewidth=1.0, linestyle=(0, (2, 3)), zorder=2)
        _label(axes, (strike, 0.015 + 0.042 * row), text, theme.dim, theme, transform=across, va="bottom")
    for level, text, row in _placed(axes, [(float(each), f"{each:,.2f}") for each in curves.payoff.breakevens]):
        axes.plot([level], [0.0], marker="o", markersize=7, color=theme.page, markeredgecolor=theme.text, zorder=7)
        _label(axes, (level, 0.0), text, theme.text, theme, offset=(0, 9 + 17 * row), va="bottom", weight="bold")
    low, high = axes.get_xlim()
    if curves.spot is not None and low <= curves.spot <= high:
        axes.axvline(curves.spot, color=theme.quiet, linewidth=1.6, zorder=3)
        spot = (curves.spot, 0.985)
        _label(axes, spot, f"spot {curves.spot:,.2f}", theme.quiet, theme, transform=across, va="top", weight="bold")


def _extremes(axes: "Axes", curves: PayoffCurves, theme: Theme) -> None:
    low, high = axes.get_ylim()
    for amount, color, sign in ((curves.payoff.max_profit, theme.profit, 1), (curves.payoff.max_loss, theme.loss, -1)):
        if amount is None:
            continue
        level = sign * float(amount)
        if not low < level < high or level == 0.0:
            continue
        axes.axhline(level, color=color, linewidth=1.0, linestyle=(0, (1, 2)), zorder=2)
        where, align = ((0.992, "right"), (0.008, "left"))[_nearer_side(curves, level)]
        above = (sign > 0) != (min(level - low, high - level) < (high - low) * EDGE)  # never over the edge
        _label(
            axes,
            (where, level),
            f"max {'profit' if sign > 0 else 'loss'} {_dollars(float(amount), exact=True)}",
            color,
            theme,
            transform=axes.get_yaxis_transform(),  # parts of the width along, dollars up
            offset=(0, 5 if above else -5),
            va="bottom" if above else "top",
            ha=align,
            weight="bold",
        )


def _nearer_side(curves: PayoffCurves, level: float) -> int:
    # Where the curve reaches the level, so that the label stands at what it is about; else to the right.
    right, left = (abs(float(curves.expiration[end]) - level) for end in (-1, 0))
    return int(left < right)


def _words(figure: "Figure", curves: PayoffCurves, theme: Theme) -> None:
    figure.text(LEFT, 0.955, _title(curves), color=theme.text, fontsize=18, fontweight="bold", va="top")
    legs = _legs_text(curves.legs)
    figure.text(LEFT, 0.898, legs, color=theme.dim, fontsize=_fitting(legs), va="top")
    facts = _facts(curves)
    figure.text(LEFT, 0.855, facts, color=theme.text, fontsize=_fitting(facts), va="top")
    if curves.days is not None:
        last = (
            "expiration" if len({leg.expires_on for leg in curves.legs if leg.strike}) == 1 else "the first expiration"
        )
        told = "expires now" if curves.days == 0 else f"{_days(curves.days)} to {last}"
        told += ", each leg at the iv of its price" if curves.are_ivs_implied else ""
        figure.text(RIGHT, 0.95, told, color=theme.dim, fontsize=FONT_SIZE, va="top", ha="right")
    legend = figure.legend(
        loc="upper left",
        bbox_to_anchor=(LEFT - 0.008, 0.828),
        ncols=5,
        frameon=False,
        labelcolor=theme.dim,
        fontsize=11,
        handlelength=2.8,
        columnspacing=1.8,
        borderpad=0.2,
    )
    for handle in legend.legend_handles:
        if handle is not None and handle.get_alpha() is not None:
            handle.set_alpha(0.3)


def _title(curves: PayoffCurves) -> str:
    return curves.name.replace("_", " ").capitalize()


def _legs_text(legs: Sequence[PayoffLeg]) -> str:
    shown = [_leg_text(leg) for leg in legs[:LEGS_SHOWN_MAX]]
    hidden = len(legs) - len(shown)
    return "    ".join([*shown, *([f"and {hidden} more"] if hidden else [])])


def _leg_text(leg: PayoffLeg) -> str:
    if leg.right is None or leg.strike is None:
        return f"{leg.quantity:+d} shares @ {leg.price:,.2f}".replace("-", "−")
    count = f"{leg.quantity:+d}".replace("-", "−")
    return f"{count} {leg.expires_on} {leg.right} {leg.strike:,f} @ {leg.price:,.2f}"


def _strike_text(curves: PayoffCurves, strike: float) -> str:
    rights = sorted({str(leg.right) for leg in curves.legs if leg.strike is not None and float(leg.strike) == strike})
    return f"{'/'.join(rights)} {strike:,.6g}"


def _facts(curves: PayoffCurves) -> str:
    payoff = curves.payoff
    net = payoff.net_price
    parts = [f"net {'credit' if net >= 0 else 'debit'} {abs(net):,.2f}"]
    for word, amount in (("max profit", payoff.max_profit), ("max loss", payoff.max_loss)):
        parts.append(f"{word} {UNLIMITED if amount is None else _dollars(float(amount), exact=True)}")
    breakevens = " and ".join(f"{each:,.2f}" for each in payoff.breakevens) or "none"
    parts.append(f"{'breakevens' if len(payoff.breakevens) > 1 else 'breakeven'} {breakevens}")
    if curves.pop is not None:
        parts.append(f"chance of profit {curves.pop:.1%} (lognormal)")
    return "  ·  ".join(parts)


def _fitting(line: str) -> float:
    return min(FONT_SIZE, FONT_SIZE * LINE_LENGTH / len(line))


def _placed(axes: "Axes", levels: Sequence[tuple[float, str]]) -> list[Placed]:
    """Give each label a row, so that neighbors do not cover each other."""
    low, high = axes.get_xlim()
    gap = (high - low) * LABEL_GAP
    taken = [-np.inf] * LABEL_ROWS
    placed = []
    for level, text in sorted(each for each in levels if low <= each[0] <= high):
        row = next((row for row in range(LABEL_ROWS) if level - taken[row] >= gap), int(np.argmin(taken)))
        taken[row] = level
        placed.append((level, text, row))
    return placed


def _label(
    axes: "Axes",
    place: tuple[float, float],
    text: str,
    color: str,
    theme: Theme,
    *,
    offset: tuple[float, float] = (0, 0),
    transform: object = "data",
    ha: str = "center",
    va: str = "center",
    weight: str = "normal",
) -> None:
    axes.annotate(
        text,
        place,
        xycoords=transform,  # type: ignore[arg-type]  # its stubs do not name the transforms that it documents
        xytext=offset,
        textcoords="offset points",
        color=color,
        fontsize=11,
        zorder=8,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": theme.page, "edgecolor": "none", "alpha": 0.8},
        ha=ha,
        va=va,
        fontweight=weight,
    )


def _dollars(amount: float, *, exact: bool = False) -> str:
    text = f"{abs(amount):,.2f}" if exact or abs(amount) % 1 else f"{abs(amount):,.0f}"
    return f"−{text}" if amount < 0 else text


def _short_dollars(amount: float, biggest: float) -> str:
    unit, letter = next((unit for unit in UNITS if biggest >= unit[0] * unit[2]), UNITS[-1])[:2]
    return f"{_dollars(round(amount / unit, 3))}{letter if amount else ''}"


def _days(days: float) -> str:
    if days < 1.0:
        return f"{days * 24:.0f} hours"
    text = f"{days:.1f}".removesuffix(".0")
    return f"{text} day{'' if text == '1' else 's'}"
