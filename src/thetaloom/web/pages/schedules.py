"""Schedules: what starts by itself, the next due times, and what became of the last ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from thetaloom.domain.run.schedules import (
    Firing,
    Hours,
    Missed,
    Outlook,
    Overlap,
    Schedule,
    ScheduleKind,
    outlook,
)
from thetaloom.domain.run.watchlists import clean_symbols
from thetaloom.domain.values.ids import ScheduleId, StrategyId
from thetaloom.engine.schedule_commands import AddSchedule, PauseSchedule, RemoveSchedule, ResumeSchedule
from thetaloom.engine.scheduler import PULSE_FRESH
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.scans import all_watchlists
from thetaloom.store.queries.schedules import FIRINGS, heartbeat, list_firings, list_schedules
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.forms import Notice, Word, Words, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.log_rules import FIRINGS_TABLE
from thetaloom.web.pages.render import page
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/schedules")
SHOWN_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule with its outlook, each time on its own wall."""

    schedule: Schedule
    outlook: Outlook | None  # None: paused
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulesPage:
    """The schedules, the firings, and the form for another."""

    frame: Frame
    rows: Sequence[ScheduleRow]
    firings: Sequence[Firing]
    table: TableShown
    strategies: Sequence[str]
    watchlists: Sequence[str]
    kinds: Sequence[ScheduleKind]
    hours: Sequence[Hours]
    overlaps: Sequence[Overlap]
    missed: Sequence[Missed]
    looked_at: datetime | None
    is_beating: bool


@router.get("")
def schedules_page(front: FrontDoor, asking: Asking, notice: Notice = "") -> Response:
    """Show schedules with their next due times, and what became of the last ones."""
    asked = read_asked(FIRINGS_TABLE, asking)
    if asked.is_csv:
        return csv_file(FIRINGS_TABLE, FIRINGS.every(front.database, front.user, wish=asked.wish))
    found = list_schedules(front.database, front.user, window=Window(limit=SHOWN_MAX)).rows
    firings = list_firings(front.database, front.user, wish=asked.wish, window=asked.window)
    looked_at = heartbeat(front.database)
    with front.platform.store.reading() as seen:
        strategies = [one.strategy.id for one in seen.strategies.all_latest(front.user)]
    view = SchedulesPage(
        frame=frame_of(front, "schedules", notice),
        rows=[_row(front, one) for one in found],
        firings=firings.rows,
        table=table_of(FIRINGS_TABLE, asked, firings),
        strategies=strategies,
        watchlists=[one.name for one in all_watchlists(front.database, front.user)],
        kinds=list(ScheduleKind),
        hours=list(Hours),
        overlaps=list(Overlap),
        missed=list(Missed),
        looked_at=looked_at,
        is_beating=looked_at is not None and front.now - looked_at <= PULSE_FRESH,
    )
    return page("schedules.html", view)


@router.post("")
async def add(
    front: FrontDoor,
    kind: Word = ScheduleKind.START.value,
    strategy: Word = "",
    symbols: Words = "",
    watchlist: Word = "",
    cron: Word = "",
    hours: Word = Hours.OPEN.value,
    window: Word = "",
    overlap: Word = Overlap.SKIP.value,
    missed: Word = Missed.SKIP.value,
) -> Response:
    """Add a schedule."""
    start, end = window_of_text(window)
    try:
        command = AddSchedule(
            user_id=front.user,
            kind=ScheduleKind(kind),
            strategy_id=StrategyId(strategy) if strategy else None,
            symbols=clean_symbols(symbols.replace(",", " ").split()),
            watchlist=watchlist,
            cron=cron,
            hours=Hours(hours),
            window_from=start,
            window_to=end,
            overlap=Overlap(overlap),
            missed=Missed(missed),
        )
    except ValueError as error:
        raise InvalidInput(f"the form holds a word that is none of its choices: {error}") from error
    await front.ask(command, Schedule)
    return see("/schedules", "scheduled")


@router.post("/{schedule_id}/pause")
async def pause(front: FrontDoor, schedule_id: str) -> Response:
    """Set a schedule aside."""
    await front.tell(PauseSchedule(user_id=front.user, schedule_id=ScheduleId(schedule_id)))
    return see("/schedules", "schedule_paused")


@router.post("/{schedule_id}/resumption")
async def resume(front: FrontDoor, schedule_id: str) -> Response:
    """Let a schedule go on."""
    await front.tell(ResumeSchedule(user_id=front.user, schedule_id=ScheduleId(schedule_id)))
    return see("/schedules", "schedule_resumed")


@router.post("/{schedule_id}/removal")
async def remove(front: FrontDoor, schedule_id: str) -> Response:
    """Take a schedule out."""
    await front.tell(RemoveSchedule(user_id=front.user, schedule_id=ScheduleId(schedule_id)))
    return see("/schedules", "schedule_removed")


def _row(front: Front, one: Schedule) -> ScheduleRow:
    seen = None if one.is_paused else outlook(one, front.platform.desk.calendar, front.now)
    return ScheduleRow(schedule=one, outlook=seen, zone=ZoneInfo(one.zone))


def window_of_text(text: str) -> tuple[time | None, time | None]:
    """Read a window such as ``10:00-14:45``; empty for none."""
    if not text.strip():
        return None, None
    try:
        start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is no window; a good one: 10:00-14:45", details={"part": "window"}) from None
    return start, end
