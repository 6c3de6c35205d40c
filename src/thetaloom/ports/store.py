"""The store: one transaction at a time, through repositories that speak in domain values."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from thetaloom.domain.book.elsewhere import Finding
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.looks import AccountLook, LinkedTransaction, Reconciliation
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.book.rolls import Roll
from thetaloom.domain.book.share_orders import ShareOrder
from thetaloom.domain.risk.violations import Violation
from thetaloom.domain.run.events import Event
from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import (
    AccountId,
    ClientOrderId,
    PositionId,
    ProposalId,
    RunId,
    StrategyId,
    UserId,
)
from thetaloom.ports.care_store import Alerts, Care, Watches
from thetaloom.ports.notifications import Notifications
from thetaloom.ports.prompts import Prompts, Scores
from thetaloom.ports.schedule_store import Scans, Schedules, Symbols, Watchlists
from thetaloom.ports.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStrategy:
    """One stored revision of a strategy."""

    strategy: Strategy
    revision: int
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event with the sequence number that the store gave it."""

    sequence: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStamp:
    """What tells whether an open position was changed since it was read, without reading it."""

    position_id: PositionId
    run_id: RunId
    version: int
    run_version: int
    status: RunStatus
    high_at: datetime | None  # when its highest mark rose last


class Strategies(Protocol):
    """Immutable revisions; the newest is the one new runs use."""

    def latest(self, user: UserId, strategy: StrategyId) -> StoredStrategy | None: ...
    def revision(self, user: UserId, strategy: StrategyId, revision: int) -> StoredStrategy | None: ...
    def all_latest(self, user: UserId) -> Sequence[StoredStrategy]: ...
    def save(self, user: UserId, strategy: Strategy, now: datetime) -> StoredStrategy:
        """Add a revision; content equal to the newest revision adds none."""
        ...

    def delete(self, user: UserId, strategy: StrategyId, now: datetime) -> bool:
        """Hide the strategy from lists; its revisions stay for the runs that used them."""
        ...


class Runs(Protocol):
    """Runs, saved by compare-and-swap on their version."""

    def next_number(self) -> int:
        """Return the next run number of this installation; never the same twice."""
        ...

    def add(self, run: WorkflowRun) -> None: ...
    def get(self, run: RunId) -> WorkflowRun | None: ...
    def many(self, runs: Iterable[RunId]) -> Sequence[WorkflowRun]:
        """Return those of the runs that are stored, in no order."""
        ...

    def save(self, run: WorkflowRun) -> WorkflowRun:
        """Write the run if its version is still the stored one and return it with the next version.

        Raises ``StaleVersionError`` when somebody else moved it first.
        """
        ...

    def open_of(self, user: UserId, strategy: StrategyId, symbol: str) -> Sequence[WorkflowRun]:
        """Return the runs that are not completed."""
        ...

    def restarts_since(self, user: UserId, strategy: str, symbol: str, since: datetime) -> int:
        """Count the runs of the pair that others started by their completion, from ``since`` on."""
        ...

    def created_since(self, user: UserId, since: datetime) -> int: ...


class Proposals(Protocol):
    """Proposals, saved by compare-and-swap on their version."""

    def add(self, proposal: Proposal) -> None: ...
    def get(self, proposal: ProposalId) -> Proposal | None: ...
    def of_run(self, run: RunId) -> Sequence[Proposal]: ...
    def save(self, proposal: Proposal) -> Proposal: ...


class Orders(Protocol):
    """Orders and their fills."""

    def add(self, order: Order) -> None: ...
    def get(self, order: ClientOrderId) -> Order | None: ...
    def of_run(self, run: RunId) -> Sequence[Order]: ...
    def of_runs(self, runs: Iterable[RunId]) -> Sequence[Order]: ...
    def open_orders(self) -> Sequence[Order]:
        """Return the orders that are staged, submitted, working or being canceled, oldest first."""
        ...

    def entries_since(self, account: AccountId, since: datetime) -> Sequence[Order]:
        """Return the entry orders staged from ``since`` on that were sent, or may have been."""
        ...

    def correct(self, before: Order, after: Order) -> None:
        """Write a closed order whose fills were busted or corrected: here alone what is filled may become less."""
        ...

    def save(self, order: Order) -> None:
        """Write the order. Raises ``StaleVersionError`` for an older copy than the stored one.

        Older is what has less filled, an earlier revision of the limit, or is open where the stored one is closed.
        """
        ...

    def add_fill(self, fill: Fill) -> bool:
        """Add a fill; False when this fill of this order is known already."""
        ...

    def fills_of(self, order: ClientOrderId) -> Sequence[Fill]: ...
    def recent_fills(self, account: AccountId, effect: Effect, count: int) -> Sequence[tuple[Order, Fill]]:
        """Return the account's newest fills of this effect with their orders, newest first."""
        ...

    def add_execution(self, execution: LegExecution, sequence: int) -> bool:
        """Add one leg's execution, told by the report ``sequence``; False when it is known already."""
        ...

    def out_of_balance(self) -> Sequence[Order]:
        """Return the orders, open or not, with legs done that belong to no whole structure."""
        ...

    def executions_of(self, order: ClientOrderId) -> Sequence[LegExecution]: ...


class Positions(Protocol):
    """Positions, saved by compare-and-swap on their version."""

    def add(self, position: Position) -> None: ...
    def get(self, position: PositionId) -> Position | None: ...
    def of_run(self, run: RunId) -> Position | None: ...
    def of_runs(self, runs: Iterable[RunId]) -> Sequence[Position]:
        """Return the positions that these runs opened, in no order."""
        ...

    def open_positions(self, account: AccountId | None = None) -> Sequence[Position]: ...
    def open_stamps(self, account: AccountId) -> Sequence[OpenStamp]:
        """Return a stamp of each open position, oldest first."""
        ...

    def closed_since(self, account: AccountId, since: datetime) -> Sequence[Position]: ...
    def opened_since(self, account: AccountId, since: datetime) -> int: ...
    def all_closed(self, account: AccountId) -> Sequence[Position]:
        """Return every position that holds nothing any more, in the order of closing."""
        ...

    def closed_of(self, account: AccountId, strategy: StrategyId) -> Sequence[Position]:
        """Return the strategy's positions that hold nothing any more, in the order of closing."""
        ...

    def of_chain(self, chain: PositionId) -> Sequence[Position]:
        """Return the positions of a chain of rolls and adjustments, oldest first."""
        ...

    def symbols_opened_since(self, account: AccountId, since: datetime) -> Sequence[str]:
        """Return the symbol of each position opened from ``since`` on."""
        ...

    def save(self, position: Position) -> Position: ...


class Lineage(Protocol):
    """Sealed records and the content-addressed evidence they point to."""

    def append(self, record: LineageRecord) -> LineageRecord:
        """Seal the record onto the run's chain and write it."""
        ...

    def of_run(self, run: RunId) -> Sequence[LineageRecord]: ...
    def newest_output(self, run: RunId, step: StepName) -> str | None:
        """Return the digest of what the newest execution of ``step`` that did not fail said."""
        ...

    def put_evidence(self, content: bytes, kind: str) -> str:
        """Store ``content`` once and return its digest. ``kind`` is json, chain, png …"""
        ...

    def get_evidence(self, digest: str) -> bytes:
        """Return the content. Raises ``NotFound`` when absent and ``InvariantError`` when it was altered."""
        ...


class Events(Protocol):
    """Facts with a growing sequence number."""

    def add(self, event: Event) -> int: ...
    def since(self, sequence: int, limit: int = 1000) -> Sequence[StoredEvent]: ...


class Accounts(Protocol):
    """Accounts, how far their reports were read, halts, and the configured limits."""

    def ensure(self, account: AccountId, user: UserId, broker: str, is_live: bool) -> None: ...
    def is_live(self, account: AccountId) -> bool | None:
        """Return whether a person allowed real money on the account; ``None`` where it is not known."""
        ...

    def allow_live(self, account: AccountId, *, is_allowed: bool) -> None: ...
    def owner(self, account: AccountId) -> UserId | None: ...
    def report_cursor(self, account: AccountId) -> int: ...
    def set_report_cursor(self, account: AccountId, sequence: int) -> None: ...
    def transaction_cursor(self, account: AccountId) -> int: ...
    def set_transaction_cursor(self, account: AccountId, sequence: int) -> None: ...
    def note_balances(self, snapshot: AccountSnapshot) -> None:
        """Keep what the account was worth; nothing where its worth is unknown."""
        ...

    def limits(self, user: UserId) -> Mapping[str, str]:
        """Return the user's own risk limits, name → number as text; what is absent has its default."""
        ...

    def set_limit(self, user: UserId, name: str, limit: str, now: datetime) -> None: ...
    def halt(self, scope: str, reason: str, now: datetime) -> None:
        """Halt new risk in ``scope``: ``all``, ``account:<id>`` or ``strategy:<id>``."""
        ...

    def resume(self, scope: str) -> None: ...
    def halts(self) -> Mapping[str, str]:
        """Return the halted scopes and why."""
        ...


class Violations(Protocol):
    """What was refused by which limit."""

    def add(self, violation: Violation) -> None: ...


class Looks(Protocol):
    """The broker's transactions with what explains them, findings, and the story of comparisons."""

    def of(self, account: AccountId) -> AccountLook | None: ...
    def save(self, look: AccountLook) -> None:
        """Write a look, one ahead of the stored one. Raises ``StaleVersionError`` when somebody else looked first."""
        ...

    def suspect(self, account: AccountId, suspects: Mapping[str, str]) -> None: ...
    def add_transactions(self, new: Iterable[LinkedTransaction]) -> None: ...
    def waiting(self, account: AccountId, since: datetime) -> Sequence[LinkedTransaction]:
        """Return the transactions from ``since`` on that nothing explains yet, oldest first."""
        ...

    def corrections(self, account: AccountId) -> Sequence[LinkedTransaction]:
        """Return the busts and corrections of our fills that are booked, oldest first."""
        ...

    def link(self, linked: Iterable[LinkedTransaction]) -> None: ...
    def linked_since(self, account: AccountId, since: datetime) -> Sequence[LinkedTransaction]: ...
    def standing(self, account: AccountId) -> Sequence[Finding]:
        """Return the findings that still explain a difference, oldest first."""
        ...

    def finding(self, finding: str) -> Finding | None: ...
    def save_finding(self, finding: Finding) -> None: ...
    def findings_about(self, account: AccountId, key: str) -> int: ...
    def tell(self, told: Reconciliation) -> None: ...


class Rolls(Protocol):
    """What was asked of positions that make way for a successor, saved by compare-and-swap on their version."""

    def add(self, roll: Roll) -> None: ...
    def get(self, run: RunId) -> Roll | None:
        """Return the roll that this run proposes and opens; ``None`` for any other run."""
        ...

    def of_position(self, position: PositionId) -> Sequence[Roll]: ...
    def closing(self, position: PositionId) -> Roll | None:
        """Return the approved roll for which the position is to be closed, if there is one."""
        ...

    def save(self, roll: Roll) -> Roll: ...


class ShareOrders(Protocol):
    """Orders for shares that positions were left with, saved by compare-and-swap on their version."""

    def add(self, order: ShareOrder) -> None: ...
    def get(self, order: ClientOrderId) -> ShareOrder | None: ...
    def of_position(self, position: PositionId) -> Sequence[ShareOrder]: ...
    def in_flight(self, account: AccountId) -> Sequence[ShareOrder]: ...
    def save(self, order: ShareOrder) -> ShareOrder: ...


class Opinions(Protocol):
    """What analysts said of markets, one row an answer."""

    def add(self, record: OpinionRecord) -> None: ...
    def of_run(self, run: RunId) -> Sequence[OpinionRecord]: ...


class UnitOfWork(Protocol):
    """One transaction. Nothing is kept unless ``commit`` was called; leaving the block otherwise rolls back."""

    strategies: Strategies
    runs: Runs
    proposals: Proposals
    orders: Orders
    positions: Positions
    lineage: Lineage
    events: Events
    accounts: Accounts
    violations: Violations
    watches: Watches
    rolls: Rolls
    share_orders: ShareOrders
    alerts: Alerts
    looks: Looks
    care: Care
    prompts: Prompts
    scores: Scores
    opinions: Opinions
    signals: Signals
    schedules: Schedules
    watchlists: Watchlists
    scans: Scans
    symbols: Symbols
    notifications: Notifications

    def commit(self) -> None: ...


class Store(Protocol):
    """A database."""

    def unit_of_work(self) -> AbstractContextManager[UnitOfWork]:
        """Open a writing transaction; on SQLite only one at a time can be open."""
        ...

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """Open one snapshot to read from; it waits for no writer and cannot commit."""
        ...

    def installation_id(self) -> str:
        """Return the id of this database, made once when it was created."""
        ...
