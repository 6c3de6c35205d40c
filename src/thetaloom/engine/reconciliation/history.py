"""Phase two: the broker's transactions, each read once and linked to the order that made it.

A fill that is in the transactions and that no report told is booked from them, under the same fill id: the report
that comes later changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from thetaloom.domain.book.elsewhere import leg_of, trade_name
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.looks import AccountLook, Link, LinkedTransaction, unlinked
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.values.ids import ClientOrderId, FillId, make_position_id
from thetaloom.domain.values.money import NOTHING, Price
from thetaloom.engine.order_manager import book_report
from thetaloom.engine.reconciliation.corrections import book_corrections
from thetaloom.engine.reconciliation.round import Round
from thetaloom.errors import DomainError, InvariantError

log = structlog.get_logger()


def read_transactions(now: Round) -> None:
    """Write the new transactions down, link ours, and leave the rest for the later phases."""
    account, counts = now.account, now.counts
    fresh = [unlinked(one, account, now.user) for one in now.look.transactions]
    now.uow.looks.save(_advanced(now, fresh))
    now.uow.looks.add_transactions(fresh)
    counts.processed += len(fresh)
    waiting = now.uow.looks.waiting(account, now.now - now.options.reach)
    groups: dict[tuple[ClientOrderId, str], list[LinkedTransaction]] = {}
    others = []
    for one in waiting:
        order = None if one.client_order_id is None else now.uow.orders.get(one.client_order_id)
        if order is None or one.client_order_id is None:
            others.append(one)
        else:
            groups.setdefault((one.client_order_id, trade_name(one.transaction)), []).append(one)
    for (order_id, name), group in groups.items():
        order = now.uow.orders.get(order_id)
        if order is not None and now.reaches(group[0].symbol, make_position_id(order.run_id)):
            _link(now, order, name, group)
    now.waiting = tuple(book_corrections(now, others))
    if now.moved:
        now.read_positions()


def _link(now: Round, order: Order, name: str, group: Sequence[LinkedTransaction]) -> None:
    known = {fill.fill_id for fill in now.uow.orders.fills_of(order.client_order_id)}
    known |= {one.execution_id for one in now.uow.orders.executions_of(order.client_order_id)}
    if FillId(name) not in known and not _book(now, order, name, group):
        return
    to = (order.client_order_id, make_position_id(order.run_id))
    now.uow.looks.link(replace(one, link=Link.ORDER, linked_to=to) for one in group)


def _book(now: Round, order: Order, name: str, group: Sequence[LinkedTransaction]) -> bool:
    report = _report_of(now, order, name, group)
    try:
        run, overtaken = book_report(now.desk, now.uow, report, find=now.find)
    except (InvariantError, DomainError) as error:
        now.counts.errors += 1
        now.note(f"{order.client_order_id}: {error.message}")
        log.error("transaction_contradicts_books", order=order.client_order_id, transaction=name)
        return False
    now.counts.updated += 1
    now.note(f"booked the fill {name} of {order.client_order_id}, which no report told of")
    now.deliver += overtaken
    if run is not None:
        now.moved.add(run.id)
        now.wake.append(run.id)
    return True


def _report_of(now: Round, order: Order, name: str, group: Sequence[LinkedTransaction]) -> BrokerReport:
    fill = fill_of(order, name, group)
    first, leg = group[0], leg_of(group[0].transaction)
    execution = None
    if fill is None and leg is not None:
        execution = LegExecution(
            execution_id=FillId(name),
            client_order_id=order.client_order_id,
            contract=leg.contract,
            quantity=leg.quantity,
            price=leg.price,
            fees=first.fees,
            executed_at=first.happened_at,
        )
    return BrokerReport(
        sequence=now.look.report_cursor,  # executions are put together in the order in which they were told
        kind=ReportKind.LEG_FILLED if fill is None else ReportKind.FILLED,
        client_order_id=order.client_order_id,
        broker_order_id=first.broker_order_id,
        reported_at=now.now,
        fill=fill,
        execution=execution,
        message="found in the broker's transactions",
    )


def fill_of(order: Order, name: str, group: Sequence[LinkedTransaction]) -> Fill | None:
    """Return transactions of one name as a fill of whole structures; ``None`` where they make none."""
    legs = tuple(leg for one in group if (leg := leg_of(one.transaction)) is not None)
    done: dict[str, int] = {}
    for leg in legs:
        done[leg.contract.occ_symbol] = done.get(leg.contract.occ_symbol, 0) + leg.quantity
    ratios = {leg.contract.occ_symbol: leg.ratio for leg in order.legs}
    first = order.legs[0]
    quantity, rest = divmod(done.get(first.contract.occ_symbol, 0), first.ratio)
    if rest or quantity <= 0 or done != {leg: ratio * quantity for leg, ratio in ratios.items()}:
        return None
    return Fill(
        fill_id=FillId(name),
        client_order_id=order.client_order_id,
        quantity=quantity,
        price=sum((leg.price * -leg.quantity for leg in legs), Price(0)) / quantity,
        fees=sum((one.fees for one in group), NOTHING),
        filled_at=max(one.happened_at for one in group),
        legs=legs,
    )


def _advanced(now: Round, fresh: Sequence[LinkedTransaction]) -> AccountLook:
    before, look = now.look.before, now.look
    if before is None:  # what there was before our time is the start of the sums
        held = {contract.occ_symbol: quantity for contract, quantity in look.holdings.items()}
        return AccountLook(
            account_id=now.account,
            looks=1,
            sequence=max((one.sequence for one in fresh), default=0),
            looked_at=now.now,
            cash=look.cash,
            contracts=held,
        )
    held = dict(before.contracts)
    for one in fresh:
        if one.contract is not None:
            symbol = one.contract.occ_symbol
            held[symbol] = held.get(symbol, 0) + one.quantity
    cash = look.cash if before.cash is None else before.cash + sum((one.cash + one.fees for one in fresh), NOTHING)
    return replace(
        before,
        looks=before.looks + 1,
        sequence=max((one.sequence for one in fresh), default=before.sequence),
        looked_at=now.now,
        cash=cash,
        contracts={symbol: quantity for symbol, quantity in held.items() if quantity},
    )
