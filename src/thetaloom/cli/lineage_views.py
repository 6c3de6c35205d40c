"""``lineage stats``, ``recent`` and ``search``: the records of many runs, for people."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import opened, reading
from thetaloom.cli.output import JsonOption, emit, indented, pairs, say, shown_instant, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.words import clock_text
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.run.sights import MINUTES_DEFAULT, MINUTES_MAX, Sight, SightsFound, moment_of, symbol_of
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.store.queries.executions import StepStatistics, recent_executions, step_statistics
from thetaloom.store.queries.sights import sights_of

DAYS_MAX = 365
StrategyOption = Annotated[str | None, typer.Option("--strategy", metavar="ID", help="Only runs of this strategy.")]
COMPUTED = ("successes", "errors", "success_rate")


def stats(
    step: Annotated[StepName | None, typer.Option("--step", help="Only this step.")] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=DAYS_MAX, help="The last days; all time if not given.")
    ] = None,
    strategy: StrategyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count how each step ended, how long it took and what went wrong most often."""
    wanted = list(StepName) if step is None else [step]
    of = None if strategy is None else StrategyId(strategy)
    if days is None:
        with reading() as read:
            found = [step_statistics(read.database, read.user, each, strategy=of) for each in wanted]
    else:
        with opened() as platform:
            start = platform.clock.now() - timedelta(days=days)
            ask = (platform.database, platform.user_id)
            found = [step_statistics(*ask, each, start=start, strategy=of) for each in wanted]
    if as_json:
        emit([{**to_plain(one), **{name: getattr(one, name) for name in COMPUTED}} for one in found])
        return
    _print_statistics(found, in_full=step is not None)


def recent(
    strategy: StrategyOption = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only runs on this symbol.")] = None,
    limit: LimitOption = 20,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List the newest runs in a line each, and say in which of them a step failed."""
    with reading() as read:
        page = recent_executions(
            read.database,
            read.user,
            strategy=None if strategy is None else StrategyId(strategy),
            symbol=None if symbol is None else canonical_symbol(symbol),
            window=window(limit, offset),
        )
    if as_json:
        rows = [{**to_plain(one), "has_errors": one.has_errors} for one in page.rows]
        emit({"rows": rows, "total": page.total, "limit": page.limit, "offset": page.offset})
        return
    names = ("run", "symbol", "strategy", "started", "status", "outcome", "records", "errors", "last step", "ms")
    lines = (
        (
            one.run_id,
            one.symbol,
            one.strategy_id,
            clock_text(one.started_at),
            one.status.value,
            one.outcome.value if one.outcome else None,
            one.records,
            one.errors,
            one.last_step.value if one.last_step else None,
            f"{one.duration_us / 1000:.1f}",
        )
        for one in page.rows
    )
    table(shown_of(page, "run"), names, lines)


def search(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The underlying, such as SPY.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="10:31 or 2026-03-05T10:31, on the exchange's wall.")],
    minutes: Annotated[
        int, typer.Option("--minutes", min=0, max=MINUTES_MAX, help="So far before and after.")
    ] = MINUTES_DEFAULT,
    strategy: StrategyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer "why not SPY at 10:31?": everything that looked at a symbol then, and what it said."""
    with opened() as platform:
        moment = moment_of(at, platform.desk.calendar, platform.clock.now())
        found = sights_of(
            platform.database,
            platform.user_id,
            symbol_of(symbol),
            moment,
            within=timedelta(minutes=minutes),
            strategy=None if strategy is None else StrategyId(strategy),
        )
    if as_json:
        emit(found)
    else:
        _print_sights(found)


def _print_statistics(found: list[StepStatistics], *, in_full: bool) -> None:
    ends = [status.value for status in StepStatus]
    names = ("step", "total", *ends, "success", "p50 µs", "p95 µs", "max µs", "most frequent reason")
    rows = (
        (
            one.step.value,
            one.total,
            *(one.by_status.get(status, 0) for status in StepStatus),
            None if one.success_rate is None else f"{one.success_rate:.1%}",
            one.duration_us_p50,
            one.duration_us_p95,
            one.duration_us_max,
            next(iter(one.by_reason), None),
        )
        for one in found
    )
    table("steps", names, rows)
    for one in found:
        for error in one.common_errors if in_full else one.common_errors[:1]:
            indented(f"{error.count} times, last {shown_instant(error.last_at)}: {error.error}", word=one.step.value)
    if in_full:
        shares = ((one.strategy_id, one.total, one.errors) for each in found for one in each.by_strategy)
        table("by strategy", ("strategy", "total", "errors"), shares)


def _print_sights(found: SightsFound) -> None:
    span = f"{shown_instant(found.start)} to {shown_instant(found.end)}"
    if not found.sights:
        say(f"Nothing looked at [bold]{escape(found.symbol)}[/] from {span}.")
        for word, sight in (("the look before", found.before), ("the look after", found.after)):
            if sight is not None:
                say(f"[bold]{word}[/]")
                _print_sight(sight)
        return
    say(f"[bold]{escape(found.symbol)}[/] around {shown_instant(found.at)}, the nearest first")
    for sight in found.sights:
        _print_sight(sight)


def _print_sight(sight: Sight) -> None:
    said = f" by {sight.step.value}" if sight.step is not None else ""
    pairs(
        f"{sight.answer.value}: {sight.kind.value} {sight.id}",
        {
            "at": shown_instant(sight.decided_at or sight.at),
            "strategy": sight.strategy_id,
            "reason": (sight.reason + said) or None,
            "meaning": sight.text or None,
            **{f"  {name}": fact for name, fact in sight.facts.items()},
        },
    )
    for change in sight.changes:
        indented(change, word="would change it")
    for entry in sight.candidates:
        leg = f" {entry['leg']}" if entry["leg"] else ""
        indented(f"{entry['reason']} {entry['numbers']}", word=f"{entry['expires_on']}{leg}")
