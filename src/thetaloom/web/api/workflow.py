"""Runs from start to end: start them, decide on what they propose, follow them."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, WorkflowRun
from thetaloom.domain.run.why import Why
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine import commands
from thetaloom.errors import ThetaloomError
from thetaloom.ports.dispatch import Lane
from thetaloom.store.queries.health import backlog
from thetaloom.store.queries.proposals import list_proposals
from thetaloom.store.queries.runs import list_runs, run_detail, run_stats
from thetaloom.store.queries.why import why_of
from thetaloom.web.api import position_records, records
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Page, Record, paged
from thetaloom.web.approving import proposal_meant
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.health import lag_of, readiness
from thetaloom.web.problems import COMMANDED, Problem, documented, status_of

router = APIRouter(prefix="/workflow", tags=["workflow"])
STARTS_MAX = 200  # pairs of symbol and strategy in one request
NOTE_LENGTH_MAX = 500

Symbol = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=12)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NOTE_LENGTH_MAX, pattern=r"^[^\x00]*$")]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NOTE_LENGTH_MAX, pattern=r"^[^\x00]*$")
]


class Asked(BaseModel):
    """What a program sends; a name that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class Start(Asked):
    """Which strategies to start on which symbols: every pair becomes a run."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"symbols": ["GOOG"], "strategy_ids": ["goog-demo-put-credit-spread"]}]},
    )

    symbols: list[Symbol] = Field(min_length=1, max_length=STARTS_MAX)
    strategy_ids: list[Annotated[str, StringConstraints(min_length=1, max_length=64)]] = Field(
        min_length=1, max_length=STARTS_MAX
    )
    force: bool = Field(
        default=False, description="Waives the limit on open runs and the minimum score; strikes may miss by more."
    )


class Started(Record):
    """A run that was started."""

    id: str
    symbol: str
    strategy_id: str
    status: RunStatus


class NotStarted(Problem):
    """A pair that could not be started."""

    symbol: str
    strategy_id: str


class StartAnswer(Record):
    """The runs that were started, and the pairs that were not."""

    runs: list[Started]
    errors: list[NotStarted]


class Approve(Asked):
    """Approve what was shown."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "looks right"}]})

    content_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="When given, the proposal must still be the one with this hash."
    )
    note: Note = ""


class Reject(Asked):
    """Reject, with a reason in words."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "earnings next week"}]})

    reason: Reason


class WhyRecord(Record):
    """The last word on a run with its numbers, and every check."""

    reason: str
    text: str
    step: str | None
    facts: dict[str, str]
    error: str
    checks: list[records.Check]
    blocking: list[records.Blocking] = Field(
        description="The few reasons that matter most, and what would change them."
    )
    score: records.Score | None = Field(description="How the market was scored for the strategy.")


class RunStatusRecord(Record):
    """A run with everything that belongs to it."""

    run: records.Run
    steps: list[records.Step]
    proposal: records.Proposal | None = Field(description="The newest one.")
    proposals: list[records.Proposal]
    orders: list[records.Order]
    fills: list[records.Fill]
    position: position_records.Position | None
    why: WhyRecord


class Stats(Record):
    """How many runs stand where, and how the completed ones ended."""

    total: int
    by_status: dict[RunStatus, int]
    by_outcome: dict[Outcome, int]


class HealthCheck(Record):
    """One part and whether it works."""

    name: str
    passed: bool
    message: str


class WorkflowHealth(Record):
    """Whether the engine works and keeps up, and what it has before it."""

    healthy: bool
    checks: list[HealthCheck]
    market_time: datetime
    market_source: str
    synthetic: bool
    market_open: bool
    due: dict[Lane, int]
    waiting: int
    lag_seconds: float
    engine_turns: int


@router.post("/start", responses=COMMANDED)
async def start(front: FrontDoor, asked: Start) -> StartAnswer:
    """Start every strategy on every symbol. When not one could be started, the first refusal is the answer."""
    pairs = [(symbol, strategy) for symbol in asked.symbols for strategy in asked.strategy_ids]
    started: list[Started] = []
    refused: list[tuple[NotStarted, ThetaloomError]] = []
    for symbol, strategy in pairs[:STARTS_MAX]:
        command = commands.StartRun(
            user_id=front.user, symbol=symbol, strategy_id=StrategyId(strategy), forced=asked.force
        )
        try:
            started.append(Started.model_validate(await front.ask(command, WorkflowRun)))
        except ThetaloomError as error:
            if status_of(error) >= 500:  # our fault, not the pair's: no use in going on
                raise
            refused.append((_not_started(symbol, strategy, error), error))
    if not started:
        raise refused[0][1]
    return StartAnswer(runs=started, errors=[refusal for refusal, _ in refused])


@router.get("/pending", responses=documented())
def pending(front: FrontDoor, window: PageWindow) -> Page[records.Proposal]:
    """List the proposals that wait for a decision."""
    found = list_proposals(front.database, front.user, status=ProposalStatus.PENDING, window=window)
    return paged(found, records.Proposal)


@router.post("/approve/{proposal_id}", responses=COMMANDED)
async def approve(
    front: FrontDoor, proposal_id: Id, asked: Annotated[Approve | None, Body()] = None
) -> records.Proposal:
    """Approve a proposal by its id or by the id of its run. Asked twice, the first answer stands and is returned."""
    meant = await front.read(lambda: proposal_meant(front, proposal_id))
    given = asked or Approve()
    command = commands.ApproveProposal(
        user_id=front.user,
        by=front.person.id,
        proposal_id=meant.id,
        content_hash=given.content_hash,
        note=given.note,
    )
    return records.Proposal.model_validate(await front.ask(command, Proposal))


@router.post("/reject/{proposal_id}", responses=COMMANDED)
async def reject(front: FrontDoor, proposal_id: Id, asked: Reject) -> records.Proposal:
    """Reject a proposal by its id or by the id of its run."""
    meant = await front.read(lambda: proposal_meant(front, proposal_id))
    command = commands.RejectProposal(user_id=front.user, by=front.person.id, proposal_id=meant.id, note=asked.reason)
    return records.Proposal.model_validate(await front.ask(command, Proposal))


@router.get("/status/{run_id}", responses=documented(404))
def status(front: FrontDoor, run_id: Id) -> RunStatusRecord:
    """Return a run with its steps, proposals, orders, fills, position, and why it ended as it did."""
    detail = run_detail(front.database, front.user, RunId(run_id))
    proposals = [records.Proposal.model_validate(each) for each in detail.proposals]
    return RunStatusRecord(
        run=records.Run.model_validate(detail.run),
        steps=[records.Step.model_validate(each) for each in detail.timeline],
        proposal=proposals[-1] if proposals else None,
        proposals=proposals,
        orders=[records.Order.model_validate(each) for each in detail.orders],
        fills=[records.Fill.model_validate(each) for each in detail.fills],
        position=None if detail.position is None else position_records.Position.model_validate(detail.position),
        why=_why(why_of(front.database, front.user, detail)),
    )


@router.post("/cancel/{run_id}", responses=COMMANDED)
async def cancel(front: FrontDoor, run_id: Id) -> records.Run:
    """End a run that holds no position; its working entry order is canceled first."""
    return await _moved(front, commands.CancelRun(user_id=front.user, run_id=RunId(run_id)))


@router.post("/pause/{run_id}", responses=COMMANDED)
async def pause(front: FrontDoor, run_id: Id) -> records.Run:
    """Set a run aside; what rests at the broker stays there."""
    return await _moved(front, commands.PauseRun(user_id=front.user, run_id=RunId(run_id)))


@router.post("/resume/{run_id}", responses=COMMANDED)
async def resume(front: FrontDoor, run_id: Id) -> records.Run:
    """Let a paused or failed run go on where it was."""
    return await _moved(front, commands.ResumeRun(user_id=front.user, run_id=RunId(run_id)))


@router.get("/list", responses=documented())
def list_all(
    front: FrontDoor,
    window: PageWindow,
    status: RunStatus | None = None,
    symbol: Annotated[str | None, Query(max_length=12)] = None,
    strategy: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[records.Run]:
    """List the runs, newest first."""
    found = list_runs(
        front.database,
        front.user,
        status=status,
        symbol=canonical_symbol(symbol) if symbol else None,
        strategy=StrategyId(strategy) if strategy else None,
        window=window,
    )
    return paged(found, records.Run)


@router.get("/stats", responses=documented())
def stats(front: FrontDoor, days: Annotated[int | None, Query(ge=1, le=365)] = None) -> Stats:
    """Count the runs, of all time or of the last days of the market's clock."""
    start_at = None if days is None else front.now - timedelta(days=days)
    return Stats.model_validate(run_stats(front.database, front.user, start=start_at))


@router.get("/health", responses=documented())
def health(front: FrontDoor) -> WorkflowHealth:
    """Say whether the engine works and keeps up."""
    checks, found, desk = readiness(front), backlog(front.database, front.now), front.platform.desk
    return WorkflowHealth(
        healthy=all(check.passed for check in checks),
        checks=[HealthCheck.model_validate(check) for check in checks],
        market_time=front.now,
        market_source=desk.market.name,
        synthetic=desk.market.synthetic,
        market_open=desk.calendar.is_open(front.now),
        due=dict(found.due),
        waiting=found.waiting,
        lag_seconds=lag_of(front, found).total_seconds(),
        engine_turns=front.platform.engine.turns,
    )


async def _moved(front: Front, command: commands.Command) -> records.Run:
    return records.Run.model_validate(await front.ask(command, WorkflowRun))


def _not_started(symbol: str, strategy: str, error: ThetaloomError) -> NotStarted:
    shape: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "advice": error.advice,
        "details": error.details,
    }
    return NotStarted(symbol=symbol, strategy_id=strategy, **shape)


def _why(why: Why) -> WhyRecord:
    checks = [
        records.Check(
            step=line.step,
            name=line.name,
            verdict=records.Answer(
                answer=line.answer, reason=line.reason or None, text=line.text, facts=dict(line.facts)
            ),
            value=line.value,
            limit=line.limit,
            distance=line.distance,
            unit=line.unit or None,
        )
        for line in why.checks
    ]
    step = None if why.step is None else why.step.value
    return WhyRecord(
        reason=why.reason,
        text=why.text,
        step=step,
        facts=dict(why.facts),
        error=why.error,
        checks=checks,
        blocking=[records.Blocking.model_validate(one) for one in why.blocking],
        score=None if why.score is None else records.Score.model_validate(why.score),
    )
