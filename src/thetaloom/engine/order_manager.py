"""Orders between our books and the broker's: intent first, delivery second, reports third.

An order row is committed before anything is sent. What was committed is delivered by ``deliver``; what became of
it comes back as reports, each applied once in a transaction of its own. Nothing here resends on a time-out.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import BrokerReport, ReportKind, apply_report
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, make_position_id
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import ExitFinding
from thetaloom.engine.lineage import Decider, Executed, output_of, record
from thetaloom.engine.order_work import LegQuote, OrderAction, OrderMove
from thetaloom.engine.step import ended, next_step, tell
from thetaloom.errors import BrokerUnavailable, InvariantError, OutcomeUnknown
from thetaloom.ports.store import UnitOfWork

STEP_OF = {Effect.OPEN: StepName.SUBMIT_ORDER, Effect.CLOSE: StepName.CLOSE_POSITION}
EVENT_OF = {
    ReportKind.ACCEPTED: EventKind.ORDER_ACCEPTED,
    ReportKind.REJECTED: EventKind.ORDER_REJECTED,
    ReportKind.REPLACED: EventKind.ORDER_REPLACED,
    ReportKind.FILLED: EventKind.ORDER_FILLED,
    ReportKind.CANCELED: EventKind.ORDER_CANCELED,
    ReportKind.EXPIRED: EventKind.ORDER_EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """A broker's report with the order and the position it changes."""

    report: BrokerReport
    order: Order
    position: Position  # as held before; without lots when nothing is held yet
    fill_is_known: bool
    run_status: RunStatus
    exit_reason: str  # why a closing order was staged
    exit_index: int | None  # the exit rule that staged it, if a rule did


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput:
    """Order and position after the report, and where the run goes."""

    verdict: Verdict
    order: Order
    position: Position
    status: RunStatus | None  # None: stays where it is
    outcome: Outcome | None
    reason: str


def decide_report(given: ReportInputs) -> ReportOutput:
    """Apply a report to the order and the position, and say where the run goes."""
    if given.fill_is_known:
        return _unchanged(given)
    order = apply_report(given.order, given.report)
    position, fill = given.position, given.report.fill
    if fill is not None:
        opens = order.effect is Effect.OPEN
        position = position.with_open_fill(fill) if opens else _reduced(given, order, fill)
    status, outcome, reason = _after(given, order, position)
    return ReportOutput(verdict=ALLOWED, order=order, position=position, status=status, outcome=outcome, reason=reason)


REPORT_DECIDER = Decider(name="order_report", inputs=ReportInputs, decide=decide_report)


def leg_quotes(desk: Desk, legs: Iterable[Leg], now: datetime) -> tuple[LegQuote, ...]:
    """Return the legs with their quotes of this moment."""
    quotes = desk.market.quotes([leg.contract for leg in legs], now)
    return tuple(LegQuote(leg=leg, quote=quotes.get(leg.contract)) for leg in legs)


def perform(uow: UnitOfWork, run: WorkflowRun, order: Order | None, move: OrderMove, now: datetime) -> None:
    """Write a move of an order into our books; ``deliver`` brings it to the broker after the commit."""
    if order is None or move.action in {OrderAction.WAIT, OrderAction.REFUSE, OrderAction.SEND}:
        return
    facts = {"order": order.client_order_id, "limit": move.limit_price, "effect": order.effect.value}
    if move.action is OrderAction.STAGE:
        tell(uow, run, EventKind.ORDER_STAGED, now, **facts)
    elif move.action is OrderAction.REPLACE and move.limit_price is not None:
        uow.orders.save(order.with_limit(move.limit_price))
    elif move.action is OrderAction.CANCEL:
        uow.orders.save(order.moved_to(OrderStatus.PENDING_CANCEL, Reason.ORDER_TIMED_OUT.value))


def deliver(desk: Desk, client_order_id: ClientOrderId, *, again: bool = False) -> None:
    """Bring the broker in line with what our books have committed for this order.

    With ``again`` (after a restart or an unknown outcome) the broker's books are read first, and a new order is
    sent only when they prove that it never arrived.
    """
    with desk.store.unit_of_work() as uow:
        order = uow.orders.get(client_order_id)
        if order is None or not order.is_open:
            return
        if order.status is OrderStatus.STAGED:
            order = order.moved_to(OrderStatus.SUBMITTED)
            uow.orders.save(order)
            _tell_order(uow, order, EventKind.ORDER_SUBMITTED, desk.clock.now())
            uow.commit()
            again = False
    try:
        _send(desk, order, again=again)
    except (BrokerUnavailable, OutcomeUnknown) as error:
        with desk.store.unit_of_work() as uow:
            _tell_order(uow, order, EventKind.ORDER_UNRESOLVED, desk.clock.now(), message=error.message)
            uow.commit()


def apply_reports(desk: Desk) -> list[WorkflowRun]:
    """Apply the broker's reports since the last one; return the runs they moved."""
    account = desk.broker.account_id
    with desk.store.reading() as uow:
        cursor = uow.accounts.report_cursor(account)
    moved = []
    for report in desk.broker.reports_since(cursor):
        with desk.store.unit_of_work() as uow:
            run = _apply(desk, uow, report)
            uow.accounts.set_report_cursor(account, report.sequence)
            uow.commit()
        if run is not None:
            moved.append(run)
    return moved


def _send(desk: Desk, order: Order, *, again: bool) -> None:
    broker, known = desk.broker, desk.broker.find(order.client_order_id) if again else None
    match order.status:
        case OrderStatus.SUBMITTED if known is None:
            broker.submit(order)
        case OrderStatus.PENDING_CANCEL if not again or (known is not None and known.is_open):
            broker.cancel(order.client_order_id)
        case OrderStatus.WORKING if order.revision and (known is None or known.limit_price != order.limit_price):
            broker.replace(order.client_order_id, order.limit_price, order.revision)


def _apply(desk: Desk, uow: UnitOfWork, report: BrokerReport) -> WorkflowRun | None:
    order = uow.orders.get(report.client_order_id)
    if order is None:
        return None  # an order from elsewhere; reconciliation looks at those
    run = uow.runs.get(order.run_id)
    if run is None:
        raise InvariantError(f"order {order.client_order_id} belongs to {order.run_id}, which is gone")
    now, started = desk.clock.now(), time.perf_counter_ns()
    held = uow.positions.of_run(run.id)
    known = {fill.fill_id for fill in uow.orders.fills_of(order.client_order_id)}
    given = ReportInputs(
        report=report,
        order=order,
        position=held if held is not None else _empty_position(run, order, now),
        fill_is_known=report.fill is not None and report.fill.fill_id in known,
        run_status=run.returns_to or run.status,
        exit_reason=run.reason,
        exit_index=_exit_index(desk, uow, run) if order.effect is Effect.CLOSE else None,
    )
    said = decide_report(given)
    executed = Executed(
        step=STEP_OF[order.effect],
        decider=REPORT_DECIDER,
        inputs=given,
        output=said,
        started_at=now,
        duration_us=(time.perf_counter_ns() - started) // 1000,
    )
    run = record(desk, uow, run, executed)
    _keep(uow, run, given, said, is_new=held is None, now=now)
    return uow.runs.save(_moved(uow, run, said, now))


def _exit_index(desk: Desk, uow: UnitOfWork, run: WorkflowRun) -> int | None:
    finding = output_of(desk, uow, run.id, StepName.MANAGE_POSITION, ExitFinding)
    return None if finding.exit is None else finding.exit.index


def _keep(
    uow: UnitOfWork, run: WorkflowRun, given: ReportInputs, said: ReportOutput, *, is_new: bool, now: datetime
) -> None:
    uow.orders.save(said.order)
    kind = EVENT_OF.get(given.report.kind)
    fill = given.report.fill
    if kind is not None:
        price = fill.price if fill is not None else said.order.limit_price
        tell(uow, run, kind, now, order=said.order.client_order_id, price=price, message=given.report.message)
    if fill is None or given.fill_is_known:
        return
    uow.orders.add_fill(fill)
    if is_new:
        uow.positions.add(said.position)
        tell(uow, run, EventKind.POSITION_OPENED, now, position=said.position.id, price=fill.price)
        return
    uow.positions.save(said.position)
    if said.order.effect is Effect.CLOSE:
        ends = EventKind.POSITION_REDUCED if said.position.is_open else EventKind.POSITION_CLOSED
        tell(uow, run, ends, now, position=said.position.id, realized_pnl=said.position.realized_pnl)


def _moved(uow: UnitOfWork, run: WorkflowRun, said: ReportOutput, now: datetime) -> WorkflowRun:
    if said.outcome is not None:
        reason = Reason.of(said.reason) if said.reason else None
        return ended(uow, run, said.outcome, Verdict(answer=ALLOWED.answer, reason=reason), now)
    if said.status is RunStatus.MONITORING and run.returns_to is not None:
        return replace(run, returns_to=said.status, next_step=StepName.MANAGE_POSITION, updated_at=now)
    if said.status is RunStatus.MONITORING:
        return next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now)
    return replace(run, updated_at=now)


def _reduced(given: ReportInputs, order: Order, fill: Fill) -> Position:
    # A partial exit rule has had its turn once its order is filled, not when it was staged.
    position = given.position.with_close_fill(fill)
    if order.is_open or not position.is_open or given.exit_index is None:
        return position
    return replace(position, exits_fired=(*position.exits_fired, given.exit_index))


def _after(given: ReportInputs, order: Order, position: Position) -> tuple[RunStatus | None, Outcome | None, str]:
    if order.effect is Effect.CLOSE:
        if not position.is_open and order.filled:
            return None, Outcome.CLOSED, given.exit_reason
        back = not order.is_open and given.run_status is RunStatus.CLOSING
        return (RunStatus.MONITORING if back else None), None, given.exit_reason
    if given.run_status not in {RunStatus.EXECUTING, RunStatus.COMPLETED} or order.is_open:
        return None, None, ""
    if position.is_open:
        return RunStatus.MONITORING, None, ""
    if given.run_status is RunStatus.COMPLETED:
        return None, None, ""
    return None, *_end_of_entry(order, given.order.reason)


def _end_of_entry(order: Order, asked_because: str) -> tuple[Outcome, str]:
    if order.status is OrderStatus.REJECTED:
        return Outcome.DENIED, Reason.ORDER_REJECTED.value
    if asked_because == Reason.ORDER_CANCELED.value:
        return Outcome.CANCELED, Reason.ORDER_CANCELED.value
    if order.status is OrderStatus.EXPIRED:
        return Outcome.UNFILLED, Reason.ORDER_EXPIRED.value
    return Outcome.UNFILLED, Reason.ORDER_TIMED_OUT.value


def _unchanged(given: ReportInputs) -> ReportOutput:
    return ReportOutput(
        verdict=Verdict(answer=ALLOWED.answer, facts={"known_fill": str(given.report.sequence)}),
        order=given.order,
        position=given.position,
        status=None,
        outcome=None,
        reason="",
    )


def _empty_position(run: WorkflowRun, order: Order, now: datetime) -> Position:
    return Position(
        id=make_position_id(run.id),
        run_id=run.id,
        user_id=run.user_id,
        account_id=run.account_id,
        strategy_id=run.strategy_id,
        symbol=run.symbol,
        legs=order.legs,
        opened_at=now,
    )


def _tell_order(uow: UnitOfWork, order: Order, kind: EventKind, now: datetime, **facts: object) -> None:
    run = uow.runs.get(order.run_id)
    if run is not None:
        tell(uow, run, kind, now, order=order.client_order_id, limit=order.limit_price, **facts)
