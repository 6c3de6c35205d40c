"""Facts in the past tense: what pages, notifications and metrics are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.values.ids import RunId, UserId


class EventKind(StrEnum):
    """What happened."""

    RUN_STARTED = "RunStarted"
    STEP_RECORDED = "StepRecorded"
    PROPOSAL_CREATED = "ProposalCreated"
    APPROVAL_GRANTED = "ApprovalGranted"
    APPROVAL_REJECTED = "ApprovalRejected"
    APPROVAL_EXPIRED = "ApprovalExpired"
    ORDER_STAGED = "OrderStaged"
    ORDER_SUBMITTED = "OrderSubmitted"
    ORDER_ACCEPTED = "OrderAccepted"
    ORDER_REPLACED = "OrderReplaced"
    ORDER_FILLED = "OrderFilled"
    ORDER_CANCELED = "OrderCanceled"
    ORDER_REJECTED = "OrderRejected"
    ORDER_EXPIRED = "OrderExpired"
    ORDER_UNRESOLVED = "OrderUnresolved"
    ORDER_RESOLVED = "OrderResolved"
    ORDER_DENIED = "OrderDenied"
    ORDER_REFUSED = "OrderRefused"
    ORDER_QUEUED = "OrderQueued"
    ORDER_CONTRADICTED = "OrderContradicted"
    LEG_FILLED = "LegFilled"
    LEGS_UNBALANCED = "LegsUnbalanced"
    LEGS_BALANCED = "LegsBalanced"
    POSITION_OPENED = "PositionOpened"
    POSITION_REDUCED = "PositionReduced"
    POSITION_CLOSED = "PositionClosed"
    LEGS_ORPHANED = "LegsOrphaned"
    CONTRACTS_ENDED = "ContractsEnded"
    EARLY_ASSIGNED = "EarlyAssigned"
    DEFENCE_ADVISED = "DefenceAdvised"
    SHARES_ORDERED = "SharesOrdered"
    SHARES_TRADED = "SharesTraded"
    SHARES_RETAINED = "SharesRetained"
    SETTLEMENT_DIFFERED = "SettlementDiffered"
    SETTLEMENT_MISSED = "SettlementMissed"
    TARGETS_PLACED = "TargetsPlaced"
    TARGETS_REPLACED = "TargetsReplaced"
    TARGET_ABANDONED = "TargetAbandoned"
    ROLL_ASKED = "RollAsked"
    ROLL_STARTED = "RollStarted"
    ROLL_CLOSED = "RollClosed"
    ROLL_NOT_CLOSED = "RollNotClosed"
    ROLL_INTERRUPTED = "RollInterrupted"
    POSITION_ROLLED = "PositionRolled"
    RUN_RESTARTED = "RunRestarted"
    POSITION_BLINDED = "PositionBlinded"
    POSITION_SIGHTED = "PositionSighted"
    EXIT_TRIGGERED = "ExitTriggered"
    RUN_COMPLETED = "RunCompleted"
    RUN_FAILED = "RunFailed"
    RUN_PAUSED = "RunPaused"
    RUN_RESUMED = "RunResumed"
    TRADING_HALTED = "TradingHalted"
    TRADING_RESUMED = "TradingResumed"
    RUNAWAY_STOPPED = "RunawayStopped"
    LADDER_PLACED = "LadderPlaced"
    LADDER_ANNOUNCED = "LadderAnnounced"
    PROTECTION_CHANGED = "ProtectionChanged"
    ALERT_RAISED = "AlertRaised"
    ALERT_ENDED = "AlertEnded"
    STRATEGY_SAVED = "StrategySaved"
    RECONCILED = "Reconciled"
    FINDING_RAISED = "FindingRaised"
    FINDING_SETTLED = "FindingSettled"
    POSITION_ADOPTED = "PositionAdopted"
    PROMPT_SAVED = "PromptSaved"
    PROMPT_REMOVED = "PromptRemoved"
    OPINION_RECORDED = "OpinionRecorded"
    SIGNAL_RECEIVED = "SignalReceived"
    SIGNAL_REJECTED = "SignalRejected"
    SIGNAL_REFUSED = "SignalRefused"
    SIGNAL_QUEUED = "SignalQueued"
    SIGNAL_STARTED = "SignalStarted"
    SIGNAL_EXPIRED = "SignalExpired"
    SCHEDULE_ADDED = "ScheduleAdded"
    SCHEDULE_REMOVED = "ScheduleRemoved"
    SCHEDULE_PAUSED = "SchedulePaused"
    SCHEDULE_RESUMED = "ScheduleResumed"
    SCHEDULE_FIRED = "ScheduleFired"
    SCHEDULE_MISSED = "ScheduleMissed"
    FIRING_ENDED = "FiringEnded"
    WATCHLIST_CHANGED = "WatchlistChanged"
    SCAN_COMPLETED = "ScanCompleted"
    DESTINATION_SAVED = "DestinationSaved"
    DESTINATION_REMOVED = "DestinationRemoved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact, written in the transaction that made it true; the store gives it its sequence number."""

    kind: EventKind
    user_id: UserId
    happened_at: datetime
    run_id: RunId | None = None
    facts: Mapping[str, str]
