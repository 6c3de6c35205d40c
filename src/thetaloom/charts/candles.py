"""The chart of candles: seven panels over one time axis, drawn from nothing but the numbers of its series."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from thetaloom.charts.chart_words import Line, change_text, compact, day_text, month_ticks, price, summary
from thetaloom.charts.panel import (
    BODY,
    SLOTS_MIN,
    Panel,
    color_of,
    draw_columns,
    draw_grid,
    draw_seams,
    floats,
    frame_panel,
    set_levels,
    set_limits,
)
from thetaloom.charts.seams import seams_of
from thetaloom.charts.theme import DARK, LIGHT, Theme, drawing, saved
from thetaloom.domain.market.chain import to_date
from thetaloom.domain.market.chart_series import ChartSeries, Timeframe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1920, 1080
PANELS: Final = (0.35, 0.15, 0.10, 0.15, 0.15, 0.10, 0.10)  # shares of the height, from the top
LEFT, RIGHT, TOP, BOTTOM = 0.128, 0.951, 0.922, 0.034  # of the figure, around the axes
GAP = 0.011  # of the height, between two panels
COLUMN = 0.0105  # of the width, where the words of a panel begin
LINE_HEIGHT = 0.0151  # of the height, of a line of those words
TITLES: Final = {Timeframe.DAILY: "daily", Timeframe.WEEKLY: "weekly"}
MILLION = 1e6
RSI_LOW, RSI_MIDDLE, RSI_HIGH = 30.0, 50.0, 70.0
HEADROOM = 0.09  # of the height of the price panel, above and below the candles, where max and min are written


def draw_candles(series: ChartSeries, *, dark: bool = True) -> bytes:
    """Return the chart as the bytes of a PNG of 1920 x 1080; the same numbers give the same bytes.

    The digest of the numbers stands within, under the word Numbers.
    """
    with composed(series, dark=dark) as figure:
        return saved(figure, "png", {"Numbers": series.digest})


@contextmanager
def composed(series: ChartSeries, *, dark: bool) -> "Iterator[Figure]":
    """Give the figure of the chart with everything in its place; save it, or read it back, within."""
    theme = DARK if dark else LIGHT
    with drawing(WIDTH, HEIGHT, theme) as figure:
        drawers = (_price, _supertrend, _volume, _macd, _rsi, _obv, _atr)
        quarters = series.timeframe is Timeframe.WEEKLY
        ticks = month_ticks(series.candles.days, quarters=quarters, room=SLOTS_MIN)
        seams = seams_of(series)
        for at, (draw, (bottom, height)) in enumerate(zip(drawers, _places(), strict=True)):
            axes = figure.add_axes((LEFT, bottom, RIGHT - LEFT, height), facecolor=theme.page)
            frame_panel(axes, len(series.candles), theme)
            panel = Panel(axes=axes, theme=theme, height=height)
            words = draw(panel, series)
            draw_grid(panel, ticks, is_last=at == len(PANELS) - 1)
            draw_seams(panel, seams, is_first=at == 0)
            _column(figure, words, bottom + height, theme)
        _heading(figure, series, theme)
        yield figure


def _places() -> list[tuple[float, float]]:
    room = TOP - BOTTOM - GAP * (len(PANELS) - 1)
    places, top = [], TOP
    for share in PANELS:
        height = room * share / sum(PANELS)
        places.append((top - height, height))
        top -= height + GAP
    return places


def _price(panel: Panel, series: ChartSeries) -> list[Line]:
    theme, candles = panel.theme, series.candles
    lower, upper = floats(series.band_lower), floats(series.band_upper)
    spread = np.arange(len(candles))
    panel.axes.fill_between(spread, lower, upper, color=theme.dim, alpha=0.10, linewidth=0, zorder=1)
    for band in (series.band_lower, series.band_upper):
        panel.axes.plot(spread, floats(band), color=theme.dim, linewidth=0.8, alpha=0.7, zorder=2)
    averages = ((series.sma_20, theme.caution), (series.sma_50, theme.quiet), (series.sma_200, theme.other))
    for average, color in averages:
        panel.line(average, color, 1.5)
    _candles(panel, series)
    set_limits(panel, np.concatenate([lower, upper, floats(candles.lows), floats(candles.highs)]), HEADROOM, floor=0.0)
    _extremes(panel, series)
    close = candles.closes[-1]
    panel.tag(close, price(close), color_of(theme, close >= candles.opens[-1]))
    named = zip((20, 50, 200), averages, strict=True)
    return [
        Line("Price", theme.text, bold=True),
        Line(f"close {price(close)}", theme.text),
        *(Line(f"SMA {period} {price(line[-1])}", color) for period, (line, color) in named),
        Line(f"Bollinger 20/2 {price(series.band_lower[-1])}", theme.dim),
        Line(f"to {price(series.band_upper[-1])}", theme.dim),
        Line("of the closes", theme.dim),
        *summary(candles.closes, price, theme.dim, apart=True),
    ]


def _candles(panel: Panel, series: ChartSeries) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    theme, candles = panel.theme, series.candles
    for is_up in (True, False):
        color = color_of(theme, is_up)
        shown = [at for at in range(len(candles)) if (candles.closes[at] >= candles.opens[at]) is is_up]
        wicks, bodies = [], []
        for at in shown:
            bottom, top = sorted((candles.opens[at], candles.closes[at]))
            wicks += [[(at, candles.lows[at]), (at, bottom)], [(at, top), (at, candles.highs[at])]]
            left, right = at - BODY / 2, at + BODY / 2
            bodies.append([(left, bottom), (left, top), (right, top), (right, bottom)])
        panel.axes.add_collection(LineCollection(wicks, colors=color, linewidths=1.0, zorder=4), autolim=False)
        # A rise is hollow, a fall is filled: the color is not the only sign.
        face = theme.page if is_up else color
        panel.axes.add_collection(
            PolyCollection(bodies, facecolors=face, edgecolors=color, linewidths=1.0, zorder=5), autolim=False
        )


def _extremes(panel: Panel, series: ChartSeries) -> None:
    candles = series.candles
    for at, level, text, side in (
        (int(np.argmax(candles.highs)), max(candles.highs), "max", "bottom"),
        (int(np.argmin(candles.lows)), min(candles.lows), "min", "top"),
    ):
        first, last = panel.axes.get_xlim()
        share = (at - first) / (last - first)
        panel.axes.annotate(
            f"{text} {price(level)}  {day_text(to_date(candles.days[at]))}",
            (at, level),
            xytext=(0, 4 if side == "bottom" else -4),
            textcoords="offset points",
            color=panel.theme.text,
            fontsize=9,
            ha="left" if share < 0.1 else ("right" if share > 0.9 else "center"),
            va=side,
            zorder=8,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": panel.theme.page, "edgecolor": "none", "alpha": 0.75},
        )


def _supertrend(panel: Panel, series: ChartSeries) -> list[Line]:
    theme, candles = panel.theme, series.candles
    spread, closes = np.arange(len(candles)), floats(candles.closes)
    line, direction = floats(series.supertrend), floats(series.supertrend_direction)
    panel.axes.plot(spread, closes, color=theme.text, linewidth=1.1, zorder=3)
    for sign, color in ((1.0, theme.profit), (-1.0, theme.loss)):
        side = np.where(direction == sign, line, np.nan)
        panel.axes.plot(spread, side, color=color, linewidth=2.0, zorder=4)
        panel.axes.fill_between(spread, side, closes, color=color, alpha=0.13, linewidth=0, zorder=2)
    set_limits(panel, np.concatenate([closes, line]), 0.06, floor=0.0)
    newest, pointing = series.supertrend[-1], series.supertrend_direction[-1]
    word = "not known yet" if pointing is None else ("up" if pointing > 0 else "down")
    color = theme.dim if pointing is None else color_of(theme, pointing > 0)
    panel.tag(newest, price(newest), color)
    return [
        Line("SuperTrend 10/3", theme.text, bold=True),
        Line(f"{word}  {price(newest)}" if newest is not None else word, color),
        Line(f"close {price(candles.closes[-1])}", theme.text),
        *summary(series.supertrend, price, theme.dim, apart=True),
    ]


def _volume(panel: Panel, series: ChartSeries) -> list[Line]:
    theme, candles = panel.theme, series.candles
    title = Line("Volume, millions", theme.text, bold=True)
    if not candles.volumes:
        return [title, Line("the source tells none", theme.dim)]
    traded = floats(candles.volumes) / MILLION
    rises = floats(candles.closes) >= floats(candles.opens)
    draw_columns(panel, traded, rises, 0.75)
    most = float(traded.max()) or 1.0  # nothing was traded for as long as is shown
    panel.axes.set_ylim(0.0, most * 1.08)
    set_levels(panel, 0.0, most)
    panel.tag(float(traded[-1]), compact(float(traded[-1])), color_of(theme, bool(rises[-1])))
    return [
        title,
        Line(compact(float(traded[-1])), color_of(theme, bool(rises[-1]))),
        *summary(traded.tolist(), compact, theme.dim),
    ]


def _macd(panel: Panel, series: ChartSeries) -> list[Line]:
    theme = panel.theme
    title = Line("MACD 12/26/9", theme.text, bold=True)
    histogram, line = floats(series.macd_histogram), floats(series.macd)
    if np.isnan(histogram).all():
        return [title, Line("too few candles", panel.theme.dim)]
    draw_columns(panel, histogram, histogram >= 0, 0.5)
    panel.axes.axhline(0.0, color=theme.dim, linewidth=0.8, zorder=2)
    panel.line(series.macd, theme.quiet)
    panel.line(series.macd_signal, theme.caution)
    set_limits(panel, np.concatenate([histogram, line, floats(series.macd_signal)]), 0.08)
    newest, signal, bar = series.macd[-1], series.macd_signal[-1], series.macd_histogram[-1]
    panel.tag(newest, compact(newest), theme.quiet)
    return [
        title,
        Line(f"line {compact(newest)}", theme.quiet),
        Line(f"signal {compact(signal)}", theme.caution),
        Line(f"histogram {compact(bar)}", color_of(theme, (bar or 0.0) >= 0)),
        *summary(series.macd, compact, theme.dim),
    ]


def _rsi(panel: Panel, series: ChartSeries) -> list[Line]:
    theme = panel.theme
    panel.axes.axhspan(RSI_LOW, RSI_HIGH, color=theme.quiet, alpha=0.08, linewidth=0, zorder=1)
    for level in (RSI_LOW, RSI_HIGH):
        panel.axes.axhline(level, color=theme.dim, linewidth=0.8, linestyle=(0, (4, 3)), zorder=2)
    panel.line(series.rsi, theme.quiet)
    shown, spread = floats(series.rsi), np.arange(len(series.rsi))
    for bound, outside, color in (
        (RSI_HIGH, np.fmax(shown, RSI_HIGH), theme.loss),
        (RSI_LOW, np.fmin(shown, RSI_LOW), theme.profit),
    ):
        panel.axes.fill_between(spread, bound, outside, color=color, alpha=0.35, linewidth=0, zorder=2)
    panel.axes.set_ylim(0.0, 100.0)
    panel.levels.extend([RSI_LOW, RSI_MIDDLE, RSI_HIGH])
    newest = series.rsi[-1]
    panel.tag(newest, compact(newest), theme.quiet)
    return [
        Line("RSI 14", theme.text, bold=True),
        Line("too few candles", theme.dim) if newest is None else Line(compact(newest), theme.quiet),
        *summary(series.rsi, compact, theme.dim),
    ]


def _obv(panel: Panel, series: ChartSeries) -> list[Line]:
    theme = panel.theme
    title = Line("OBV, millions", theme.text, bold=True)
    if series.obv[-1] is None:
        return [title, Line("no volume", theme.dim)]
    balance = [None if number is None else number / MILLION for number in series.obv]
    return [title, *_single(panel, balance, theme.accent)]


def _atr(panel: Panel, series: ChartSeries) -> list[Line]:
    title = Line("ATR 14, dollars", panel.theme.text, bold=True)
    if series.atr[-1] is None:
        return [title, Line("too few candles", panel.theme.dim)]
    return [title, *_single(panel, series.atr, panel.theme.caution)]


def _single(panel: Panel, numbers: Sequence[float | None], color: str) -> list[Line]:
    panel.line(tuple(numbers), color)
    set_limits(panel, floats(numbers), 0.1)
    low = panel.axes.get_ylim()[0]
    shown = floats(numbers)
    panel.axes.fill_between(np.arange(len(shown)), low, shown, color=color, alpha=0.10, linewidth=0, zorder=1)
    panel.tag(numbers[-1], compact(numbers[-1]), color)
    return [Line(compact(numbers[-1]), color), *summary(numbers, compact, panel.theme.dim)]


def _column(figure: "Figure", words: Sequence[Line], top: float, theme: Theme) -> None:
    for at, word in enumerate(words):
        figure.text(
            COLUMN,
            top - LINE_HEIGHT * at,
            word.text,
            color=word.color,
            fontsize=10.5 if word.bold else 9.5,
            fontweight="bold" if word.bold else "normal",
            va="top",
        )


def _heading(figure: "Figure", series: ChartSeries, theme: Theme) -> None:
    candles = series.candles
    figure.text(COLUMN, 0.975, series.symbol, color=theme.text, fontsize=21, fontweight="bold", va="center")
    first, last = to_date(candles.days[0]), to_date(candles.days[-1])
    figure.text(
        LEFT,
        0.975,
        f"{TITLES[series.timeframe]}   {price(candles.closes[-1])}",
        color=theme.text,
        fontsize=16,
        va="center",
    )
    change = candles.closes[-1] - candles.closes[-2]
    told = change_text(change, candles.closes[-2], TITLES[series.timeframe])
    figure.text(LEFT + 0.135, 0.9745, told, color=color_of(theme, change >= 0), fontsize=13, va="center")
    spread = f"{day_text(first)} to {day_text(last)}  ·  {len(candles)} candles"
    source = f"  ·  {series.source}" if series.source else ""
    figure.text(RIGHT, 0.975, spread + source, color=theme.dim, fontsize=11, ha="right", va="center")
    if series.synthetic:
        figure.text(
            RIGHT, 0.946, "SYNTHETIC, not a real market", color=theme.caution, fontsize=11, ha="right", va="center"
        )
    figure.text(
        LEFT,
        0.946,
        "hollow candles rise, filled ones fall   ·   lines are named in their colors at the left",
        color=theme.dim,
        fontsize=10,
        va="center",
    )
