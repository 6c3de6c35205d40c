"""Orders of ours at TWS: which ids they have there, what TWS says of them, and who waits for an answer."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ib_async import Contract, Execution, OrderState
from ib_async import Order as TwsOrder

from thetaloom.brokers.ibkr import parse
from thetaloom.brokers.ibkr.messages import STANDS_THERE, Meaning, meaning_of, refusal_of
from thetaloom.domain.book.orders import Order, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.links.report_book import ReportBook, SentOrder
from thetaloom.ports.clock import Clock

TAKEN = frozenset({"PreSubmitted", "Submitted", "PendingCancel", "Filled"})
NO_ID = BrokerOrderId("0")
IDS_AT_ONCE = 50  # order ids that are kept as used in one go
ENDED = frozenset({"Cancelled", "ApiCancelled"})
INACTIVE = "Inactive"
OVER = ENDED | {INACTIVE, "Filled"}
REJECTED = 201  # which can also end an order that worked, as at the open


class Asked(StrEnum):
    """What was asked of an order last and has no answer yet."""

    SUBMIT = "submit"
    REPLACE = "replace"
    CANCEL = "cancel"


@dataclass(slots=True, kw_only=True)
class Question:
    """One request about an order that somebody waits for."""

    asked: Asked
    answer: "asyncio.Future[Meaning | None]"  # None: it is answered; else what kept TWS from taking or saying it
    limit_price: Price | None = None
    revision: int = 0
    is_again: bool = False  # the order went out before under the same id


class OrderDesk:
    """Turns the words of TWS into reports; its methods run in the loop of the connection."""

    def __init__(self, book: ReportBook, clock: Clock, calendar: TradingCalendar, client_id: int) -> None:
        self._book = book
        self._client_id = client_id  # order ids are counted within it
        self._clock = clock
        self._calendar = calendar
        self._by_order_id: dict[int, ClientOrderId] = {}
        self._questions: dict[ClientOrderId, Question] = {}
        self._behind: list[Callable[[], None]] = []
        self._doubted: list[Callable[[], None]] = []
        self._working: set[ClientOrderId] = set()  # by what was told on the line that is open
        self._last = 0
        self._reserved: int | None = None
        for sent in book.open_sent():
            self._restore(sent.client_order_id)

    def on_doubt(self, hook: Callable[[], None]) -> None:
        """Have ``hook`` called when only the books can tell what became of an order."""
        self._doubted.append(hook)

    def on_behind(self, hook: Callable[[], None]) -> None:
        """Have ``hook`` called when TWS says that more has filled than was told."""
        self._behind.append(hook)

    def next_order_id(self, valid: int) -> int:
        """Return an id that no order had before, neither at TWS nor here; it is kept over restarts."""
        if self._reserved is None:  # ids up to the mark may have been used before a restart
            self._last = self._reserved = int(self._book.mark("order_id") or 0)
        number = max(valid, self._last + 1, 1)
        if number > self._reserved:
            self._reserved = number + IDS_AT_ONCE
            self._book.put_mark("order_id", str(self._reserved))
        self._last = number
        return number

    def assign(self, client_order_id: ClientOrderId, order_id: int, client_id: int) -> None:
        """Write down which id an order goes out under, before it goes out."""
        self._book.put_mark(_order_id_key(client_order_id), f"{order_id} {client_id}")
        self._restore(client_order_id)

    def unassign(self, client_order_id: ClientOrderId) -> None:
        """Note that an order certainly did not go out: it may be sent anew."""
        self._book.put_mark(_order_id_key(client_order_id), "")

    def order_id(self, client_order_id: ClientOrderId) -> int | None:
        """Return the id that an order went out under."""
        kept = self._book.mark(_order_id_key(client_order_id))
        return int(kept.split()[0]) if kept else None

    def placed_by(self, client_order_id: ClientOrderId) -> int:
        """Return the number of the connection that an order went out on: no other can change or cancel it."""
        _, _, kept = (self._book.mark(_order_id_key(client_order_id)) or "").partition(" ")
        return int(kept) if kept else self._client_id

    def ask(self, client_order_id: ClientOrderId, question: Question) -> None:
        """Let the next word on an order answer a question."""
        self._questions[client_order_id] = question

    def drop(self, client_order_id: ClientOrderId) -> None:
        """Nobody waits any more."""
        self._questions.pop(client_order_id, None)

    def lose_line(self) -> None:
        """Tell whoever waits that no answer will come on this line; what the next one tells is news."""
        self._working.clear()
        for question in list(self._questions.values()):
            _answer(question, Meaning.UNCLEAR)

    def whose(self, execution: Execution) -> ClientOrderId | None:
        """Return the order of ours that an execution is of."""
        return self._owner(execution.orderRef, execution.permId)

    def order_told(self, contract: Contract, order: TwsOrder, state: OrderState) -> None:
        """Take in an order that is in the books."""
        client_order_id = self._owner(order.orderRef, order.permId)
        if client_order_id is None:
            return
        perm_id = BrokerOrderId(str(order.permId))
        if order.orderId > 0 and self.order_id(client_order_id) is None:
            self.assign(client_order_id, order.orderId, order.clientId)
        self._note_working(client_order_id, state.status)
        if state.status in TAKEN:
            self._accept(client_order_id, perm_id)
        elif order.permId:
            self._book.bind(client_order_id, perm_id)
        self._note_limit(client_order_id, contract, order)

    def completed_told(self, order: TwsOrder, state: OrderState) -> None:
        """Take in an order of today that is over."""
        client_order_id = self._owner(order.orderRef, order.permId)
        if client_order_id is None:
            return
        sent = self._book.sent(client_order_id)
        if sent is None or not sent.is_open:
            return
        if order.permId:
            self._book.bind(client_order_id, BrokerOrderId(str(order.permId)))
        if state.status == INACTIVE:
            self._reject(client_order_id, Refusal.UNKNOWN, state.completedStatus or "TWS made it inactive")
        elif state.status in ENDED:
            self._accept(client_order_id, BrokerOrderId(str(order.permId)))
            self.end(sent, state.completedStatus)

    def status_told(self, client_id: int, order_id: int, perm_id: int, status: str, filled: float) -> None:
        """Take in how far an order is."""
        client_order_id = self._by_order_id.get(order_id) if client_id == self._client_id else None
        if client_order_id is None:
            client_order_id = self._owner("", perm_id)
        if client_order_id is None:
            return
        self._note_working(client_order_id, status)
        if status in TAKEN:
            self._accept(client_order_id, BrokerOrderId(str(perm_id)))
        sent = self._book.sent(client_order_id)
        if sent is None:
            return
        if filled > contracts_done(sent):
            _ring(self._behind)
        if status in ENDED:
            self.end(sent, "")
        elif status == INACTIVE and sent.is_open:  # rejected, or only set aside: the books tell
            _ring(self._doubted)

    def error_told(self, order_id: int, code: int, text: str) -> None:
        """Take in an error or a warning that bears the id of an order."""
        client_order_id = self._by_order_id.get(order_id)
        if client_order_id is None:
            return
        question, message = self._questions.get(client_order_id), f"{text} (IBKR {code})"
        meaning = meaning_of(code)
        match meaning:
            case Meaning.WARNED:
                return
            case Meaning.CANCELED:
                sent = self._book.sent(client_order_id)
                if sent is not None:
                    self.end(sent, message)
            case Meaning.BUSY | Meaning.UNCLEAR:
                if question is not None:
                    _answer(question, meaning)
            case Meaning.CANCEL_REFUSED:
                if question is None or question.asked is Asked.CANCEL:
                    self.refuse_cancel(client_order_id, message)
            case Meaning.REJECTED:
                self._refused(client_order_id, question, code, text, message)

    def end(self, sent: SentOrder, message: str) -> None:
        """Write down that an order is over without being filled."""
        now = self._clock.now()
        kind = ReportKind.EXPIRED if self.is_past(sent.order, now) else ReportKind.CANCELED
        name = sent.client_order_id
        if sent.is_open:
            self._book.report(f"ended:{name}", kind, name, at=now, message=message)
        self._answered(name)

    def is_past(self, order: Order, now: datetime) -> bool:
        """Tell whether an order's time is over by its own terms."""
        last = min(self._calendar.settles_at(leg.contract) for leg in order.legs)
        if order.time_in_force is TimeInForce.DAY:
            last = min(last, self._calendar.next_close(order.staged_at))
        return now >= last

    def refuse_cancel(self, client_order_id: ClientOrderId, message: str) -> None:
        """Write down that a cancel was refused; each one is another."""
        number = int(self._book.mark(f"cancels:{client_order_id}") or 0) + 1
        self._book.put_mark(f"cancels:{client_order_id}", str(number))
        self._book.report(
            f"cancel_refused:{client_order_id}:{number}",
            ReportKind.CANCEL_REFUSED,
            client_order_id,
            at=self._clock.now(),
            message=message,
            refusal=Refusal.QUANTITY_CONFLICT,
        )
        self._answered(client_order_id)

    def refuse_replace(self, client_order_id: ClientOrderId, revision: int, refusal: Refusal, message: str) -> None:
        """Write down that a limit stays where it is."""
        sent = self._book.sent(client_order_id)
        self._book.report(
            f"replace_refused:{client_order_id}:{revision}",
            ReportKind.REPLACE_REFUSED,
            client_order_id,
            at=self._clock.now(),
            limit_price=None if sent is None else sent.limit_price,
            message=message,
            refusal=refusal,
        )
        self._answered(client_order_id)

    def reject(self, order: Order, refusal: Refusal, message: str) -> None:
        """Write down that an order was not even sent."""
        self._book.note_sent(order)
        self._reject(order.client_order_id, refusal, message)

    def accepted_at(self, client_order_id: ClientOrderId) -> datetime | None:
        """Return when TWS said that it has an order."""
        kept = self._book.mark(f"accepted_at:{client_order_id}")
        return None if kept is None else datetime.fromisoformat(kept)

    def _owner(self, reference: str, perm_id: int) -> ClientOrderId | None:
        if reference and self._book.sent(ClientOrderId(reference)) is not None:
            return ClientOrderId(reference)
        sent = self._book.sent_as(BrokerOrderId(str(perm_id))) if perm_id else None
        return None if sent is None else sent.client_order_id

    def works(self, client_order_id: ClientOrderId) -> bool:
        """Tell whether TWS has told on this line that it has an order, and not that it is over."""
        return client_order_id in self._working

    def _note_working(self, client_order_id: ClientOrderId, status: str) -> None:
        if status in OVER:
            self._working.discard(client_order_id)
        else:
            self._working.add(client_order_id)

    def _restore(self, client_order_id: ClientOrderId) -> None:
        order_id = self.order_id(client_order_id)
        if order_id is not None and self.placed_by(client_order_id) == self._client_id:
            self._by_order_id[order_id] = client_order_id

    def _accept(self, client_order_id: ClientOrderId, perm_id: BrokerOrderId) -> None:
        if perm_id == NO_ID:
            return  # which would be everybody's: the message after it, or the books, tell the right one
        now = self._clock.now()
        if self._book.mark(f"accepted_at:{client_order_id}") is None:
            self._book.put_mark(f"accepted_at:{client_order_id}", now.isoformat())
            self._book.report(
                f"accepted:{client_order_id}",
                ReportKind.ACCEPTED,
                client_order_id,
                at=now,
                broker_order_id=perm_id,
            )
        question = self._questions.get(client_order_id)
        if question is not None and question.asked is Asked.SUBMIT:
            _answer(question, None)

    def _note_limit(self, client_order_id: ClientOrderId, contract: Contract, order: TwsOrder) -> None:
        sent = self._book.sent(client_order_id)
        told = told_limit(contract, order, sent)
        question = self._questions.get(client_order_id)
        is_answer = question is not None and question.asked is Asked.REPLACE and question.limit_price == told
        if sent is None or told is None or (told == sent.limit_price and not is_answer):
            return
        self._book.report(
            f"limit:{client_order_id}:{sent.revision}:{told}",
            ReportKind.REPLACED,
            client_order_id,
            at=self._clock.now(),
            limit_price=told,
        )
        if is_answer:
            self._answered(client_order_id)

    def _refused(
        self, client_order_id: ClientOrderId, question: Question | None, code: int, text: str, message: str
    ) -> None:
        refusal = refusal_of(code, text)
        if code == REJECTED and question is not None and question.asked is not Asked.SUBMIT:
            _ring(self._doubted)  # it may be the change that was rejected, or the order
        if question is not None and question.is_again and code in STANDS_THERE:
            _answer(question, Meaning.UNCLEAR)
        elif question is not None and question.asked is Asked.REPLACE:
            self.refuse_replace(client_order_id, question.revision, refusal, message)
        elif question is not None and question.asked is Asked.CANCEL:
            self.refuse_cancel(client_order_id, message)
        elif code == REJECTED or self.accepted_at(client_order_id) is None:
            # Other errors end no order that worked (ib_async#191).
            self._reject(client_order_id, refusal, message)

    def _reject(self, client_order_id: ClientOrderId, refusal: Refusal, message: str) -> None:
        self._book.report(
            f"ended:{client_order_id}",
            ReportKind.REJECTED,
            client_order_id,
            at=self._clock.now(),
            message=message,
            refusal=refusal,
        )
        self._answered(client_order_id)

    def _answered(self, client_order_id: ClientOrderId) -> None:
        question = self._questions.get(client_order_id)
        if question is not None:
            _answer(question, None)


def told_limit(contract: Contract, order: TwsOrder, sent: SentOrder | None = None) -> Price | None:
    """Return the net limit of one structure as TWS has it."""
    net = parse.net_of(order.action, order.lmtPrice)
    if net is None or sent is None or contract.secType == "BAG":
        return net
    return Price(Decimal(net) * abs(sent.order.legs[0].ratio))


def contracts_done(sent: SentOrder) -> float:
    """Return how much of an order was told as done, in the quantity of TWS."""
    ratio = abs(sent.order.legs[0].ratio) if len(sent.order.legs) == 1 else 1
    if ratio > 1 or len(sent.order.legs) == 1:
        return abs(sum(sent.executed.values()))
    return sent.filled


def ended_status(sent: SentOrder | None, is_past: bool, status: str) -> OrderStatus:
    """Return our word for how an order stands in the books of TWS."""
    if status == "Filled":
        return OrderStatus.FILLED
    if status == INACTIVE:
        return OrderStatus.REJECTED
    if status in ENDED:
        return OrderStatus.EXPIRED if is_past else OrderStatus.CANCELED
    return OrderStatus.WORKING


def _ring(hooks: Iterable[Callable[[], None]]) -> None:
    for hook in hooks:
        hook()


def _answer(question: Question, meaning: Meaning | None) -> None:
    if not question.answer.done():
        question.answer.set_result(meaning)


def _order_id_key(client_order_id: ClientOrderId) -> str:
    return f"order_id:{client_order_id}"
