"""Orders between our books and the broker's: intent first, delivery second, reports third.

An order row is committed before anything is sent. What was committed is delivered by ``deliver``; what became of
it comes back as reports, each applied once in a transaction of its own. Nothing here resends on a time-out.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from thetaloom.domain.book.doubt import AfterLook, after_look, next_words
from thetaloom.domain.book.halts import GUARD, StandingHalt
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.errands import Outcome
from thetaloom.engine.last_gate import barred_by, is_moved_too_often, is_stopped, put_halt
from thetaloom.engine.lineage import record_failure
from thetaloom.engine.live_gates import is_staged, session_is_live, shut_gate
from thetaloom.engine.order_doubt import Resolution, absence_of, mark_found, mark_missed, mark_unresolved, send_new
from thetaloom.engine.order_manager import STEP_OF, apply_report, ask_cancel, book_report, tell_order, withdraw
from thetaloom.engine.step import tell
from thetaloom.errors import (
    AnswerPending,
    BrokerPending,
    BrokerUnavailable,
    DomainError,
    InvariantError,
    OutcomeUnknown,
    StaleVersionError,
)
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

T = TypeVar("T")


def deliver(desk: Desk, client_order_id: ClientOrderId, *, again: bool = False) -> None:
    """Bring the broker in line with what our books have committed for this order.

    This is the last gate before the wire. With ``again`` (after a restart or an unknown outcome), and for an order
    that the broker never answered, the broker's books are read first; only when they prove that it never arrived
    is it sent, or withdrawn where it may no longer be.
    """
    is_being_sent = desk.errands.is_busy(client_order_id) and not again and is_staged(desk, client_order_id)
    if not is_being_sent:
        desk.errands.begin(client_order_id, partial(_begin, desk, client_order_id, again))


def _begin(desk: Desk, client_order_id: ClientOrderId, again: bool) -> None:
    if desk.broker.simulated or not is_staged(desk, client_order_id):
        _deliver(desk, client_order_id, again, session=False)
        return

    def go_on(session: Outcome[bool]) -> None:
        try:
            is_live = session()
        except BrokerUnavailable as error:
            log.warning("order_not_sent", order=client_order_id, error=error.message)  # its run's next look tries again
            return
        _deliver(desk, client_order_id, again, session=is_live)

    desk.errands.run(client_order_id, partial(session_is_live, desk), go_on)


def _deliver(desk: Desk, client_order_id: ClientOrderId, again: bool, *, session: bool) -> None:
    with desk.store.unit_of_work() as uow:
        order = uow.orders.get(client_order_id)
        if order is None or not order.is_open:
            return
        is_new = order.status is OrderStatus.STAGED
        if is_new:
            gate = shut_gate(desk, uow, order, session=session)
            if gate is not None and order.effect is Effect.CLOSE:
                _withhold(desk, uow, order, gate)
                return
            barred = gate or barred_by(desk, uow, order)
            if barred is not None:
                withdraw(desk, uow, order, barred)
                uow.commit()
                return
            order = replace(order.moved_to(OrderStatus.SUBMITTED), reason="")  # no gate withholds it any more
            uow.orders.save(order)
            tell_order(uow, order, EventKind.ORDER_SUBMITTED, desk.clock.now())
            uow.commit()
            committed_at = desk.clock.now()
        elif is_moved_too_often(desk, uow, order):
            uow.commit()  # the halt that this puts in force cancels it
            return
    if is_new:
        _submit(desk, order, committed_at)
    elif again or order.broker_order_id is None:
        _look_first(desk, order)
    else:
        _ask_again(desk, order)


def _withhold(desk: Desk, uow: UnitOfWork, order: Order, gate: Reason) -> None:
    """Leave an exit staged until its gate opens, and tell so once."""
    if order.reason == gate.value:
        return
    log.error("exit_barred", order=order.client_order_id, reason=gate.value)
    uow.orders.save(replace(order, reason=gate.value))
    facts = {"reason": gate.value, "text": gate.text}
    tell_order(uow, order, EventKind.EXIT_BARRED, desk.clock.now(), **facts)
    uow.commit()


def _ask(desk: Desk, order: Order, call: Callable[[], T], then: Callable[[T], None] = lambda told: None) -> None:
    """Have the broker asked for something about an order; without an answer, that is written down."""

    def settle(outcome: Outcome[T]) -> None:
        try:
            told = outcome()
        except (BrokerUnavailable, OutcomeUnknown) as error:
            mark_unresolved(desk, order.client_order_id, error.message)
            return
        then(told)

    desk.errands.run(order.client_order_id, call, settle)


def resolve(desk: Desk, order: Order) -> Resolution:
    """Look an order up in the broker's books now, and do what that proves. A look that fails raises."""
    if desk.errands.is_busy(order.client_order_id):
        raise BrokerPending(f"the broker is still being asked about order {order.client_order_id}")
    asked_at, known = desk.errands.answer_of(
        ("resolve", order.client_order_id),
        f"order {order.client_order_id}",
        lambda: partial(_found, desk, order.client_order_id, desk.clock.now()),
    )
    apply_reports(desk)
    with desk.store.reading() as uow:
        order = uow.orders.get(order.client_order_id) or order
    if order.is_open and (order.awaits_answer or order.unresolved_since is not None):
        if order.status is OrderStatus.STAGED:
            deliver(desk, order.client_order_id)
        else:
            _after_look(desk, order, asked_at, known)
        apply_reports(desk)
    with desk.store.reading() as uow:
        order = uow.orders.get(order.client_order_id) or order
    in_doubt = order.is_open and order.unresolved_since is not None
    words = (
        next_words(order, desk.clock.now(), absence_of(desk)) if in_doubt else f"Nothing: it is {order.status.value}."
    )
    return Resolution(order=order, known=known, in_doubt=in_doubt, next=words)


def _found(desk: Desk, order: ClientOrderId, asked_at: datetime) -> tuple[datetime, BrokerOrder | None]:
    return asked_at, desk.broker.find(order)


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
        except AnswerPending:
            break  # the broker is being asked about it: it is applied when the answer is there
        if run is not None:
            moved.append(run)
    return moved


def _ask_again(desk: Desk, order: Order) -> None:
    # Cancels and new limits may be asked for twice; a new order never is.
    if order.status is OrderStatus.PENDING_CANCEL:
        _ask(desk, order, partial(desk.broker.cancel, order.client_order_id))
    elif order.status is OrderStatus.WORKING and order.revision:
        _replace(desk, order)


def _look_first(desk: Desk, order: Order) -> None:
    find, asked_at = partial(desk.broker.find, order.client_order_id), desk.clock.now()
    _ask(desk, order, find, partial(_after_look, desk, order, asked_at))


def _after_look(desk: Desk, order: Order, asked_at: datetime, known: BrokerOrder | None) -> None:
    with desk.store.reading() as uow:
        stored = uow.orders.get(order.client_order_id)
    if stored != order:  # it went on meanwhile, and what was asked is not what has to be known
        deliver(desk, order.client_order_id, again=True)
        return
    exact = desk.broker.capabilities.exact_books
    match after_look(order, known, asked_at, absence_of(desk), exact_books=exact):
        case AfterLook.BOOK_ACCEPTED if known is not None:
            _book_answer(desk, order, known, ReportKind.ACCEPTED)
        case AfterLook.BOOK_REPLACED if known is not None:
            _book_answer(desk, order, known, ReportKind.REPLACED)
        case AfterLook.NOTE_FOUND if known is not None:
            mark_found(desk, order, known)
        case AfterLook.CANCEL if known is not None:
            mark_found(desk, order, known)
            _ask(desk, order, partial(desk.broker.cancel, order.client_order_id))
        case AfterLook.REPLACE:
            _replace(desk, order)
        case AfterLook.NOTE_MISSED:
            mark_missed(desk, order)
        case AfterLook.SETTLE_ABSENT:
            if desk.broker.simulated:
                _settle_absent(desk, order, session=False)
            else:
                _ask(
                    desk,
                    order,
                    partial(session_is_live, desk),
                    lambda session: _settle_absent(desk, order, session=session),
                )


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
        apply_report(desk, uow, report, find=lambda _: known)
        uow.commit()


def _replace(desk: Desk, order: Order) -> None:
    if desk.broker.simulated or order.effect is Effect.CLOSE:
        _move(desk, order)
    else:  # at another price it is risk that nobody has taken yet
        _ask(desk, order, partial(session_is_live, desk), partial(_move_if_allowed, desk, order))


def _move_if_allowed(desk: Desk, order: Order, session: bool) -> None:
    with desk.store.unit_of_work() as uow:
        is_as_asked = uow.orders.get(order.client_order_id) == order
        gate = shut_gate(desk, uow, order, session=session) if is_as_asked else None
        if gate is not None:
            ask_cancel(desk, uow, order, gate)
            uow.commit()
    if is_as_asked and gate is None:
        _move(desk, order)
    else:
        deliver(desk, order.client_order_id)


def _move(desk: Desk, order: Order) -> None:
    def send() -> None:
        if not is_stopped(desk, order):  # else its cancel is on the way
            desk.broker.replace(order.client_order_id, order.limit_price, order.revision)

    _ask(desk, order, send)


def _settle_absent(desk: Desk, order: Order, *, session: bool) -> None:
    with desk.store.unit_of_work() as uow:
        stored = uow.orders.get(order.client_order_id)
        if stored != order:
            return  # it went on meanwhile, and the proof was about how it was before
        barred = Reason.of(order.reason) if order.status is OrderStatus.PENDING_CANCEL else None
        barred = barred or shut_gate(desk, uow, order, session=session) or barred_by(desk, uow, order)
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
        tell_order(uow, order, EventKind.ORDER_SUBMITTED, desk.clock.now(), again="proven absent")
        uow.commit()
        committed_at = desk.clock.now()
    _submit(desk, order, committed_at)


def _submit(desk: Desk, order: Order, committed_at: datetime) -> None:
    # Between the commit and the wire a flag may have gone up; what was never sent can still be withdrawn.
    def send() -> bool:
        if is_stopped(desk, order):
            return False
        send_new(desk, order, committed_at)
        return True

    def settle(was_sent: bool) -> None:
        if was_sent:
            _cancel_unwanted(desk, order)
            return
        with desk.store.unit_of_work() as uow:
            withdraw(desk, uow, order, Reason.HALTED)
            uow.commit()

    _ask(desk, order, send, settle)


def _cancel_unwanted(desk: Desk, order: Order) -> None:
    # Another worker may have been told to cancel it just before it arrived, and found nothing to cancel there.
    with desk.store.reading() as uow:
        stored = uow.orders.get(order.client_order_id)
    if stored is not None and stored.status is OrderStatus.PENDING_CANCEL:
        deliver(desk, order.client_order_id, again=True)


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
