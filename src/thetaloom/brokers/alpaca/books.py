"""Alpaca's books, read into ours: orders, executions and transactions, each fact once, whoever told it first."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from thetaloom.brokers.alpaca import sdk
from thetaloom.brokers.alpaca.activities import (
    CORRECTIONS,
    Delivery,
    corrections_of,
    deliveries_of,
    delivery_of,
    execution_of,
    happened_at,
    is_correction,
    is_delivery,
    order_id_of,
    transaction_of,
)
from thetaloom.brokers.alpaca.parse import Raw, WireOrder, identity_of, is_part, order_of, page_of
from thetaloom.brokers.alpaca.refusals import refusal_of
from thetaloom.brokers.alpaca.session import AlpacaSession, No
from thetaloom.brokers.alpaca.tables import ENDS, REFUSED_EVENTS
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.errors import BrokerUnavailable, InvalidInput
from thetaloom.links.report_book import ReportBook, SentOrder
from thetaloom.ports.clock import Clock

log = structlog.get_logger()

MARK = "activities"
AHEAD_MAX, EARLIEST_AT = timedelta(days=1), datetime(2000, 1, 1, tzinfo=UTC)  # of what can have happened
ALONE_MAX = timedelta(minutes=10)  # shares whose contracts are told later than this came from elsewhere
OVERLAP = timedelta(days=2)  # what is booked late, under the time at which it happened, is still read
CHAIN_MAX = 200  # replacements of one order
ORDERS_PAGE = 500
ON_THE_WAY = frozenset({"accepted", "pending_new", "held"})  # a replacement that has not come to the exchange


class AlpacaBooks:
    """Reads what Alpaca knows and writes down what is new; its methods take turns, from any thread."""

    def __init__(self, session: AlpacaSession, book: ReportBook, clock: Clock) -> None:
        self._session = session
        self._book = book
        self._clock = clock
        self.lock = threading.RLock()  # also held around a change: what it did is noted before its messages are
        self._strangers: set[BrokerOrderId] = set()  # orders that were looked for among ours
        self._alone: dict[str, datetime] = {}  # since when shares wait for their contracts
        self._taken: set[str] = set()  # activities of orders of ours that are written down, read again in an overlap

    def catch_up(self) -> None:
        """Read everything that may have changed while nobody listened."""
        with self.lock:
            self._look_up_open()
            self.read_activities()

    def sweep(self) -> None:
        """Read what no stream may have told: executions, and orders of ours that are open."""
        with self.lock:
            if self._book.open_sent():
                self._look_up_open()
            self.read_activities()

    def hear(self, update: Mapping[str, Any]) -> None:
        """Take a message of the stream; what cannot be read is looked up instead."""
        with self.lock:
            event = str(update.get("event", ""))
            try:
                order = self.whole(update.get("order"))
            except InvalidInput as error:
                log.warning("alpaca_update_unreadable", told=event, error=error.message)
                self.sweep()
                return
            if order is None:
                self.read_activities()
                return
            if "fill" in event or event in CORRECTIONS:
                self.read_activities()
            sent = self.note(order, reason=str(update.get("reason") or ""))
            if sent is not None and event in REFUSED_EVENTS:
                self._refused_later(sent, order, event, str(update.get("reason") or ""))

    def note(self, order: WireOrder, reason: str = "") -> SentOrder | None:
        """Write down what an order in their books says that is new; ``None`` where it is not ours."""
        sent = self._sent(order)
        if sent is None:
            return None
        cid = sent.client_order_id
        if not _fits(sent, order):
            raise BrokerUnavailable(f"alpaca tells order {cid} with other legs, or more of them, than were sent")
        for order_id in order.order_ids:
            self._book.bind(cid, order_id)
        now = self._clock.now()
        is_refused = order.status is OrderStatus.REJECTED
        if not (is_refused and order.replaces is None):
            self._book.report(f"accepted:{cid}", ReportKind.ACCEPTED, cid, at=now, broker_order_id=order.order_ids[-1])
        if order.replaces is not None:
            self._note_replacement(sent, order, now, reason)
        if order.contracts_filled > sum(abs(held) for held in sent.executed.values()):
            self.read_activities()
        if order.status in ENDS and order.word != "replaced" and not (is_refused and order.replaces is not None):
            self._end(sent, order, reason)
        return self._book.sent(cid)

    def read_activities(self) -> None:
        """Read everything that moved in the account since it was read last, and a little before."""
        with self.lock:
            read_until = self._book.mark(MARK)
            after = None
            if read_until is not None:
                after = (
                    (min(datetime.fromisoformat(read_until), self._clock.now()) - OVERLAP).astimezone(UTC).isoformat()
                )
            found = self._session.activities(after)
            self._bind_strangers(found)
            newest = self._take(found)
            # A stamp ahead of the time would keep all that comes before it from being read.
            newest = newest if newest is None else min(newest, self._clock.now())
            if newest is not None and newest.isoformat() != read_until:
                self._book.put_mark(MARK, newest.isoformat())

    def look_up(self, client_order_id: str) -> WireOrder | None:
        """Return an order by the id that we gave it, as it is now, replaced or not; ``None``: they never had it."""
        answer = self._session.read(partial(self._session.trading.get_order_by_client_id, client_order_id))
        if isinstance(answer, No):
            if answer.is_missing:
                return None
            raise BrokerUnavailable(f"alpaca refused to look an order up: {answer.message}")
        order = self._read_order(answer, self.whole)
        if order.client_order_id != client_order_id:
            raise BrokerUnavailable(f"alpaca answered with another order than {client_order_id}")
        return order

    def whole(self, raw: Any) -> WireOrder | None:
        """Read an order; one that is told without its legs, or as a leg of ours alone, is looked up.

        ``None`` where it is not of options, or a leg of somebody else's. Raises ``InvalidInput`` as reading does.
        """
        if not is_part(raw):
            return order_of(raw)
        order_id, is_leg = identity_of(raw)
        if is_leg:
            sent = self._book.sent_as(order_id)
            if sent is None or sent.broker_order_id is None:
                return None
            order_id = sent.broker_order_id
        return self.order(order_id)

    def order(self, order_id: BrokerOrderId) -> WireOrder | None:
        """Return an order by their id, with its legs."""
        asked = sdk.GetOrderByIdRequest(nested=True)
        answer = self._session.read(partial(self._session.trading.get_order_by_id, order_id, asked))
        if isinstance(answer, No):
            if answer.is_missing:
                return None
            raise BrokerUnavailable(f"alpaca refused to look an order up: {answer.message}")
        order = self._read_order(answer)
        if order_id not in order.order_ids:
            raise BrokerUnavailable(f"alpaca answered with another order than {order_id}")
        return order

    def chain(self, first: WireOrder) -> list[WireOrder]:
        """Return an order and all that replaced it, oldest first; a replacement that was refused is none."""
        found = [first]
        while found[-1].replaced_by is not None and len(found) < CHAIN_MAX:
            after = self.order(found[-1].replaced_by)
            if after is None or after.status is OrderStatus.REJECTED:
                break
            found.append(after)
        return found

    def working(self) -> list[WireOrder]:
        """Return all orders of options that work, oldest first."""
        found: dict[BrokerOrderId, WireOrder] = {}
        until: datetime | None = None
        while True:  # from the newest on
            asked = sdk.GetOrdersRequest(status=sdk.QueryOrderStatus.OPEN, limit=ORDERS_PAGE, nested=True, until=until)
            answer = self._session.must(partial(self._session.trading.get_orders, asked), "the orders")
            try:
                size, oldest = page_of(answer)
                page = [order for one in answer if (order := self.whole(one)) is not None]
            except InvalidInput as error:
                raise BrokerUnavailable(f"alpaca's orders cannot be read: {error.message}") from error
            found |= {one.order_id: one for one in page if one.order_id not in found}
            # What was placed at the same instant as the last of a page may stand on the next one.
            before, until = until, None if oldest is None else oldest + timedelta(microseconds=1)
            if size < ORDERS_PAGE or until is None or until == before:
                oldest_first = list(reversed(found.values()))  # of those placed at once, too
                return sorted(oldest_first, key=lambda one: one.placed_at)

    def _look_up_open(self) -> None:
        for sent in self._book.open_sent():
            known = sent.broker_order_id
            order = self.look_up(sent.client_order_id) if known is None else self.order(known)
            for one in [] if order is None else self.chain(order):
                self.note(one)

    def _read_order(self, answer: Any, read: Callable[[Any], WireOrder | None] = order_of) -> WireOrder:
        try:
            order = read(answer)
        except InvalidInput as error:
            raise BrokerUnavailable(f"alpaca's order cannot be read: {error.message}") from error
        if order is None:
            raise BrokerUnavailable("alpaca told an order of ours that is not of options, or without its legs")
        return order

    def _sent(self, order: WireOrder) -> SentOrder | None:
        sent = self._book.sent_as(order.order_id)
        if sent is None and order.replaces is not None:
            sent = self._book.sent_as(order.replaces)
        if sent is None and order.ours is not None:
            sent = self._book.sent(order.ours)
        return sent

    def _note_replacement(self, sent: SentOrder, order: WireOrder, now: datetime, reason: str) -> None:
        cid = sent.client_order_id
        if order.status is OrderStatus.REJECTED:
            message = reason or "the replacement was refused; what it should replace had perhaps filled"
            self._book.report(
                f"replaced:{order.order_id}",
                ReportKind.REPLACE_REFUSED,
                cid,
                at=now,
                limit_price=sent.limit_price,
                message=message,
                refusal=refusal_of(message),
            )
        elif order.word not in ON_THE_WAY:
            self._book.report(
                f"replaced:{order.order_id}", ReportKind.REPLACED, cid, at=now, limit_price=order.limit_price
            )

    def _end(self, sent: SentOrder, order: WireOrder, reason: str) -> None:
        kind = ENDS[order.status]
        message = reason or f"alpaca: {order.word}"
        self._book.report(
            f"ended:{order.order_id}",
            kind,
            sent.client_order_id,
            at=self._clock.now(),
            broker_order_id=order.order_id,
            message=message,
            refusal=refusal_of(reason) if kind is ReportKind.REJECTED else None,
        )

    def _refused_later(self, sent: SentOrder, order: WireOrder, event: str, reason: str) -> None:
        kind = REFUSED_EVENTS[event]
        self._book.report(
            f"{event}:{order.order_id}:{sent.revision}",
            kind,
            sent.client_order_id,
            at=self._clock.now(),
            limit_price=sent.limit_price if kind is ReportKind.REPLACE_REFUSED else None,
            message=f"alpaca: {reason or event}",
            refusal=refusal_of(reason),
        )

    def _bind_strangers(self, found: list[Raw]) -> None:
        # What a replacement did, or an order without an answer, must not be booked as somebody else's.
        ids = {order_id for order_id in map(order_id_of, found) if order_id is not None} - self._strangers
        unknown = {order_id for order_id in ids if self._book.sent_as(order_id) is None}
        if not unknown or not self._book.open_sent():
            return
        self._strangers |= unknown  # before the look, which may read the activities again
        try:
            self._look_up_open()
        except BrokerUnavailable:
            self._strangers -= unknown
            raise

    def _take(self, found: list[Raw]) -> datetime | None:
        deliveries = deliveries_of(found)
        newest: datetime | None = None
        moved: dict[str, Transaction] = {}
        for raw in found:
            name = f"{raw.get('activity_type')}:{raw.get('id')}"
            if name in self._taken:
                continue
            try:
                at = happened_at(raw)
                if not EARLIEST_AT < at < self._clock.now() + AHEAD_MAX:
                    raise InvalidInput(f"alpaca told {at.isoformat()} as the time of an activity")
                transaction = None if is_correction(raw) else self._take_one(raw, name, deliveries)
            except InvalidInput as error:
                # It is read again with the next activities, and the balance will not add up meanwhile.
                log.error("alpaca_activity_unreadable", told=str(raw.get("activity_type")), error=error.message)
                continue
            if transaction is not None:
                moved[name] = transaction
                self._alone.pop(name, None)
            newest = at if newest is None else max(newest, at)
        # Shares stand right behind their contracts, whatever was booked in between.
        self._book.record(sorted(moved.values(), key=lambda one: (one.happened_at, one.contract is None)))
        self._correct([raw for raw in found if is_correction(raw)])
        self._taken |= {name for name, one in moved.items() if one.client_order_id or not one.broker_order_id}
        return newest

    def _correct(self, found: Sequence[Raw]) -> None:
        """Write down which trades were busted or corrected; the trades themselves are written already."""
        for raw in found:
            try:
                self._book.record(corrections_of(raw, self._book.transactions(0)))
            except InvalidInput as error:  # as an activity that cannot be read
                log.error("alpaca_correction_unreadable", error=error.message)

    def _take_one(self, raw: Raw, name: str, deliveries: Sequence[Delivery]) -> Transaction | None:
        order_id = order_id_of(raw)
        sent = None if order_id is None else self._book.sent_as(order_id)
        cid = None if sent is None else sent.client_order_id
        execution = None if cid is None else execution_of(raw, cid)
        if cid is not None and execution is not None:
            self._book.report(
                f"exec:{execution.execution_id}",
                ReportKind.LEG_FILLED,
                cid,
                at=execution.executed_at,
                execution=execution,
            )
        delivery = delivery_of(raw, deliveries) if is_delivery(raw) else None
        if is_delivery(raw) and delivery is None and self._waits(name):
            return None
        return transaction_of(raw, delivery, cid)

    def _waits(self, name: str) -> bool:
        """Tell whether shares are to wait for the contracts that they came of, which may be booked after them."""
        now = self._clock.now()
        return now - self._alone.setdefault(name, now) < ALONE_MAX


def _fits(sent: SentOrder, order: WireOrder) -> bool:
    theirs = {(one.leg.contract, one.leg.ratio) for one in order.legs}
    return theirs == {(leg.contract, leg.ratio) for leg in sent.order.legs} and order.quantity <= sent.order.quantity
