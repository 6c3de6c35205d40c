"""What a page says below an order that was refused or has no answer: why, what to do, and what happens next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from thetaloom.domain.book.doubt import next_words
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.refusals import NextAction
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.engine.order_doubt import absence_of
from thetaloom.web.front import Front

ACTIONS: Mapping[NextAction, str] = {
    NextAction.TELL: "The run ends; nothing is sent again by itself.",
    NextAction.REGENERATE: "The run selects and evaluates anew, and asks again.",
    NextAction.QUEUE: "The run waits for the open; everything is judged and approved anew there.",
    NextAction.REPRICE: "The next valid price is sent, once.",
    NextAction.RECONCILE: "What the broker holds is compared with our books before anything else is sent.",
    NextAction.LOOK: "The broker's books are read; nothing is sent before they tell.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNote:
    """The words below one order."""

    word: str  # refused or unresolved
    name: str  # of the refusal
    advice: str
    next: str  # what happens if nobody does anything


def order_notes(front: Front, orders: Iterable[Order]) -> Mapping[ClientOrderId, OrderNote]:
    """Return the words for those orders that need some."""
    found = {}
    for order in orders:
        note = _note(front, order)
        if note is not None:
            found[order.client_order_id] = note
    return found


def _note(front: Front, order: Order) -> OrderNote | None:
    waits = next_words(order, front.now, absence_of(front.platform.desk))
    if waits:
        return OrderNote(word="unresolved", name="", advice="A request had no answer.", next=waits)
    refusal = order.refusal
    if refusal is None:
        return None
    name = refusal.value.replace("_", " ")
    return OrderNote(word="refused", name=name, advice=refusal.text, next=ACTIONS[refusal.action])
