"""Lineage: what each step was given and decided, whether the records are intact, and the replay."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import HTMLResponse, Response

from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus, TriggerKind
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.bundles import bundle_of
from thetaloom.store.queries.executions import recent_executions, step_statistics
from thetaloom.store.queries.lineage import recent_records, step_record
from thetaloom.store.queries.runs import list_runs, run_detail
from thetaloom.web.api import records
from thetaloom.web.api.queries import NO_NUL, Id, PageWindow
from thetaloom.web.api.records import Page, Record, paged
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented, documented_by_reference
from thetaloom.web.proof import Verified, replay, verify

router = APIRouter(prefix="/lineage", tags=["lineage"])


class Evidence(Record):
    """Input or output of a step."""

    digest: str
    kind: str
    size: int = Field(description="Bytes.")
    content: Any = Field(description="Decoded JSON; null for any other kind.")


class StepWithEvidence(Record):
    """One record with what it was given and what it decided."""

    record: records.Step
    input: Evidence | None
    output: Evidence | None


class Fault(Record):
    """Where a chain of records contradicts itself."""

    run_id: str
    seq: int
    message: str


class Verification(Record):
    """Whether the records looked at are intact."""

    intact: bool
    runs: int
    records: int
    faults: list[Fault]


class VerificationPage(Verification):
    """The verification of some of all runs."""

    total_runs: int = Field(description="How many runs there are in all.")


class Execution(Record):
    """The records of one run, and whether they are intact."""

    run: records.Run
    steps: list[records.Step]
    has_errors: bool = Field(description="Whether a step of it failed, even if it went on later.")
    verification: Verification


class Replay(Record):
    """What a replay found."""

    run_id: str
    replayed: int = Field(description="How many decisions were taken again.")
    identical: bool
    difference: str = Field(description="The first field that differs, with both values.")


class CommonError(Record):
    """An error in its own words."""

    error: str
    count: int
    last_at: datetime


class StepOfStrategy(Record):
    """How a step did in the runs of one strategy."""

    strategy_id: str
    total: int
    errors: int


class StepStatistics(Record):
    """How one step did; skips have no duration."""

    step: StepName
    days: int
    strategy_id: str | None
    total: int
    successes: int = Field(description="Executions that came to an answer, yes or no.")
    errors: int
    success_rate: float | None = Field(description="Successes of successes and errors, 0 to 1.")
    by_status: dict[StepStatus, int]
    by_reason: dict[str, int]
    by_strategy: list[StepOfStrategy]
    common_errors: list[CommonError]
    duration_us_p50: int | None
    duration_us_p95: int | None
    duration_us_min: int | None
    duration_us_avg: int | None
    duration_us_max: int | None


class ExecutionLine(Record):
    """One run in a line."""

    run_id: str
    symbol: str
    strategy_id: str
    strategy_revision: int
    trigger: TriggerKind
    status: RunStatus
    outcome: Outcome | None
    reason: str
    started_at: datetime
    last_at: datetime | None
    records: int
    errors: int
    has_errors: bool
    duration_us: int = Field(description="Of all its steps together.")
    last_step: StepName | None


@router.get("/execution/{run_id}", responses=documented(404))
def execution(front: FrontDoor, run_id: Id) -> Execution:
    """Return the records of a run in their order, verified."""
    detail = run_detail(front.database, front.user, RunId(run_id))
    return Execution(
        run=records.Run.model_validate(detail.run),
        steps=[records.Step.model_validate(record) for record in detail.timeline],
        has_errors=any(record.status is StepStatus.FAILED for record in detail.timeline),
        verification=_verification(verify(front, [detail.run])),
    )


@router.get("/execution/{run_id}/bundle", responses=documented(404))
def execution_bundle(front: FrontDoor, run_id: Id) -> dict[str, Any]:
    """Return the records of a run with all their evidence, as `thetaloom lineage verifier` verifies them."""
    return bundle_of(front.database, front.user, RunId(run_id))


@router.get("/execution/{run_id}/report", response_class=HTMLResponse, responses=documented_by_reference(404))
def execution_report(front: FrontDoor, run_id: Id) -> Response:
    """Return the report of a run for people: one HTML document that loads nothing."""
    from thetaloom.web.report import report_answer  # it renders with what pages render with, so it comes after them

    return report_answer(front.platform, front.user, RunId(run_id))


@router.get("/execution/{run_id}/step/{step}", responses=documented(404))
def execution_step(front: FrontDoor, run_id: Id, step: Id) -> StepWithEvidence:
    """Return the last record of a step, by its name, or one record, by its number, with inputs and output."""
    if step.isdigit() and len(step) < 10:
        found = step_record(front.database, front.user, RunId(run_id), seq=int(step))
    else:
        found = step_record(front.database, front.user, RunId(run_id), _step(step))
    return StepWithEvidence.model_validate(found)


@router.get("/strategy/{strategy_id}/recent", responses=documented())
def recent_of_strategy(front: FrontDoor, strategy_id: Id, window: PageWindow) -> Page[records.Step]:
    """List the records of a strategy's runs, newest first."""
    wanted = StrategyId(strategy_id)
    return paged(recent_records(front.database, front.user, strategy=wanted, window=window), records.Step)


@router.get("/step/{step}/statistics", responses=documented())
def statistics(
    front: FrontDoor,
    step: StepName,
    days: Annotated[int, Query(ge=1, le=365)] = 30,
    strategy_id: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
) -> StepStatistics:
    """Say how a step did over the last days of the market's clock, in all runs or in those of a strategy."""
    found = step_statistics(
        front.database,
        front.user,
        step,
        start=front.now - timedelta(days=days),
        strategy=None if strategy_id is None else StrategyId(strategy_id),
    )
    said = {name: getattr(found, name) for name in StepStatistics.model_fields if name not in {"days", "strategy_id"}}
    return StepStatistics.model_validate({**said, "days": days, "strategy_id": strategy_id})


@router.get("/executions", responses=documented())
def executions(
    front: FrontDoor,
    window: PageWindow,
    strategy_id: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    symbol: Annotated[str | None, Query(max_length=12, pattern=NO_NUL)] = None,
) -> Page[ExecutionLine]:
    """List runs in a line each, newest first, and say in which of them a step failed."""
    found = recent_executions(
        front.database,
        front.user,
        strategy=None if strategy_id is None else StrategyId(strategy_id),
        symbol=None if symbol is None else canonical_symbol(symbol),
        window=window,
    )
    return paged(found, ExecutionLine)


@router.get("/recent", responses=documented())
def recent(
    front: FrontDoor, window: PageWindow, step: StepName | None = None, status: StepStatus | None = None
) -> Page[records.Step]:
    """List the records of all runs, newest first."""
    return paged(recent_records(front.database, front.user, step=step, status=status, window=window), records.Step)


@router.get("/verify", responses=documented(404))
def verify_all(
    front: FrontDoor, window: PageWindow, run: Annotated[str | None, Query(max_length=128)] = None
) -> VerificationPage:
    """Check chains and evidence: of one run, or of the newest runs, so many at a time."""
    if run is not None:
        looked_at, total = (run_detail(front.database, front.user, RunId(run)).run,), 1
    else:
        page = list_runs(front.database, front.user, window=window)
        looked_at, total = page.rows, page.total  # type: ignore[assignment]  # a tuple of any length
    return VerificationPage(**_verification(verify(front, looked_at)).model_dump(), total_runs=total)


@router.post("/replay/{run_id}", responses=documented(404, 409, 413))
def replay_one(front: FrontDoor, run_id: Id) -> Replay:
    """Take every recorded decision of a run again from its stored inputs and demand the same output."""
    return Replay.model_validate(replay(front, RunId(run_id)))


def _step(word: str) -> StepName:
    if word not in StepName._value2member_map_:
        known = ", ".join(StepName)
        raise InvalidInput(f"{word!r} is no step; the steps are {known}", details={"step": word})
    return StepName(word)


def _verification(found: Verified) -> Verification:
    return Verification(
        intact=found.intact,
        runs=found.runs,
        records=found.records,
        faults=[Fault.model_validate(fault) for fault in found.faults],
    )
