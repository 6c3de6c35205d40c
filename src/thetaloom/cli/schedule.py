"""``schedule``: what starts by itself, when next, and what became of each due time."""

from datetime import datetime, time
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import Reading, carry_out, opened, reading
from thetaloom.cli.output import ABSENT, JsonOption, emit, indented, pairs, say, shown_instant, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.domain.run.cron import zone_of
from thetaloom.domain.run.schedules import (
    EXCHANGE_ZONE,
    NEXT_SHOWN,
    Firing,
    Hours,
    Missed,
    Outlook,
    Overlap,
    Schedule,
    ScheduleKind,
    outlook,
)
from thetaloom.domain.values.ids import ScheduleId, StrategyId
from thetaloom.engine.schedule_commands import AddSchedule, PauseSchedule, RemoveSchedule, ResumeSchedule
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.paging import Page, Window
from thetaloom.store.queries.schedules import heartbeat, list_firings, list_schedules, schedule_of

app = typer.Typer(help="Start runs by the clock.", no_args_is_help=True, add_completion=False)
ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule's id.")]
ALL = Window(limit=1000)


@app.callback()
def schedule() -> None:
    """Start runs by the clock: cron in a time zone, within the exchange's calendar."""


@app.command("list")
def list_command(limit: LimitOption = 50, offset: OffsetOption = 0, as_json: JsonOption = False) -> None:
    """List schedules, the next due first, and say when the scheduler last looked."""
    with reading() as read:
        page = list_schedules(read.database, read.user, window=window(limit, offset))
        looked_at = heartbeat(read.database)
    if as_json:
        emit({**to_plain(page), "looked_at": to_plain(looked_at)})
        return
    names = ("schedule", "kind", "cron", "zone", "about", "next due", "last due")
    rows = [
        (
            one.id,
            one.kind.value,
            one.cron,
            one.zone,
            one.aims_at,
            "paused" if one.is_paused else shown_instant(one.next_due_at),
            shown_instant(one.last_due_at),
        )
        for one in page.rows
    ]
    table(shown_of(page, "schedule"), names, rows, whole=("schedule", "cron"))
    say(f"[dim]the scheduler last looked at {shown_instant(looked_at)}[/]")


@app.command("next")
def next_command(
    schedule_id: Annotated[
        str | None, typer.Argument(metavar="[SCHEDULE]", help="One of them; without it, all.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="Due times to show of each.")] = NEXT_SHOWN,
    as_json: JsonOption = False,
) -> None:
    """Show the next due times, and what holidays, early closes and windows take out before them."""
    with reading() as read, opened() as platform:
        chosen = _chosen(read, schedule_id)
        now, calendar = platform.clock.now(), platform.desk.calendar
    found = [(one, outlook(one, calendar, now, count) if not one.is_paused else None) for one in chosen]
    if as_json:
        emit([outlook_record(one, seen) for one, seen in found])
        return
    for one, seen in found:
        _print_outlook(one, seen)
    if not found:
        say("[dim]no schedules; `thetaloom schedule add --help` says how to make one[/]")


@app.command("show")
def show_command(
    schedule_id: ScheduleArgument, limit: LimitOption = 20, offset: OffsetOption = 0, as_json: JsonOption = False
) -> None:
    """Show a schedule with its latest firings: what started, what was skipped or missed, and why."""
    with reading() as read:
        found = schedule_of(read.database, read.user, schedule_id)
        firings = list_firings(read.database, read.user, schedule=found.id, window=window(limit, offset))
    if as_json:
        emit({"schedule": to_plain(found), "firings": to_plain(firings)})
        return
    pairs(f"{found.id}  {found.aims_at}", _lines(found))
    _print_firings(firings)


@app.command("add")
def add_command(
    cron: Annotated[str, typer.Option("--cron", help="Minute, hour, day, month, weekday; or @hourly, @daily ….")] = "",
    strategy: Annotated[str | None, typer.Option("--strategy", metavar="ID", help="The strategy to start.")] = None,
    symbol: Annotated[list[str] | None, typer.Option("--symbol", help="On this symbol; may be repeated.")] = None,
    watchlist: Annotated[str, typer.Option("--watchlist", metavar="NAME", help="On the symbols of this list.")] = "",
    kind: Annotated[ScheduleKind, typer.Option("--kind", help="What a firing does.")] = ScheduleKind.START,
    zone: Annotated[str, typer.Option("--zone", help="The time zone of cron and window.")] = EXCHANGE_ZONE,
    hours: Annotated[Hours, typer.Option("--hours", help="On what the exchange must agree.")] = Hours.OPEN,
    within: Annotated[str, typer.Option("--window", metavar="HH:MM-HH:MM", help="Only then; both ends count.")] = "",
    overlap: Annotated[Overlap, typer.Option("--overlap", help="While the one before looks for its entry.")] = (
        Overlap.SKIP
    ),
    missed: Annotated[Missed, typer.Option("--missed", help="What becomes of missed due times.")] = Missed.SKIP,
    missed_max: Annotated[int, typer.Option("--missed-max", help="Of `run_all`: how many at most.")] = 1,
    grace: Annotated[int, typer.Option("--grace", metavar="SECONDS", help="Later than this was missed.")] = 60,
    best: Annotated[int, typer.Option("--best", help="Of a scan: runs to start at most.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and record, start nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a schedule. ``--kind daily_cycle`` has its own times: 10:00 to 14:45, every quarter of an hour."""
    start, end = window_times(within)
    with opened() as platform:
        command = AddSchedule(
            user_id=platform.user_id,
            kind=kind,
            strategy_id=None if strategy is None else StrategyId(strategy),
            symbols=tuple(symbol or ()),
            watchlist=watchlist,
            cron=cron,
            zone=zone,
            hours=hours,
            window_from=start,
            window_to=end,
            overlap=overlap,
            missed=missed,
            missed_max=missed_max,
            grace_seconds=grace,
            best=best,
            dry_run=dry_run,
        )
        added = _answer(carry_out(platform, command))
        seen = outlook(added, platform.desk.calendar, platform.clock.now())
    if as_json:
        emit(outlook_record(added, seen))
        return
    _print_outlook(added, seen)


@app.command("pause")
def pause_command(schedule_id: ScheduleArgument, as_json: JsonOption = False) -> None:
    """Set a schedule aside; what falls due meanwhile counts as never due."""
    with opened() as platform:
        command = PauseSchedule(user_id=platform.user_id, schedule_id=ScheduleId(schedule_id))
        _say_state(_answer(carry_out(platform, command)), as_json=as_json)


@app.command("resume")
def resume_command(schedule_id: ScheduleArgument, as_json: JsonOption = False) -> None:
    """Let a schedule go on with its next due time."""
    with opened() as platform:
        command = ResumeSchedule(user_id=platform.user_id, schedule_id=ScheduleId(schedule_id))
        _say_state(_answer(carry_out(platform, command)), as_json=as_json)


@app.command("remove")
def remove_command(schedule_id: ScheduleArgument, as_json: JsonOption = False) -> None:
    """Take a schedule out; what it started goes on, its firings stay in the books."""
    with opened() as platform:
        command = RemoveSchedule(user_id=platform.user_id, schedule_id=ScheduleId(schedule_id))
        removed = _answer(carry_out(platform, command))
    if as_json:
        emit({"removed": removed.id})
    else:
        say(f"[bold]{removed.id}[/] is removed; what it started goes on")


def window_times(text: str) -> tuple[time | None, time | None]:
    """Read a window such as ``10:00-14:45``; empty for none."""
    if not text.strip():
        return None, None
    try:
        start, end = (datetime.strptime(part.strip(), "%H:%M").time() for part in text.split("-"))  # noqa: DTZ007  # a wall
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is no window; a good one: 10:00-14:45", details={"part": "window"}) from None
    return start, end


def outlook_record(one: Schedule, seen: Outlook | None) -> dict[str, object]:
    """Return a schedule with its next due times as programs get it."""
    return {
        "schedule": to_plain(one),
        "next": [] if seen is None else to_plain(seen.due),
        "passed_over": [] if seen is None else to_plain(seen.passed_over),
    }


def _chosen(read: Reading, schedule_id: str | None) -> list[Schedule]:
    if schedule_id is not None:
        return [schedule_of(read.database, read.user, schedule_id)]
    return list(list_schedules(read.database, read.user, window=ALL).rows)


def _print_outlook(one: Schedule, seen: Outlook | None) -> None:
    say(f"[bold]{one.id}[/] {escape(one.aims_at)}  [dim]{escape(one.cron)} {one.zone}[/]")
    if seen is None:
        indented("nothing until it is resumed", word="paused", style="yellow")
        return
    zone = zone_of(one.zone)
    for at in seen.due:
        indented(f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}  ({shown_instant(at)})", word="next", style="green")
    if not seen.due:
        indented("none as far as the calendar reaches", word="next", style="yellow")
    for gone in seen.passed_over:
        first, last = gone.first_at.astimezone(zone), gone.last_at.astimezone(zone)
        span = f"{first:%a %Y-%m-%d %H:%M}" + (f" to {last:%a %Y-%m-%d %H:%M}" if gone.times > 1 else "")
        indented(f"{span}, {gone.times} × {gone.why}", word="not", style="dim")


def _print_firings(page: Page[Firing]) -> None:
    names = ("due", "late s", "status", "reason", "runs")
    rows = [
        (one.due_at, one.late_seconds, one.status.value, one.reason, " ".join(one.run_ids) or one.scan_id or "")
        for one in page.rows
    ]
    table(shown_of(page, "firing"), names, rows)


def _lines(one: Schedule) -> dict[str, object]:
    start, end = one.window_from, one.window_to
    return {
        "kind": one.kind.value,
        "cron": f"{one.cron} in {one.zone}",
        "hours": one.hours.value,
        "window": ABSENT if start is None or end is None else f"{start:%H:%M} to {end:%H:%M}",
        "overlap": one.overlap.value,
        "missed": f"{one.missed.value}, at most {one.missed_max}" if one.missed is Missed.RUN_ALL else one.missed.value,
        "next due": "paused" if one.is_paused else shown_instant(one.next_due_at),
        "dry run": "yes" if one.dry_run else "no",
    }


def _say_state(one: Schedule, *, as_json: bool) -> None:
    if as_json:
        emit(one)
    elif one.is_paused:
        say(f"[bold]{one.id}[/] is paused")
    else:
        say(f"[bold]{one.id}[/] is next due at {shown_instant(one.next_due_at)}")


def _answer(answer: object) -> Schedule:
    if not isinstance(answer, Schedule):
        raise TypeError("a schedule was expected")
    return answer
