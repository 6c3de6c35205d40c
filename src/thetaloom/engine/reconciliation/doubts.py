"""Positions of which the broker holds less than our books say: nothing of them is traded until the two agree again.

An order that closes what is not held would open the reverse. So the run is set aside and its orders are canceled; it
goes on by itself where the difference goes away, and else a person says which position lost the contracts.
"""

from dataclasses import replace

from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.elsewhere import Finding, FindingKind
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.alerts import end_alert, raise_alert
from thetaloom.engine.order_manager import ask_cancel
from thetaloom.engine.reconciliation.round import Round
from thetaloom.engine.step import tell

TRADES = frozenset({RunStatus.EXECUTING, RunStatus.MONITORING, RunStatus.CLOSING})
DOUBT = Reason.BOOK_IN_DOUBT.value


def settle_doubts(now: Round) -> None:
    """Set aside the runs whose positions are in doubt, and let those go on that are not any more."""
    lost = {
        leg: one for one in now.findings.values() if one.kind is FindingKind.CONTRACTS_DIFFER for leg in one.contracts
    }
    for position in tuple(now.positions.values()):
        run = now.uow.runs.get(position.run_id)
        if run is None:
            continue
        finding = next((lost[leg] for leg in position.contracts_held if leg in lost), None)
        if finding is not None and run.status in TRADES:
            now.uow.runs.save(set_aside(now, run, Reason.BOOK_IN_DOUBT))
            _alert(now, position, run, finding)
        elif (
            position.id not in now.undecided
            and finding is None
            and run.status is RunStatus.PAUSED
            and run.reason == DOUBT
        ):
            _resume(now, position, run)


def set_aside(now: Round, run: WorkflowRun, reason: Reason) -> WorkflowRun:
    """Return the run paused, with every order of it canceled that works or waits to be sent."""
    for order in now.uow.orders.of_run(run.id):
        if order.is_open:
            ask_cancel(now.desk, now.uow, order, Reason.BOOK_IN_DOUBT)
            now.deliver.append(order.client_order_id)
    run = now.uow.runs.get(run.id) or run  # what was never sent is withdrawn at once
    if run.status not in TRADES:
        return run
    tell(now.uow, run, EventKind.RUN_PAUSED, now.now, reason=reason.value)
    now.moved.add(run.id)
    now.counts.updated += 1
    now.note(f"{run.id} is set aside: {reason.text}")
    return replace(run.moved_to(RunStatus.PAUSED, now=now.now), reason=reason.value)


def _resume(now: Round, position: Position, run: WorkflowRun) -> None:
    if run.returns_to is None:
        return
    tell(now.uow, run, EventKind.RUN_RESUMED, now.now, reason=DOUBT)
    back = replace(run.moved_to(run.returns_to, now=now.now), due_at=now.now, reason="")
    now.uow.runs.save(back)
    end_alert(now.uow, position.user_id, position.id, DOUBT, now.now, run=run.id)
    now.moved.add(run.id)
    now.wake.append(run.id)
    now.counts.updated += 1
    now.note(f"{run.id} goes on: both books hold the same again")


def _alert(now: Round, position: Position, run: WorkflowRun, finding: Finding) -> None:
    alert = Alert(
        user_id=position.user_id,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause=DOUBT,
        priority=Priority.CRITICAL,
        reason=DOUBT,
        details=f"{finding.text}. Nothing of the position is traded by itself.",
        recommended_action=(
            "Look at the broker's own page. If the contracts are gone there:"
            f" thetaloom position assign {finding.id} {position.id}"
        ),
        urgency=Urgency.IMMEDIATE,
        raised_at=now.now,
    )
    raise_alert(now.uow, alert, run=run.id)
