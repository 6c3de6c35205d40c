"""Orders between our books and the broker's: intent first, delivery second, reports third.

An order row is committed before anything is sent. What was committed is delivered by ``deliver``; what became of
it comes back as reports, each applied once in a transaction of its own. Nothing here resends on a time-out.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from thetaloom.domain.book.doubt import AfterLook, after_look, next_words
from thetaloom.domain.book.halts import GUARD, StandingHalt
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.book.resting import REPLACEMENTS_MAX, beyond_held, ended_at_broker, replacements, target_orders_of
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.last_gate import barred_by, is_moved_too_often, is_stopped, put_halt
from thetaloom.engine.leg_balance import book_execution, left_alone, settle_balance
from thetaloom.engine.lineage import Executed, record, record_failure
from thetaloom.engine.order_doubt import Resolution, absence_of, mark_found, mark_missed, mark_unresolved, send_new
from thetaloom.engine.order_reports import REPORT_DECIDER, decide_report
from thetaloom.engine.order_work import LegQuote, OrderAction, OrderMove
from thetaloom.engine.position_alerts import mind_alerts
from thetaloom.engine.report_effects import keep, moved_by
from thetaloom.engine.report_inputs import report_inputs
from thetaloom.engine.restarts import restart_after
from thetaloom.engine.rolls import wake_successor
from thetaloom.engine.step import tell
from thetaloom.errors import BrokerUnavailable, DomainError, InvariantError, OutcomeUnknown, StaleVersionError
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

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


def deliver(desk: Desk, client_order_id: ClientOrderId, *, again: bool = False) -> None:
    """Bring the broker in line with what our books have committed for this order.

    This is the last gate before the wire. With ``again`` (after a restart or an unknown outcome), and for an order
    that the broker never answered, the broker's books are read first; only when they prove that it never arrived
    is it sent, or withdrawn where it may no longer be.
    """
    with desk.store.unit_of_work() as uow:
        order = uow.orders.get(client_order_id)
        if order is None or not order.is_open:
            return
        is_new = order.status is OrderStatus.STAGED
        if is_new:
            barred = barred_by(desk, uow, order)
            if barred is not None:
                withdraw(desk, uow, order, barred)
                uow.commit()
                return
            order = order.moved_to(OrderStatus.SUBMITTED)
            uow.orders.save(order)
            _tell_order(uow, order, EventKind.ORDER_SUBMITTED, desk.clock.now())
            uow.commit()
            committed_at = desk.clock.now()
        elif is_moved_too_often(desk, uow, order):
            uow.commit()  # the halt that this puts in force cancels it
            return
    try:
        if is_new:
            _submit(desk, order, committed_at)
        elif again or order.broker_order_id is None:
            _look_first(desk, order)
        else:
            _ask_again(desk, order)
    except (BrokerUnavailable, OutcomeUnknown) as error:
        mark_unresolved(desk, client_order_id, error.message)


def resolve(desk: Desk, order: Order) -> Resolution:
    """Look an order up in the broker's books now, and do what that proves. A look that fails raises."""
    known = desk.broker.find(order.client_order_id)
    apply_reports(desk)
    with desk.store.reading() as uow:
        order = uow.orders.get(order.client_order_id) or order
    if order.is_open and (order.awaits_answer or order.unresolved_since is not None):
        deliver(desk, order.client_order_id, again=True)
        apply_reports(desk)
    with desk.store.reading() as uow:
        order = uow.orders.get(order.client_order_id) or order
    in_doubt = order.is_open and order.unresolved_since is not None
    words = (
        next_words(order, desk.clock.now(), absence_of(desk)) if in_doubt else f"Nothing: it is {order.status.value}."
    )
    return Resolution(order=order, known=known, in_doubt=in_doubt, next=words)


def apply_reports(desk: Desk) -> list[WorkflowRun]:
    """Apply the broker's reports since the last one; return the runs they moved."""
    with desk.store.reading() as uow:
        cursor = uow.accounts.report_cursor(desk.broker.account_id)
    moved = []
    for report in desk.broker.reports_since(cursor):
        try:
            run = _apply_once(desk, report)
        except StaleVersionError:
            log.info("run_moved_by_another_worker", order=report.client_order_id)
            break  # the next look reads it again
        if run is not None:
            moved.append(run)
    return moved


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
    _apply(desk, uow, report, withdrawn=reason)


def _ask_again(desk: Desk, order: Order) -> None:
    # Cancels and new limits may be asked for twice; a new order never is.
    if order.status is OrderStatus.PENDING_CANCEL:
        desk.broker.cancel(order.client_order_id)
    elif order.status is OrderStatus.WORKING and order.revision:
        _replace(desk, order)


def _look_first(desk: Desk, order: Order) -> None:
    known = desk.broker.find(order.client_order_id)
    exact = desk.broker.capabilities.exact_books
    match after_look(order, known, desk.clock.now(), absence_of(desk), exact_books=exact):
        case AfterLook.BOOK_ACCEPTED if known is not None:
            _book_answer(desk, order, known, ReportKind.ACCEPTED)
        case AfterLook.BOOK_REPLACED if known is not None:
            _book_answer(desk, order, known, ReportKind.REPLACED)
        case AfterLook.NOTE_FOUND if known is not None:
            mark_found(desk, order, known)
        case AfterLook.CANCEL if known is not None:
            mark_found(desk, order, known)
            desk.broker.cancel(order.client_order_id)
        case AfterLook.REPLACE:
            _replace(desk, order)
        case AfterLook.NOTE_MISSED:
            mark_missed(desk, order)
        case AfterLook.SETTLE_ABSENT:
            _settle_absent(desk, order)


def _book_answer(desk: Desk, order: Order, known: BrokerOrder, kind: ReportKind) -> None:
    """Take from the broker's books the answer that its report did not bring."""
    report = BrokerReport(
        sequence=0,
        kind=kind,
        client_order_id=order.client_order_id,
        broker_order_id=known.broker_order_id,
        reported_at=desk.clock.now(),
        limit_price=known.limit_price if kind is ReportKind.REPLACED else None,
        message="found in the broker's books",
    )
    with desk.store.unit_of_work() as uow:
        _apply(desk, uow, report)
        uow.commit()


def _replace(desk: Desk, order: Order) -> None:
    if not is_stopped(desk, order):  # else its cancel is on the way
        desk.broker.replace(order.client_order_id, order.limit_price, order.revision)


def _settle_absent(desk: Desk, order: Order) -> None:
    with desk.store.unit_of_work() as uow:
        stored = uow.orders.get(order.client_order_id)
        if stored != order:
            return  # it went on meanwhile, and the proof was about how it was before
        barred = Reason.of(order.reason) if order.status is OrderStatus.PENDING_CANCEL else barred_by(desk, uow, order)
        if barred is not None:
            if order.absent_since is None:  # one look lets it be sent again; to withdraw it takes two
                uow.orders.save(order.missed(desk.clock.now()))
            else:
                withdraw(desk, uow, order, barred)
            uow.commit()
            return
        if not desk.broker.capabilities.exact_books:
            # From here on it may arrive again: what was proven so far proves nothing any more.
            uow.orders.save(order.unresolved(desk.clock.now()))
        _tell_order(uow, order, EventKind.ORDER_SUBMITTED, desk.clock.now(), again="proven absent")
        uow.commit()
        committed_at = desk.clock.now()
    _submit(desk, order, committed_at)


def _submit(desk: Desk, order: Order, committed_at: datetime) -> None:
    # Between the commit and the wire a flag may have gone up; what was never sent can still be withdrawn.
    if not is_stopped(desk, order):
        send_new(desk, order, committed_at)
        return
    with desk.store.unit_of_work() as uow:
        withdraw(desk, uow, order, Reason.HALTED)
        uow.commit()


def _apply_once(desk: Desk, report: BrokerReport, *, tries: int = 2) -> WorkflowRun | None:
    account = desk.broker.account_id
    try:
        with desk.store.unit_of_work() as uow:
            if uow.accounts.report_cursor(account) >= report.sequence:
                return None  # another worker applied it meanwhile
            run, overtaken = book_report(desk, uow, report)
            uow.accounts.set_report_cursor(account, report.sequence)
            uow.commit()
    except StaleVersionError:
        raise
    except (InvariantError, DomainError) as error:
        if tries > 1:  # another worker's record may have come between
            return _apply_once(desk, report, tries=tries - 1)
        log.exception("report_contradicts_books", order=report.client_order_id, sequence=report.sequence)
        return _set_aside(desk, report, error.message)
    for order in overtaken:
        deliver(desk, order)
    return run


def book_report(desk: Desk, uow: UnitOfWork, report: BrokerReport) -> tuple[WorkflowRun | None, list[ClientOrderId]]:
    """Book a report in the caller's transaction; return the run it moved, and the orders to deliver afterwards."""
    run = _apply(desk, uow, report)
    for fill in book_execution(uow, report):
        told = replace(report, kind=ReportKind.FILLED, fill=fill, execution=None)
        run = _apply(desk, uow, told) or run
    left = left_alone(uow, report.client_order_id, desk.clock.now())
    if left is not None:
        run = _apply(desk, uow, left) or run
    if report.execution is not None or left is not None:
        settle_balance(uow, report.client_order_id, desk.clock.now())
    if run is not None and (report.fill or report.execution or left):
        return run, _cancel_overtaken(desk, uow, run)
    return run, []


def _set_aside(desk: Desk, report: BrokerReport, message: str) -> WorkflowRun | None:
    """Keep a report that our books cannot hold as a failure, and let no new risk on until a person has looked."""
    account, now = desk.broker.account_id, desk.clock.now()
    with desk.store.unit_of_work() as uow:
        order = uow.orders.get(report.client_order_id)
        run = uow.runs.get(order.run_id) if order is not None else None
        if order is None or run is None or uow.accounts.report_cursor(account) >= report.sequence:
            return None
        if not run.is_final:
            run = replace(run.moved_to(RunStatus.ERROR, now=now), reason=Reason.STEP_FAILED.value, due_at=None)
        run = record_failure(desk, uow, run, STEP_OF[order.effect], report, message, now)
        tell(uow, run, EventKind.RUN_FAILED, now, order=order.client_order_id, message=message)
        why = f"broker report {report.sequence} contradicts our books"
        halt = StandingHalt(scope=f"account:{account}", reason=why, by=GUARD, at=now.isoformat())
        put_halt(desk, uow, halt, run.user_id, now)
        saved = uow.runs.save(run)
        uow.accounts.set_report_cursor(account, report.sequence)
        uow.commit()
    return saved


def _cancel_overtaken(desk: Desk, uow: UnitOfWork, run: WorkflowRun) -> list[ClientOrderId]:
    # A late fill may leave a closing order that would sell more than is held: that would open the reverse.
    overtaken = beyond_held(uow.positions.of_run(run.id), uow.orders.of_run(run.id))
    for order in overtaken:
        ask_cancel(desk, uow, order, Reason.MORE_THAN_HELD)
    return [order.client_order_id for order in overtaken]


def _apply(desk: Desk, uow: UnitOfWork, report: BrokerReport, *, withdrawn: Reason | None = None) -> WorkflowRun | None:
    order = uow.orders.get(report.client_order_id)
    run = uow.runs.get(order.run_id) if order is not None else None
    if order is None or run is None:
        return None  # an order from elsewhere; reconciliation looks at those
    now, started = desk.clock.now(), time.perf_counter_ns()
    held = uow.positions.of_run(run.id)
    given = report_inputs(desk, uow, run, order, report, held, withdrawn=withdrawn)
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


def _tell_order(uow: UnitOfWork, order: Order, kind: EventKind, now: datetime, **facts: object) -> None:
    run = uow.runs.get(order.run_id)
    if run is not None:
        tell(uow, run, kind, now, order=order.client_order_id, limit=order.limit_price, **facts)
