"""What a decided report changes in our books: rows, events, and where the run goes on."""

from dataclasses import replace
from datetime import datetime

from thetaloom.domain.book.halts import GUARD, StandingHalt
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import REFUSALS, ReportKind
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.reasons import Answer, Reason, Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.imbalance import mind_legs
from thetaloom.engine.last_gate import legs_note, put_halt
from thetaloom.engine.order_reports import ReportInputs, ReportOutput
from thetaloom.engine.rolls import end_incomplete, link_successor
from thetaloom.engine.step import ended, next_step, tell
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork

EVENT_OF = {
    ReportKind.ACCEPTED: EventKind.ORDER_ACCEPTED,
    ReportKind.REJECTED: EventKind.ORDER_REJECTED,
    ReportKind.REPLACED: EventKind.ORDER_REPLACED,
    ReportKind.FILLED: EventKind.ORDER_FILLED,
    ReportKind.CANCELED: EventKind.ORDER_CANCELED,
    ReportKind.EXPIRED: EventKind.ORDER_EXPIRED,
    ReportKind.LEG_FILLED: EventKind.LEG_FILLED,
}

STEP_IN = {RunStatus.MONITORING: StepName.MANAGE_POSITION, RunStatus.CLOSING: StepName.CLOSE_POSITION}


def keep(
    desk: Desk,
    uow: UnitOfWork,
    run: WorkflowRun,
    given: ReportInputs,
    said: ReportOutput,
    *,
    is_new: bool,
    now: datetime,
) -> None:
    """Write the order, its fill and its position, and tell of them."""
    uow.orders.save(said.order)
    fill = given.report.fill
    _tell_report(desk, uow, run, given, said, now)
    if fill is None or given.fill_is_known:
        return
    uow.orders.add_fill(fill)
    if is_new:
        uow.positions.add(said.position)
    else:
        uow.positions.save(said.position)
    _tell_loose(desk, uow, run, given, said, now)
    if not given.position.is_open:
        tell(uow, run, EventKind.POSITION_OPENED, now, position=said.position.id, price=fill.price)
        link_successor(uow, run, said.position, now)
    elif said.order.effect is Effect.CLOSE:
        ends = EventKind.POSITION_REDUCED if said.position.is_open else EventKind.POSITION_CLOSED
        tell(uow, run, ends, now, position=said.position.id, realized_pnl=said.position.realized_pnl)


def moved_by(
    uow: UnitOfWork, run: WorkflowRun, said: ReportOutput, now: datetime, next_open_at: datetime
) -> WorkflowRun:
    """Return the run as the report leaves it."""
    if said.next_step is not None and said.status is not None:
        return _gone_on(uow, run, said, now, next_open_at)
    if said.outcome is not None:
        if said.reason == Reason.ROLL_INCOMPLETE.value:
            end_incomplete(uow, run, said.order, now)
        reason = Reason.of(said.reason) if said.reason else None
        return ended(uow, run, said.outcome, Verdict(answer=Answer.ALLOW, reason=reason), now)
    if said.status is RunStatus.ERROR:
        tell(uow, run, EventKind.RUN_FAILED, now, order=said.order.client_order_id, reason=said.reason)
        return replace(run.moved_to(RunStatus.ERROR, now=now), reason=said.reason, due_at=None)
    step = STEP_IN.get(said.status) if said.status is not None else None
    if said.status is not None and step is not None and run.returns_to is not None:
        return replace(run, returns_to=said.status, next_step=step, updated_at=now)
    if said.status is RunStatus.CLOSING:
        return next_step(run, StepName.CLOSE_POSITION, RunStatus.CLOSING, now)
    if said.status is RunStatus.MONITORING:
        if run.is_final:  # how a run ended says nothing of one that was reopened
            run = replace(run, reason="")
        return next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now)
    return replace(run, updated_at=now)


def _tell_report(
    desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: ReportInputs, said: ReportOutput, now: datetime
) -> None:
    order, report = said.order, given.report
    facts = {"order": order.client_order_id, "message": report.message}
    kind = EVENT_OF.get(report.kind)
    if order.status is OrderStatus.DENIED and given.order.is_open:
        kind = EventKind.ORDER_DENIED
    if kind is not None:
        price = report.fill.price if report.fill is not None else order.limit_price
        tell(uow, run, kind, now, price=price, **facts)
    if given.order.unresolved_since is not None and order.unresolved_since is None:
        tell(uow, run, EventKind.ORDER_RESOLVED, now, status=order.status.value, **facts)
    if report.kind in REFUSALS:
        refusal = report.refusal or Refusal.UNKNOWN
        tell(uow, run, EventKind.ORDER_REFUSED, now, refusal=refusal.value, advice=refusal.text, **facts)
    if said.contradiction is not None:
        note = f"order {order.client_order_id}: {said.contradiction.value}; {order.filled} of {order.quantity} filled"
        _halt(desk, uow, run, note, now)
        tell(uow, run, EventKind.ORDER_CONTRADICTED, now, contradiction=said.contradiction.value, **facts)


def _tell_loose(
    desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: ReportInputs, said: ReportOutput, now: datetime
) -> None:
    # Legs without the others are another risk than was approved: no new risk until somebody has looked.
    mind_legs(desk, uow, said.position, now)
    came = [one for one in said.position.loose if one not in given.position.loose]
    if not came:
        return
    text = ", ".join(f"{one.quantity:+d} {one.contract.notation}" for one in came)
    _halt(desk, uow, run, f"{legs_note(said.position.id)}: {text}", now)
    tell(uow, run, EventKind.LEGS_ORPHANED, now, position=said.position.id, legs=text)


def _halt(desk: Desk, uow: UnitOfWork, run: WorkflowRun, why: str, now: datetime) -> None:
    halt = StandingHalt(scope=f"account:{run.account_id}", reason=why, by=GUARD, at=now.isoformat())
    put_halt(desk, uow, halt, run.user_id, now)


def _gone_on(
    uow: UnitOfWork, run: WorkflowRun, said: ReportOutput, now: datetime, next_open_at: datetime
) -> WorkflowRun:
    if said.next_step is None or said.status is None:
        raise InvariantError(f"{run.id}: a refused entry goes on nowhere")
    if said.status is RunStatus.EVALUATING:
        for proposal in uow.proposals.of_run(run.id):
            if proposal.status is ProposalStatus.APPROVED:
                uow.proposals.save(proposal.spent())
    due_at = next_open_at if said.waits_for_open else now
    if said.waits_for_open:
        tell(uow, run, EventKind.ORDER_QUEUED, now, order=said.order.client_order_id, until=due_at.isoformat())
    if run.returns_to is not None:  # set aside meanwhile: it goes on there once it is resumed
        return replace(run, returns_to=said.status, next_step=said.next_step, updated_at=now)
    return next_step(run, said.next_step, said.status, now, due_at=due_at)
