"""Runs: the list, and one run with everything that happened and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from thetaloom.domain.book.execution_quality import OrderQuality
from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepStatus, WorkflowRun
from thetaloom.domain.run.why import Why
from thetaloom.domain.values.ids import ClientOrderId, RunId, StrategyId
from thetaloom.engine import commands
from thetaloom.engine.dry_runs import DryRunShown, dry_run_shown
from thetaloom.engine.lineage import ReplayReport
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.market_view import recorded_view
from thetaloom.store.queries.order_quality import orders_quality
from thetaloom.store.queries.proposal_evidence import evidence_of_proposals
from thetaloom.store.queries.runs import RUNS, RunDetail, list_runs, run_detail
from thetaloom.store.queries.story import tell_step
from thetaloom.store.queries.why import why_of
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.chart_choice import USUAL_CHOICE, ChartChoice, ChartOfPage, Choosing, chart_of_run
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.dashboard import Choice, choices
from thetaloom.web.pages.forms import Notice, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.holding import Holding, holding_of
from thetaloom.web.pages.market_rows import MarketRows, market_rows
from thetaloom.web.pages.order_notes import OrderNote, order_notes
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import RUNS_TABLE
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of
from thetaloom.web.pages.timeline import Entry, timeline_of
from thetaloom.web.proof import Verified, replay, verify

router = APIRouter(prefix="/runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """Some runs, the filters they passed, and the form that starts another."""

    frame: Frame
    runs: Sequence[WorkflowRun]
    table: TableShown
    symbols: Sequence[str]
    strategies: Sequence[Choice]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run in full; ``verified`` and ``replayed`` hold an answer just asked for."""

    frame: Frame
    detail: RunDetail
    timeline: Sequence[Entry]
    why: Why
    market: MarketRows | None  # as it was read for the decision
    holding: Holding | None  # None: it never held anything
    notes: Mapping[ClientOrderId, OrderNote]
    verified: Verified | None
    replayed: ReplayReport | None
    quality: Sequence[OrderQuality] = ()  # of the orders that filled
    chart: ChartOfPage | None = None  # None: it has drawn none
    dry_run: DryRunShown | None = None  # of what was approved; None: the broker was not asked


@router.get("")
def runs(front: FrontDoor, asking: Asking) -> Response:
    """List the runs, newest first unless sorted."""
    asked = read_asked(RUNS_TABLE, asking)
    if asked.is_csv:
        return csv_file(RUNS_TABLE, RUNS.every(front.database, front.user, wish=asked.wish))
    found = list_runs(front.database, front.user, wish=asked.wish, window=asked.window)
    view = RunsView(
        frame=frame_of(front, "runs"),
        runs=found.rows,
        table=table_of(RUNS_TABLE, asked, found),
        symbols=tuple(front.platform.market.symbols())[:500],
        strategies=choices(front),
    )
    return page("runs.html", view)


@router.post("")
async def start(
    front: FrontDoor,
    symbol: Word,
    strategy_id: Word,
    force: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Start a strategy on a symbol and show the run."""
    command = commands.StartRun(
        user_id=front.user, symbol=symbol, strategy_id=StrategyId(strategy_id), forced=force == "yes"
    )
    started = await front.ask(command, WorkflowRun)
    return see(f"/runs/{started.id}", "started")


@router.get("/{run_id}")
def run(front: FrontDoor, run_id: str, choice: Choosing, notice: Notice = "") -> Response:
    """Show one run."""
    return _shown(front, run_id, notice, choice=choice)


@router.get("/{run_id}/report")
def report(front: FrontDoor, run_id: str) -> Response:
    """Give the report of a run as a file: its pictures and its look are within it, so no page of ours may show it."""
    from thetaloom.web.report import report_answer  # it renders with what pages render with, so it comes after them

    return report_answer(front.platform, front.user, RunId(run_id))


@router.post("/{run_id}/verification")
def verification(front: FrontDoor, run_id: str) -> Response:
    """Check that the run's records are intact, and show the answer with the run."""
    detail = run_detail(front.database, front.user, RunId(run_id))
    return _shown(front, run_id, verified=verify(front, [detail.run]))


@router.post("/{run_id}/replay")
def replaying(front: FrontDoor, run_id: str) -> Response:
    """Take the run's decisions again, and show with the run whether they came out the same."""
    return _shown(front, run_id, replayed=replay(front, RunId(run_id)))


@router.post("/{run_id}/cancellation")
async def cancel(front: FrontDoor, run_id: str) -> Response:
    """End a run that holds no position."""
    await front.ask(commands.CancelRun(user_id=front.user, run_id=RunId(run_id)), WorkflowRun)
    return see(f"/runs/{run_id}", "run_canceled")


@router.post("/{run_id}/pause")
async def pause(front: FrontDoor, run_id: str) -> Response:
    """Set a run aside."""
    await front.ask(commands.PauseRun(user_id=front.user, run_id=RunId(run_id)), WorkflowRun)
    return see(f"/runs/{run_id}", "paused")


@router.post("/{run_id}/resumption")
async def resume(front: FrontDoor, run_id: str) -> Response:
    """Let a paused or failed run go on."""
    await front.ask(commands.ResumeRun(user_id=front.user, run_id=RunId(run_id)), WorkflowRun)
    return see(f"/runs/{run_id}", "resumed")


def _shown(
    front: Front,
    run_id: str,
    notice: str = "",
    *,
    verified: Verified | None = None,
    replayed: ReplayReport | None = None,
    choice: ChartChoice = USUAL_CHOICE,
) -> Response:
    detail = run_detail(front.database, front.user, RunId(run_id))
    position = detail.position
    read = recorded_view(front.database, front.user, detail)
    view = RunView(
        frame=frame_of(front, "runs", notice),
        detail=detail,
        timeline=timeline_of(detail.timeline, lambda record: _told(front, record)),
        why=why_of(front.database, front.user, detail),
        market=None if read is None else market_rows(read),
        holding=None if position is None else holding_of(front, position, detail.orders),
        notes=order_notes(front, detail.orders),
        verified=verified,
        replayed=replayed,
        quality=orders_quality(front.database, front.user, run=detail.run.id).orders,
        chart=chart_of_run(front, detail.run.id, choice),
        dry_run=_dry_run(front, detail),
    )
    return page("run.html", view)


def _dry_run(front: Front, detail: RunDetail) -> DryRunShown | None:
    approved = [one for one in detail.proposals if one.approved_hash][-1:]
    found = evidence_of_proposals(front.database, approved) if approved else ()
    return next((dry_run_shown(one.risk, one.proposal.fees) for one in found), None)


def _told(front: Front, record: LineageRecord) -> str:
    if record.status in {StepStatus.SKIPPED, StepStatus.FAILED}:
        return ""  # the badge and the error beside it say all
    return tell_step(step_record(front.database, front.user, record.run_id, seq=record.seq))
