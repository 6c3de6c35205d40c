"""Schedules: what starts by itself, when next, and what became of each due time."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field, StringConstraints

from thetaloom.domain.run.schedules import (
    BEST_MAX,
    EXCHANGE_ZONE,
    NEXT_SHOWN,
    RUN_ALL_MAX,
    SYMBOLS_MAX,
    FiringStatus,
    Hours,
    Missed,
    Overlap,
    ScheduleKind,
    outlook,
)
from thetaloom.domain.run.schedules import Schedule as DomainSchedule
from thetaloom.domain.values.ids import ScheduleId, StrategyId
from thetaloom.engine.schedule_commands import AddSchedule, PauseSchedule, RemoveSchedule, ResumeSchedule
from thetaloom.store.queries.schedules import heartbeat, list_firings, list_schedules, schedule_of
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Page, Record, paged
from thetaloom.web.api.workflow import Asked, Symbol
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(prefix="/schedules", tags=["schedules"])
Name = Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00]*$")]


class Schedule(Record):
    """When something starts by itself."""

    id: str
    kind: ScheduleKind
    strategy_id: str | None
    symbols: list[str]
    watchlist: str
    cron: str = Field(examples=["*/15 10-14 * * 1-5"])
    zone: str
    hours: Hours
    window_from: time | None
    window_to: time | None
    overlap: Overlap
    missed: Missed
    missed_max: int
    grace_seconds: int
    best: int
    dry_run: bool
    paused_at: datetime | None
    next_due_at: datetime | None = Field(description="null: paused, or never again within the calendar.")
    last_due_at: datetime | None
    created_at: datetime


class Schedules(Page[Schedule]):
    """Schedules, the next due first."""

    looked_at: datetime | None = Field(description="The heartbeat: when the scheduler last looked.")


class PassedOver(Record):
    """Times in a row at which nothing is due, and why."""

    first_at: datetime
    last_at: datetime
    times: int
    why: str


class Outlook(Record):
    """The next due times, and what is passed over before them."""

    due: list[datetime]
    passed_over: list[PassedOver]


class Firing(Record):
    """One due time and what became of it."""

    schedule_id: str
    due_at: datetime
    status: FiringStatus
    reason: str
    fired_at: datetime
    finished_at: datetime | None
    late_seconds: float
    run_ids: list[str]
    scan_id: str | None
    facts: Mapping[str, str]


class Add(Asked):
    """What to start by itself. A daily cycle has its own times and takes no `cron`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"cron": "*/15 10-14 * * 1-5", "strategy_id": "senex-trident", "symbols": ["QQQ"]}]
        },
    )

    kind: ScheduleKind = ScheduleKind.START
    strategy_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    symbols: list[Symbol] = Field(default_factory=list, max_length=SYMBOLS_MAX)
    watchlist: Name = ""
    cron: Annotated[str, StringConstraints(max_length=200)] = ""
    zone: Annotated[str, StringConstraints(max_length=60)] = EXCHANGE_ZONE
    hours: Hours = Hours.OPEN
    window_from: time | None = None
    window_to: time | None = None
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.SKIP
    missed_max: int = Field(default=1, ge=1, le=RUN_ALL_MAX)
    grace_seconds: int = Field(default=60, ge=1, le=3600)
    best: int = Field(default=1, ge=1, le=BEST_MAX)
    dry_run: bool = False


@router.get("", responses=documented())
def schedules(front: FrontDoor, window: PageWindow) -> Schedules:
    """List schedules, the next due first, with the scheduler's heartbeat."""
    found = paged(list_schedules(front.database, front.user, window=window), Schedule)
    return Schedules(**dict(found), looked_at=heartbeat(front.database))


@router.post("", responses=COMMANDED)
async def add(front: FrontDoor, asked: Add) -> Schedule:
    """Add a schedule."""
    command = AddSchedule(
        user_id=front.user,
        kind=asked.kind,
        strategy_id=None if asked.strategy_id is None else StrategyId(asked.strategy_id),
        symbols=tuple(asked.symbols),
        watchlist=asked.watchlist,
        cron=asked.cron,
        zone=asked.zone,
        hours=asked.hours,
        window_from=asked.window_from,
        window_to=asked.window_to,
        overlap=asked.overlap,
        missed=asked.missed,
        missed_max=asked.missed_max,
        grace_seconds=asked.grace_seconds,
        best=asked.best,
        dry_run=asked.dry_run,
    )
    return Schedule.model_validate(await front.ask(command, DomainSchedule))


@router.get("/firings", responses=documented())
def firings(
    front: FrontDoor, window: PageWindow, schedule: Annotated[str | None, Query(max_length=128)] = None
) -> Page[Firing]:
    """List what became of due times, newest first."""
    wanted = None if schedule is None else ScheduleId(schedule)
    return paged(list_firings(front.database, front.user, schedule=wanted, window=window), Firing)


@router.get("/{schedule_id}", responses=documented(404))
def one(front: FrontDoor, schedule_id: Id) -> Schedule:
    """Return a schedule."""
    return Schedule.model_validate(schedule_of(front.database, front.user, schedule_id))


@router.get("/{schedule_id}/next", responses=documented(404))
def upcoming(front: FrontDoor, schedule_id: Id, count: Annotated[int, Query(ge=1, le=100)] = NEXT_SHOWN) -> Outlook:
    """Return the next due times, and what holidays, early closes and windows take out before them."""
    found = schedule_of(front.database, front.user, schedule_id)
    if found.is_paused:
        return Outlook(due=[], passed_over=[])
    return Outlook.model_validate(outlook(found, front.platform.desk.calendar, front.now, count))


@router.post("/{schedule_id}/pause", responses=COMMANDED)
async def pause(front: FrontDoor, schedule_id: Id) -> Schedule:
    """Set a schedule aside."""
    command = PauseSchedule(user_id=front.user, schedule_id=ScheduleId(schedule_id))
    return Schedule.model_validate(await front.ask(command, DomainSchedule))


@router.post("/{schedule_id}/resume", responses=COMMANDED)
async def resume(front: FrontDoor, schedule_id: Id) -> Schedule:
    """Let a schedule go on with its next due time."""
    command = ResumeSchedule(user_id=front.user, schedule_id=ScheduleId(schedule_id))
    return Schedule.model_validate(await front.ask(command, DomainSchedule))


@router.delete("/{schedule_id}", responses=COMMANDED)
async def remove(front: FrontDoor, schedule_id: Id) -> Schedule:
    """Take a schedule out; what it started goes on."""
    command = RemoveSchedule(user_id=front.user, schedule_id=ScheduleId(schedule_id))
    return Schedule.model_validate(await front.ask(command, DomainSchedule))
