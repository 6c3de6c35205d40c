"""Signals from outside: what one says, where it stands on its way to a run, and the trail it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.values.ids import RunId, SignalId, StrategyId, UserId
from thetaloom.errors import IllegalTransitionError, InvalidInput

CONFIDENCE_MAX = 100
WHOLE = Decimal(1)


class Direction(StrEnum):
    """Which way a signal says the price goes."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"


class SignalAction(StrEnum):
    """What a signal asks for."""

    OPEN = "open"
    CLOSE = "close"
    OBSERVE = "observe"  # evidence for others: it never starts anything


class SignalStage(StrEnum):
    """Where a signal stands."""

    RECEIVED = "received"  # it arrived and was understood
    REFUSED = "refused"  # by a rule, for good
    NOTED = "noted"  # it counts in the confluence of others
    QUEUED = "queued"  # waits for the next open
    ACCEPTED = "accepted"  # its run, or the closing it asks for, is due
    STARTED = "started"  # it has a run, or has asked positions to close
    EXPIRED = "expired"  # its time went by before it could start
    FINISHED = "finished"  # its run is over


S = SignalStage
WAITING = frozenset({S.QUEUED, S.ACCEPTED})
# EXPIRED follows ACCEPTED too: a platform that was down at the open finds its signals too old.
SUCCESSORS: dict[SignalStage, frozenset[SignalStage]] = {
    S.RECEIVED: frozenset({S.REFUSED, S.NOTED, S.QUEUED, S.ACCEPTED}),
    S.QUEUED: frozenset({S.STARTED, S.EXPIRED, S.REFUSED}),
    S.ACCEPTED: frozenset({S.STARTED, S.EXPIRED, S.REFUSED}),
    S.STARTED: frozenset({S.FINISHED}),
    S.REFUSED: frozenset(),
    S.NOTED: frozenset(),
    S.EXPIRED: frozenset(),
    S.FINISHED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One message of a source, understood; what it did not say is ``None``."""

    id: SignalId
    user_id: UserId
    source: str
    shape: str  # the form it came in: tradingview, strat-engine, text …
    sender_id: str | None  # the sender's own id; unique for ever within a source
    symbol: str
    direction: Direction
    action: SignalAction
    confidence: Decimal | None = None  # 0 to 100
    timeframe: str | None = None
    price: Decimal | None = None
    levels: Mapping[str, Decimal] = field(default_factory=dict)  # stop, target_1, entry … as the sender names them
    facts: Mapping[str, str] = field(default_factory=dict)  # whatever else was understood; decides nothing
    points: int = 0  # the indicator's part of the confidence, by the rules of its shape
    size_factor: Decimal = WHOLE  # by the rules of its shape
    sent_at: datetime | None = None
    received_at: datetime
    strategy_id: StrategyId | None = None
    content_key: str  # equal for signals that say the same
    payload_digest: str  # of the evidence: what was received, secrets taken out
    stage: SignalStage = SignalStage.RECEIVED
    reason: str = ""  # code of the last no or of the end
    repeats: int = 0  # how often it came again
    run_id: RunId | None = None
    due_at: datetime | None = None  # when it is to start, while it waits
    expires_at: datetime | None = None  # when it is too late to start
    version: int = 0  # compared and swapped on every change

    def __post_init__(self) -> None:
        if self.confidence is not None and not 0 <= self.confidence <= CONFIDENCE_MAX:
            raise InvalidInput(f"{self.id}: a confidence of {self.confidence} is not within 0 to {CONFIDENCE_MAX}")
        if (self.stage in WAITING) != (self.due_at is not None):
            raise InvalidInput(f"{self.id}: a signal is due while it waits, and at no other stage")

    def moved_to(
        self,
        stage: SignalStage,
        *,
        reason: str = "",
        run_id: RunId | None = None,
        due_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> "Signal":
        """Return the signal at ``stage``; raises where the table has no such move."""
        if stage not in SUCCESSORS[self.stage]:
            raise IllegalTransitionError(f"signal {self.id}", self.stage, stage)
        return replace(
            self,
            stage=stage,
            reason=reason,
            run_id=run_id if run_id is not None else self.run_id,
            due_at=due_at,
            expires_at=expires_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEntry:
    """One station of a signal: who brought it there, why and when."""

    signal_id: SignalId
    seq: int
    stage: SignalStage
    actor: str  # source:NAME, intake, engine, run
    reason: str = ""  # a code
    facts: Mapping[str, str] = field(default_factory=dict)
    evidence: str = ""  # digest of the decision's inputs and output, where one was taken
    at: datetime
