"""The dashboard: the account, what waits for a decision, what is held, what ran, and the ways to start and halt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from starlette.responses import Response

from thetaloom.domain.book.halts import StandingHalt
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.run.scans import Scan
from thetaloom.domain.run.schedules import Schedule
from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.commands import LiftHalt
from thetaloom.engine.last_gate import standing_halts
from thetaloom.engine.risk_view import risk_view
from thetaloom.errors import InvalidInput, Unavailable
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.positions import list_positions
from thetaloom.store.queries.proposals import list_proposals
from thetaloom.store.queries.runs import RunStats, list_runs, run_stats
from thetaloom.store.queries.scans import list_scans
from thetaloom.store.queries.schedules import list_schedules
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.halting import halt_at_once
from thetaloom.web.marked import MarkedReview, reviews_of
from thetaloom.web.pages.budget_bar import BudgetBar, budget_bar
from thetaloom.web.pages.forms import Notice, Word, Words, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.needs import Need, needs_of
from thetaloom.web.pages.render import page

router = APIRouter()
SHOWN = 8
NEWEST = 3
SYMBOLS_SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A strategy to start."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardView:
    """What the dashboard shows."""

    frame: Frame
    account: AccountSnapshot | None
    proposals: Sequence[Proposal]
    positions: Sequence[Position]
    positions_total: int
    reviews: Mapping[PositionId, MarkedReview]
    runs: Sequence[WorkflowRun]
    runs_total: int
    symbols: Sequence[str]
    strategies: Sequence[Choice]
    needs: Sequence[Need]
    bar: BudgetBar | None  # None: the broker does not answer
    today: RunStats
    scans: Sequence[Scan]
    schedules: Sequence[Schedule]  # the next due first


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltsView:
    """The halts in force, each with the form that lifts it."""

    frame: Frame
    standing: Sequence[StandingHalt]


@router.get("/")
def dashboard(front: FrontDoor, notice: Notice = "") -> Response:
    """Show the dashboard."""
    database, user = front.database, front.user
    held = list_positions(database, user, is_open=True, window=Window(limit=SHOWN))
    recent = list_runs(database, user, window=Window(limit=SHOWN))
    waiting = list_proposals(database, user, status=ProposalStatus.PENDING, window=Window(limit=SHOWN))
    frame = frame_of(front, "dashboard", notice)
    view = DashboardView(
        frame=frame,
        account=front.account(),
        proposals=waiting.rows,
        positions=held.rows,
        positions_total=held.total,
        reviews=reviews_of(front, held.rows),
        runs=recent.rows,
        runs_total=recent.total,
        symbols=tuple(front.platform.market.symbols())[:SYMBOLS_SHOWN],
        strategies=choices(front),
        needs=needs_of(front, frame),
        bar=_budget(front),
        today=run_stats(database, user, start=_midnight(front)),
        scans=list_scans(database, user, window=Window(limit=NEWEST)).rows,
        schedules=[
            one
            for one in list_schedules(database, user, window=Window(limit=NEWEST)).rows
            if one.next_due_at is not None
        ],
    )
    return page("dashboard.html", view)


@router.get("/halts")
def halts(front: FrontDoor, notice: Notice = "") -> Response:
    """Show the halts; lifting one is a second, separate step."""
    with front.platform.store.reading() as seen:
        standing = tuple(standing_halts(front.platform.desk, seen).values())
    return page("halts.html", HaltsView(frame=frame_of(front, "halts", notice), standing=standing))


@router.post("/halts")
async def halt(front: FrontDoor, scope: Word = "all", note: Words = "") -> Response:
    """Halt new risk."""
    await halt_at_once(front, scope, note.strip())
    return see("/halts", "halted")


@router.post("/halts/lifting")
async def lift(
    front: FrontDoor,
    scope: Word = "all",
    confirmed: Annotated[str, Form(max_length=8)] = "",
    token: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Allow new risk again, once the person has said that it may be."""
    if confirmed != "yes":
        raise InvalidInput("the halt stands: the confirmation was not ticked", advice="Go back, read and tick the box.")
    await front.tell(LiftHalt(user_id=front.user, scope=scope, token=token or None))
    return see("/halts", "lifted")


def choices(front: Front) -> tuple[Choice, ...]:
    """Return the strategies that runs may be started of, those made for a symbol of this market first."""
    with front.platform.store.reading() as seen:
        every = seen.strategies.all_latest(front.user)
    traded = set(front.platform.market.symbols())
    active = [one.strategy for one in every if one.strategy.active]
    active.sort(key=lambda strategy: (not traded.intersection(strategy.symbols), strategy.id))
    return tuple(Choice(id=strategy.id, name=strategy.name) for strategy in active)


def _budget(front: Front) -> BudgetBar | None:
    if not front.has_account:
        return None
    try:
        return budget_bar(risk_view(front.platform.desk, front.user).budget)
    except Unavailable:
        return None


def _midnight(front: Front) -> datetime:
    there = front.now.astimezone(ZoneInfo(front.platform.desk.calendar.zone_name))
    return there.replace(hour=0, minute=0, second=0, microsecond=0)
