"""Phases six and seven: orders that ended unheard, runs that nobody would wake, and targets that are missing."""

from dataclasses import replace
from datetime import timedelta

from thetaloom.domain.book.elsewhere import FindingKind, FindingStatus
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.book.resting import plan_targets, target_orders_of
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.ids import make_position_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.order_manager import book_report
from thetaloom.engine.reconciliation.round import Round
from thetaloom.engine.step import next_step
from thetaloom.errors import DomainError, InvariantError

ENDS = {
    OrderStatus.CANCELED: ReportKind.CANCELED,
    OrderStatus.EXPIRED: ReportKind.EXPIRED,
    OrderStatus.REJECTED: ReportKind.REJECTED,
}
STEP_IN = {RunStatus.MONITORING: StepName.MANAGE_POSITION, RunStatus.CLOSING: StepName.CLOSE_POSITION}


def settle_states(now: Round) -> None:
    """Take the ends of orders from the broker's books, and wake runs that hold a position and wait for nothing."""
    for order_id, known in now.look.known.items():
        order = now.uow.orders.get(order_id)
        if order is None or not order.is_open or not _reached(now, order):
            continue
        now.counts.processed += 1
        _settle_order(now, order, known)
    for finding in tuple(now.findings.values()):
        if finding.kind is FindingKind.ORDER_DIFFERS and finding.key not in now.suspects and now.is_whole:
            now.settle_finding(finding, FindingStatus.GONE, "both books say the same")
    now.read_positions()
    for position in tuple(now.positions.values()):
        run = now.uow.runs.get(position.run_id)
        if run is None or not now.reaches(position.symbol, position.id):
            continue
        now.counts.processed += 1
        mended = _mended(now, run)
        if mended is not None:
            now.uow.runs.save(mended)
            now.wake.append(run.id)
            now.counts.updated += 1
            now.note(f"{run.id} holds {position.id} and waited for nothing; it goes on {mended.status.value}")


def repair_targets(now: Round) -> None:
    """Have missing profit targets placed again by the step that places them; only while the exchange is open."""
    if not now.desk.calendar.is_open(now.now):
        return
    for position in tuple(now.positions.values()):
        aims = any(spread.target_percent is not None for spread in position.spreads)
        if not aims or not now.reaches(position.symbol, position.id):
            continue
        now.counts.processed += 1
        _repair(now, position)


def _settle_order(now: Round, order: Order, known: BrokerOrder | None) -> None:
    key = f"ours:{order.client_order_id}"
    if known is None:
        patience = timedelta(seconds=now.desk.broker.capabilities.absence_seconds)
        is_old = now.now - order.staged_at > patience
        if is_old and order.status is OrderStatus.WORKING and order.broker_order_id is not None:
            text = f"{order.client_order_id} works by our books, and the broker's books do not know it"
            if now.persists(key, text):
                now.raise_finding(FindingKind.ORDER_DIFFERS, key, text, halt=True, order=order.client_order_id)
        return
    if known.filled > order.filled:
        text = f"{order.client_order_id}: {known.filled} filled by its book, {order.filled} by the transactions"
        if now.persists(key, text):
            now.raise_finding(FindingKind.ORDER_DIFFERS, key, text, halt=True, order=order.client_order_id)
        return
    kind = ENDS.get(known.status)
    if known.is_open or kind is None or not now.persists(key, "ended at the broker"):
        return  # the report that tells of it may be on its way
    report = BrokerReport(
        sequence=0,
        kind=kind,
        client_order_id=order.client_order_id,
        broker_order_id=known.broker_order_id,
        reported_at=now.now,
        message="found in the broker's books",
    )
    try:
        run, overtaken = book_report(now.desk, now.uow, report, find=now.find)
    except (InvariantError, DomainError) as error:
        now.counts.errors += 1
        now.note(f"{order.client_order_id}: {error.message}")
        return
    now.deliver += overtaken
    now.counts.updated += 1
    now.note(f"{order.client_order_id} ended at the broker as {known.status.value}, which no report told of")
    if run is not None:
        now.moved.add(run.id)
        now.wake.append(run.id)


def _mended(now: Round, run: WorkflowRun) -> WorkflowRun | None:
    """Return a run that holds a position as it must go on; ``None`` where all is well."""
    if run.returns_to is not None:
        return None  # set aside: resuming brings it back
    orders = [one for one in now.uow.orders.of_run(run.id) if one.is_open]
    if run.is_final or (run.status is RunStatus.EXECUTING and not any(one.effect is Effect.OPEN for one in orders)):
        reopened = replace(run, reason="") if run.is_final else run
        return next_step(reopened, StepName.MANAGE_POSITION, RunStatus.MONITORING, now.now)
    if run.status in STEP_IN and (run.due_at is None or run.next_step is None):
        waits = run.status is RunStatus.CLOSING and any(one.purpose is not OrderPurpose.TARGET for one in orders)
        return None if waits else next_step(run, STEP_IN[run.status], run.status, now.now)
    return None


def _repair(now: Round, position: Position) -> None:
    run = now.uow.runs.get(position.run_id)
    if run is None or run.status is not RunStatus.MONITORING:
        return
    orders = now.uow.orders.of_run(run.id)
    if now.options.replace_targets:
        position = _wanted_again(now, position, list(orders))
    calendar = now.desk.calendar
    today = calendar.exchange_date(now.now)
    plan = plan_targets(
        position,
        orders,
        frozenset(one.client_order_id for one in orders if calendar.exchange_date(one.staged_at) == today),
        now=now.now,
        pause_seconds=now.desk.settings.exit_interval_seconds,
    )
    if not plan.place:
        return
    now.uow.runs.save(next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now.now))
    now.wake.append(run.id)
    now.counts.created += len(plan.place)
    parts = ", ".join(target.part or "the whole" for target in plan.place)
    now.note(f"{position.id} lacks the target of {parts}; it is placed again")


def _wanted_again(now: Round, position: Position, orders: list[Order]) -> Position:
    spreads = tuple(
        replace(spread, target_orders_before=len(mine))
        if (mine := target_orders_of(orders, spread.name))
        and not mine[-1].is_open
        and mine[-1].reason == Reason.ORDER_CANCELED.value
        else spread
        for spread in position.spreads
    )
    if spreads == position.spreads:
        return position
    changed = now.uow.positions.save(replace(position, spreads=spreads))
    now.positions[changed.id] = changed
    now.counts.updated += 1
    return changed


def _reached(now: Round, order: Order) -> bool:
    return now.reaches(order.legs[0].contract.underlying, make_position_id(order.run_id))
