"""Versions of a proposal: a person's limit or quantity, priced and judged anew as the first one was.

The new version is what its run decided on the same steps once more: they are recorded like any other, so that a
replay takes them again. The version before it is superseded in the same transaction and can't be approved any more.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.evaluation import Evaluation, quoted_mid
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason, Verdict
from thetaloom.domain.values.ticks import quoted_in_pennies, tick_rule
from thetaloom.engine import commands
from thetaloom.engine.approvals import (
    enqueue,
    granted,
    own_proposal,
    own_run,
    refuse_unless_pending,
    refuse_unless_shown,
    woken,
)
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Judgement, RiskFinding
from thetaloom.engine.lineage import Executed, record
from thetaloom.engine.step import proposals_of, tell
from thetaloom.engine.steps import check_risk, evaluate, request_approval
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.ports.store import UnitOfWork

VERSIONS_MAX = 50  # of one run
QUANTITY_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """What the steps said of the new version, with what each was given."""

    evaluated: tuple[evaluate.Inputs, Judgement]
    sized: tuple[check_risk.Inputs, RiskFinding]
    proposed: tuple[request_approval.Inputs, request_approval.Output]

    @property
    def proposal(self) -> Proposal:
        return self.proposed[1].proposal


def modify_proposal(desk: Desk, command: commands.ModifyProposal) -> Proposal:
    """Put a new version in the place of a proposal that waits. Raises ``NotAllowed`` with the numbers."""
    now = desk.clock.now()
    before, version = _made(desk, command, now)
    with desk.store.unit_of_work() as uow:
        run = _written(desk, uow, command, before, version, now)
        due = uow.runs.save(replace(run, due_at=version.proposal.expires_at, updated_at=now))
        uow.commit()
    enqueue(desk, due)
    return version.proposal


def execute_proposal(desk: Desk, command: commands.ExecuteProposal) -> Proposal:
    """Put a new version in the place of a proposal and approve it; a second press gets the first answer."""
    now = desk.clock.now()
    with desk.store.reading() as seen:
        answered = _answered(seen, command)
    if answered is not None:
        return answered
    before, version = _made(desk, command, now)
    new = version.proposal
    if new.needs_confirmation and not before.needs_confirmation:
        raise NotAllowed(
            Reason.CONFIRMATION_NEEDED.value,
            f"{before.symbol}: {'; '.join(new.warnings)}",
            advice="Modify the proposal first, look at the new version, then approve it.",
            details={"warnings": list(new.warnings)},
        )
    with desk.store.unit_of_work() as uow:
        run = _written(desk, uow, command, before, version, now)
        decided = granted(uow, run, new, command.decider, now, command.note)
        due = uow.runs.save(woken(run, now))
        uow.commit()
    enqueue(desk, due)
    return decided


def _answered(seen: UnitOfWork, command: commands.ExecuteProposal) -> Proposal | None:
    before = own_proposal(seen, command.user_id, command.proposal_id)
    if before.status is not ProposalStatus.SUPERSEDED:
        return None
    newest = proposals_of(seen, before.run_id)[-1]
    is_same = newest.supersedes == before.id and newest.decided_by == command.decider
    is_same = is_same and newest.entry_price == (before.entry_price if command.credit is None else command.credit)
    is_same = is_same and newest.quantity == (command.quantity or before.quantity)
    return newest if is_same and newest.status is ProposalStatus.APPROVED else None


def _made(
    desk: Desk, command: commands.ModifyProposal | commands.ExecuteProposal, now: datetime
) -> tuple[Proposal, _Version]:
    if command.credit is None and command.quantity is None:
        raise InvalidInput("a new version needs another limit or another quantity", details={"credit": "missing"})
    if command.quantity is not None and not 1 <= command.quantity <= QUANTITY_MAX:
        raise InvalidInput(f"{command.quantity} is no quantity from 1 to {QUANTITY_MAX}", details={"quantity": "range"})
    with desk.store.reading() as seen:
        before = own_proposal(seen, command.user_id, command.proposal_id)
        refuse_unless_pending(seen, before, now)
        refuse_unless_shown(before, command.content_hash)
        run = own_run(seen, command.user_id, before.run_id)
        shown = len(proposals_of(seen, run.id))
    _refuse_unless_open(run, before, shown)
    credit = before.entry_price if command.credit is None else command.credit
    return before, _judged_anew(desk, run, before, credit, command.quantity or before.quantity)


def _refuse_unless_open(run: WorkflowRun, before: Proposal, shown: int) -> None:
    if run.status is not RunStatus.PENDING_APPROVAL:
        raise NotAllowed("run_set_aside", f"{run.id} is {run.status.value}", advice="Resume the run first.")
    if before.closing is not None:
        raise NotAllowed("roll_not_modified", f"{before.id} is one side of a roll", advice="Ask for another roll.")
    if shown >= VERSIONS_MAX:
        raise NotAllowed("too_many_versions", f"{run.id} has {shown} proposals already", advice="Start a new run.")


def _judged_anew(desk: Desk, run: WorkflowRun, before: Proposal, credit: Price | None, quantity: int) -> _Version:
    asked = replace(evaluate.gather(desk, run), net_price=credit)
    judgement = evaluate.decide(asked)
    _refuse_bad_quotes(before, judgement)
    if credit is not None:
        _refuse_bad_credit(before, judgement.evaluation, credit, desk.settings.penny_classes)
    _refuse(before, judgement.verdict)
    sizing = replace(check_risk.gather_ours(desk, run), judgement=judgement, quantity=quantity)
    sizing = check_risk.with_dry_run(desk, run, sizing)
    risk = check_risk.decide(sizing)
    _refuse(before, risk.verdict)
    if risk.quantity != quantity:
        raise _too_large(before, risk, quantity)
    change = request_approval.Change(supersedes=before.id, entry_price=credit)
    wish = replace(request_approval.gather(desk, run), judgement=judgement, risk=risk, waiting=None, change=change)
    return _Version(evaluated=(asked, judgement), sized=(sizing, risk), proposed=(wish, request_approval.decide(wish)))


def _refuse_bad_quotes(before: Proposal, judgement: Judgement) -> None:
    _refuse(before, judgement.evaluation.verdict)


def _refuse_bad_credit(before: Proposal, found: Evaluation, credit: Price, penny_classes: tuple[str, ...]) -> None:
    natural, mid = found.natural_price, quoted_mid(found)
    if natural is None or mid is None:
        raise NotAllowed(Reason.NO_QUOTE.value, f"{before.id}: {Reason.NO_QUOTE.text}")
    best = mid * 2 - natural  # buying at the bid, selling at the ask
    proved = [one.leg.contract.root for one in found.legs if quoted_in_pennies((one.bid, one.ask))]
    ticks = tick_rule([one.leg for one in found.legs], (*penny_classes, *proved))
    facts = {"credit": credit, "natural": natural, "mid": mid, "best": best, "tick": ticks.tick(credit)}
    if not natural <= credit <= best or credit == 0:
        raise NotAllowed(
            Reason.CREDIT_OUT_OF_RANGE.value,
            f"a limit of {credit} lies outside of {natural} (natural) to {best}; mid is {mid}",
            advice=Reason.CREDIT_OUT_OF_RANGE.text,
            details=facts,
        )
    if not ticks.holds(credit):
        near = f"{ticks.down(credit)} or {ticks.up(credit)}"
        raise NotAllowed(
            Reason.CREDIT_OFF_TICK.value,
            f"no order can stand at {credit}: the price moves in steps of {ticks.tick(credit)}",
            advice=f"Choose {near}.",
            details=facts,
        )


def _refuse(before: Proposal, verdict: Verdict) -> None:
    if verdict.is_allowed or verdict.reason is None:
        return
    facts = ", ".join(f"{name.replace('_', ' ')} {fact}" for name, fact in verdict.facts.items())
    raise NotAllowed(
        verdict.reason.value,
        f"{before.symbol}: {verdict.reason.text}" + (f" ({facts})" if facts else ""),
        advice="The proposal stands as it was.",
        details=dict(verdict.facts),
    )


def _too_large(before: Proposal, risk: RiskFinding, quantity: int) -> NotAllowed:
    decided_by = "" if risk.sizing is None else risk.sizing.decided_by
    return NotAllowed(
        Reason.QUANTITY_TOO_LARGE.value,
        f"{before.symbol}: {quantity} structures are too many; {risk.quantity} may be traded",
        advice="The proposal stands as it was.",
        details={"quantity": quantity, "quantity_max": risk.quantity, "decided_by": decided_by},
    )


def _written(
    desk: Desk,
    uow: UnitOfWork,
    command: commands.ModifyProposal | commands.ExecuteProposal,
    before: Proposal,
    version: _Version,
    now: datetime,
) -> WorkflowRun:
    stored = own_proposal(uow, command.user_id, before.id)
    refuse_unless_pending(uow, stored, now)
    run = own_run(uow, command.user_id, before.run_id)
    _refuse_unless_open(run, stored, 0)
    uow.proposals.save(stored.superseded(by=command.decider, at=now))
    steps: tuple[tuple[StepName, Any, tuple[Any, Any]], ...] = (
        (StepName.EVALUATE, evaluate.STEP.decider, version.evaluated),
        (StepName.CHECK_RISK, check_risk.STEP.decider, version.sized),
        (StepName.REQUEST_APPROVAL, request_approval.STEP.decider, version.proposed),
    )
    for step, decider, (given, said) in steps:
        executed = Executed(step=step, decider=decider, inputs=given, output=said, started_at=now, duration_us=0)
        run = record(desk, uow, run, executed)
    new = version.proposal
    uow.proposals.add(new)
    facts = {"proposal": new.id, "supersedes": before.id, "by": command.decider}
    tell(uow, run, EventKind.PROPOSAL_MODIFIED, now, **facts, expires_at=new.expires_at)
    return run
