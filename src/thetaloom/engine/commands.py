"""What a person, a schedule or a signal can ask of the engine."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from thetaloom.domain.book.rolls import StrikesFrom
from thetaloom.domain.run.prompts import Prompt
from thetaloom.domain.run.runs import TriggerKind
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import (
    AccountId,
    ClientOrderId,
    PositionId,
    PromptId,
    ProposalId,
    RunId,
    ScanId,
    ScheduleId,
    SignalId,
    StrategyId,
    UserId,
)
from thetaloom.domain.values.money import Price
from thetaloom.engine.notification_commands import NotificationCommand
from thetaloom.engine.schedule_commands import ScheduleCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRun:
    """Start one strategy on one symbol. ``forced`` skips the limit on open runs of the pair, and nothing else."""

    user_id: UserId
    symbol: str
    strategy_id: StrategyId
    trigger: TriggerKind = TriggerKind.MANUAL
    forced: bool = False
    signal_id: SignalId | None = None  # what asks for it, where it is no person
    schedule_id: ScheduleId | None = None
    schedule_due_at: datetime | None = None
    scan_id: ScanId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveProposal:
    """Approve what was shown; ``content_hash``, when given, must be the one that was shown."""

    user_id: UserId
    proposal_id: ProposalId
    content_hash: str | None = None
    note: str = ""
    by: UserId | None = None  # who decides, where it is not whose rows they are

    @property
    def decider(self) -> UserId:
        """Who is written down to have decided."""
        return self.by or self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectProposal:
    """Reject a proposal, with a reason in words."""

    user_id: UserId
    proposal_id: ProposalId
    note: str
    by: UserId | None = None  # who decides, where it is not whose rows they are

    @property
    def decider(self) -> UserId:
        """Who is written down to have decided."""
        return self.by or self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyProposal:
    """Have a new version of a proposal made with another limit or quantity, judged anew at this moment's quotes."""

    user_id: UserId
    proposal_id: ProposalId
    credit: Price | None = None  # net per share, a debit negative; the order rests there and does not walk
    quantity: int | None = None
    content_hash: str | None = None  # when given, that of what was shown
    by: UserId | None = None  # who decides, where it is not whose rows they are

    @property
    def decider(self) -> UserId:
        """Who is written down to have decided."""
        return self.by or self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteProposal:
    """Make a version with this limit or quantity and approve it, both or neither."""

    user_id: UserId
    proposal_id: ProposalId
    credit: Price | None = None
    quantity: int | None = None
    content_hash: str | None = None
    note: str = ""
    by: UserId | None = None  # who decides, where it is not whose rows they are

    @property
    def decider(self) -> UserId:
        """Who is written down to have decided."""
        return self.by or self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRun:
    """End a run that holds no position; a working entry order is canceled first."""

    user_id: UserId
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRun:
    """Set a run aside; what rests at the broker stays there."""

    user_id: UserId
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRun:
    """Let a paused or failed run go on where it was."""

    user_id: UserId
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Ask the broker to cancel a working order."""

    user_id: UserId
    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveOrder:
    """Look an order without an answer up in the broker's books now; the broker's word alone settles it."""

    user_id: UserId
    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition:
    """Close an open position now, or ``quantity`` of it, or of its spread ``part``; the rest stays."""

    user_id: UserId
    position_id: PositionId
    quantity: int | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollPosition:
    """Propose to close a position, or ``quantity`` of it, or its spread ``part``, and to open its successor.

    Without ``expires_on`` and ``dte`` the expiration is that of the strategy's own rule, later than what is held.
    """

    user_id: UserId
    position_id: PositionId
    expires_on: date | None = None
    dte: int | None = None  # the listed expiration nearest to so many days
    strikes: StrikesFrom = StrikesFrom.BY_RULE
    quantity: int | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustPosition:
    """Propose to ``add`` one more of a spread, linked to the position, or ``take_off`` a spread of it at once."""

    user_id: UserId
    position_id: PositionId
    add: str | None = None
    take_off: str | None = None
    quantity: int | None = None
    expires_on: date | None = None
    dte: int | None = None
    strikes: StrikesFrom = StrikesFrom.SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceTargets:
    """Cancel a position's resting targets and place them as its strategy asks for them now."""

    user_id: UserId
    position_id: PositionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SellShares:
    """Trade away all shares that a position's contracts turned into, now and at the market."""

    user_id: UserId
    position_id: PositionId


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTrade:
    """Write a note into the journal of a position, in the place of the one before."""

    user_id: UserId
    position_id: PositionId
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Stop new risk in a scope (``all``, ``account:<id>``, ``strategy:<id>``); exits go on."""

    user_id: UserId
    scope: str = "all"
    note: str = ""
    by: UserId | None = None  # who halts, where it is not whose rows they are


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftHalt:
    """Allow new risk in a scope again; ``token``, when given, must be that of the halt that was shown."""

    user_id: UserId
    scope: str = "all"
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveStrategy:
    """Store a strategy; a changed one becomes the next revision."""

    user_id: UserId
    strategy: Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteStrategy:
    """Take a strategy out of the lists; runs that used it keep their revision."""

    user_id: UserId
    strategy_id: StrategyId


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """Set one risk limit of a user: a number, or a word such as ``off`` or the name of a profile."""

    user_id: UserId
    name: str
    limit: Decimal | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Bring our books in step with the broker's, in seven phases; ``dry_run`` says what that would do."""

    user_id: UserId
    dry_run: bool = False
    account_id: AccountId | None = None  # must be the one that is traded
    position_id: PositionId | None = None
    symbol: str | None = None
    cancel_orphans: bool = False  # orders at the broker that are not ours
    replace_targets: bool = False  # also those that a person had canceled
    days_back: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptPosition:
    """Make a run and a position of a holding that came from elsewhere; ``price`` where no transaction tells it."""

    user_id: UserId
    finding_id: str
    strategy_id: StrategyId
    price: Decimal | None = None  # net, a structure; received positive


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreFinding:
    """Leave alone what a reconciliation found; it is none of ours."""

    user_id: UserId
    finding_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignClose:
    """Say which position lost the contracts that a trade elsewhere closed."""

    user_id: UserId
    finding_id: str
    position_id: PositionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyExitRules:
    """Hold the exit rules of all open positions against the market now; what is met closes."""

    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SavePrompt:
    """Store a prompt template; another text becomes its next version."""

    user_id: UserId
    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePrompt:
    """Take a prompt template out of use; its texts stay for the opinions that name them."""

    user_id: UserId
    prompt_id: PromptId


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSignalSource:
    """Store the profile of a source of signals."""

    source: SignalSource


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSignal:
    """Take in a message whose sender was proved; its payload is canonical JSON with the secret taken out."""

    user_id: UserId
    source: str
    payload: str
    wall_at: datetime


Command = (
    StartRun
    | ApproveProposal
    | RejectProposal
    | ModifyProposal
    | ExecuteProposal
    | CancelRun
    | PauseRun
    | ResumeRun
    | CancelOrder
    | ResolveOrder
    | ClosePosition
    | RollPosition
    | AdjustPosition
    | ReplaceTargets
    | SellShares
    | NoteTrade
    | Halt
    | LiftHalt
    | SaveStrategy
    | DeleteStrategy
    | SetLimit
    | Reconcile
    | AdoptPosition
    | IgnoreFinding
    | AssignClose
    | ApplyExitRules
    | SavePrompt
    | RemovePrompt
    | SaveSignalSource
    | TakeSignal
    | ScheduleCommand
    | NotificationCommand
)
