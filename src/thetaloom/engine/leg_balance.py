"""Executions of single legs in our books: whole structures become fills, and what stands alone is told of."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.halts import GUARD, StandingHalt
from thetaloom.domain.book.leg_fills import ALONE_MARK, LEGS_MARK, Assembly, assemble
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import ClientOrderId, FillId, PositionId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.last_gate import put_halt
from thetaloom.engine.step import tell
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imbalance:
    """Contracts that one order did and that make no whole structure."""

    order: Order
    position: PositionId | None  # of the order's run, where it has one already
    legs: Mapping[OptionContract, int]  # bought positive, sold negative
    since: datetime


def imbalances(desk: Desk) -> tuple[Imbalance, ...]:
    """Return what is out of balance in the desk's account now, the oldest order first."""
    with desk.store.reading() as uow:
        found = [order for order in uow.orders.out_of_balance() if order.account_id == desk.broker.account_id]
        return tuple(_imbalance(uow, order) for order in found)


def book_execution(uow: UnitOfWork, report: BrokerReport) -> tuple[Fill, ...]:
    """Keep one leg's execution and return the fills of whole structures that it completes; none for a known one."""
    order = uow.orders.get(report.client_order_id)
    if order is None or report.execution is None:
        return ()
    if any(fill.fill_id == report.execution.execution_id for fill in uow.orders.fills_of(order.client_order_id)):
        return ()  # the broker's transactions told of it first, as a fill of the whole
    if not uow.orders.add_execution(report.execution, report.sequence):
        return ()
    return _assembly(uow, order).fills


def left_alone(uow: UnitOfWork, client_order_id: ClientOrderId, now: datetime) -> BrokerReport | None:
    """Return what an order that ended has left alone, as a report of ours to be booked; ``None`` where nothing is."""
    order = uow.orders.get(client_order_id)
    if order is None or order.is_open:
        return None
    executions = uow.orders.executions_of(order.client_order_id)
    assembly = _assembly(uow, order) if executions else None
    if assembly is None or not assembly.left:
        return None
    fill = Fill(
        fill_id=FillId(f"{order.client_order_id}{ALONE_MARK}{len(executions)}"),
        client_order_id=order.client_order_id,
        quantity=1,
        price=sum((leg.price * -leg.quantity for leg in assembly.left), Price(0)),
        fees=assembly.left_fees,
        filled_at=max(execution.executed_at for execution in executions),
        legs=assembly.left,
    )
    return BrokerReport(
        sequence=0,
        kind=ReportKind.LEGS_LEFT,
        client_order_id=order.client_order_id,
        broker_order_id=None,
        reported_at=now,
        fill=fill,
        message="its order ended before the other legs were done",
    )


def settle_balance(uow: UnitOfWork, client_order_id: ClientOrderId, now: datetime) -> None:
    """Write since when the legs of an order are out of balance, after its fills were booked."""
    order = uow.orders.get(client_order_id)
    if order is None:
        return
    assembly = _assembly(uow, order)
    since = assembly.since
    if since == order.legs_loose_since:
        return
    uow.orders.save(replace(order, legs_loose_since=since))
    run = uow.runs.get(order.run_id)
    if since is None and run is not None and not _booked_alone(uow, order):
        tell(uow, run, EventKind.LEGS_BALANCED, now, order=order.client_order_id)


def tell_imbalances(
    desk: Desk, told: frozenset[tuple[ClientOrderId, bool]], standing: Iterable[Imbalance]
) -> frozenset[tuple[ClientOrderId, bool]]:
    """Tell of what has been out of balance for too long; return all that is told so far.

    An order that ended so is told of once more: nothing will complete it, and the account takes no new risk.
    """
    now, patience = desk.clock.now(), timedelta(seconds=desk.settings.imbalance_seconds)
    known = set(told)
    for one in standing:
        key = (one.order.client_order_id, one.order.is_open)
        if key in known or now - one.since < patience:
            continue
        _tell(desk, one, now)
        known.add(key)
    return frozenset(known)


def _tell(desk: Desk, one: Imbalance, now: datetime) -> None:
    order = one.order
    legs = ", ".join(f"{quantity:+d} {contract.notation}" for contract, quantity in one.legs.items())
    log.error("legs_out_of_balance", order=order.client_order_id, legs=legs, open=order.is_open)
    with desk.store.unit_of_work() as uow:
        run = uow.runs.get(order.run_id)
        if run is None:
            return
        facts = {"order": order.client_order_id, "legs": legs, "since": one.since.isoformat()}
        tell(uow, run, EventKind.LEGS_UNBALANCED, now, status=order.status.value, **facts)
        if not order.is_open:
            note = f"order {order.client_order_id} ended with legs that stand alone: {legs}"
            halt = StandingHalt(scope=f"account:{order.account_id}", reason=note, by=GUARD, at=now.isoformat())
            put_halt(desk, uow, halt, run.user_id, now)
        uow.commit()


def _imbalance(uow: UnitOfWork, order: Order) -> Imbalance:
    assembly, position = _assembly(uow, order), uow.positions.of_run(order.run_id)
    return Imbalance(
        order=order,
        position=None if position is None else position.id,
        legs=assembly.loose,
        since=order.legs_loose_since or order.staged_at,
    )


def _assembly(uow: UnitOfWork, order: Order) -> Assembly:
    fills = uow.orders.fills_of(order.client_order_id)
    booked = sum(fill.quantity for fill in fills if LEGS_MARK in fill.fill_id)
    executions = uow.orders.executions_of(order.client_order_id)
    return assemble(order.legs, executions, booked=booked, alone=_booked_alone(uow, order))


def _booked_alone(uow: UnitOfWork, order: Order) -> dict[OptionContract, int]:
    alone: Counter[OptionContract] = Counter()
    for fill in uow.orders.fills_of(order.client_order_id):
        for leg in fill.legs if ALONE_MARK in fill.fill_id else ():
            alone[leg.contract] += leg.quantity
    return dict(alone)
