"""What tastytrade told of our orders, by answer, stream or book, turned into reports: each fact once."""

import threading
from typing import Any

from tastytrade.order import FeeCalculation, PlacedOrder
from tastytrade.order import OrderStatus as WireStatus

from thetaloom.brokers.tastytrade.parse import STATUSES, executions_of, fee_each, is_told_whole, stood
from thetaloom.brokers.tastytrade.refusals import refusal_of, refusal_of_text
from thetaloom.brokers.tastytrade.render import SOURCE
from thetaloom.brokers.tastytrade.sense import is_sensible
from thetaloom.brokers.tastytrade.session import WireRefusal
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.report_book import ReportBook, SentOrder
from thetaloom.ports.clock import Clock

ENDS = {
    OrderStatus.CANCELED: ReportKind.CANCELED,
    OrderStatus.EXPIRED: ReportKind.EXPIRED,
    OrderStatus.REJECTED: ReportKind.REJECTED,
}
NOT_YET = frozenset({WireStatus.CONTINGENT})  # of a replacement: the order that it replaces still works


class Teller:
    """Writes reports of our orders into the book. Any thread may call; one at a time is served."""

    def __init__(self, book: ReportBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._lock = threading.RLock()
        self._fees: dict[str, str] = {}  # as they were noted last

    def sent_of(self, order: PlacedOrder) -> SentOrder | None:
        """Return the order of ours that one on the wire is, or replaces."""
        numbers = [_id(number) for number in (order.id, order.replaces_order_id) if number is not None]
        ours = order.external_identifier
        return self._book.sent_as(*numbers, client_order_id=ClientOrderId(ours) if ours else None)

    def client_order_id_of(self, order: PlacedOrder) -> ClientOrderId | None:
        """Return our id of an order; ``None`` for one that was placed elsewhere."""
        sent = self.sent_of(order)
        if sent is not None:
            return sent.client_order_id
        # Ours by its own word, though our book does not have it: an older copy of it may have been restored.
        ours = order.source == SOURCE and order.external_identifier
        return ClientOrderId(ours) if ours else None

    def note_fees(self, sent: Order, fees: FeeCalculation | None, order: PlacedOrder) -> None:
        """Keep what a contract costs: fills do not say. It is written when it moves, which is seldom."""
        name, each = _fee_name(sent), str(fee_each(fees, order))
        if fees is None or self._fees.get(name) == each:
            return
        if self._book.mark(name) != each:
            self._book.put_mark(name, each)
        self._fees[name] = each

    def take(self, order: PlacedOrder, known: SentOrder | None = None) -> bool:
        """Report what is new of an order; tell whether all is told that it says was done.

        ``known`` is the order of ours that was just answered. Raises ``BrokerUnavailable`` where it says what cannot
        be; nothing is reported then.
        """
        with self._lock:
            sent = known or self.sent_of(order)
            if sent is None:
                return True
            if not is_sensible(order, sent, self._clock.now()):
                raise BrokerUnavailable(
                    f"tastytrade tells order {order.id} with what cannot be, as other legs or fills"
                )
            if not self._is_ours_now(order, sent):
                return True
            broker_order_id = _id(order.id)
            has_fills = any(leg.fills for leg in order.legs)
            for execution in executions_of(order, sent.client_order_id, self._fee(sent.order)) if has_fills else ():
                self._book.report(
                    f"exec:{execution.execution_id}",
                    ReportKind.LEG_FILLED,
                    sent.client_order_id,
                    at=execution.executed_at,
                    broker_order_id=broker_order_id,
                    execution=execution,
                )
            is_whole = is_told_whole(order)
            if is_whole:
                self._end(order, sent)
            return is_whole

    def reject(self, client_order_id: ClientOrderId, refusal: Refusal, words: str) -> None:
        """Report that an order was not taken."""
        self._say(f"rejected:{client_order_id}", ReportKind.REJECTED, client_order_id, message=words, refusal=refusal)

    def refuse_replace(
        self,
        client_order_id: ClientOrderId,
        revision: int,
        standing: Price | None,
        words: str,
        no: WireRefusal | None = None,
    ) -> None:
        """Report that a limit was not moved."""
        self._say(
            f"replace_refused:{client_order_id}:{revision}",
            ReportKind.REPLACE_REFUSED,
            client_order_id,
            limit_price=standing,
            message=words,
            refusal=None if no is None else refusal_of(no.entries, no.status),
        )

    def refuse_cancel(self, client_order_id: ClientOrderId, words: str) -> None:
        """Report that a cancel was refused."""
        number = 1 + int(self._book.mark("refused cancels") or 0)
        self._book.put_mark("refused cancels", str(number))
        self._say(f"cancel_refused:{number}", ReportKind.CANCEL_REFUSED, client_order_id, message=words)

    def _say(self, key: str, kind: ReportKind, client_order_id: ClientOrderId, **more: Any) -> None:
        self._book.report(key, kind, client_order_id, at=self._clock.now(), **more)

    def _is_ours_now(self, order: PlacedOrder, sent: SentOrder) -> bool:
        """Report that an order arrived, or that it took the place of another; tell whether it stands for our order."""
        is_replacement = order.replaces_order_id is not None and _id(order.id) not in sent.broker_order_ids
        if not is_replacement:
            if STATUSES[order.status] is not OrderStatus.REJECTED or sent.status is not OrderStatus.SUBMITTED:
                self._report(f"accepted:{sent.client_order_id}", ReportKind.ACCEPTED, order, sent)
            return True
        if order.status in NOT_YET:
            return False
        if STATUSES[order.status] in ENDS and not stood(order):
            self._refuse_replacement(order, sent)
            return False
        self._report(f"replaced:{order.id}", ReportKind.REPLACED, order, sent, limit_price=_limit(order, sent))
        return True

    def _refuse_replacement(self, order: PlacedOrder, sent: SentOrder) -> None:
        self._book.put_mark(f"refused:{order.id}", "yes")
        text = order.reject_reason or "The order was filled or ended before it could be replaced."
        self._book.report(
            f"replace_refused:{order.id}",
            ReportKind.REPLACE_REFUSED,
            sent.client_order_id,
            at=self._clock.now(),
            limit_price=sent.limit_price,
            message=text,
            refusal=refusal_of_text(text),
        )

    def _end(self, order: PlacedOrder, sent: SentOrder) -> None:
        kind = ENDS.get(STATUSES[order.status])
        if kind is None or self._was_replaced(order):
            return
        text = order.reject_reason or ""
        refusal = refusal_of_text(text, sent.order.effect) if kind is ReportKind.REJECTED else None
        self._report(f"end:{order.id}", kind, order, sent, message=text, refusal=refusal)

    def _was_replaced(self, order: PlacedOrder) -> bool:
        new = order.replacing_order_id
        return new is not None and self._book.mark(f"refused:{new}") is None

    def _fee(self, sent: Order) -> Money:
        kept = self._book.mark(_fee_name(sent))
        return NOTHING if kept is None else Money(kept)

    def _report(self, key: str, kind: ReportKind, order: PlacedOrder, sent: SentOrder, **more: object) -> None:
        self._book.report(
            key,
            kind,
            sent.client_order_id,
            at=self._clock.now(),
            broker_order_id=_id(order.id),
            **more,  # type: ignore[arg-type]  # the fields of a report by their names
        )


def _fee_name(sent: Order) -> str:
    return f"fee:{sent.legs[0].contract.root}:{sent.effect}"


def _limit(order: PlacedOrder, sent: SentOrder) -> Price:
    return sent.limit_price if order.price is None else Price(order.price)


def _id(number: int) -> BrokerOrderId:
    return BrokerOrderId(str(number))
