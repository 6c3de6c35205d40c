"""Interactive Brokers as a broker of ours: orders out, reports and books in, over one connection to TWS."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ib_async import Contract
from ib_async import Order as TwsOrder
from ib_async.wrapper import RequestError

from thetaloom.brokers.ibkr import parse, render
from thetaloom.brokers.ibkr.books import TwsBooks
from thetaloom.brokers.ibkr.canceling import Canceling
from thetaloom.brokers.ibkr.capabilities import CAPABILITIES, LEGS_MAX, WORKING_MAX
from thetaloom.brokers.ibkr.desk import Asked, OrderDesk, Question
from thetaloom.brokers.ibkr.executions import Executions
from thetaloom.brokers.ibkr.hearing import Hearing
from thetaloom.brokers.ibkr.messages import Meaning, refusal_of
from thetaloom.brokers.ibkr.registry import Registry, Resolved
from thetaloom.brokers.ibkr.session import Session
from thetaloom.brokers.ibkr.settings import IbkrSettings
from thetaloom.domain.book.order_shapes import wrong_shape
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, OutcomeUnknown
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.broker import Preview
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus

SAME_NUMBER = "Set client_id back to that number, or cancel the order in TWS."
NOTHING_TAKEN = "TWS took nothing: it is busy, or has no line to IBKR"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why an order is not sent at all."""

    refusal: Refusal
    message: str


class IbkrBroker:
    """Implements ``ports.broker.Broker`` and ``ports.links.Linked`` for one account at Interactive Brokers."""

    name = "ibkr"
    simulated = False
    capabilities = CAPABILITIES

    def __init__(
        self,
        *,
        settings: IbkrSettings,
        account: str,
        book: ReportBook,
        clock: Clock,
        calendar: TradingCalendar,
        loop: OwnerLoop,
        session: Session,
    ) -> None:
        self.account_id = AccountId(account)
        self._settings = settings
        self._account = account
        self._book = book
        self._clock = clock
        self._loop = loop
        self.session = session
        self.spot_of: Callable[[str], Price | None] = _unknown  # until there is market data
        self.registry = Registry(session, book, clock, calendar)
        self._desk = OrderDesk(book, clock, calendar, settings.client_id)
        self._executions = Executions(
            book, self._desk.whose, self.registry.learn, settings.commission_seconds, account, clock
        )
        self._books = TwsBooks(
            session=session,
            registry=self.registry,
            desk=self._desk,
            executions=self._executions,
            book=book,
            clock=clock,
            calendar=calendar,
            account=account,
            spot_of=lambda symbol: self.spot_of(symbol),
        )
        self._canceling = Canceling(session, self._books, settings)
        self.hearing = Hearing(session=session, desk=self._desk, executions=self._executions, books=self._books)

    # The port.

    def preview(self, order: Order) -> Preview:
        """Ask TWS what an order would do to the margin (what-if)."""
        refused = self._refused_here(order)
        if refused is not None:
            return _no_preview(refused.refusal, refused.message)
        return self._ask(self._preview(order))

    def submit(self, order: Order) -> None:
        """Send a new order; an id that went out before is not sent again."""
        self._change(self._submit(order))

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Refuse: shares are not traded for us here."""
        return SharesAnswer(refusal=Refusal.NOT_PERMITTED, message="Trade the shares in TWS; the books follow.")

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Move the limit of a working order; the order keeps its ids."""
        self._change(self._replace(client_order_id, limit_price, revision))

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Cancel a working order."""
        self._change(self._cancel(client_order_id))

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel a working order that is not ours, as far as TWS lets this connection do so."""
        self._change(self._canceling.orphan(broker_order_id))

    def cancel_together(self, broker_order_ids: frozenset[BrokerOrderId]) -> Mapping[BrokerOrderId, str]:
        """Ask to cancel working orders, whichever connection of ours placed them; return why not, by order."""
        return self._ask(self._canceling.together(broker_order_ids))

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look an order up in the books of TWS."""
        return self._ask(self._books.find(client_order_id))

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return all orders on options that work, of everybody."""
        return self._ask(self._open_orders())

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports after a sequence."""
        return self._book.reports_since(sequence)

    def account(self) -> AccountSnapshot:
        """Return the balances."""
        return self._ask(self._snapshot())

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held."""
        return self._ask(self._holdings())

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence."""
        return self._book.transactions(after)

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after there is a new report or a transaction."""
        self._book.on_report(wake)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the connection to TWS and the lines behind it stand."""
        return self.session.links()

    def resolve(self, symbol: str) -> Resolved | None:
        """Look a symbol up; ``None`` where TWS does not know it."""
        return self._ask(self.registry.resolve(symbol))

    def read_books(self) -> None:
        """Read what may have happened unheard, now."""
        self._ask(self.catch_up())

    async def catch_up(self) -> None:
        """Read the books of TWS, in the loop of the connection; after each opening of the line."""
        try:
            await self._books.catch_up()
        except NONSENSE as error:
            raise BrokerUnavailable(f"the books of TWS cannot be read: {error!r}") from error

    # Orders.

    async def _submit(self, order: Order) -> None:
        name = order.client_order_id
        order_id = self._desk.order_id(name)
        if self._is_over(name) or (order_id is not None and await self._is_taken(name)):
            return
        await self.session.ready()
        self._refuse_beside()
        tws = self.session.trading
        refused = self._refused_here(order)
        if refused is None:
            refused = await self._refused_by_books(order)
        listed = {} if refused else await self.registry.options(leg.contract for leg in order.legs)
        missing = [leg.contract.notation for leg in order.legs if leg.contract not in listed]
        if refused is None and missing:
            refused = Refused(refusal=Refusal.STRIKE_GONE, message=f"TWS does not list {', '.join(missing)}")
        if refused is not None:
            self._desk.reject(order, refused.refusal, refused.message)
            return
        self._book.note_sent(order)
        if order_id is not None and self._desk.placed_by(name) != self._settings.client_id:
            raise BrokerUnavailable(self._foreign(name), advice=SAME_NUMBER)
        is_again = order_id is not None
        if order_id is None:
            order_id = self._desk.next_order_id(max(tws.next_valid_id, tws.client._reqIdSeq))
            tws.wire.updateReqId(order_id + 1)
        # One whose answer was lost goes out under the id it had: should TWS have it after all, nothing changes there.
        contract, asked = render.contract_of(order, listed), render.order_of(order, self._account, order_id)
        self._desk.assign(name, order_id, self._settings.client_id)
        question = Question(asked=Asked.SUBMIT, answer=_future(), is_again=is_again)
        kept = await self._send(name, question, order_id, contract, asked)
        if kept is Meaning.BUSY:
            self._desk.unassign(name)
            raise BrokerUnavailable(NOTHING_TAKEN)

    async def _replace(self, name: ClientOrderId, limit_price: Price, revision: int) -> None:
        sent, order_id = self._book.sent(name), self._desk.order_id(name)
        if sent is None or order_id is None or not sent.is_open:
            self._desk.refuse_replace(name, revision, Refusal.QUANTITY_CONFLICT, "no order works under this id")
            return
        if revision <= sent.revision and self._book.mark(_unsent_key(name)) != str(revision):
            return
        await self.session.ready()
        self._refuse_beside()
        self.session.trading  # noqa: B018  raises before anything is written
        if refused := await self._why_unmoved(name):
            self._desk.refuse_replace(name, revision, *refused)
            return
        listed = await self.registry.options(leg.contract for leg in sent.order.legs)
        contract = render.contract_of(sent.order, listed)
        asked = render.order_of(sent.order, self._account, order_id, limit_price)
        self._book.note_replace(name, revision)
        question = Question(asked=Asked.REPLACE, answer=_future(), limit_price=limit_price, revision=revision)
        if await self._send(name, question, order_id, contract, asked) is Meaning.BUSY:
            self._book.put_mark(_unsent_key(name), str(revision))
            raise BrokerUnavailable(NOTHING_TAKEN)

    async def _cancel(self, name: ClientOrderId) -> None:
        sent, order_id = self._book.sent(name), self._desk.order_id(name)
        if sent is None or order_id is None or not sent.is_open:
            self._desk.refuse_cancel(name, "no order works under this id")
            return
        await self.session.ready()
        if self._is_beside or self._desk.placed_by(name) != self._settings.client_id:
            unasked = await self._canceling.together(frozenset(sent.broker_order_ids[-1:]))
            for why in unasked.values():
                self._desk.refuse_cancel(name, why)
            return
        question = Question(asked=Asked.CANCEL, answer=_future())
        if await self._send(name, question, order_id, None, None) is Meaning.BUSY:
            raise BrokerUnavailable(NOTHING_TAKEN)

    async def _send(
        self, name: ClientOrderId, question: Question, order_id: int, contract: Contract | None, asked: TwsOrder | None
    ) -> Meaning | None:
        """Send one message about an order, once, and wait until TWS says anything of it."""
        tws = self.session.trading
        self._desk.ask(name, question)
        self.session.count_order()
        try:
            if contract is None or asked is None:
                tws.wire.cancelOrder(order_id)
            else:
                tws.wire.placeOrder(order_id, contract, asked)
            kept = await asyncio.wait_for(question.answer, self._settings.request_timeout_seconds)
        except TimeoutError:
            raise OutcomeUnknown(f"TWS did not answer to the {question.asked.value} of {name}") from None
        except OSError as error:
            raise OutcomeUnknown(f"the line broke during the {question.asked.value} of {name}: {error}") from error
        finally:
            self._desk.drop(name)
        if kept is Meaning.UNCLEAR:
            raise OutcomeUnknown(f"TWS did not say what became of the {question.asked.value} of {name}")
        return kept

    async def _preview(self, order: Order) -> Preview:
        listed = await self.registry.options(leg.contract for leg in order.legs)
        if any(leg.contract not in listed for leg in order.legs):
            return _no_preview(Refusal.STRIKE_GONE, "TWS does not list a contract of the order")
        contract, asked = render.contract_of(order, listed), render.order_of(order, self._account, 0)
        try:
            state = await self.session.ask(lambda tws: tws.whatIfOrderAsync(contract, asked))
        except RequestError as error:
            return _no_preview(refusal_of(error.code, error.message), f"{error.message} (IBKR {error.code})")
        change, equity = parse.money_of(state.initMarginChange), parse.money_of(state.equityWithLoanChange)
        margin_after, equity_after = parse.money_of(state.initMarginAfter), parse.money_of(state.equityWithLoanAfter)
        commission = parse.money_of(state.commission) or parse.money_of(state.maxCommission)
        return Preview(
            buying_power_effect=None if change is None or equity is None else change - equity,
            buying_power_after=None if equity_after is None or margin_after is None else equity_after - margin_after,
            fees=None if commission is None else -commission,
            message=state.warningText,
        )

    @property
    def _is_beside(self) -> bool:
        """Whether this connection stands beside the one that trades."""
        return self.session.client_id != self._settings.client_id

    def _refuse_beside(self) -> None:
        if self._is_beside:
            raise BrokerUnavailable(
                f"this connection has client id {self.session.client_id}, and orders go out under"
                f" {self._settings.client_id}: none else could change or cancel them",
                advice="Leave orders to the server that runs.",
            )

    async def _why_unmoved(self, name: ClientOrderId) -> tuple[Refusal, str] | None:
        """Say why an order cannot get another limit: TWS takes a change of what it does not have for a new order."""
        if self._desk.placed_by(name) != self._settings.client_id:
            return Refusal.NOT_PERMITTED, f"{self._foreign(name)}. {SAME_NUMBER}"
        if not self._desk.works(name):
            await self._books.working()
        return None if self._desk.works(name) else (Refusal.QUANTITY_CONFLICT, "TWS has no such order that works")

    def _foreign(self, name: ClientOrderId) -> str:
        return (
            f"order {name} went out under client id {self._desk.placed_by(name)}, and from"
            f" {self._settings.client_id} TWS would take a change of it for a new order"
        )

    def _refused_here(self, order: Order) -> Refused | None:
        if wrong := wrong_shape(order.legs, legs_max=LEGS_MAX):
            return Refused(refusal=wrong[0], message=wrong[1])
        until = self._settings.restarts_until(self._clock.now())
        if until is not None:
            text = f"IBKR restarts its servers until {until:%H:%M} New York time; no order is sent in that window"
            return Refused(refusal=Refusal.MARKET_CLOSED, message=text)
        return None

    async def _refused_by_books(self, order: Order) -> Refused | None:
        mine = self._book.open_sent()
        legs = frozenset(order.legs)  # the same combination, however its legs are listed
        others = [sent.order for sent in mine if sent.client_order_id != order.client_order_id]
        same = sum(frozenset(one.legs) == legs for one in others)
        if same >= WORKING_MAX:
            text = f"{same} orders work on the same contracts and side already, the most that IBKR takes"
            return Refused(refusal=Refusal.NOT_PERMITTED, message=text)
        return None

    async def _is_taken(self, name: ClientOrderId) -> bool:
        """Tell whether TWS has an order that went out; what it tells of it now is written as it comes."""
        if self._desk.accepted_at(name) is None:
            await self._books.working()
            await self._books.completed()
        return self._desk.accepted_at(name) is not None or self._is_over(name)

    def _is_over(self, name: ClientOrderId) -> bool:
        sent = self._book.sent(name)
        return sent is not None and not sent.is_open

    async def _open_orders(self) -> list[BrokerOrder]:
        trades = sorted(await self._books.working(), key=lambda one: one.order.permId)
        told = [await self._books.told(one) for one in trades]
        return [one for one in told if one is not None]

    async def _holdings(self) -> Mapping[OptionContract, int]:
        return (await self._books.positions()).contracts

    async def _snapshot(self) -> AccountSnapshot:
        return await self._books.account(await self._books.positions())

    # From the caller's thread into the loop.

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.call(work, self._patience)
        except (TimeoutError, OSError) as error:
            raise BrokerUnavailable(f"TWS did not answer: {error}") from error
        except (RequestError, *NONSENSE) as error:
            raise BrokerUnavailable(f"what TWS answered cannot be read: {error}") from error

    def _change(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self._loop.call(work, self._patience)
        except (TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"TWS did not say what became of it: {error}") from error
        except (RequestError, *NONSENSE) as error:
            raise OutcomeUnknown(f"what TWS answered cannot be read: {error}") from error

    @property
    def _patience(self) -> float:
        return self._settings.request_timeout_seconds * 4


def _future() -> "asyncio.Future[Meaning | None]":
    return asyncio.get_running_loop().create_future()


def _unknown(_: str) -> Price | None:
    return None


def _unsent_key(name: ClientOrderId) -> str:
    return f"unsent:{name}"


def _no_preview(refusal: Refusal, message: str) -> Preview:
    return Preview(buying_power_effect=None, buying_power_after=None, fees=None, refusal=refusal, message=message)
