"""What a reconciliation is asked and what it answers."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from thetaloom.domain.book.elsewhere import Finding
from thetaloom.domain.book.looks import Cause
from thetaloom.domain.values.ids import ClientOrderId, PositionId, RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.reasons import ALLOWED, Verdict

DAYS_BACK = 30
DAYS_BACK_MAX = 3660


class Phase(StrEnum):
    """The phases, in their order; the names are API."""

    ORDER_HISTORY = "order_history"
    TRANSACTIONS = "transactions"
    DISCOVER = "discover"
    POSITIONS = "positions"
    CLOSURES = "closures"
    ORDER_STATES = "order_states"
    TARGETS = "targets"


PHASES = {
    Phase.ORDER_HISTORY: "reports that were not applied yet, and orders in doubt",
    Phase.TRANSACTIONS: "transactions, each linked to the order that made it; fills that nobody told",
    Phase.DISCOVER: "orders and holdings at the broker that are not ours",
    Phase.POSITIONS: "our positions against what the broker holds",
    Phase.CLOSURES: "runs of positions that were closed elsewhere, and profit by transactions",
    Phase.ORDER_STATES: "orders that ended unheard, and runs that nobody would wake",
    Phase.TARGETS: "profit targets that are missing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to reconcile; a symbol or a position leaves all others alone."""

    cause: Cause = Cause.DEMAND
    dry_run: bool = False
    position: PositionId | None = None
    symbol: str | None = None
    cancel_orphans: bool = False
    replace_targets: bool = False  # also those that a person had canceled
    days_back: int = DAYS_BACK  # transactions older than that are left as they are

    @property
    def reach(self) -> timedelta:
        """How far back transactions are linked."""
        return timedelta(days=self.days_back)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A contract of which the broker holds another number than our positions say."""

    contract: OptionContract
    ours: int
    theirs: int


@dataclass(slots=True, kw_only=True)
class PhaseCounts:
    """What one phase has done so far."""

    processed: int = 0
    updated: int = 0
    created: int = 0
    errors: int = 0
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    """What one phase did, or would do in a dry run."""

    phase: Phase
    processed: int
    updated: int
    created: int
    errors: int
    notes: tuple[str, ...] = ()  # each change in words
    seconds: float = 0.0  # by the wall; no part of the evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The evidence of one reconciliation: what each phase did, and what stands after it."""

    cause: Cause
    phases: tuple[PhaseResult, ...]
    findings: tuple[str, ...]
    verdict: Verdict = ALLOWED


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a reconciliation did, or in a dry run would do."""

    reports_applied: int
    orders_delivered: int
    drifts: tuple[Drift, ...]  # but for what a person said to leave alone
    phases: tuple[PhaseResult, ...] = ()
    findings: tuple[Finding, ...] = ()  # that stand
    suspects: int = 0  # differences seen for the first time: the next look decides
    lasting: int = 0  # differences seen at the last look, too
    sequence: int = 0  # of the last transaction that was read
    runs: tuple[RunId, ...] = ()  # that it moved
    left: tuple[ClientOrderId, ...] = ()  # in doubt, and more than the broker takes in a second
    dry_run: bool = False

    @property
    def changed(self) -> int:
        """How much was updated or created."""
        return sum(phase.updated + phase.created for phase in self.phases)
