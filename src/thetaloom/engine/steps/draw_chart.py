"""Step 5: the daily and the weekly chart, drawn from exactly the numbers that are recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.market.chart_series import (
    Candles,
    DrawnChart,
)
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied
from thetaloom.engine.charting import both_series, read_candles
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import ChartFinding
from thetaloom.engine.lineage import Decider
from thetaloom.engine.step import Skipped, Step, next_step, strategy_of
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork

LOOK = timedelta(milliseconds=500)  # how soon charts that are being drawn are asked for again


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The candles of both timeframes with what their averages need, and the charts drawn of them."""

    strategy_id: str
    now: datetime
    is_asked: bool = False
    symbol: str = ""
    daily: Candles | None = None
    weekly: Candles | None = None
    source: str = ""
    synthetic: bool = False
    charts: tuple[DrawnChart, ...] | None = ()  # None: they are being drawn


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    strategy, now = strategy_of(desk, run), desk.clock.now()
    if strategy.analysis is None:
        return Inputs(strategy_id=run.strategy_id, now=now)
    daily, weekly = read_candles(desk.market, run.symbol, desk.calendar.exchange_date(now))
    source, synthetic = desk.market.name, desk.market.synthetic
    drawn_from = both_series(run.symbol, daily, weekly, source, synthetic)
    wanted = [series for series in drawn_from if series is not None]
    return Inputs(
        strategy_id=run.strategy_id,
        now=now,
        is_asked=True,
        symbol=run.symbol,
        daily=daily,
        weekly=weekly,
        source=source,
        synthetic=synthetic,
        charts=() if desk.painter is None else desk.painter.paint(wanted),
    )


def decide(given: Inputs) -> ChartFinding | Skipped:
    if not given.is_asked or given.daily is None or given.weekly is None:
        return Skipped(verdict=denied(Reason.NOT_REQUESTED, strategy=given.strategy_id))
    if given.charts is None:
        return ChartFinding(verdict=ALLOWED, waits=True)
    daily, weekly = both_series(given.symbol, given.daily, given.weekly, given.source, given.synthetic)
    known = {series.digest for series in (daily, weekly) if series is not None}
    if any(chart.numbers not in known for chart in given.charts):
        raise InvariantError(f"a chart of {given.symbol} was drawn from other numbers than those recorded")
    return ChartFinding(verdict=ALLOWED, daily=daily, weekly=weekly, charts=given.charts)


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: ChartFinding | Skipped) -> WorkflowRun:
    if _waits(said):
        return next_step(run, StepName.DRAW_CHART, RunStatus.SCANNING, given.now, due_at=given.now + LOOK)
    return next_step(run, StepName.ANALYZE, RunStatus.SCANNING, given.now)


def _waits(said: ChartFinding | Skipped) -> bool:
    return isinstance(said, ChartFinding) and said.waits


STEP = Step(
    name=StepName.DRAW_CHART,
    decider=Decider(name="draw_chart", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
    is_quiet=_waits,
)
