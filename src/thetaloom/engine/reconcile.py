"""Reconciliation at start: what our books committed and the broker may not have, and what the broker has to say."""

from dataclasses import dataclass

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.engine.desk import Desk
from thetaloom.engine.order_manager import apply_reports, deliver
from thetaloom.engine.settling import apply_transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A contract of which the broker holds another number than our positions say."""

    contract: OptionContract
    ours: int
    theirs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a reconciliation did."""

    reports_applied: int
    orders_delivered: int
    drifts: tuple[Drift, ...]


def reconcile(desk: Desk, *, dry_run: bool = False) -> Reconciled:
    """Read the broker's reports, deliver what was committed but may not have arrived, and compare holdings.

    An order in doubt is looked up in the broker's books first; only proven absence lets it be sent.
    """
    applied = 0 if dry_run else len(apply_reports(desk))
    with desk.store.reading() as uow:
        doubtful = [
            order
            for order in uow.orders.open_orders()
            if order.account_id == desk.broker.account_id
            and (order.status is not OrderStatus.WORKING or order.revision > 0)
        ]
    if not dry_run:
        for order in doubtful:
            deliver(desk, order.client_order_id, again=True)
        applied += len(apply_reports(desk))
        apply_transactions(desk)
    return Reconciled(reports_applied=applied, orders_delivered=len(doubtful), drifts=find_drifts(desk))


def settle_in_flight(desk: Desk, seen_before: frozenset[ClientOrderId]) -> frozenset[ClientOrderId]:
    """Look up the orders that had no answer at the last look either; return those without an answer now.

    An order must have waited for a whole round: a broker's books may lag behind what it was just sent.
    """
    with desk.store.unit_of_work() as uow:
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
