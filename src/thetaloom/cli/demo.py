"""``thetaloom demo``: a whole life from trigger to completed, on a virtual clock, ending with its own evidence."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from thetaloom import __version__
from thetaloom.bootstrap import Platform, open_demo
from thetaloom.cli.demo_records import fill_json, order_json, run_json
from thetaloom.cli.demo_scenes import SceneName, Story, StoryScene, scene_of
from thetaloom.cli.output import JsonOption, console, emit
from thetaloom.config import DEFAULT_HOME, MarketSource, load_settings
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import FINAL, RunStatus, WorkflowRun
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.engine.commands import ApproveProposal, SaveStrategy, StartRun
from thetaloom.engine.engine import DECIDERS
from thetaloom.engine.lineage import replay_run, verify_run
from thetaloom.engine.play import play
from thetaloom.ports.clock import MovableClock
from thetaloom.store.queries.chains import chain_of
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import run_detail
from thetaloom.store.queries.story import strike_text, tell_step, tell_why

NEW_YORK = ZoneInfo("America/New_York")
RECORDED_START = "10:05"  # exchange time; the first half hour's quotes are too wide to trade
COARSE_MINUTES, FAST_MINUTES = 5, 30
STYLES = {"done": "green", "skipped": "dim", "denied": "yellow", "failed": "red"}

app = typer.Typer(help="Live through whole trades on a virtual clock.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the demo plays: which strategies on which symbol, and for how long."""

    market: MarketSource
    symbol: str
    strategies: tuple[str, ...]
    days: int
    title: str


SCENES = {
    MarketSource.RECORDED: Scene(
        market=MarketSource.RECORDED,
        symbol="GOOG",
        strategies=("put-credit-spread-30dte", "goog-demo-put-credit-spread"),
        days=1,
        title="GOOG on 24 December 2015: a real half-day, minute quotes of the whole chain",
    ),
    MarketSource.SYNTHETIC: Scene(
        market=MarketSource.SYNTHETIC,
        symbol="SPY",
        strategies=("iron-condor-45dte",),
        days=45,
        title="SPY in a synthetic world: made by a seed, not a market",
    ),
}


@dataclass(slots=True)
class _Teller:
    """Prints what is new after each turn; silent when the caller wants JSON."""

    platform: Platform
    console: Console | None
    told: dict[RunId, int] = field(default_factory=dict)

    def follow(self, runs: Iterable[WorkflowRun]) -> None:
        for run in runs:
            self.told[run.id] = 0

    def tell_news(self) -> None:
        if self.console is None:
            return
        for run_id in self.told:
            self._tell_run(self.console, run_id)

    def _tell_run(self, console: Console, run_id: RunId) -> None:
        platform = self.platform
        detail = run_detail(platform.database, platform.user_id, run_id)
        for record in detail.timeline[self.told[run_id] :]:
            step = step_record(platform.database, platform.user_id, run_id, seq=record.seq)
            at = record.started_at.astimezone(NEW_YORK)
            style = STYLES[record.status.value]
            _print_row(console, f"{at:%Y-%m-%d %H:%M}", record.step.value, style, tell_step(step))
            said = step.output.content if step.output is not None else None
            for line in tell_why(record, said) if isinstance(said, dict) else ():
                _print_row(console, "", "", "dim", f"· {line}", text_style="dim")
        self.told[run_id] = len(detail.timeline)


def _print_row(console: Console, stamp: str, step: str, style: str, text: str, text_style: str = "") -> None:
    # One grid a line, so that long sentences wrap under their own column.
    row = Table.grid(padding=(0, 1))
    row.add_column(width=16, style="dim", no_wrap=True)
    row.add_column(width=18, style=style, no_wrap=True)
    row.add_column(overflow="fold", style=text_style)
    row.add_row(stamp, step, Text(text))
    console.print(row)


@app.command()
def demo(
    market: Annotated[MarketSource, typer.Option(help="A real recorded day, or a made world.")] = MarketSource.RECORDED,
    days: Annotated[int | None, typer.Option(min=1, max=400, help="Calendar days to play at most.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of ids, of the paper broker and of a made world; 1 if not given.")
    ] = None,
    story: Annotated[
        SceneName | None,
        typer.Option("--scene", help="Play this in a made world: what else can start a run or happen to a position."),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Look at a made world every 30 minutes, not every 5.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep database and evidence in this folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Live through whole trades, trigger to completed, then verify and replay the evidence."""
    began = time.perf_counter()
    told = None if story is None else scene_of(story)
    scene = SCENES[market] if told is None else _staged(told)
    market, seed = scene.market, (1 if told is None else told.seed) if seed is None else seed
    printer = None if as_json else console()
    with _home(keep) as home:
        settings = load_settings(home=home, market=market, seed=seed)
        start = _recorded_start() if market is MarketSource.RECORDED else None
        minutes = 1 if market is MarketSource.RECORDED else FAST_MINUTES if fast else COARSE_MINUTES
        if told is not None:
            minutes = told.minutes
        with open_demo(settings, start=start, minutes_per_change=minutes) as platform:
            if printer is not None:
                _headline(printer, scene, platform)
            if told is None:
                runs = [_live(platform, scene, strategy, days or scene.days, printer) for strategy in scene.strategies]
            else:
                runs = _live_story(platform, told, days or scene.days, printer)
            found = _collect(platform, scene, runs)
            found["scene"] = None if story is None else story.value
            found["elapsed_s"] = round(time.perf_counter() - began, 3)
            if printer is None:
                emit(found)
            else:
                _summary(printer, platform, runs, found, keep)
    if not (found["lineage"]["verified"] and found["lineage"]["identical"]):
        raise typer.Exit(1)


@contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    # The compiled kernels outlive the demo's own folder.
    kernels = Path(os.environ.get("THETALOOM_HOME", str(DEFAULT_HOME))).expanduser() / f"kernels-{__version__}"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kernels))
    if keep is not None:
        yield keep
        return
    with TemporaryDirectory(prefix="thetaloom-demo-") as folder:
        yield Path(folder)


def _recorded_start() -> datetime:
    return datetime.fromisoformat(f"2015-12-24T{RECORDED_START}").replace(tzinfo=NEW_YORK)


def _live(platform: Platform, scene: Scene, strategy: str, days: int, console: Console | None) -> RunId:
    command = StartRun(user_id=platform.user_id, symbol=scene.symbol, strategy_id=StrategyId(strategy))
    platform.engine.start()
    run = platform.engine.handle(command)
    if not isinstance(run, WorkflowRun):
        raise TypeError("a started run was expected")
    teller = _Teller(platform, console, {run.id: 0})
    if console is not None:
        console.print(f"\n[bold]{strategy}[/] on {scene.symbol}  [dim]{run.id}[/]")
    clock: Any = platform.clock
    _play(platform, clock, run.id, platform.clock.now() + timedelta(days=days), teller)
    return run.id


def _staged(told: StoryScene) -> Scene:
    return Scene(
        market=MarketSource.SYNTHETIC,
        symbol="SPY",
        strategies=(told.strategy.id,),
        days=told.days,
        title=f"SPY in a synthetic world: {told.title}",
    )


def _live_story(platform: Platform, told: StoryScene, days: int, console: Console | None) -> list[RunId]:
    engine = platform.engine
    clock: Any = platform.clock
    platform.engine.handle(SaveStrategy(user_id=platform.user_id, strategy=told.strategy))
    engine.start()
    first = engine.handle(StartRun(user_id=platform.user_id, symbol="SPY", strategy_id=told.strategy.id))
    if not isinstance(first, WorkflowRun):
        raise TypeError("a started run was expected")
    story = Story(platform, [first.id])
    teller = _Teller(platform, console, {first.id: 0})
    if console is not None:
        console.print(f"\n[bold]{told.strategy.id}[/] on SPY  [dim]{first.id}[/]")

    def each_turn() -> None:
        teller.tell_news()
        for run_id in story.runs:
            if _approve_pending(platform, run_id):
                engine.settle()
        deed = told.act(story)
        if deed is not None:
            words, command = deed
            if console is not None:
                at = clock.now().astimezone(NEW_YORK)
                _print_row(console, f"{at:%Y-%m-%d %H:%M}", "you", "bold", f"thetaloom {words}")
            engine.handle(command)
            engine.settle()
        teller.follow(story.notice_runs())
        teller.tell_news()

    def is_over() -> bool:
        return len(story.runs) >= told.runs and story.is_over()

    stop_at = clock.now() + timedelta(days=days)
    play(engine, clock, platform.replayed, until=is_over, stop_at=stop_at, each_turn=each_turn)
    return story.runs


def _play(platform: Platform, clock: MovableClock, run_id: RunId, stop_at: datetime, teller: _Teller) -> None:
    engine = platform.engine

    def is_over() -> bool:
        with platform.store.reading() as uow:
            run = uow.runs.get(run_id)
        return run is None or run.status in FINAL or run.status is RunStatus.ERROR

    def each_turn() -> None:
        teller.tell_news()
        if _approve_pending(platform, run_id):
            engine.settle()
            teller.tell_news()

    play(engine, clock, platform.replayed, until=is_over, stop_at=stop_at, each_turn=each_turn)


def _approve_pending(platform: Platform, run_id: RunId) -> bool:
    # The demo plays the person: it approves what it is shown, bound to what it was shown.
    with platform.store.reading() as uow:
        waiting = [each for each in uow.proposals.of_run(run_id) if each.status is ProposalStatus.PENDING]
    for proposal in waiting:
        platform.engine.handle(
            ApproveProposal(
                user_id=platform.user_id, proposal_id=proposal.id, content_hash=proposal.content_hash, note="demo"
            )
        )
    return bool(waiting)


def _collect(platform: Platform, scene: Scene, run_ids: list[RunId]) -> dict[str, Any]:
    details = [run_detail(platform.database, platform.user_id, run_id) for run_id in run_ids]
    faults, replays = 0, []
    with platform.store.reading() as uow:
        for detail in details:
            faults += len(verify_run(uow, detail.run))
            replays.append(replay_run(uow, detail.run.id, DECIDERS, platform.desk.codec))
    return {
        "market": scene.market.value,
        "synthetic": platform.market.synthetic,
        "runs": [run_json(detail) for detail in details],
        "orders": [order_json(detail, order) for detail in details for order in detail.orders],
        "fills": [fill_json(detail, fill) for detail in details for fill in detail.fills],
        "lineage": {
            "records": sum(len(detail.timeline) for detail in details),
            "verified": faults == 0,
            "replayed": sum(replay.replayed for replay in replays),
            "identical": all(replay.identical for replay in replays),
        },
    }


def _headline(console: Console, scene: Scene, platform: Platform) -> None:
    mark = " [black on yellow] SYNTHETIC [/]" if platform.market.synthetic else ""
    console.print(f"[bold]Thetaloom {__version__} demo[/]{mark}  {scene.title}")
    console.print("[dim]Times are New York's. The demo approves what it is shown, as you would.[/]")


def _summary(console: Console, platform: Platform, runs: list[RunId], found: dict[str, Any], keep: Path | None) -> None:
    table = Table(title="\nWhat it came to", title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in ("run", "strategy", "end", "legs"):
        table.add_column(name, overflow="fold")
    for name in ("entry", "exit", "fees", "P/L"):
        table.add_column(name, justify="right")
    for run in found["runs"]:
        end = run["holds"] or f"{run['outcome'] or run['status']} ({run['reason']})"
        legs = ", ".join(_short_leg(leg) for leg in run["legs"])
        numbers = [_number(run[name]) for name in ("entry_price", "exit_price")]
        money = [_number(run[name]) if run["quantity"] else "" for name in ("fees", "realized_pnl")]
        table.add_row(run["id"], run["strategy"], end, legs, *numbers, *money)
    console.print(table)
    _arithmetic(console, found)
    _chain(console, platform, runs)
    lineage = found["lineage"]
    verified = "[green]verified[/]" if lineage["verified"] else "[red]BROKEN[/]"
    identical = "[green]identical to the byte[/]" if lineage["identical"] else "[red]DIFFERENT[/]"
    console.print(
        f"Lineage: {lineage['records']} records {verified}; {lineage['replayed']} decisions replayed, {identical}."
    )
    if keep:
        home = f"THETALOOM_HOME={keep} THETALOOM_MARKET={found['market']}"
        console.print(f"Kept. Look at it: {home} thetaloom run why {runs[0]}", soft_wrap=True)
    console.print(f"[dim]{found['elapsed_s']} s.[/]")


def _arithmetic(console: Console, found: dict[str, Any]) -> None:
    for run in found["runs"]:
        if run["entry_price"] is None or run["exit_price"] is None:
            continue
        console.print(
            f"P/L of {run['strategy']}: ({run['entry_price']:+.2f} {run['exit_price']:+.2f}) × 100 × "
            f"{run['quantity']} {run['fees']:+.2f} fees = [bold]{run['realized_pnl']:+.2f}[/]",
            highlight=False,
        )


def _chain(console: Console, platform: Platform, runs: list[RunId]) -> None:
    with platform.store.reading() as uow:
        held = [position for run in runs if (position := uow.positions.of_run(run)) is not None]
    if not held or all(position.rolled_from is None for position in held):
        return
    chain = chain_of(platform.database, platform.user_id, held[0].id)
    links = " ".join(f"{float(link.realized_pnl):+.2f}" for link in chain.links)
    console.print(
        f"The chain of {len(chain.links)}: {links} = [bold]{float(chain.realized_pnl):+.2f}[/]", highlight=False
    )


def _short_leg(leg: dict[str, Any]) -> str:
    return f"{leg['quantity']:+d} {strike_text({'contract': leg})}"


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:,.2f}"
