"""One account at Alpaca: what changes it goes out once, and what came of it is read from Alpaca's own books."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import count as counter
from typing import Any
from uuid import UUID

from thetaloom.brokers.alpaca.books import AlpacaBooks
from thetaloom.brokers.alpaca.parse import Raw, WireOrder, money_or_none, number, positions_of
from thetaloom.brokers.alpaca.refusals import refusal_of
from thetaloom.brokers.alpaca.render import order_request, refusal_before, replace_request, replacement_id
from thetaloom.brokers.alpaca.session import AlpacaSession, No, refusal_words
from thetaloom.brokers.alpaca.tables import CAPABILITIES
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, InvalidInput, NotFound, OutcomeUnknown
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.recent import Recent
from thetaloom.links.report_book import ReportBook, SentOrder
from thetaloom.ports.broker import Preview
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus


class AlpacaBroker:
    """Implements ``ports.broker.Broker`` over one account."""

    name = "alpaca"
    simulated = False  # its paper accounts are Alpaca's, not ours: no market of ours fills them
    capabilities = CAPABILITIES

    def __init__(
        self,
        *,
        account_id: AccountId,
        session: AlpacaSession,
        book: ReportBook,
        books: AlpacaBooks,
        ask: Callable[[], None],
        clock: Clock,
        calendar: TradingCalendar,
        links: Callable[[], Sequence[LinkStatus]],
    ) -> None:
        self.account_id = account_id
        self._session = session
        self._book = book
        self._books = books
        self._ask = ask
        self._clock = clock
        self._calendar = calendar
        self._links = links
        self._refusals = counter(1)
        self._balances: Recent[Any] = Recent(session.settings.fresh_seconds)
        self._positions: Recent[Any] = Recent(session.settings.fresh_seconds)
        book.on_report(self._forget)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the stream of trade updates stands."""
        return self._links()

    def preview(self, order: Order) -> Preview:
        """Say what can be said without asking, since Alpaca has no dry run."""
        refused = refusal_before(order, self._calendar, self._clock.now())
        why, message = refused or (None, "")
        return Preview(buying_power_effect=None, buying_power_after=None, fees=None, refusal=why, message=message)

    def submit(self, order: Order) -> None:
        """Send a new order, once; what is known to have arrived is not sent again."""
        with self._books.lock:
            known = self._book.sent(order.client_order_id)
            if known is not None and (known.broker_order_ids or not known.is_open):
                return
            self._book.note_sent(order)
            refused = refusal_before(order, self._calendar, self._clock.now())
            if refused is not None:
                self._reject(order.client_order_id, *refused)
                return
            answer = self._session.change(partial(self._session.trading.submit_order, order_request(order)))
            if not isinstance(answer, No):
                self._note_taken(answer, "the order", order.client_order_id)
                return
            why = refusal_of(answer.message, answer.code, answer.status)
            if why is Refusal.DUPLICATE:
                self._meet_first(order.client_order_id, answer)
                return
            self._reject(order.client_order_id, why, refusal_words(answer, why))

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Refuse: shares are not traded here."""
        return SharesAnswer(
            refusal=Refusal.NOT_PERMITTED, message=f"Thetaloom does not trade {order.symbol} shares at Alpaca"
        )

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move a limit; the replacement gets an id of its own, and stays ours."""
        with self._books.lock:
            sent = self._book.sent(client_order_id)
            if sent is None or sent.broker_order_id is None:
                self._refuse_replace(client_order_id, sent, Refusal.UNKNOWN, "alpaca has no such order")
                return
            if not sent.is_open:
                self._refuse_replace(client_order_id, sent, Refusal.UNKNOWN, f"the order is {sent.status.value}")
                return
            if not self._book.note_replace(client_order_id, revision):
                return
            working = self._working(sent)
            if working is None or working.status is not OrderStatus.WORKING:
                self._refuse_replace(client_order_id, sent, Refusal.UNKNOWN, "the order does not work any more")
                return
            left = working.quantity - working.filled if working.filled else None
            asked = replace_request(sent.order.legs, limit_price, replacement_id(client_order_id, revision), left)
            answer = self._session.change(partial(self._session.trading.replace_order_by_id, working.order_id, asked))
            if isinstance(answer, No):
                self._books.sweep()  # most often it has filled or ended meanwhile
                why = refusal_of(answer.message, answer.code, answer.status)
                self._refuse_replace(client_order_id, sent, why, refusal_words(answer, why), answer)
                return
            replacement = self._taken(answer, "the replacement")
            self._settle(replacement)
            self._undo_what_is_too_large(working, replacement)

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel; that it was asked for is no cancel yet."""
        with self._books.lock:
            sent = self._book.sent(client_order_id)
            order_id = None if sent is None else sent.broker_order_id
            if sent is not None and order_id is None:
                first = self._books.look_up(client_order_id)
                order_id = None if first is None else self._books.chain(first)[-1].order_id
            if sent is None or order_id is None:
                self._refuse_cancel(client_order_id, None, "alpaca has no such order")
                return
            answer = self._delete(order_id)
            if isinstance(answer, No):
                working = self._working(sent)
                if working is not None and working.order_id != order_id and working.status is OrderStatus.WORKING:
                    order_id, answer = working.order_id, self._delete(working.order_id)
            if isinstance(answer, No):
                self._books.sweep()
                self._refuse_cancel(client_order_id, answer, refusal_words(answer, Refusal.UNKNOWN))
                return
            with _taken_already("the cancel"):
                after = self._books.order(order_id)
                if after is not None:
                    self._books.note(after)

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Ask to cancel a working order that is not ours."""
        try:
            UUID(broker_order_id)  # the SDK takes nothing else
        except ValueError as error:
            raise NotFound(f"alpaca has no order {broker_order_id}") from error
        answer = self._delete(broker_order_id)
        if isinstance(answer, No):
            raise NotFound(f"alpaca has no working order {broker_order_id}: {answer.message}")

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look an order up in Alpaca's books, through all that replaced it."""
        with self._books.lock:
            first = self._books.look_up(client_order_id)
            if first is None:
                return None
            chain = self._books.chain(first)
            for one in chain:
                self._books.note(one)
            filled = sum(one.filled for one in chain[:-1])
            return chain[-1].told(client_order_id, filled)

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return all orders of options that work, oldest first, also those that were placed elsewhere."""
        with self._books.lock:
            return [self._told(one) for one in self._books.working()]

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports after a sequence, oldest first."""
        return self._book.reports_since(sequence)

    def account(self) -> AccountSnapshot:
        """Return the balances and the shares."""
        trading = self._session.trading
        try:
            told: Raw = self._balances.get(lambda: self._session.must(trading.get_account, "the account"))
            held = positions_of(self._told_positions())
            multiplier = number(told.get("multiplier") or "1", "multiplier")
            return AccountSnapshot(
                account_id=self.account_id,
                as_of=self._clock.now(),
                cash=money_or_none(told, "cash"),
                net_liquidating_value=money_or_none(told, "equity"),
                buying_power=money_or_none(told, "options_buying_power"),
                is_live=self._session.says_live(str(told.get("account_number", ""))),
                is_cash_account=multiplier == Decimal(1),
                shares=held.shares,
            )
        except (InvalidInput, *NONSENSE) as error:
            raise BrokerUnavailable(f"alpaca's account cannot be read: {error}") from error

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held, bought positive and sold negative."""
        told = self._told_positions()
        try:
            return positions_of(told).contracts
        except InvalidInput as error:
            raise BrokerUnavailable(f"alpaca's positions cannot be read: {error.message}") from error

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence, oldest first; newer ones are asked for, and wake who listens."""
        self._ask()
        return self._book.transactions(after)

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there is a new report or a transaction."""
        self._book.on_report(wake)

    def _told(self, order: WireOrder) -> BrokerOrder:
        sent = self._books.note(order)
        if sent is None:
            return order.told(order.ours)
        before = sum(one.filled for one in self._before(order))
        return order.told(sent.client_order_id, before)

    def _before(self, order: WireOrder) -> list[WireOrder]:
        found: list[WireOrder] = []
        while order.replaces is not None:
            earlier = self._books.order(order.replaces)
            if earlier is None:
                break
            found.append(earlier)
            order = earlier
        return found

    def _working(self, sent: SentOrder) -> WireOrder | None:
        """Return the newest of an order's replacements that was not refused, as it is now."""
        order = None if sent.broker_order_id is None else self._books.order(sent.broker_order_id)
        while order is not None and order.status is OrderStatus.REJECTED and order.replaces is not None:
            order = self._books.order(order.replaces)
        newest = None if order is None else self._books.chain(order)[-1]
        if newest is not None:
            self._books.note(newest)
        return newest

    def _taken(self, answer: object, what: str) -> WireOrder:
        """Read the answer to a change, which was made if there is one at all."""
        try:
            with _taken_already(what):
                order = self._books.whole(answer)
        except InvalidInput as error:
            raise OutcomeUnknown(f"alpaca took {what}, and its answer cannot be read: {error.message}") from error
        if order is None:
            raise OutcomeUnknown(f"alpaca took {what}, and answered with another order")
        return order

    def _note_taken(self, answer: object, what: str, theirs: str) -> WireOrder:
        told = self._taken(answer, what)
        if told.client_order_id != theirs:
            raise OutcomeUnknown(f"alpaca took {what}, and answered with another order")
        with _taken_already(what):
            self._books.note(told)
        return told

    def _settle(self, replacement: WireOrder) -> None:
        with _taken_already("the replacement"):
            self._books.note(replacement)
            after = self._books.order(replacement.order_id)
            if after is not None:
                self._books.note(after)

    def _told_positions(self) -> Any:
        return self._positions.get(lambda: self._session.must(self._session.trading.get_all_positions, "the positions"))

    def _forget(self) -> None:
        self._balances.forget()
        self._positions.forget()

    def _undo_what_is_too_large(self, looked_at: WireOrder, replacement: WireOrder) -> None:
        """Cancel a replacement of an order that went on filling after its quantity was worked out.

        It is for what was left when we looked, so it could trade more than was asked for.
        """
        with _taken_already("the replacement"):
            old = self._books.order(looked_at.order_id)
            if old is None or old.filled <= looked_at.filled:
                return
            self._books.note(old)
        if isinstance(self._delete(replacement.order_id), No):
            self._books.sweep()  # it is over already, and the books tell how
        self._settle(replacement)

    def _delete(self, order_id: BrokerOrderId) -> object:
        return self._session.change(partial(self._session.trading.cancel_order_by_id, order_id))

    def _meet_first(self, client_order_id: ClientOrderId, no: No) -> None:
        first = self._books.look_up(client_order_id)
        if first is None:
            self._reject(client_order_id, Refusal.DUPLICATE, refusal_words(no, Refusal.DUPLICATE))
            return
        for one in self._books.chain(first):
            self._books.note(one)

    def _reject(self, client_order_id: ClientOrderId, why: Refusal, message: str) -> None:
        self._book.report(
            f"rejected:{client_order_id}",
            ReportKind.REJECTED,
            client_order_id,
            at=self._clock.now(),
            message=message,
            refusal=why,
        )

    def _refuse_replace(
        self, client_order_id: ClientOrderId, sent: SentOrder | None, why: Refusal, message: str, no: No | None = None
    ) -> None:
        self._book.report(
            f"replace refused:{client_order_id}:{self._named(no)}",
            ReportKind.REPLACE_REFUSED,
            client_order_id,
            at=self._clock.now(),
            broker_order_id=None if sent is None else sent.broker_order_id,
            limit_price=None if sent is None else sent.limit_price,
            message=message,
            refusal=why,
        )

    def _refuse_cancel(self, client_order_id: ClientOrderId, no: No | None, message: str) -> None:
        self._book.report(
            f"cancel refused:{client_order_id}:{self._named(no)}",
            ReportKind.CANCEL_REFUSED,
            client_order_id,
            at=self._clock.now(),
            message=message,
            refusal=Refusal.UNKNOWN,
        )

    def _named(self, no: No | None) -> str:
        """Name a refusal by the request's own name; one of ours by its place among the reports."""
        if no is not None and no.request_id:
            return no.request_id
        now: datetime = self._clock.now()
        return f"{now.isoformat()}:{len(self._book.reports_since(0))}:{next(self._refusals)}"


@contextmanager
def _taken_already(what: str) -> Iterator[None]:
    """Do what comes after a change: that it cannot be read does not mean that nothing was done."""
    try:
        yield
    except (BrokerUnavailable, *NONSENSE) as error:
        raise OutcomeUnknown(f"alpaca took {what}, and does not tell what came of it: {error}") from error
