"""``scan``: all pairs of symbol and strategy ranked, with a reason for each that is out, and the best started."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from thetaloom.bootstrap import Platform
from thetaloom.cli.access import carry_out, is_served, opened, reading
from thetaloom.cli.output import JsonOption, console, emit, indented, pairs, say, shown_instant, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.words import money_text, percent_text, price_text
from thetaloom.domain.run.scans import Scan, ScanPair, ScanStatus, Screen
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.schedule_commands import RunScan
from thetaloom.store.queries.paging import Page
from thetaloom.store.queries.scans import list_pairs, list_scans, scan_of

app = typer.Typer(help="Rank symbols and strategies.", no_args_is_help=True, add_completion=False)
SHOWN = 20
SCREENS_SHOWN = 10
TURNS_BETWEEN = 50  # of the engine, before the bar moves on


@app.callback()
def scan() -> None:
    """Rank all pairs of symbol and strategy, with a stored reason for each that is out."""


@app.command("run")
def run_command(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL...]", help="Symbols to scan.")] = None,
    watchlist: Annotated[str, typer.Option("--watchlist", metavar="NAME", help="The symbols of this list.")] = "",
    strategy: Annotated[
        list[str] | None, typer.Option("--strategy", metavar="ID", help="Only this one; may be repeated.")
    ] = None,
    best: Annotated[int, typer.Option("--best", min=0, max=20, help="Runs to start at most.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Scan now. Nothing is started unless ``--best`` asks for it; the account's limits decide in the run."""
    with opened() as platform:
        command = RunScan(
            user_id=platform.user_id,
            symbols=tuple(symbols or ()),
            watchlist=watchlist,
            strategy_ids=tuple(StrategyId(one) for one in strategy or ()),
            best=best,
        )
        asked = carry_out(platform, command)
        if not isinstance(asked, Scan):
            raise TypeError("a scan was expected")
        found = asked if is_served(platform.database) else _worked_off(platform, asked, as_json=as_json)
        page = list_pairs(platform.database, platform.user_id, found.id, window=window(SHOWN, 0))
    _show(found, page, as_json=as_json)


@app.command("list")
def list_command(limit: LimitOption = 20, offset: OffsetOption = 0, as_json: JsonOption = False) -> None:
    """List scans, newest first."""
    with reading() as read:
        page = list_scans(read.database, read.user, window=window(limit, offset))
    if as_json:
        emit(page)
        return
    names = ("scan", "asked", "status", "symbols", "pairs", "eligible", "runs")
    rows = [
        (one.id, one.asked_at, one.status.value, len(one.symbols), one.pairs, one.eligible, len(one.run_ids))
        for one in page.rows
    ]
    table(shown_of(page, "scan"), names, rows)


@app.command("show")
def show_command(
    scan_id: Annotated[str, typer.Argument(metavar="SCAN", help="The scan's id.")],
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only pairs on this symbol.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only pairs that this reason took out.")] = None,
    limit: LimitOption = SHOWN,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what a scan came to: the ranks, the funnel of reasons, and each pair with its own."""
    with reading() as read:
        found = scan_of(read.database, read.user, scan_id)
        page = list_pairs(
            read.database,
            read.user,
            found.id,
            symbol=canonical_symbol(symbol) if symbol else None,
            reason=reason,
            window=window(limit, offset),
        )
    _show(found, page, as_json=as_json)


def _worked_off(platform: Platform, asked: Scan, *, as_json: bool) -> Scan:
    printer = console(stderr=True)
    columns = (TextColumn("symbols"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_silent = as_json or not printer.is_terminal
    found = asked
    with Progress(*columns, console=printer, transient=True, disable=is_silent) as bar:
        task = bar.add_task("symbols", total=len(asked.symbols))
        while found.status is ScanStatus.RUNNING:
            platform.engine.settle(TURNS_BETWEEN)
            bar.update(task, completed=platform.engine.scan_seen)
            found = scan_of(platform.database, platform.user_id, asked.id)
    return found


def _screen_row(one: Screen) -> tuple[object, ...]:
    unknown = ", ".join(dict.fromkeys((*one.unknown, *one.sector_unknown)))
    ranks = [None if rank is None else round(rank, 2) for rank in (one.total, one.trend, one.sector_total)]
    return (one.symbol, ranks[0], ranks[1], one.sector, ranks[2], one.sector_place, unknown)


def _show(found: Scan, page: Page[ScanPair], *, as_json: bool) -> None:
    if as_json:
        emit({"scan": to_plain(found), "pairs": to_plain(page)})
        return
    pairs(
        f"{found.id}  {len(found.symbols)} symbols",
        {
            "asked": shown_instant(found.asked_at),
            "status": found.status.value,
            "pairs": found.pairs,
            "eligible": found.eligible,
            "started": " ".join(found.run_ids),
        },
    )
    if found.status is ScanStatus.RUNNING:
        say(f"[bold]next:[/] the server works on it; thetaloom scan show {found.id}")
        return
    table("funnel", ("reason", "pairs"), [(one.reason, one.pairs) for one in found.funnel])
    names = ("symbol", "score", "trend", "sector", "IV edge", "place in sector", "unknown")
    table("screening, highest first", names, [_screen_row(one) for one in found.screens[:SCREENS_SHOWN]])
    _print_pairs(page)


def _print_pairs(page: Page[ScanPair]) -> None:
    say(f"[bold]{shown_of(page, 'pair')}[/]")
    for one in page.rows:
        rank = f"{one.rank}." if one.rank is not None else "–"
        score = "–" if one.score is None else f"{one.score.normalize():f}"
        say(f"{rank} [bold]{one.symbol}[/] {escape(one.strategy_id or '')} score {score}")
        if one.is_eligible:
            loss, pop = money_text(one.max_loss, absent="unlimited"), percent_text(one.pop)
            indented(f"{', '.join(one.legs)}; mid {price_text(one.mid_price)}, max loss {loss}, POP {pop}")
        else:
            indented(one.reason, word="no", style="red")
            for change in one.changes:
                indented(change, indent=4)
