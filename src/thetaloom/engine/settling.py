"""Applies the broker's transactions that end contracts without an order: each once, with all that follows from it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.resting import beyond_held
from thetaloom.domain.book.settlements import (
    ENDS,
    Ending,
    differences,
    end_reason,
    endings_of,
    settled,
    shared_out,
    shares_out,
    with_shares_traded,
)
from thetaloom.domain.book.transactions import Transaction, TransactionKind, expiration_transactions
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict
from thetaloom.engine.delivery import deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.imbalance import mind_legs
from thetaloom.engine.lineage import Decider, Executed, record
from thetaloom.engine.order_manager import ask_cancel
from thetaloom.engine.position_alerts import advises_defence, mind_alerts, tell_defences
from thetaloom.engine.share_sales import note_traded
from thetaloom.engine.step import ended, tell
from thetaloom.errors import AnswerPending, InvariantError, MarketDataUnavailable, StaleVersionError
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

PATIENCE = timedelta(minutes=10)  # how long a transaction waits for the reports and shares that belong before it
LOOKED_AT = frozenset({RunStatus.MONITORING, RunStatus.CLOSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementInputs:
    """What of the broker's transactions belongs to a position."""

    position: Position
    endings: tuple[Ending, ...] = ()
    expected: tuple[Transaction, ...] = ()  # what we had worked out for contracts that expired; empty: unknown
    beside: int = 0  # shares per structure that the account held for it before
    shares_traded: Transaction | None = None  # by somebody who closes out those that contracts turned into
    shares_quantity: int = 0  # of them for this position, bought positive
    entry_works: bool = False  # more of it may still be opened


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementFinding:
    """The position afterwards, how its run ends if it does, and in what the broker differs from what we expected."""

    verdict: Verdict
    position: Position
    outcome: Outcome | None
    differs: tuple[str, ...] = ()


def decide_settlement(given: SettlementInputs) -> SettlementFinding:
    """Apply transactions to a position."""
    position = given.position
    if given.endings:
        position = settled(position, given.endings, beside=given.beside)
    if given.shares_traded is not None:
        position = with_shares_traded(position, given.shares_traded, given.shares_quantity)
    reason = end_reason(position.endings)
    outcome = None
    if not position.is_open:
        position = replace(position, ended_as="expired")
        if not given.entry_works:
            outcome = Outcome.ASSIGNED if reason is Reason.ASSIGNED else Outcome.EXPIRED
    return SettlementFinding(
        verdict=Verdict(answer=ALLOWED.answer, reason=reason),
        position=position,
        outcome=outcome,
        differs=differences(given.expected, [one.contract for one in given.endings]),
    )


SETTLEMENT_DECIDER = Decider(name="settlement", inputs=SettlementInputs, decide=decide_settlement)


def apply_transactions(desk: Desk) -> list[WorkflowRun]:
    """Apply the broker's transactions since the last one; return the runs they moved.

    Our own trades come as reports, and trades of others are reconciled; here is what ends contracts, and what
    becomes of the shares that they turned into.
    """
    with desk.store.reading() as uow:
        cursor = uow.accounts.transaction_cursor(desk.broker.account_id)
    moved: list[WorkflowRun] = []
    passed = cursor
    try:
        told = desk.broker.transactions(cursor)
    except AnswerPending:  # they are applied when the answer is there
        return []
    for happened in _in_batches(told):
        if not _concerns_us(happened[0]):
            passed = happened[-1].sequence
            continue
        try:
            done = _apply_once(desk, happened)
        except StaleVersionError:
            log.info("position_moved_by_another_worker", sequence=happened[0].sequence)
            break  # the next look reads it again
        if done is None:
            break
        moved += done
        cursor = passed = happened[-1].sequence
    if passed != cursor:
        with desk.store.unit_of_work() as uow:
            uow.accounts.set_transaction_cursor(desk.broker.account_id, passed)
            uow.commit()
    return moved


def settle_in_books(desk: Desk, uow: UnitOfWork, given: SettlementInputs) -> tuple[WorkflowRun, list[ClientOrderId]]:
    """Decide about a position's share of transactions, record it and write all that follows.

    Returns its run, and the closing orders of what is gone, to be canceled at the broker.
    """
    run = uow.runs.get(given.position.run_id)
    if run is None:
        raise InvariantError(f"{given.position.id} belongs to no run")
    now, started = desk.clock.now(), time.perf_counter_ns()
    said = decide_settlement(given)
    executed = Executed(
        step=StepName.CLOSE_POSITION,
        decider=SETTLEMENT_DECIDER,
        inputs=given,
        output=said,
        started_at=now,
        duration_us=(time.perf_counter_ns() - started) // 1000,
    )
    run = record(desk, uow, run, executed)
    uow.positions.save(said.position)
    if given.position.loose or said.position.loose:
        mind_legs(desk, uow, said.position, now)
    mind_alerts(desk, uow, given.position, said.position, now)
    _tell(desk, uow, run, given, said)
    run = uow.runs.save(_moved(uow, run, said, now))
    overtaken = beyond_held(said.position, uow.orders.of_run(run.id))
    for order in overtaken:
        ask_cancel(desk, uow, order, Reason.MORE_THAN_HELD)
    return run, [order.client_order_id for order in overtaken]


def _in_batches(rows: Sequence[Transaction]) -> Iterator[list[Transaction]]:
    # What ends at one instant belongs together: all legs of a spread, and the shares that come of them.
    batch: list[Transaction] = []
    for row in rows:
        joins = bool(batch) and row.kind in ENDS and batch[-1].kind in ENDS
        if batch and not (joins and row.happened_at == batch[-1].happened_at):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _concerns_us(row: Transaction) -> bool:
    is_share_trade = row.kind is TransactionKind.TRADE and row.contract is None and row.quantity != 0
    return row.kind in ENDS or is_share_trade


def _apply_once(desk: Desk, happened: list[Transaction]) -> list[WorkflowRun] | None:
    """Apply what belongs together in one transaction; ``None`` where something that comes first is still missing."""
    account = desk.broker.account_id
    is_late = desk.clock.now() - happened[-1].happened_at >= PATIENCE
    moved, canceled = [], []
    with desk.store.unit_of_work() as uow:
        if uow.accounts.transaction_cursor(account) >= happened[-1].sequence:
            return []  # another worker applied it meanwhile
        positions = uow.positions.open_positions(account)
        is_end = happened[0].kind in ENDS
        inputs = (
            _ended(desk, uow, happened, positions, is_late) if is_end else _traded(desk, uow, happened[0], positions)
        )
        if inputs is None:
            return None
        for given in inputs:
            run, orders = settle_in_books(desk, uow, given)
            moved.append(run)
            canceled += orders
        uow.accounts.set_transaction_cursor(account, happened[-1].sequence)
        uow.commit()
    for order in canceled:
        deliver(desk, order)
    return moved


def _ended(
    desk: Desk, uow: UnitOfWork, happened: list[Transaction], positions: Sequence[Position], is_late: bool
) -> list[SettlementInputs] | None:
    endings = endings_of(happened)
    owned, is_whole = shared_out(endings, positions)
    if not is_late:
        contracts = {one.ended for one in endings}
        works = any(leg.contract in contracts for order in uow.orders.open_orders() for leg in order.legs)
        # A fill that is still to be reported may say whose they are, and shares follow their contracts.
        if (not is_whole and works) or any(one.lacks_shares for one in endings):
            return None
    if not is_whole:
        log.warning("contracts_ended_that_no_position_holds", sequence=happened[0].sequence)
    return [
        SettlementInputs(
            position=position,
            endings=mine,
            expected=_expected(desk, mine),
            beside=_beside(uow, position),
            entry_works=any(one.effect is Effect.OPEN and one.is_open for one in uow.orders.of_run(position.run_id)),
        )
        for position, mine in zip(positions, owned, strict=True)
        if mine
    ]


def _traded(desk: Desk, uow: UnitOfWork, moved: Transaction, positions: Sequence[Position]) -> list[SettlementInputs]:
    order = note_traded(uow, moved, desk.clock.now())
    if order is not None:  # it was for one position's shares; only what that holds no more is anybody's
        positions = sorted(positions, key=lambda one: one.id != order.position_id)
    return [
        SettlementInputs(position=position, shares_traded=moved, shares_quantity=quantity)
        for position, quantity in zip(positions, shares_out(moved, positions), strict=True)
        if quantity
    ]


def _expected(desk: Desk, endings: Sequence[Ending]) -> tuple[Transaction, ...]:
    """Work out by ourselves what expired contracts turn into; nothing where the price is not known."""
    found: list[Transaction] = []
    for one in endings:
        settles_at = desk.calendar.settles_at(one.ended)
        if one.contract.happened_at < settles_at:
            continue  # whether somebody exercises early is theirs to say
        try:
            spot = desk.market.spot(one.ended.underlying, settles_at)
        except MarketDataUnavailable:
            spot = None
        if spot is not None:
            held = -one.contract.quantity
            found += expiration_transactions(one.ended, held, spot, settles_at, "expected")[:1]
    return tuple(found)


def _beside(uow: UnitOfWork, position: Position) -> int:
    run = uow.runs.get(position.run_id)
    stored = None if run is None else uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    return 0 if stored is None else stored.strategy.shares


def _moved(uow: UnitOfWork, run: WorkflowRun, said: SettlementFinding, now: datetime) -> WorkflowRun:
    if said.outcome is not None and not run.is_final:
        return ended(uow, run, said.outcome, said.verdict, now)
    if run.status in LOOKED_AT:
        return replace(run, due_at=now, updated_at=now)
    return replace(run, updated_at=now)


def _tell(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: SettlementInputs, said: SettlementFinding) -> None:
    now, before, position = desk.clock.now(), given.position, said.position
    if given.endings:
        text = "; ".join(_words(one) for one in given.endings)
        early = [one for one in given.endings if _is_early(desk, one)]
        kind = EventKind.EARLY_ASSIGNED if early else EventKind.CONTRACTS_ENDED
        tell(uow, run, kind, now, position=position.id, contracts=text, shares=position.shares_held)
        if early and not advises_defence(uow, position):
            tell_defences(desk, uow, position, now)
    if said.differs:
        tell(uow, run, EventKind.SETTLEMENT_DIFFERED, now, position=position.id, differences="; ".join(said.differs))
    if before.is_open:
        ends = EventKind.POSITION_REDUCED if position.is_open else EventKind.POSITION_CLOSED
        tell(uow, run, ends, now, position=position.id, realized_pnl=position.realized_pnl)


def _is_early(desk: Desk, one: Ending) -> bool:
    is_ours = one.contract.kind is TransactionKind.ASSIGNMENT
    return is_ours and one.contract.happened_at < desk.calendar.settles_at(one.ended)


def _words(one: Ending) -> str:
    text = f"{-one.contract.quantity:+d} {one.ended.notation} {one.contract.kind.value}"
    return text if one.shares is None else f"{text}, {one.shares.quantity:+d} shares at {one.shares.price}"
