"""``run``: start a strategy on a symbol, follow it, and ask why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import Reading, carry_out, is_served, opened, reading
from thetaloom.cli.auto import Choice, choose_strategy
from thetaloom.cli.output import EXIT_REFUSED, JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.rank import print_no_trade, ranking_record
from thetaloom.cli.why import Why, explain, print_why
from thetaloom.cli.words import clock_text, legs_text, money_text, price_text, reason_text
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import CancelRun, PauseRun, ResumeRun, StartRun
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import RunDetail, list_runs, run_detail
from thetaloom.store.queries.story import tell_step

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform

app = typer.Typer(help="Start runs, follow them, and ask why.", no_args_is_help=True, add_completion=False)
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `run list` shows it.")]


@app.command()
def start(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="Symbols such as SPY.")],
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            help="Id of the strategy; left out, the one that names the symbol, else the best of all by rank.",
        ),
    ] = None,
    forced: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Start even where enough runs of the pair are open or the score is below its minimum; strikes may "
            "miss by three times their limit. Hard stops and limits stay.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a run for each symbol, and show how far it came."""
    with opened() as platform:
        choices = [choose_strategy(platform, symbol, strategy) for symbol in symbols]
        started = []
        for choice in choices:
            if choice.strategy_id is None:
                continue
            command = StartRun(
                user_id=platform.user_id, symbol=choice.symbol, strategy_id=choice.strategy_id, forced=forced
            )
            answer = carry_out(platform, command)
            if isinstance(answer, WorkflowRun):
                started.append(answer.id)
        details = [run_detail(platform.database, platform.user_id, run) for run in started]
        whys = [explain(platform.database, platform.user_id, detail) for detail in details]
        served = is_served(platform.database)
    if as_json:
        rankings = [ranking_record(choice.ranking) for choice in choices if choice.ranking is not None]
        runs = [{**to_plain(why.run), "why": why.record()} for why in whys]
        # By name a list of runs, as ever; chosen by rank the rankings stand beside them.
        emit({"runs": runs, "rankings": rankings} if rankings else runs)
    else:
        _print_started(choices, whys, served=served)
    if any(choice.strategy_id is None for choice in choices):
        raise typer.Exit(EXIT_REFUSED)


@app.command("list")
def list_command(
    status: Annotated[RunStatus | None, typer.Option("--status", help="Only runs that stand there.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only runs on this symbol.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Only runs of this strategy.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    with reading() as read:
        page = list_runs(
            read.database,
            read.user,
            status=status,
            symbol=canonical_symbol(symbol) if symbol else None,
            strategy=StrategyId(strategy) if strategy else None,
            window=window(limit, offset),
        )
    if as_json:
        emit(page)
        return
    names = ("run", "symbol", "strategy", "started by", "status", "outcome", "reason", "due", "created")
    rows = (
        (
            run.id,
            run.symbol,
            run.strategy_id,
            run.started_by,
            run.status.value,
            run.outcome,
            run.reason,
            run.due_at,
            clock_text(run.created_at),
        )
        for run in page.rows
    )
    table(shown_of(page, "run"), names, rows)


@app.command()
def show(run: RunArgument, as_json: JsonOption = False) -> None:
    """Show a run with its steps, proposals, orders, fills and position."""
    with reading() as read:
        detail = run_detail(read.database, read.user, RunId(run))
        told = _told(read, detail)
        why = explain(read.database, read.user, detail)
    if as_json:
        emit({**to_plain(detail), "why": why.record()})
        return
    _print_head(detail.run)
    steps = (
        (record.seq, record.step.value, record.status.value, clock_text(record.started_at), text)
        for record, text in zip(detail.timeline, told, strict=True)
    )
    table("steps", ("#", "step", "status", "at", "what it found"), steps)
    _print_parts(detail)
    say(f"[bold]next:[/] {escape(why.next)}")


@app.command()
def why(run: RunArgument, as_json: JsonOption = False) -> None:
    """Explain a run: the reason of a no with every number behind it, or what comes next and when."""
    with reading() as read:
        found = explain(read.database, read.user, run_detail(read.database, read.user, RunId(run)))
    if as_json:
        emit(found.record())
    else:
        print_why(found)


@app.command()
def cancel(run: RunArgument, as_json: JsonOption = False) -> None:
    """End a run that holds no position; a working entry order is canceled first."""
    with opened() as platform:
        carry_out(platform, CancelRun(user_id=platform.user_id, run_id=RunId(run)))
        _report(platform, run, as_json=as_json)


@app.command()
def pause(run: RunArgument, as_json: JsonOption = False) -> None:
    """Set a run aside; what rests at the broker stays there."""
    with opened() as platform:
        carry_out(platform, PauseRun(user_id=platform.user_id, run_id=RunId(run)))
        _report(platform, run, as_json=as_json)


@app.command()
def resume(run: RunArgument, as_json: JsonOption = False) -> None:
    """Let a paused or failed run go on where it was."""
    with opened() as platform:
        carry_out(platform, ResumeRun(user_id=platform.user_id, run_id=RunId(run)))
        _report(platform, run, as_json=as_json)


def _print_started(choices: Sequence[Choice], whys: Sequence[Why], *, served: bool) -> None:
    for choice in choices:
        if choice.ranking is not None and choice.strategy_id is None:
            print_no_trade(choice.ranking)
        elif choice.ranking is not None:
            say(f"[green]chosen[/] {escape(choice.ranking.title)}")
    for why in whys:
        say(f"[bold]{why.run.id}[/] {escape(why.run.strategy_id)} on {escape(why.run.symbol)}: {_standing(why)}")
    if served and whys:
        say("[dim]the server works on it; follow it with[/] thetaloom run show RUN")


def _standing(why: Why) -> str:
    run = why.run
    if run.outcome is not None:
        return f"{run.outcome.value}, {escape(why.text or run.reason)}  [dim]thetaloom run why {run.id}[/]"
    return f"[cyan]{run.status.value}[/]; {escape(why.next)}"


def _report(platform: "Platform", run: str, *, as_json: bool) -> None:
    found = run_detail(platform.database, platform.user_id, RunId(run)).run
    if as_json:
        emit(found)
    else:
        ended = f", {found.outcome.value}" if found.outcome else ""
        say(f"[bold]{found.id}[/] is {found.status.value}{ended}")


def _told(read: Reading, detail: RunDetail) -> list[str]:
    return [
        tell_step(step_record(read.database, read.user, detail.run.id, seq=record.seq)) for record in detail.timeline
    ]


def _print_head(run: WorkflowRun) -> None:
    pairs(
        f"{run.id}",
        {
            "strategy": f"{run.strategy_id}, revision {run.strategy_revision}",
            "symbol": run.symbol,
            "status": run.status.value,
            "outcome": run.outcome.value if run.outcome else None,
            "reason": f"{run.reason}: {reason_text(run.reason)}" if run.reason else None,
            "started by": run.started_by,
            "due of its schedule": run.schedule_due_at,
            "created": run.created_at,
            "due": run.due_at,
        },
    )


def _print_parts(detail: RunDetail) -> None:
    if detail.proposals:
        rows: Sequence[Sequence[object]] = [
            (one.id, one.status.value, one.quantity, legs_text(one.legs), price_text(one.mid_price), one.expires_at)
            for one in detail.proposals
        ]
        table("proposals", ("proposal", "status", "quantity", "legs", "mid", "expires"), rows)
    if detail.orders:
        rows = [
            (one.client_order_id, one.effect.value, one.status.value, f"{one.filled}/{one.quantity}", one.limit_price)
            for one in detail.orders
        ]
        table("orders", ("order", "effect", "status", "filled", "limit"), rows)
    if detail.position is not None:
        held = detail.position
        pairs(
            "position",
            {
                "id": held.id,
                "legs": legs_text(held.legs),
                "quantity": held.quantity,
                "entry": price_text(held.entry_price) if held.quantity else None,
                "realized": money_text(held.realized_pnl),
                "opened": held.opened_at,
                "closed": held.closed_at,
            },
        )
