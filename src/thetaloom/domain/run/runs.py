"""The life of a run: which status may follow which, how it may end, and which steps belong where."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.values.ids import AccountId, RunId, ScanId, ScheduleId, SignalId, StrategyId, UserId
from thetaloom.errors import IllegalTransitionError, InvalidInput


class RunStatus(StrEnum):
    """Where a run stands."""

    SCANNING = "SCANNING"
    EVALUATING = "EVALUATING"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    EXECUTING = "EXECUTING"
    MONITORING = "MONITORING"
    CLOSING = "CLOSING"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    PAUSED = "PAUSED"


S = RunStatus
WORKING = frozenset({S.SCANNING, S.EVALUATING, S.PENDING_APPROVAL, S.EXECUTING, S.MONITORING, S.CLOSING})
HOLDS_RISK = frozenset({S.EXECUTING, S.MONITORING, S.CLOSING})
FINAL = frozenset({S.COMPLETED})
_ASIDE = frozenset({S.PAUSED, S.ERROR})  # PAUSED and ERROR remember where they came from and go back there
SUCCESSORS: dict[RunStatus, frozenset[RunStatus]] = {
    S.SCANNING: _ASIDE | {S.EVALUATING, S.COMPLETED},
    S.EVALUATING: _ASIDE | {S.PENDING_APPROVAL, S.COMPLETED},
    S.PENDING_APPROVAL: _ASIDE | {S.EXECUTING, S.COMPLETED},
    S.EXECUTING: _ASIDE | {S.MONITORING, S.COMPLETED, S.EVALUATING},  # price outside the approved band: ask again
    S.MONITORING: _ASIDE | {S.CLOSING, S.COMPLETED},  # completed without closing: expired or assigned
    S.CLOSING: _ASIDE | {S.MONITORING, S.COMPLETED},  # a closing order that ends unfilled leaves the position open
    S.PAUSED: WORKING | {S.COMPLETED, S.ERROR},
    S.ERROR: WORKING | {S.COMPLETED, S.PAUSED},
    S.COMPLETED: frozenset({S.MONITORING}),  # only a fill that the broker reports late reopens a run
}


class Outcome(StrEnum):
    """How a completed run ended."""

    CLOSED = "closed"
    EXPIRED = "expired"
    ASSIGNED = "assigned"
    NO_TRADE = "no_trade"
    REFUSED = "refused"
    APPROVAL_EXPIRED = "approval_expired"
    DENIED = "denied"
    UNFILLED = "unfilled"
    CANCELED = "canceled"


class StepName(StrEnum):
    """The thirteen steps; the names are API."""

    TRIGGER = "trigger"
    RESOLVE_SYMBOL = "resolve_symbol"
    FETCH_MARKET = "fetch_market"
    COMPUTE_INDICATORS = "compute_indicators"
    DRAW_CHART = "draw_chart"
    ANALYZE = "analyze"
    SELECT_STRUCTURE = "select_structure"
    EVALUATE = "evaluate"
    CHECK_RISK = "check_risk"
    REQUEST_APPROVAL = "request_approval"
    SUBMIT_ORDER = "submit_order"
    MANAGE_POSITION = "manage_position"
    CLOSE_POSITION = "close_position"


class StepStatus(StrEnum):
    """How one execution of a step ended."""

    DONE = "done"
    SKIPPED = "skipped"
    DENIED = "denied"
    FAILED = "failed"


class TriggerKind(StrEnum):
    """What started a run."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    SCAN = "scan"
    SIGNAL = "signal"
    ROLL = "roll"  # of a position, or an adjustment of it
    RESTART = "restart"  # the run before it was completed


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """One journey of one strategy revision on one symbol."""

    id: RunId
    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    strategy_revision: int
    symbol: str
    trigger: TriggerKind
    forced: bool = False
    status: RunStatus = RunStatus.SCANNING
    next_step: StepName | None = StepName.TRIGGER  # what runs when the run is due; None = waits for an event
    returns_to: RunStatus | None = None  # where PAUSED and ERROR go back to
    outcome: Outcome | None = None
    reason: str = ""  # reason code of the last no or of the end
    version: int = 0  # compared and swapped on every change
    seq: int = 0  # number of lineage records so far
    attempts: int = 0  # failures of the current step in a row
    due_at: datetime | None = None
    signal_id: SignalId | None = None  # of the signal that started it
    schedule_id: ScheduleId | None = None  # of the schedule that started it, or that asked for the scan that did
    schedule_due_at: datetime | None = None  # which of its firings
    scan_id: ScanId | None = None  # of the scan that found it
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        if (self.status is S.COMPLETED) != (self.outcome is not None):
            raise InvalidInput(f"{self.id}: a completed run has an outcome, and no other has one")
        if (self.status in {S.PAUSED, S.ERROR}) != (self.returns_to is not None):
            raise InvalidInput(f"{self.id}: only a paused or failed run remembers where to go back to")

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to this run."""
        return self.status in FINAL

    @property
    def started_by(self) -> str:
        """What started the run, with its name where it has one: ``signal sg-…``."""
        name = self.signal_id or self.scan_id or self.schedule_id
        return self.trigger.value if name is None else f"{self.trigger.value} {name}"

    def moved_to(self, status: RunStatus, *, now: datetime, outcome: Outcome | None = None) -> "WorkflowRun":
        """Return the run in ``status``; raises where the table has no such move. Same status is no move."""
        if status is self.status and outcome is None:
            return replace(self, updated_at=now)
        if status not in SUCCESSORS[self.status]:
            raise IllegalTransitionError(f"run {self.id}", self.status, status)
        if self.returns_to is not None and status in WORKING and status is not self.returns_to:
            raise IllegalTransitionError(f"run {self.id} ({self.status} from {self.returns_to})", self.status, status)
        aside = status in _ASIDE
        origin = self.returns_to if self.returns_to is not None else self.status
        return replace(
            self,
            status=status,
            outcome=outcome,
            returns_to=origin if aside else None,
            next_step=None if status in FINAL else self.next_step,
            due_at=None if status in FINAL or aside else self.due_at,
            updated_at=now,
        )
