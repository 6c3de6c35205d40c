"""How fast charts are drawn, on a fresh process and a warm one, and that exits never wait for them."""

import threading
from datetime import date, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from thetaloom.charts.drawing_process import DrawingProcess
from thetaloom.charts.painter import AsidePainter
from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.cli.bench_watch import EXITS, GOAL, Beside, exit_after
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chart_series import ChartSeries, ChartTheme, Timeframe, daily_candles, weekly_candles
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.engine.charting import HISTORY_DAYS, both_series

FRESH = 3  # processes
CHARTS = 8  # of each timeframe and theme
BAR = 500.0  # milliseconds
WAIT_SECONDS_MAX = 60.0  # for the first chart beside the exits


def charts() -> list[Figure]:
    """A daily and a weekly chart in both themes, cold and warm; a quote to the exit order while charts are drawn."""
    starts, firsts = zip(*(_fresh(number) for number in range(FRESH)), strict=True)
    note = f"worst of {FRESH} fresh processes; to start one takes {np.median(starts):.0f} ms, ahead of the first chart"
    found = [Figure(name="chart, first of a process", figure=max(firsts), unit="ms", bar=BAR, note=note)]
    painter = AsidePainter()
    try:
        painter.draw(_series(Timeframe.DAILY, 0), ChartTheme.LIGHT)  # starts the process
        found += [_warm(painter, timeframe, theme) for timeframe in Timeframe for theme in ChartTheme]
        found.append(_exits(painter))
    finally:
        painter.close()
    return found


def _fresh(number: int) -> tuple[float, float]:
    process, numbers = DrawingProcess(), canonical_json(_series(Timeframe.DAILY, number))
    try:
        return timed(process.start), timed(partial(process.draw, numbers, dark=True))
    finally:
        process.stop()


def _warm(painter: AsidePainter, timeframe: Timeframe, theme: ChartTheme) -> Figure:
    wanted = [_series(timeframe, number) for number in range(1, CHARTS + 1)]
    took = [timed(partial(painter.draw, series, theme)) for series in wanted]
    name = f"chart, {'daily' if timeframe is Timeframe.DAILY else 'weekly'} and {theme}"
    note = f"worst of {CHARTS}, p50 {np.median(took):.0f} ms; 1920 x 1080, seven panels"
    return Figure(name=name, figure=max(took), unit="ms", bar=BAR, note=note)


def _exits(painter: AsidePainter) -> Figure:
    from thetaloom.testing.simulation.runner import silence
    from thetaloom.testing.watch_bench import WatchBench

    numbers, drawn, is_drawing = count(CHARTS + 1), [0], threading.Event()
    wanted = [_series(Timeframe.DAILY, next(numbers)) for _ in range(64)]  # more than are kept drawn

    def draw() -> None:
        painter.draw(wanted[drawn[0] % len(wanted)], ChartTheme.DARK)
        drawn[0] += 1
        is_drawing.set()

    with TemporaryDirectory(prefix="thetaloom-bench-") as home, silence():
        world = WatchBench(Path(home), GOAL)
        world.engine.start()
        world.engine.turn()
        world.engine.settle()
        alone = [exit_after(world, number) for number in range(EXITS)]
        with Beside(draw):
            is_drawing.wait(WAIT_SECONDS_MAX)
            beside = [exit_after(world, EXITS + number) for number in range(EXITS)]
        world.close()
    note = (
        f"worst of {EXITS} exits of {GOAL:,} positions, p50 {np.median(beside):.1f} ms, beside {drawn[0]} charts; "
        f"without charts worst {max(alone):.1f} ms, p50 {np.median(alone):.1f} ms"
    )
    return Figure(name="quote to exit order, charts drawn", figure=max(beside), unit="ms", bar=250, note=note)


def _series(timeframe: Timeframe, seed: int) -> ChartSeries:
    steps = np.random.default_rng(seed).normal(0.0003, 0.012, HISTORY_DAYS)
    closes = 100.0 * np.exp(np.cumsum(steps))
    days = [date(2020, 1, 1) + timedelta(days=at) for at in range(HISTORY_DAYS)]
    bars = [
        Bar(
            session_on=on,
            open=close * 0.997,
            high=close * 1.01,
            low=close * 0.99,
            close=close,
            volume=1e6 * (1 + at % 9),
        )
        for at, (on, close) in enumerate(zip(days, closes.tolist(), strict=True))
        if on.weekday() < 5
    ]
    daily = daily_candles(bars)
    both = both_series("BENCH", daily, weekly_candles(daily), "drawn", True)
    found = next((series for series in both if series is not None and series.timeframe is timeframe), None)
    if found is None:
        raise RuntimeError("the candles of the bench make no chart")
    return found
