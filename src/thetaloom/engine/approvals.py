"""Decisions on a proposal: each is made once, and a second press gets the first answer."""

from dataclasses import replace
from datetime import datetime

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import ProposalId, RunId, UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import proposals_of, tell
from thetaloom.errors import InvalidInput, NotAllowed, NotFound
from thetaloom.ports.store import UnitOfWork


def approve(desk: Desk, command: commands.ApproveProposal) -> Proposal:
    """Approve once; a second press returns the first answer."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        proposal = own_proposal(uow, command.user_id, command.proposal_id)
        if proposal.status is ProposalStatus.APPROVED and proposal.decided_by == command.decider:
            return proposal
        refuse_unless_pending(uow, proposal, now)
        refuse_unless_shown(proposal, command.content_hash)
        run = own_run(uow, command.user_id, proposal.run_id)
        decided = granted(uow, run, proposal, command.decider, now, command.note)
        due = uow.runs.save(woken(run, now))
        uow.commit()
    enqueue(desk, due)
    return decided


def reject(desk: Desk, command: commands.RejectProposal) -> Proposal:
    """Reject once, with a reason in words."""
    if not command.note.strip():
        raise InvalidInput("a rejection needs a reason in words", details={"reason": "empty"})
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        proposal = own_proposal(uow, command.user_id, command.proposal_id)
        if proposal.status is ProposalStatus.REJECTED and proposal.decided_by == command.decider:
            return proposal
        refuse_unless_pending(uow, proposal, now)
        run = own_run(uow, command.user_id, proposal.run_id)
        decided = uow.proposals.save(
            proposal.decided(ProposalStatus.REJECTED, by=command.decider, at=now, note=command.note)
        )
        tell(uow, run, EventKind.APPROVAL_REJECTED, now, proposal=proposal.id, by=command.decider)
        due = uow.runs.save(woken(run, now))
        uow.commit()
    enqueue(desk, due)
    return decided


def own_proposal(uow: UnitOfWork, user: UserId, proposal_id: ProposalId) -> Proposal:
    """Return the proposal. Raises ``NotFound`` for one that is not the user's."""
    proposal = uow.proposals.get(proposal_id)
    if proposal is None or proposal.user_id != user:
        raise NotFound(f"no proposal has the id {proposal_id!r}")
    return proposal


def own_run(uow: UnitOfWork, user: UserId, run_id: RunId) -> WorkflowRun:
    """Return the run. Raises ``NotFound`` for one that is not the user's."""
    run = uow.runs.get(run_id)
    if run is None or run.user_id != user:
        raise NotFound(f"no run has the id {run_id!r}")
    return run


def refuse_unless_pending(uow: UnitOfWork, proposal: Proposal, now: datetime) -> None:
    """Raise ``NotAllowed`` where nothing can be decided any more, and say what became of it."""
    if proposal.status is ProposalStatus.SUPERSEDED:
        newest = proposals_of(uow, proposal.run_id)[-1]
        raise NotAllowed(
            Reason.PROPOSAL_SUPERSEDED.value,
            f"{proposal.id} was superseded by {newest.id}",
            advice=f"Look at {newest.id} and decide on that.",
            details={"superseded_by": newest.id},
        )
    if proposal.status is not ProposalStatus.PENDING:
        raise NotAllowed(
            Reason.APPROVAL_ALREADY_DECIDED.value,
            f"{proposal.id} was {proposal.status.value} already",
            details={"status": proposal.status.value, "decided_by": proposal.decided_by},
        )
    if now >= proposal.expires_at:
        raise NotAllowed(
            Reason.APPROVAL_EXPIRED.value,
            f"{proposal.id} expired at {proposal.expires_at.isoformat()}",
            advice="Start a new run.",
        )


def refuse_unless_shown(proposal: Proposal, content_hash: str | None) -> None:
    """Raise ``NotAllowed`` where a hash is given and is not that of the proposal."""
    if content_hash is not None and content_hash != proposal.content_hash:
        raise NotAllowed(
            Reason.APPROVAL_CONTENT_CHANGED.value,
            f"{proposal.id} is not what was shown: {content_hash[:12]}… is not {proposal.content_hash[:12]}…",
            advice="Look at the proposal again before approving it.",
        )


def granted(uow: UnitOfWork, run: WorkflowRun, proposal: Proposal, by: UserId, now: datetime, note: str) -> Proposal:
    """Write the approval of a proposal that may be approved, and say so."""
    decided = uow.proposals.save(proposal.decided(ProposalStatus.APPROVED, by=by, at=now, note=note))
    tell(uow, run, EventKind.APPROVAL_GRANTED, now, proposal=proposal.id, by=by)
    return decided


def woken(run: WorkflowRun, now: datetime) -> WorkflowRun:
    """Return the run as due now. One that was set aside stays asleep; when it is resumed it finds the answer."""
    return replace(run, due_at=now if run.returns_to is None else None, updated_at=now)


def enqueue(desk: Desk, run: WorkflowRun) -> None:
    """Have the dispatch look at a run that is due."""
    if run.due_at is not None:
        desk.dispatch.enqueue(run.id, run.due_at)
