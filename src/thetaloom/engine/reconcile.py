"""Reconciliation: the broker is the truth, and our books follow it in seven phases, or ask.

The broker's books are read before anything is written; then all phases work in one transaction. A dry run is the
same transaction, thrown away.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import structlog

from thetaloom.domain.book.halts import GUARD, StandingHalt
from thetaloom.domain.book.looks import Reconciliation
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import BrokerReport
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.engine.delivery import apply_reports, deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.errands import Outcome
from thetaloom.engine.last_gate import put_halt
from thetaloom.engine.order_manager import book_report
from thetaloom.engine.reconciliation.answers import Drift as Drift
from thetaloom.engine.reconciliation.answers import Options, Phase, Record
from thetaloom.engine.reconciliation.answers import Reconciled as Reconciled
from thetaloom.engine.reconciliation.closures import process_closures
from thetaloom.engine.reconciliation.discovery import discover
from thetaloom.engine.reconciliation.doubts import settle_doubts
from thetaloom.engine.reconciliation.history import read_transactions
from thetaloom.engine.reconciliation.holdings import sync_positions
from thetaloom.engine.reconciliation.looking import BrokerLook, look_at_broker
from thetaloom.engine.reconciliation.round import Round
from thetaloom.engine.reconciliation.states import repair_targets, settle_states
from thetaloom.engine.settling import apply_transactions
from thetaloom.engine.step import tell_user
from thetaloom.errors import (
    BrokerUnavailable,
    DomainError,
    InvariantError,
    NotFound,
    OutcomeUnknown,
    StaleVersionError,
)
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

TRIES = 3  # where another process looks at the same moment


def reconcile(desk: Desk, options: Options | None = None, *, dry_run: bool = False) -> Reconciled:
    """Take the seven phases in their order; a dry run says what they would do and changes nothing.

    An order in doubt is looked up in the broker's books first; only proven absence lets it be sent. Raises
    ``BrokerPending`` where the look takes longer than the caller may wait; a later call with the same options has it.
    """
    found, now = _compared(desk, options or Options(dry_run=dry_run))
    if found.dry_run:
        return found
    for order in now.deliver:
        deliver(desk, order)
    for orphan in now.cancel_orphans:
        _ask_cancel(desk, orphan, partial(desk.broker.cancel_orphan, orphan))
    for over in now.cancel_ours:
        _ask_cancel(desk, over, partial(desk.broker.cancel, over))
    for run in now.wake:
        desk.dispatch.enqueue(run, now.now)
    return found


def _compared(desk: Desk, asked: Options) -> tuple[Reconciled, Round]:
    began = perf_counter()
    heard: _Heard | None = None

    def begin() -> Callable[[], tuple[_Heard, BrokerLook]]:
        nonlocal heard
        told = heard = heard or _order_history(desk, dry_run=asked.dry_run)
        return lambda: (told, look_at_broker(desk))

    for attempt in range(TRIES):
        heard, look = desk.errands.answer_of(asked, "its books", begin)
        try:
            with desk.store.unit_of_work() as uow:
                found, now = _phases(desk, uow, look, asked, heard, perf_counter() - began)
                if not asked.dry_run:
                    uow.commit()
            return replace(found, left=heard.left), now
        except StaleVersionError:
            if attempt == TRIES - 1:
                raise
    raise InvariantError("a comparison ends with its last try")


def settle_in_flight(desk: Desk, seen_before: frozenset[ClientOrderId]) -> frozenset[ClientOrderId]:
    """Look up the orders that had no answer at the last look either; return those without an answer now.

    An order must have waited for a whole round: a broker's books may lag behind what it was just sent.
    """
    with desk.store.reading() as uow:
        waiting = [
            order.client_order_id
            for order in uow.orders.open_orders()
            if order.account_id == desk.broker.account_id
            and (order.awaits_answer or order.unresolved_since is not None)
        ]
    for order in waiting:
        if order in seen_before:
            deliver(desk, order, again=True)
    return frozenset(waiting)


def find_drifts(desk: Desk) -> tuple[Drift, ...]:
    """Compare the broker's holdings with our open positions, contract by contract."""
    ours: dict[OptionContract, int] = {}
    with desk.store.reading() as uow:
        for position in uow.positions.open_positions(desk.broker.account_id):
            for contract, quantity in position.held.items():
                ours[contract] = ours.get(contract, 0) + quantity
    theirs = desk.broker.holdings()
    contracts = sorted(set(ours) | set(theirs), key=lambda contract: contract.occ_symbol)
    return tuple(
        Drift(contract=contract, ours=ours.get(contract, 0), theirs=theirs.get(contract, 0))
        for contract in contracts
        if ours.get(contract, 0) != theirs.get(contract, 0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What the order history told before the look."""

    applied: int
    delivered: int
    left: tuple[ClientOrderId, ...] = ()
    unheard: tuple[BrokerReport, ...] = ()  # in a dry run: booked in the transaction that is thrown away


def _order_history(desk: Desk, *, dry_run: bool) -> _Heard:
    """Apply what the broker told and deliver what is in doubt, as many as its rate allows; the rest is left over."""
    unheard: tuple[BrokerReport, ...] = ()
    applied = 0
    if dry_run:
        with desk.store.reading() as uow:
            told = desk.broker.reports_since(uow.accounts.report_cursor(desk.broker.account_id))
            unheard = tuple(one for one in told if uow.orders.get(one.client_order_id) is not None)
    else:
        applied = len(apply_reports(desk)) + len(apply_transactions(desk))
    with desk.store.reading() as uow:
        doubtful = [
            order.client_order_id
            for order in uow.orders.open_orders()
            if order.account_id == desk.broker.account_id
            and (order.status is not OrderStatus.WORKING or order.revision > 0)
        ]
    if dry_run or not doubtful:
        return _Heard(applied=applied or len(unheard), delivered=len(doubtful), unheard=unheard)
    at_once = desk.broker.capabilities.orders_per_second
    for order in doubtful[:at_once]:
        deliver(desk, order, again=True)
    applied += len(apply_reports(desk)) + len(apply_transactions(desk))
    return _Heard(applied=applied, delivered=len(doubtful), left=tuple(doubtful[at_once:]))


def _hear(now: Round, reports: Iterable[BrokerReport]) -> None:
    """Book what a dry run would be told, so that the later phases find what they will find after it."""
    for report in reports:
        try:
            book_report(now.desk, now.uow, report, find=now.find)
        except (InvariantError, DomainError) as error:
            now.counts.errors += 1
            now.note(f"{report.client_order_id}: {error.message}")
    now.read_positions()


def _phases(
    desk: Desk, uow: UnitOfWork, look: BrokerLook, options: Options, heard: _Heard, seconds: float
) -> tuple[Reconciled, Round]:
    now = Round(desk, uow, look, options)
    with now.phase(Phase.ORDER_HISTORY) as counts:
        counts.processed, counts.updated = heard.applied + heard.delivered, heard.applied
        _hear(now, heard.unheard)
    now.phases[0] = replace(now.phases[0], seconds=seconds)
    steps: tuple[tuple[Phase, Callable[[Round], None]], ...] = (
        (Phase.TRANSACTIONS, read_transactions),
        (Phase.DISCOVER, discover),
        (Phase.POSITIONS, sync_positions),
        (Phase.CLOSURES, process_closures),
        (Phase.ORDER_STATES, _settle_states),
        (Phase.TARGETS, repair_targets),
    )
    is_still = look.is_still and uow.accounts.report_cursor(now.account) == look.report_cursor
    if is_still:  # a look at what moves proves nothing; the next one does
        for phase, step in steps:
            with now.phase(phase):
                step(now)
        _finish(now)
    seen = look.before.suspects.keys() if look.before is not None else frozenset[str]()
    found = Reconciled(
        reports_applied=0 if options.dry_run else heard.applied,
        orders_delivered=heard.delivered,
        drifts=now.drifts(),
        phases=tuple(now.phases),
        findings=tuple(now.findings.values()),
        suspects=len(now.suspects.keys() - seen) + (not is_still),
        lasting=len(now.suspects.keys() & seen),
        sequence=max((one.sequence for one in look.transactions), default=look.before.sequence if look.before else 0),
        runs=tuple(now.moved),
        dry_run=options.dry_run,
    )
    _tell(now, found)
    return found, now


def _settle_states(now: Round) -> None:
    settle_states(now)
    settle_doubts(now)


def _finish(now: Round) -> None:
    saved = now.uow.looks.of(now.account)
    if saved is not None and now.suspects != saved.suspects:
        now.uow.looks.suspect(now.account, now.suspects)
    if now.options.dry_run:
        return
    for text in now.halts:
        halt = StandingHalt(scope=f"account:{now.account}", reason=text, by=GUARD, at=now.now.isoformat())
        put_halt(now.desk, now.uow, halt, now.user, now.now)


def _tell(now: Round, found: Reconciled) -> None:
    """Write the evidence and the story; what took how long is no part of it."""
    record = Record(
        cause=now.options.cause,
        phases=tuple(replace(phase, seconds=0.0) for phase in found.phases),
        findings=tuple(one.id for one in found.findings),
    )
    digest = now.uow.lineage.put_evidence(canonical_json(record), "json")
    story = Reconciliation(
        user_id=now.user,
        account_id=now.account,
        cause=now.options.cause,
        looked_at=now.now,
        updated=sum(phase.updated for phase in found.phases),
        created=sum(phase.created for phase in found.phases),
        errors=sum(phase.errors for phase in found.phases),
        waiting=len([one for one in found.findings if one.settled_at is None]),
        drifts=len(found.drifts),
        digest=digest,
    )
    now.uow.looks.tell(story)
    facts = {"cause": story.cause.value, "updated": story.updated, "created": story.created, "errors": story.errors}
    more = {"waiting": story.waiting, "drifts": story.drifts, "evidence": digest}
    tell_user(now.uow, now.user, EventKind.RECONCILED, now.now, **facts, **more)


def _ask_cancel(desk: Desk, order: str, ask: Callable[[], None]) -> None:
    def settle(outcome: Outcome[None]) -> None:
        try:
            outcome()
        except NotFound:
            return  # it ended meanwhile
        except (BrokerUnavailable, OutcomeUnknown) as error:
            log.warning("order_not_canceled", order=order, error=error.message)

    desk.errands.begin(order, lambda: desk.errands.run(order, ask, settle))
