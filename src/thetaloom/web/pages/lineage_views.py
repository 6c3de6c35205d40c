"""Lineage over many runs: why nothing was traded at some moment, what ran of late, and how each step does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.run.sights import MINUTES_DEFAULT, MINUTES_MAX, SightKind, SightsFound, moment_of, symbol_of
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.store.queries.executions import (
    Execution,
    StepStatistics,
    every_execution,
    recent_executions,
    step_statistics,
)
from thetaloom.store.queries.sights import sights_of
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.numbers import span
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import EXECUTIONS_TABLE
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/lineage")
DAYS_DEFAULT = 30
DAYS_MAX = 365
NO_NUL = r"^[^\x00]*$"
# Where a look leads to; a schedule has no page of its own.
PLACES = {SightKind.RUN: "/runs/", SightKind.SCAN: "/scans/", SightKind.SIGNAL: "/signals/", SightKind.SCHEDULE: ""}

Symbol = Annotated[str, Query(max_length=12, pattern=NO_NUL)]
Strategy = Annotated[str, Query(max_length=128, pattern=NO_NUL)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One run in a line, and how long its steps worked."""

    execution: Execution
    worked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageView:
    """The question why not, its answer once it is asked, and the newest runs in a line each."""

    frame: Frame
    asked: Mapping[str, str]
    found: SightsFound | None
    places: Mapping[SightKind, str]
    executions: Sequence[ExecutionRow]
    table: TableShown


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """How one step did, its durations as text."""

    statistics: StepStatistics
    success: str
    durations: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsView:
    """How each step did; ``one`` in full where a step is chosen."""

    frame: Frame
    days: int
    strategy: str
    step: str
    rows: Sequence[StepRow]
    one: StepRow | None
    ends: Sequence[StepStatus]


@router.get("")
def lineage(
    front: FrontDoor,
    asking: Asking,
    symbol: Symbol = "",
    at: Annotated[str, Query(max_length=40)] = "",
    minutes: Annotated[int, Query(ge=0, le=MINUTES_MAX)] = MINUTES_DEFAULT,
    strategy: Strategy = "",
) -> Response:
    """Answer what looked at a symbol around a moment, and list the newest runs."""
    table = read_asked(EXECUTIONS_TABLE, asking)
    if table.is_csv:
        return csv_file(EXECUTIONS_TABLE, every_execution(front.database, front.user, wish=table.wish))
    wanted, of = canonical_symbol(symbol), StrategyId(strategy.strip()) if strategy.strip() else None
    asked = {"symbol": wanted, "at": at.strip(), "minutes": str(minutes), "strategy": strategy.strip()}
    newest = recent_executions(front.database, front.user, wish=table.wish, window=table.window)
    view = LineageView(
        frame=frame_of(front, "lineage"),
        asked=asked,
        found=_found(front, wanted, at, minutes, of) if wanted else None,
        places=PLACES,
        executions=[ExecutionRow(execution=one, worked=span(one.duration_us)) for one in newest.rows],
        table=table_of(EXECUTIONS_TABLE, table, newest),
    )
    return page("lineage.html", view)


@router.get("/steps")
def steps(
    front: FrontDoor,
    days: Annotated[int, Query(ge=1, le=DAYS_MAX)] = DAYS_DEFAULT,
    strategy: Strategy = "",
    step: StepName | None = None,
) -> Response:
    """Say how each step did over the last days, in all runs or in those of one strategy."""
    of, start = strategy.strip(), front.now - timedelta(days=days)
    rows = [
        _step_row(
            step_statistics(front.database, front.user, name, start=start, strategy=StrategyId(of) if of else None)
        )
        for name in StepName
    ]
    view = StepsView(
        frame=frame_of(front, "lineage"),
        days=days,
        strategy=of,
        step=step.value if step is not None else "",
        rows=rows,
        one=next((row for row in rows if row.statistics.step is step), None),
        ends=tuple(StepStatus),
    )
    return page("lineage_steps.html", view)


def _found(front: Front, symbol: str, at: str, minutes: int, strategy: StrategyId | None) -> SightsFound:
    moment = moment_of(at, front.platform.desk.calendar, front.now) if at.strip() else front.now
    return sights_of(
        front.database, front.user, symbol_of(symbol), moment, within=timedelta(minutes=minutes), strategy=strategy
    )


def _step_row(found: StepStatistics) -> StepRow:
    took = {
        "median": found.duration_us_p50,
        "95 of 100 within": found.duration_us_p95,
        "mean": found.duration_us_avg,
        "fastest": found.duration_us_min,
        "slowest": found.duration_us_max,
    }
    return StepRow(
        statistics=found,
        success="" if found.success_rate is None else f"{found.success_rate:.1%}",
        durations={name: "" if us is None else span(us) for name, us in took.items()},
    )
