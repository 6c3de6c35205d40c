"""Orders in our books: what they are to be, and what the broker told of them. Nothing here goes to a broker."""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.book.resting import REPLACEMENTS_MAX, beyond_held, ended_at_broker, replacements, target_orders_of
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import StepName, WorkflowRun
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.leg_balance import book_execution, left_alone, settle_balance
from thetaloom.engine.lineage import Executed, record
from thetaloom.engine.order_reports import REPORT_DECIDER, decide_report
from thetaloom.engine.order_work import LegQuote, OrderAction, OrderMove
from thetaloom.engine.position_alerts import mind_alerts
from thetaloom.engine.report_effects import keep, moved_by
from thetaloom.engine.report_inputs import Find, report_inputs
from thetaloom.engine.restarts import restart_after
from thetaloom.engine.rolls import wake_successor
from thetaloom.engine.step import tell
from thetaloom.ports.store import UnitOfWork

STEP_OF = {Effect.OPEN: StepName.SUBMIT_ORDER, Effect.CLOSE: StepName.CLOSE_POSITION}


def leg_quotes(desk: Desk, legs: Iterable[Leg], now: datetime) -> tuple[LegQuote, ...]:
    """Return the legs with their quotes of this moment."""
    quotes = desk.market.quotes([leg.contract for leg in legs], now)
    return tuple(LegQuote(leg=leg, quote=quotes.get(leg.contract)) for leg in legs)


def rests_at_target(uow: UnitOfWork, run: WorkflowRun) -> bool:
    """Say whether a closing order of the run rests at a profit target, where another wish may take its place."""
    orders = uow.orders.of_run(run.id)
    exits = [order for order in orders if order.purpose in {OrderPurpose.EXIT, OrderPurpose.ROLL} and order.is_open]
    return any(order.floor is not None for order in exits)


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


def ask_cancel(desk: Desk, uow: UnitOfWork, order: Order, reason: Reason) -> None:
    """Write that an open order shall be canceled; ``deliver`` asks the broker, unless it was never sent."""
    if order.status is OrderStatus.STAGED:
        withdraw(desk, uow, order, reason)
    elif order.status is not OrderStatus.PENDING_CANCEL:
        uow.orders.save(order.moved_to(OrderStatus.PENDING_CANCEL, reason.value))


def withdraw(desk: Desk, uow: UnitOfWork, order: Order, reason: Reason) -> None:
    """Cancel an order that the broker certainly never had; its run goes on as after any canceled order."""
    report = BrokerReport(
        sequence=0,
        kind=ReportKind.CANCELED,
        client_order_id=order.client_order_id,
        broker_order_id=None,
        reported_at=desk.clock.now(),
        message=f"never sent: {reason.value}",
    )
    apply_report(desk, uow, report, withdrawn=reason)


def book_report(
    desk: Desk, uow: UnitOfWork, report: BrokerReport, *, find: Find | None = None
) -> tuple[WorkflowRun | None, list[ClientOrderId]]:
    """Book a report in the caller's transaction; return the run it moved, and the orders to deliver afterwards.

    ``find`` knows what the broker's books say, where they have just been read.
    """
    run = apply_report(desk, uow, report, find=find)
    for fill in book_execution(uow, report):
        told = replace(report, kind=ReportKind.FILLED, fill=fill, execution=None)
        run = apply_report(desk, uow, told, find=find) or run
    left = left_alone(uow, report.client_order_id, desk.clock.now())
    if left is not None:
        run = apply_report(desk, uow, left, find=find) or run
    if report.execution is not None or left is not None:
        settle_balance(uow, report.client_order_id, desk.clock.now())
    if run is not None and (report.fill or report.execution or left):
        return run, _cancel_overtaken(desk, uow, run)
    return run, []


def _cancel_overtaken(desk: Desk, uow: UnitOfWork, run: WorkflowRun) -> list[ClientOrderId]:
    # A late fill may leave a closing order that would sell more than is held: that would open the reverse.
    overtaken = beyond_held(uow.positions.of_run(run.id), uow.orders.of_run(run.id))
    for order in overtaken:
        ask_cancel(desk, uow, order, Reason.MORE_THAN_HELD)
    return [order.client_order_id for order in overtaken]


def apply_report(
    desk: Desk, uow: UnitOfWork, report: BrokerReport, *, withdrawn: Reason | None = None, find: Find | None = None
) -> WorkflowRun | None:
    """Book one report of one order in the caller's transaction; return the run it moved."""
    order = uow.orders.get(report.client_order_id)
    run = uow.runs.get(order.run_id) if order is not None else None
    if order is None or run is None:
        return None  # an order from elsewhere; reconciliation looks at those
    now, started = desk.clock.now(), time.perf_counter_ns()
    held = uow.positions.of_run(run.id)
    given = report_inputs(desk, uow, run, order, report, held, withdrawn=withdrawn, find=find or desk.broker.find)
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
    keep(desk, uow, run, given, said, is_new=held is None, now=now)
    mind_alerts(desk, uow, given.position, said.position, now)
    _tell_given_up(desk, uow, run, given.order, said.order)
    if given.order.is_open:
        wake_successor(uow, said.order, now)
    was_final = run.is_final
    saved = uow.runs.save(moved_by(uow, run, said, now, desk.calendar.next_open(now)))
    if saved.is_final and not was_final:
        restart_after(desk, uow, saved, now)
    return saved


def _tell_given_up(desk: Desk, uow: UnitOfWork, run: WorkflowRun, before: Order, order: Order) -> None:
    if order.purpose is not OrderPurpose.TARGET or not before.is_open or not ended_at_broker(order):
        return
    now = desk.clock.now()
    today = desk.calendar.exchange_date(now)
    mine = target_orders_of(uow.orders.of_run(run.id), order.part)
    of_today = frozenset(one.client_order_id for one in mine if desk.calendar.exchange_date(one.staged_at) == today)
    if replacements(mine, of_today) >= REPLACEMENTS_MAX:
        tell(uow, run, EventKind.TARGET_ABANDONED, now, order=order.client_order_id, part=order.part)


def tell_order(uow: UnitOfWork, order: Order, kind: EventKind, now: datetime, **facts: object) -> None:
    """Tell of an order in the story of its run."""
    run = uow.runs.get(order.run_id)
    if run is not None:
        tell(uow, run, kind, now, order=order.client_order_id, limit=order.limit_price, **facts)
