"""Step 1: what started the run, and whether a run may start at all."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, TriggerKind, WorkflowRun
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown
from thetaloom.engine.desk import Desk
from thetaloom.engine.last_gate import halts_now
from thetaloom.engine.lineage import Decider
from thetaloom.engine.signal_context import SignalGiven, TriggerFinding, judge_signal, signal_given
from thetaloom.engine.step import Step, ended, halted_scope, next_step, strategy_of, tell
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What decides whether a run may start."""

    trigger: TriggerKind
    forced: bool
    symbol: str
    strategy_id: str
    strategy_active: bool
    other_open_runs: int  # those that came first: of two that start at once one may go on
    open_runs_max: int
    halts: dict[str, str]
    account_id: str
    now: datetime
    is_open: bool
    minutes_to_close: int | None
    minutes_to_close_min: int
    next_open_at: datetime
    signal: SignalGiven | None = None  # of a run that a signal started


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    strategy = strategy_of(desk, run)
    now = desk.clock.now()
    with desk.store.reading() as uow:
        open_runs = uow.runs.open_of(run.user_id, run.strategy_id, run.symbol)
        halts = halts_now(desk, uow)
    return Inputs(
        trigger=run.trigger,
        forced=run.forced,
        symbol=run.symbol,
        strategy_id=run.strategy_id,
        strategy_active=strategy.active,
        other_open_runs=sum(_comes_first(other, run) for other in open_runs if other.id != run.id),
        open_runs_max=strategy.open_runs_max,
        halts=halts,
        account_id=run.account_id,
        now=now,
        is_open=desk.calendar.is_open(now),
        minutes_to_close=desk.calendar.minutes_to_close(now),
        minutes_to_close_min=strategy.entry_minutes_before_close_min,
        next_open_at=desk.calendar.next_open(now),
        signal=signal_given(desk, run, now),
    )


def decide(given: Inputs) -> TriggerFinding:
    verdict = _judge(given)
    if given.signal is None:
        return TriggerFinding(verdict=verdict)
    of_signal, judged = judge_signal(given.signal, given.now)
    return TriggerFinding(verdict=of_signal if verdict.is_allowed else verdict, signal=judged)


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: TriggerFinding) -> WorkflowRun:
    tell(uow, run, EventKind.RUN_STARTED, given.now, trigger=run.trigger.value)
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.NO_TRADE, said.verdict, given.now)
    return next_step(run, StepName.RESOLVE_SYMBOL, RunStatus.SCANNING, given.now)


def _comes_first(other: WorkflowRun, run: WorkflowRun) -> bool:
    return other.seq > 0 or (other.created_at, other.id) < (run.created_at, run.id)


def _judge(given: Inputs) -> Verdict:
    scope = halted_scope(given.halts, given.account_id, given.strategy_id)
    if scope is not None:
        return denied(Reason.HALTED, scope=scope, note=given.halts[scope])
    if not given.strategy_active:
        return denied(Reason.STRATEGY_INACTIVE, strategy=given.strategy_id)
    if given.other_open_runs >= given.open_runs_max and not given.forced:
        return denied(Reason.DUPLICATE_RUN, open_runs=given.other_open_runs, limit=given.open_runs_max)
    if not given.is_open:
        return denied(Reason.MARKET_CLOSED, now=given.now.isoformat(), next_open=given.next_open_at.isoformat())
    if given.minutes_to_close is None:
        return unknown(Reason.MARKET_CLOSED, now=given.now.isoformat())
    if given.minutes_to_close < given.minutes_to_close_min:
        return denied(Reason.TOO_LATE_IN_SESSION, minutes_left=given.minutes_to_close, limit=given.minutes_to_close_min)
    return ALLOWED


STEP = Step(
    name=StepName.TRIGGER,
    decider=Decider(name="trigger", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
