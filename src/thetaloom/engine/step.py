"""What a step is, and the moves that steps share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from thetaloom.domain.book.halts import scopes_over
from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import ClientOrderId, RunId, UserId, make_proposal_id
from thetaloom.domain.values.reasons import Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.lineage import Decider
from thetaloom.engine.signal_trails import finish_signal
from thetaloom.errors import NotFound
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: its three parts, and the name under which its decision can be replayed.

    ``gather`` reads and changes nothing; ``act`` writes in the transaction that also holds the lineage record
    and returns the run as it goes on. An output that ``is_quiet`` changed nothing and leaves no record.
    ``delivers`` names the orders that must be brought to the broker once the transaction is committed.
    """

    name: StepName
    decider: Decider
    gather: Callable[[Desk, WorkflowRun], Any]
    act: Callable[[Desk, UnitOfWork, WorkflowRun, Any, Any], WorkflowRun]
    is_quiet: Callable[[Any], bool] = lambda said: False
    delivers: Callable[[Any, Any], tuple[ClientOrderId, ...]] = lambda given, said: ()


def strategy_of(desk: Desk, run: WorkflowRun) -> Strategy:
    """Return the revision of the strategy that the run was started with."""
    with desk.store.reading() as uow:
        stored = uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    if stored is None:
        raise NotFound(f"{run.id}: revision {run.strategy_revision} of strategy {run.strategy_id} is gone")
    return stored.strategy


def next_step(
    run: WorkflowRun, step: StepName, status: RunStatus, now: datetime, due_at: datetime | None = None
) -> WorkflowRun:
    """Return the run in ``status`` with ``step`` due at ``due_at``, or at once."""
    return replace(run.moved_to(status, now=now), next_step=step, due_at=due_at or now, attempts=0)


def ended(uow: UnitOfWork, run: WorkflowRun, outcome: Outcome, verdict: Verdict, now: datetime) -> WorkflowRun:
    """Complete the run and say so."""
    reason = verdict.reason.value if verdict.reason else ""
    tell(uow, run, EventKind.RUN_COMPLETED, now, outcome=outcome.value, reason=reason)
    completed = replace(run.moved_to(RunStatus.COMPLETED, now=now, outcome=outcome), reason=reason)
    finish_signal(uow, completed, now)
    return completed


def tell(uow: UnitOfWork, run: WorkflowRun, kind: EventKind, now: datetime, /, **facts: object) -> None:
    """Write an event about this run."""
    text = {"symbol": run.symbol, "strategy": run.strategy_id}
    text |= {name: str(fact) for name, fact in facts.items()}
    uow.events.add(Event(kind=kind, user_id=run.user_id, happened_at=now, run_id=run.id, facts=text))


def tell_user(uow: UnitOfWork, user: UserId, kind: EventKind, now: datetime, /, **facts: object) -> None:
    """Write an event about something that belongs to no single run."""
    text = {name: str(fact) for name, fact in facts.items()}
    uow.events.add(Event(kind=kind, user_id=user, happened_at=now, facts=text))


def proposals_of(uow: UnitOfWork, run: RunId) -> list[Proposal]:
    """Return the run's proposals in the order they were made; two may carry one instant where the clock stands."""
    found = uow.proposals.of_run(run)
    place = {make_proposal_id(run, attempt): attempt for attempt in range(1, len(found) + 1)}
    return sorted(found, key=lambda proposal: place[proposal.id])


def halted_scope(halts: Mapping[str, str], account_id: str, strategy_id: str) -> str | None:
    """Return the halted scope that covers this account and strategy, if any."""
    return next((scope for scope in scopes_over(account_id, strategy_id) if scope in halts), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """That a step was skipped, and why."""

    verdict: Verdict
