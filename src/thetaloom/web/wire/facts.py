"""Facts as messages: what each event of the books says on the wire, always the same for the same event."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.run.tidings import TOLD, message_of
from thetaloom.domain.values.ids import UserId
from thetaloom.store.queries.live import Told
from thetaloom.web.api.records import exact_text
from thetaloom.web.wire.messages import frame, milliseconds

STATUS_OF: Mapping[EventKind, OrderStatus] = {
    EventKind.ORDER_STAGED: OrderStatus.STAGED,
    EventKind.ORDER_SUBMITTED: OrderStatus.SUBMITTED,
    EventKind.ORDER_ACCEPTED: OrderStatus.WORKING,
    EventKind.ORDER_REPLACED: OrderStatus.WORKING,
    EventKind.ORDER_FILLED: OrderStatus.FILLED,
    EventKind.ORDER_CANCELED: OrderStatus.CANCELED,
    EventKind.ORDER_REJECTED: OrderStatus.REJECTED,
    EventKind.ORDER_DENIED: OrderStatus.DENIED,
    EventKind.ORDER_EXPIRED: OrderStatus.EXPIRED,
}
ALERTS = frozenset({EventKind.ALERT_RAISED, EventKind.ALERT_ENDED})
MOVES_MONEY = frozenset(
    {
        EventKind.ORDER_ACCEPTED,
        EventKind.ORDER_FILLED,
        EventKind.TRADE_BUSTED,
        EventKind.TRADE_CORRECTED,
        EventKind.CONTRACTS_ENDED,
        EventKind.SHARES_TRADED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """An event as it goes to the pages of its user."""

    sequence: int
    user: UserId
    messages: tuple[str, ...]


def wired(told: Told) -> Wired:
    """Return an event as messages. Only the last carries its number: whoever has that has them all."""
    event, number = told.stored.event, told.stored.sequence
    found: list[tuple[str, dict[str, object]]] = []
    if event.kind in STATUS_OF and "order" in event.facts:
        found.append(("order.status", _order_status(told)))
    if event.kind in ALERTS:
        found.append(("alert", _alert(event)))
    if event.run_id is not None:
        found.append(("run_update", _run_update(told)))
    notice = _notice(told)
    if notice is not None:
        found.append(("notice", notice))
    last = len(found) - 1
    messages = tuple(
        frame(kind, number if place == last else number - 1, **fields) for place, (kind, fields) in enumerate(found)
    )
    return Wired(sequence=number, user=event.user_id, messages=messages)


def _order_status(told: Told) -> dict[str, object]:
    event = told.stored.event
    status, price = STATUS_OF[event.kind], None
    if event.kind is EventKind.ORDER_FILLED:
        price = _price(event.facts.get("price", ""))
        if told.order is not None and told.order.remaining:
            status = told.order.status  # filled in part
    return {
        "trade_id": event.facts["order"],
        "run_id": event.run_id,
        "symbol": event.facts.get("symbol") or (None if told.run is None else told.run.symbol),
        "status": status.value,
        "fill_price": price,
        "timestamp": milliseconds(event.happened_at),
    }


def _run_update(told: Told) -> dict[str, object]:
    event, run = told.stored.event, told.run
    return {
        "run_id": event.run_id,
        "event": event.kind.value,
        "symbol": None if run is None else run.symbol,
        "strategy_id": None if run is None else run.strategy_id,
        "status": None if run is None else run.status.value,
        "outcome": None if run is None or run.outcome is None else run.outcome.value,
        "position_id": event.facts.get("position"),
        "timestamp": milliseconds(event.happened_at),
    }


def _alert(event: Event) -> dict[str, object]:
    return {"alert": dict(event.facts), "event": event.kind.value, "timestamp": milliseconds(event.happened_at)}


def _notice(told: Told) -> dict[str, object] | None:
    event = told.stored.event
    if event.kind not in TOLD:
        return None
    message = message_of(told.stored.sequence, event, told.proposal, told.order)
    if message is None:
        return None
    return {
        "topic": message.topic.value,
        "title": message.title,
        "body": message.body,
        "link": message.link,
        "urgent": message.is_urgent,
        "timestamp": milliseconds(event.happened_at),
    }


def _price(text: str) -> str | None:
    try:
        return exact_text(Decimal(text))
    except InvalidOperation:
        return None
