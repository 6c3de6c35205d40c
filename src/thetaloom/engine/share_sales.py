"""Trading away the shares that contracts turned into: written down, sent once, and booked from the transactions.

An order for shares is never sent twice. One without an answer is settled by the broker's transactions: the trade is
there, or it never will be once the broker's own time for late arrivals is over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.share_orders import ShareOrder, share_order_of, shares_advice
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.strategy.ending_rules import SharesPolicy
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.desk import Desk
from thetaloom.engine.ending_policies import shares_policy_of
from thetaloom.engine.live_gates import session_is_live, shut_for_exits
from thetaloom.engine.position_handlers import own_position
from thetaloom.engine.step import tell
from thetaloom.errors import BrokerUnavailable, InvariantError, NotAllowed, OutcomeUnknown
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

TRIES_A_DAY = 3  # of the policy; then a person has to act
ACTS = frozenset({RunStatus.MONITORING, RunStatus.CLOSING})  # a paused run trades nothing by itself
SEND_WITHIN = timedelta(seconds=60)  # a person's word for an order at the market is not older


def sell_shares(desk: Desk, command: commands.SellShares) -> Position:
    """Trade away all shares of a position, now and at the market; those that it is short are bought back."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        position, run = own_position(uow, command.user_id, command.position_id)
        before = uow.share_orders.of_position(position.id)
        _refuse(desk, position, before, now)
        order = share_order_of(position, len(before) + 1, now)
        uow.share_orders.add(order)
        facts = {"order": order.client_order_id, "position": position.id, "quantity": order.quantity}
        tell(uow, run, EventKind.SHARES_ORDERED, now, **facts)
        uow.commit()
    _deliver(desk, order.client_order_id)
    with desk.store.reading() as uow:
        return own_position(uow, command.user_id, command.position_id)[0]


def sell_by_policy(desk: Desk) -> bool:
    """Order the sale of shares whose strategy asks for it while the exchange is open; return whether any was."""
    now = desk.clock.now()
    if not desk.calendar.is_open(now) or not desk.broker.capabilities.shares:
        return False
    with desk.store.reading() as uow:
        held = [one for one in uow.positions.open_positions(desk.broker.account_id) if one.shares_held]
        wanted = [one for one in held if shares_policy_of(desk, uow, one.run_id) is SharesPolicy.CLOSE]
    return any([_order_once(desk, one, now) for one in wanted])


def _order_once(desk: Desk, seen: Position, now: datetime) -> bool:
    today = desk.calendar.exchange_date(now)
    with desk.store.unit_of_work() as uow:
        position, run = uow.positions.get(seen.id), uow.runs.get(seen.run_id)
        before = uow.share_orders.of_position(seen.id)
        tried = sum(desk.calendar.exchange_date(one.staged_at) == today for one in before)
        if position is None or run is None or position.shares != seen.shares or run.status not in ACTS:
            return False
        if tried >= TRIES_A_DAY or any(one.is_open for one in before):
            return False
        order = share_order_of(position, len(before) + 1, now)
        uow.share_orders.add(order)
        facts = {"order": order.client_order_id, "position": position.id, "quantity": order.quantity}
        tell(uow, run, EventKind.SHARES_ORDERED, now, by="policy", **facts)
        uow.commit()
    return True


def settle_share_orders(desk: Desk) -> bool:
    """Send what a crash kept from being sent, and end what never arrived; return whether anything was sent.

    To be called after the transactions were applied, and these again where something was sent.
    """
    sends = False
    with desk.store.reading() as uow:
        open_orders = uow.share_orders.in_flight(desk.broker.account_id)
    for order in open_orders:
        if order.status is OrderStatus.STAGED:
            sends = True
            _deliver(desk, order.client_order_id)
        elif _is_absent(desk, order):
            _end(desk, order.client_order_id, OrderStatus.CANCELED, Reason.ORDER_LOST.value)
    return sends


def note_traded(uow: UnitOfWork, moved: Transaction, now: datetime) -> ShareOrder | None:
    """Mark the order of ours that a transaction in shares comes from, if it is one."""
    order = None if moved.client_order_id is None else uow.share_orders.get(moved.client_order_id)
    if order is None:
        return None
    if order.status is not OrderStatus.FILLED:
        order = uow.share_orders.save(order.moved_to(OrderStatus.FILLED))
        facts = {"order": order.client_order_id, "position": order.position_id, "price": moved.price}
        tell(uow, _run_of(uow, order), EventKind.SHARES_TRADED, now, quantity=moved.quantity, **facts)
    return order


def _refuse(desk: Desk, position: Position, before: Sequence[ShareOrder], now: datetime) -> None:
    if not position.shares_held:
        raise NotAllowed("no_shares", f"{position.id} holds no shares")
    if not desk.broker.capabilities.shares:
        advice = shares_advice(position, by_us=False)
        raise NotAllowed("shares_not_traded", f"{desk.broker.name} takes no order for shares from us", advice=advice)
    working = next((one for one in before if one.is_open), None)
    if working is not None:
        raise NotAllowed(
            "shares_on_order",
            f"{working.client_order_id} is {working.status.value} for the shares of {position.id}",
            advice="Wait for the broker's word; nothing is sent twice.",
        )
    if not desk.calendar.is_open(now):
        opens = desk.calendar.next_open(now)
        advice = f"Ask again when it is open, from {opens:%Y-%m-%d %H:%M}Z on."
        raise NotAllowed(Reason.MARKET_CLOSED.value, "shares are traded while the exchange is open", advice=advice)


def _deliver(desk: Desk, order_id: ClientOrderId) -> None:
    try:
        session = session_is_live(desk)
    except BrokerUnavailable as error:
        log.warning("share_order_not_sent", order=order_id, error=error.message)  # until its time is up
        return
    with desk.store.unit_of_work() as uow:
        order = uow.share_orders.get(order_id)
        if order is None or order.status is not OrderStatus.STAGED:
            return
        now = desk.clock.now()
        barred = shut_for_exits(desk, uow, session=session) or _barred_by(desk, uow, order, now)
        if barred is not None:
            _write_end(uow, order, OrderStatus.CANCELED, barred.value, now)
            uow.commit()
            return
        order = uow.share_orders.save(order.moved_to(OrderStatus.SUBMITTED, sent_at=now))
        uow.commit()
    try:
        answer = desk.broker.trade_shares(order)
    except BrokerUnavailable as error:  # nothing reached it
        _end(desk, order_id, OrderStatus.CANCELED, Reason.ORDER_LOST.value, error.message)
        return
    except OutcomeUnknown:
        log.warning("share_order_unanswered", order=order_id)
        return
    if answer.refusal is not None:
        _end(desk, order_id, OrderStatus.REJECTED, answer.refusal.reason.value, answer.message)


def _barred_by(desk: Desk, uow: UnitOfWork, order: ShareOrder, now: datetime) -> Reason | None:
    # The last gate of an order that only takes risk away: no halt bars it, its age and what is held do.
    position = uow.positions.get(order.position_id)
    if now - order.staged_at > SEND_WITHIN:
        return Reason.ORDER_TIMED_OUT
    if position is None or position.shares_held != -order.quantity:
        return Reason.MORE_THAN_HELD
    return None if desk.calendar.is_open(now) else Reason.MARKET_CLOSED


def _is_absent(desk: Desk, order: ShareOrder) -> bool:
    if order.sent_at is None:
        raise InvariantError(f"order {order.client_order_id} is submitted and was never sent")
    # Whoever sends it may be another process, between its commit and its call.
    patience = max(SEND_WITHIN, timedelta(seconds=desk.broker.capabilities.absence_seconds))
    if desk.clock.now() - order.sent_at < patience:
        return False
    # The cursor may stand before it: what is there and not yet applied has arrived all the same.
    return all(one.client_order_id != order.client_order_id for one in desk.broker.transactions(0))


def _end(desk: Desk, order_id: ClientOrderId, status: OrderStatus, reason: str, message: str = "") -> None:
    with desk.store.unit_of_work() as uow:
        order = uow.share_orders.get(order_id)
        if order is None or not order.is_open:
            return
        _write_end(uow, order, status, reason, desk.clock.now(), message)
        uow.commit()


def _write_end(
    uow: UnitOfWork, order: ShareOrder, status: OrderStatus, reason: str, now: datetime, message: str = ""
) -> None:
    uow.share_orders.save(order.moved_to(status, reason))
    facts = {"order": order.client_order_id, "position": order.position_id, "reason": reason}
    tell(uow, _run_of(uow, order), EventKind.SHARES_RETAINED, now, message=message, **facts)


def _run_of(uow: UnitOfWork, order: ShareOrder) -> WorkflowRun:
    run = uow.runs.get(order.run_id)
    if run is None:
        raise InvariantError(f"order {order.client_order_id} belongs to no run")
    return run
