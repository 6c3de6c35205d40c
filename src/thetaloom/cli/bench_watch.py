"""How fast open positions are watched: from quotes to the due run and its order, at start, and beside other work."""

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.cli.bench_scenarios import condor

if TYPE_CHECKING:
    from thetaloom.testing.watch_bench import WatchBench

CURVE = (100, 1_000, 10_000)
LOOKS = 100
LOOKS_OF_MANY = 12  # to quote ten thousand condors anew takes far longer than to look at them
EXITS = 20
MOVE = 0.0002  # of a spot between two looks
GOAL = 1_000  # open positions, of which the bars speak


def watches(curve: tuple[int, ...] = CURVE) -> list[Figure]:
    """From quotes to the exit decision, by open positions; start and reload; an exit beside a scan and a chart."""
    return [figure for positions in curve for figure in _watched(positions)]


def _watched(positions: int) -> list[Figure]:
    from thetaloom.testing.simulation.runner import silence
    from thetaloom.testing.watch_bench import WatchBench

    with TemporaryDirectory(prefix="thetaloom-bench-") as home, silence():
        world = WatchBench(Path(home), positions)
        start = timed(lambda: (world.engine.start(), world.engine.turn())) / 1000
        world.engine.settle()
        looks = LOOKS if positions <= GOAL else LOOKS_OF_MANY
        whole = [_look(world, 1.0) for _ in range(looks)]
        part = [_look(world, 0.01) for _ in range(looks)]
        found = [_quotes(positions, len(world.market.watched), whole, part)]
        if positions == GOAL:
            bar_note = f"{positions:,} open iron condors; engine.start with reconciliation, and the first turn"
            found.append(Figure(name="restart to full watch", figure=start, unit="s", bar=2, note=bar_note))
            reload = timed(world.engine.reload)
            found.append(
                Figure(name="positions reread", figure=reload, unit="ms", bar=50, note="once a minute, unchanged")
            )
            found += _exits(world)
        world.close()
    return found


def _quotes(positions: int, contracts: int, whole: list[float], part: list[float]) -> Figure:
    p50, p99 = np.percentile(whole, [50, 99])
    few50, few99 = np.percentile(part, [50, 99])
    note = f"{len(whole)} × {contracts:,} quotes, p50 {p50:.2f} ms; 1 % changed: p50 {few50:.2f} ms, p99 {few99:.2f} ms"
    bar = 10.0 * max(1, positions // GOAL)
    return Figure(name=f"quote to exit decision, {positions:,} p99", figure=float(p99), unit="ms", bar=bar, note=note)


def _look(world: "WatchBench", share: float) -> float:
    batch = world.moved(share, MOVE)
    took = timed(lambda: world.engine.see(batch))
    world.engine.turn()
    return took


def _exits(world: "WatchBench") -> list[Figure]:
    alone = [exit_after(world, number) for number in range(EXITS)]
    with Beside(_scan, _chart):
        beside = [exit_after(world, EXITS + number) for number in range(EXITS)]
    worst, crowded = max(alone), max(beside)
    note = f"one of {GOAL:,} positions breaks its stop; worst of {EXITS} exits, p50 {np.median(alone):.1f} ms"
    busy = f"the same beside a scan and a chart in two threads, p50 {np.median(beside):.1f} ms"
    return [
        Figure(name="quote to exit order", figure=worst, unit="ms", bar=100, note=note),
        Figure(name="quote to exit order, busy", figure=crowded, unit="ms", bar=250, note=busy),
    ]


def exit_after(world: "WatchBench", number: int) -> float:
    """Return the milliseconds from the quote that breaks a position's stop to its closing order."""
    batch = world.stop_out(number)

    def react() -> None:
        world.engine.see(batch)
        world.engine.settle()

    took = timed(react)
    if not world.has_closing_order(number):
        raise RuntimeError("the position that broke its stop has no closing order")
    return took


class Beside:
    """Other work in threads of its own, for as long as the block lasts."""

    def __init__(self, *works: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(work,), daemon=True) for work in works]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            work()


def _scan() -> None:
    from thetaloom.maths.black_scholes import chain_greeks

    numbers = np.random.default_rng(1)
    strikes = numbers.uniform(50, 150, 20_000)
    chain_greeks(100.0, strikes, 0.1, strikes > 100, 0.2, 0.03, 0.01)


def _chart() -> None:
    from thetaloom.charts.payoff import draw_payoff
    from thetaloom.domain.strategy.payoff_curve import curves_of_case

    draw_payoff(curves_of_case(condor(470.0)))
