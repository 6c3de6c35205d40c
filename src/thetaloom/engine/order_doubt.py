"""Sending once, and writing down what is not known: the only place from which a new order reaches a broker."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.doubt import next_words
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import tell
from thetaloom.errors import OutcomeUnknown

# A process that slept this long between its promise to send and the sending leaves it to a look: another one may
# have proven the order absent meanwhile, and sent it.
PROMISE_SECONDS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a look into the broker's books found, the order as it is now, and what happens next."""

    order: Order
    known: BrokerOrder | None  # as the broker's books have it; None: they do not know it
    in_doubt: bool
    next: str


def absence_of(desk: Desk) -> timedelta:
    """Return for how long the broker's books must not know an order before that proves anything."""
    return timedelta(seconds=desk.broker.capabilities.absence_seconds)


def send_new(desk: Desk, order: Order, committed_at: datetime) -> None:
    """Send an order that certainly is not at the broker: just staged, or proven absent. Nothing calls this twice."""
    if desk.clock.now() - committed_at > timedelta(seconds=PROMISE_SECONDS_MAX):
        raise OutcomeUnknown(f"order {order.client_order_id} was not sent: this process was held up before")
    desk.broker.submit(order)


def mark_unresolved(desk: Desk, client_order_id: ClientOrderId, message: str) -> None:
    """Write that a request, or a look for it, had no answer; it is told once."""
    _mark(desk, client_order_id, lambda order, now: order.unresolved(now), message)


def mark_missed(desk: Desk, order: Order) -> None:
    """Write that a look into the broker's books did not find the order."""
    message = "the broker's books do not know it"
    _mark(desk, order.client_order_id, lambda stored, now: stored.missed(now) if stored == order else stored, message)


def break_proofs(desk: Desk) -> None:
    """Begin every proof of absence anew: the broker was out of reach, and may still have to catch up."""
    with desk.store.reading() as uow:
        looked_for = [order.client_order_id for order in uow.orders.open_orders() if order.absent_since is not None]
    for order in looked_for:
        mark_unresolved(desk, order, "the broker is out of reach")


def mark_found(desk: Desk, order: Order, known: BrokerOrder) -> None:
    """Write that the broker's books know the order."""

    def change(stored: Order, now: datetime) -> Order:
        return replace(stored, broker_order_id=known.broker_order_id, absent_since=None)

    _mark(desk, order.client_order_id, change, "found in the broker's books")


def _mark(desk: Desk, client_order_id: ClientOrderId, change: Callable[[Order, datetime], Order], message: str) -> None:
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        order = uow.orders.get(client_order_id)
        if order is None or not order.is_open:
            return
        changed = change(order, now)
        if changed == order:
            return
        uow.orders.save(changed)
        run = uow.runs.get(order.run_id)
        if order.unresolved_since is None and changed.unresolved_since is not None and run is not None:
            words = next_words(changed, now, absence_of(desk))
            facts = {"order": order.client_order_id, "limit": order.limit_price, "message": message, "next": words}
            tell(uow, run, EventKind.ORDER_UNRESOLVED, now, **facts)
        uow.commit()
