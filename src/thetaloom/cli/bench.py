"""``thetaloom bench``: every speed bar as a figure, measured here and now, with machine and commit beside it."""

import os
import platform as machine
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from thetaloom import __version__
from thetaloom.bootstrap import Platform, engine_loop, open_demo
from thetaloom.cli import (
    bench_brokers,
    bench_charts,
    bench_expiry,
    bench_guard,
    bench_halt,
    bench_imports,
    bench_judgement,
    bench_lineage,
    bench_live,
    bench_margin,
    bench_market,
    bench_paper,
    bench_peers,
    bench_pricing,
    bench_races,
    bench_scans,
    bench_scenarios,
    bench_server,
    bench_signals,
    bench_simulation,
    bench_streams,
    bench_trading,
    bench_turns,
    bench_walk,
    bench_watch,
)
from thetaloom.cli.bench_figures import IDLE_SECONDS, Figure, pause, timed
from thetaloom.cli.output import JsonOption, console, emit
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.run.runs import RunStatus, StepName, TriggerKind, WorkflowRun
from thetaloom.domain.values.ids import StrategyId, make_run_id
from thetaloom.engine.commands import StartRun
from thetaloom.engine.runner import advance

CHAIN_SIZE = 20_000
TRANSITION_RUNS = 500
PROPOSAL_RUNS = 60
WAITING_RUNS = 50_000

app = typer.Typer(help="Measure the speed bars.")


@app.command()
def bench(
    only: Annotated[str, typer.Option(help="Measure only the figures whose name contains this.")] = "",
    peers: Annotated[
        Path, typer.Option(help="Python of the environment with the other libraries.", show_default=".venv-peers")
    ] = bench_peers.DEFAULT_PYTHON,
    all_races: Annotated[bool, typer.Option(help="Play all races for an approval, however long they take.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure every speed bar and print the figures; the exit code is 1 when one misses its bar."""
    bench_peers.PEERS.set(peers)
    bench_races.PLAYS_ALL.set(all_races)
    printer = console(stderr=as_json)
    figures: list[Figure] = []
    for measure in MEASURES:
        if only and only not in measure.__name__:
            continue
        with printer.status(measure.__doc__ or ""):
            figures += measure()
    about = {"machine": _machine(), "version": __version__, "commit": _commit(), "at": _wall().isoformat()}
    if as_json:
        found = [{**asdict(figure), "met": figure.is_met} for figure in figures]
        emit({**about, "figures": found})
    else:
        _print(printer, about, figures)
    if not all(figure.is_met for figure in figures):
        raise typer.Exit(1)


def chain_greeks() -> list[Figure]:
    """IV and all greeks of a 20,000-contract chain on one core."""
    from thetaloom.maths.black_scholes import chain_greeks as greeks
    from thetaloom.maths.implied_volatility import chain_implied_volatility

    spot, strikes, years, is_call, prices = _random_chain()

    def both() -> None:
        iv, _ = chain_implied_volatility(prices, spot, strikes, years, is_call, 0.03, 0.01)
        greeks(spot, strikes, years, is_call, iv, 0.03, 0.01)

    both()
    milliseconds = float(np.median([timed(both) for _ in range(15)]))
    chain = (spot, strikes, years, is_call, prices)
    peer = "; ".join((_quantlib_milliseconds(*chain), bench_scenarios.vollib_chain(*chain)))
    note = f"{CHAIN_SIZE:,} contracts, median of 15"
    return [Figure(name="iv + greeks of a chain", figure=milliseconds, unit="ms", bar=25, note=note, peer=peer)]


def transitions() -> list[Figure]:
    """A transition with its lineage record, durable on SQLite."""
    took = []
    with _platform(MarketSource.RECORDED) as platform:
        for _ in range(TRANSITION_RUNS):
            run = _start(platform, "NOSUCH", "put-credit-spread-30dte")
            for _ in range(2):  # trigger, then resolve_symbol, which ends it
                took.append(timed(partial(advance, platform.desk, run.id)))
    note = f"{len(took)} steps of {TRANSITION_RUNS} runs: gather, decide, write, commit"
    p50, p99 = np.percentile(took, [50, 99])
    return [
        Figure(name="transition p50", figure=float(p50), unit="ms", bar=2, note=note),
        Figure(name="transition p99", figure=float(p99), unit="ms", bar=10, note=note),
    ]


def proposals() -> list[Figure]:
    """From trigger to proposal on the recorded GOOG chain."""
    took = []
    with _platform(MarketSource.RECORDED) as platform:
        clock: Any = platform.clock
        clock.move_to(datetime(2015, 12, 24, 15, 5, tzinfo=UTC))
        _propose(platform)  # the first one loads the day and the kernels
        for _ in range(PROPOSAL_RUNS):
            clock.move_to(clock.now() + timedelta(minutes=1))
            milliseconds, status = _propose(platform)
            if status is RunStatus.PENDING_APPROVAL:
                took.append(milliseconds)
    p50, p95 = np.percentile(took, [50, 95])
    note = f"{len(took)} proposals on 2,192 contracts, each on a chain not seen before"
    return [
        Figure(name="proposal p50", figure=float(p50), unit="ms", bar=150, note=note),
        Figure(name="proposal p95", figure=float(p95), unit="ms", bar=150, note=note),
    ]


def waiting_runs() -> list[Figure]:
    """CPU of an idle engine with no run and with 50,000 waiting runs."""
    with _platform(MarketSource.RECORDED) as platform:
        idle = _idle_cpu_percent(platform)
        _park(platform)
        waiting = _idle_cpu_percent(platform)
    note = f"{waiting:.2f} % of a core with {WAITING_RUNS:,} waiting runs, {idle:.2f} % with none"
    extra = max(0.0, waiting - idle)
    return [Figure(name="50,000 waiting runs, extra CPU", figure=extra, unit="% of a core", bar=0.5, note=note)]


def demo_run() -> list[Figure]:
    """A whole demo, as a command, warm."""
    found = []
    for market in ("recorded", "synthetic"):
        command = [sys.executable, "-m", "thetaloom", "demo", "--json", "--market", market]
        subprocess.run(command, check=True, capture_output=True)
        seconds = timed(partial(subprocess.run, command, check=True, capture_output=True)) / 1000
        found.append(Figure(name=f"demo --market {market}", figure=seconds, unit="s", bar=10, note="second run"))
    return found


MEASURES: tuple[Callable[[], list[Figure]], ...] = (
    chain_greeks,
    bench_market.market_view,
    bench_streams.quote_board,
    bench_guard.mark_guard,
    bench_expiry.assignment_radar,
    bench_pricing.american_chains,
    bench_pricing.probabilities,
    transitions,
    proposals,
    bench_margin.book_margins,
    bench_paper.paper_admissions,
    bench_brokers.broker_stream,
    bench_scenarios.scenario_grids,
    bench_scenarios.payoffs,
    bench_judgement.rankings,
    bench_judgement.many_rankings,
    bench_scans.market_scan,
    bench_scans.due_times,
    bench_imports.imports,
    bench_lineage.lineage_search,
    bench_simulation.simulation,
    bench_walk.walks,
    bench_halt.halts,
    bench_races.approval_races,
    bench_watch.watches,
    bench_turns.live_turns,
    bench_charts.charts,
    bench_signals.webhook_answers,
    bench_signals.webhook_fills,
    bench_signals.signal_burst,
    waiting_runs,
    demo_run,
    bench_server.server,
    bench_live.live_fanout,
    bench_live.tick_to_pixel,
    bench_live.first_paint,
    bench_live.javascript_size,
    bench_live.open_runs_memory,
    bench_trading.approve_to_order,
)


def _random_chain() -> tuple[float, Any, Any, Any, Any]:
    from thetaloom.maths.black_scholes import chain_greeks as greeks

    numbers = np.random.default_rng(1)
    spot = 500.0
    strikes = spot * np.exp(numbers.uniform(-0.35, 0.35, CHAIN_SIZE))
    years = numbers.uniform(1 / 365, 2.0, CHAIN_SIZE)
    iv = numbers.uniform(0.08, 1.2, CHAIN_SIZE)
    is_call = numbers.random(CHAIN_SIZE) < 0.5
    return spot, strikes, years, is_call, greeks(spot, strikes, years, is_call, iv, 0.03, 0.01).price


def _quantlib_milliseconds(spot: float, strikes: Any, years: Any, is_call: Any, prices: Any) -> str:
    try:
        import QuantLib as ql  # noqa: N813  # the name its own documentation uses
    except ImportError:
        return "QuantLib is not installed"
    sample = 2_000
    forwards, discounts = spot * np.exp(0.02 * years), np.exp(-0.03 * years)

    def implied() -> None:
        for i in range(sample):
            kind = ql.Option.Call if is_call[i] else ql.Option.Put
            try:
                ql.blackFormulaImpliedStdDev(
                    kind, float(strikes[i]), float(forwards[i]), float(prices[i]), float(discounts[i])
                )
            except RuntimeError:  # it gives up on some deep strikes
                continue

    return f"QuantLib, IV alone: {timed(implied) * CHAIN_SIZE / sample:.0f} ms"


@contextmanager
def _platform(market: MarketSource) -> Iterator[Platform]:
    with (
        TemporaryDirectory(prefix="thetaloom-bench-") as home,
        open_demo(load_settings(home=home, market=market), start=_ten_o_clock(market)) as platform,
    ):
        yield platform


def _ten_o_clock(market: MarketSource) -> datetime | None:
    return datetime(2015, 12, 24, 15, tzinfo=UTC) if market is MarketSource.RECORDED else None


def _start(platform: Platform, symbol: str, strategy: str) -> WorkflowRun:
    command = StartRun(user_id=platform.user_id, symbol=symbol, strategy_id=StrategyId(strategy), forced=True)
    run = platform.engine.handle(command)
    if not isinstance(run, WorkflowRun):
        raise TypeError("a started run was expected")
    return run


def _propose(platform: Platform) -> tuple[float, RunStatus]:
    run = _start(platform, "GOOG", "goog-demo-put-credit-spread")
    milliseconds = timed(platform.engine.settle)
    with platform.store.reading() as uow:
        moved = uow.runs.get(run.id)
    return milliseconds, moved.status if moved is not None else RunStatus.ERROR


def _park(platform: Platform) -> None:
    now = platform.clock.now()
    with platform.store.unit_of_work() as uow:
        for number in range(WAITING_RUNS):
            uow.runs.add(
                WorkflowRun(
                    id=make_run_id("bench", number),
                    user_id=platform.user_id,
                    account_id=platform.broker.account_id,
                    strategy_id=StrategyId("put-credit-spread-30dte"),
                    strategy_revision=1,
                    symbol="GOOG",
                    trigger=TriggerKind.MANUAL,
                    status=RunStatus.PENDING_APPROVAL,
                    next_step=StepName.REQUEST_APPROVAL,
                    due_at=now + timedelta(days=10, seconds=number),
                    created_at=now,
                    updated_at=now,
                )
            )
        uow.commit()


def _idle_cpu_percent(platform: Platform) -> float:
    loop = engine_loop(platform)
    loop.start()
    pause(1.0)
    before = time.process_time()
    pause(IDLE_SECONDS)
    used = time.process_time() - before
    loop.stop()
    return used / IDLE_SECONDS * 100


def _wall() -> datetime:
    from thetaloom.marketdata.clocks import SystemClock

    return SystemClock().now()


def _machine() -> str:
    names = [line for line in _cpu_lines() if line.startswith("model name")]
    model = names[0].split(":")[1].strip() if names else machine.processor()
    return f"{os.cpu_count()} × {model}, {machine.system()}, Python {machine.python_version()}"


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _commit() -> str:
    folder = Path(__file__).parent
    asked = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"


def _print(console: Console, about: dict[str, str], figures: list[Figure]) -> None:
    console.print(f"[bold]{about['machine']}[/]  thetaloom {about['version']} at commit {about['commit']}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("bar", justify="right")
    table.add_column("")
    table.add_column("how", style="dim", overflow="fold")
    for each in figures:
        verdict = "" if each.bar is None else "[green]met[/]" if each.is_met else "[red]missed[/]"
        bar = "" if each.bar is None else f"≤ {each.bar:g}"
        how = "; ".join(part for part in (each.note, each.peer) if part)
        table.add_row(each.name, f"{each.figure:,.2f} {each.unit}", bar, verdict, how)
    console.print(table)
