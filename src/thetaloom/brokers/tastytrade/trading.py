"""One account at tastytrade as a ``Broker``."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from tastytrade import Account
from tastytrade.account import AccountBalance, CurrentPosition
from tastytrade.order import OrderStatus as WireStatus
from tastytrade.order import PlacedOrder

from thetaloom.brokers.tastytrade.account_stream import AccountLine
from thetaloom.brokers.tastytrade.capabilities import CAPABILITIES
from thetaloom.brokers.tastytrade.complex_orders import oco_of, otoco_of, placed_group
from thetaloom.brokers.tastytrade.guarding import read_whole, refused_preview, taken_already
from thetaloom.brokers.tastytrade.lookups import Lookups
from thetaloom.brokers.tastytrade.parse import broker_order, holdings_of, snapshot, stood
from thetaloom.brokers.tastytrade.refusals import refusal_of
from thetaloom.brokers.tastytrade.render import new_order, replacement
from thetaloom.brokers.tastytrade.session import TastytradeSession, WireRefusal
from thetaloom.brokers.tastytrade.settings import NAME, TastytradeSettings
from thetaloom.brokers.tastytrade.told import Teller
from thetaloom.domain.book.order_shapes import wrong_shape
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import BrokerUnavailable, InvalidInput, NotFound, OutcomeUnknown, ThetaloomError
from thetaloom.links.backoff import Backoff
from thetaloom.links.kept_stream import KeptStream, Line
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.recent import Recent
from thetaloom.links.report_book import ReportBook, SentOrder
from thetaloom.ports.broker import Bracket, BrokerCapabilities, Preview
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus

log = structlog.get_logger()

T = TypeVar("T")
STREAM = "tastytrade account stream"
UNREAD_SECONDS = 0.2  # what cannot be read seldom comes alone
LOOKS_MAX = 12  # at an order that calls itself filled before the fills of all its legs are told


class TastytradeBroker:
    """Orders, reports and books of one account."""

    name = NAME
    simulated = False

    def __init__(
        self,
        settings: TastytradeSettings,
        session: TastytradeSession,
        account: Account,
        *,
        loop: OwnerLoop,
        book: ReportBook,
        clock: Clock,
    ) -> None:
        self.account_id = AccountId(account.account_number)
        self._settings = settings
        self._session = session
        self._account = account
        self._loop = loop
        self._book = book
        self._clock = clock
        self._teller = Teller(book, clock)
        self._lookups = Lookups(session, account, book, self._teller, clock)
        self._incomplete: set[int] = set()
        self._looking: asyncio.Task[None] | None = None
        self._balances: Recent[AccountBalance] = Recent(settings.fresh_seconds)
        self._positions: Recent[list[CurrentPosition]] = Recent(settings.fresh_seconds)
        self._transactions: Recent[None] = Recent(settings.fresh_seconds)
        book.on_report(self._forget)
        self._stream = KeptStream(
            name=STREAM,
            loop=loop,
            open_line=self._open_line,
            clock=clock,
            silence_seconds=settings.silence_seconds,
            backoff=Backoff(),
        )
        self._stream.on_open(self._catch_up)

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What tastytrade can do."""
        return CAPABILITIES

    @property
    def is_live(self) -> bool:
        """Whether it is real money, by what the session says."""
        return not (self._account.is_test_drive or self._session.stands_on_test_site)

    def start(self) -> None:
        """Open the stream of this account's orders."""
        self._stream.start()

    def stop(self) -> None:
        """Close the stream."""
        self._stream.stop()

    def wait_up(self, timeout_seconds: float) -> bool:
        """Wait for the stream; return whether it stands."""
        return self._stream.wait_up(timeout_seconds)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the stream stands."""
        return (self._stream.status(),)

    def preview(self, order: Order) -> Preview:
        """Ask for a dry run: what the order would tie up, and whether it would be taken."""
        if wrong := wrong_shape(order.legs, legs_max=CAPABILITIES.legs_max):
            return refused_preview(*wrong)
        try:
            told = self._asked(self._account.place_order(self._session, new_order(order), dry_run=True))
        except WireRefusal as no:
            return refused_preview(refusal_of(no.entries, no.status, order.effect), no.words)
        if told.errors:
            entries = [(one.code, one.message) for one in told.errors]
            return refused_preview(refusal_of(entries, 0, order.effect), " ".join(text for _, text in entries))
        effect, fees = told.buying_power_effect, told.fee_calculation
        return Preview(
            buying_power_effect=Money(-effect.change_in_buying_power),
            buying_power_after=Money(effect.new_buying_power),
            fees=None if fees is None else Money(-abs(fees.total_fees)),
            message=" ".join(one.message for one in told.warnings or ()),
        )

    def submit(self, order: Order) -> None:
        """Send a new order, once. tastytrade knows no idempotency: an id seen before is looked up and not sent."""
        sent, is_new = self._book.note_once(order)
        if not is_new and (sent.broker_order_ids or not sent.is_open or self.find(order.client_order_id) is not None):
            return
        if wrong := wrong_shape(order.legs, legs_max=CAPABILITIES.legs_max):
            self._teller.reject(order.client_order_id, *wrong)
            return
        try:
            told = self._change(self._account.place_order(self._session, new_order(order), dry_run=False))
        except WireRefusal as no:
            self._teller.reject(order.client_order_id, refusal_of(no.entries, no.status, order.effect), no.words)
            return
        with taken_already("the order"):
            if told.order.external_identifier != order.client_order_id:
                raise BrokerUnavailable("its answer is of another order")
            self._take(told.order, sent)
            self._teller.note_fees(order, told.fee_calculation, told.order)

    def place_oco(self, bracket: Bracket) -> str | None:
        """Place target and stop, of which one cancels the other; return the pair's id, ``None`` where refused."""
        return self._place_group(oco_of(bracket), (bracket.target, bracket.stop))

    def place_otoco(self, entry: Order, bracket: Bracket) -> str | None:
        """Place an entry that brings target and stop with it once it is filled."""
        return self._place_group(otoco_of(entry, bracket), (entry, bracket.target, bracket.stop))

    def _place_group(self, group: Any, members: Sequence[Order]) -> str | None:  # each kind has its own answer
        for order in members:
            if self._book.sent(order.client_order_id) is not None:
                raise InvalidInput(f"order {order.client_order_id} was sent before")
        for order in members:
            self._book.note_sent(order)
        try:
            placed = self._change(placed_group(self._account, self._session, group))
        except WireRefusal as no:
            for order in members:
                self._teller.reject(order.client_order_id, refusal_of(no.entries, no.status, order.effect), no.words)
            return None
        with taken_already("the group of orders"):
            for one in (placed.trigger_order, *placed.orders):
                if one is not None:
                    self._take(one)
        return str(placed.id)

    def cancel_group(self, group: str) -> None:
        """Cancel all that works of a group. Raises ``NotFound`` where there is none."""
        try:
            self._change(self._account.delete_complex_order(self._session, int(group)))
        except WireRefusal as no:
            raise NotFound(f"tastytrade has no group of orders {group}: {no.words}") from no

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Refuse: this adapter trades options only."""
        return SharesAnswer(
            refusal=Refusal.NOT_PERMITTED, message=f"Trade the {order.symbol} shares at tastytrade yourself."
        )

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move the limit by cancel-replace: the broker gives the replacement an id of its own."""
        sent = self._book.sent(client_order_id)
        if sent is None or sent.broker_order_id is None:
            self._teller.refuse_replace(client_order_id, revision, None, "tastytrade has no such order of ours.")
            return
        if not self._book.note_replace(client_order_id, revision):
            return
        try:
            new = self._change(
                self._account.replace_order(
                    self._session, int(sent.broker_order_id), replacement(sent.order, limit_price)
                )
            )
        except WireRefusal as no:
            self.find(sent.client_order_id)  # it may have filled, ended or been replaced already
            again = self._book.sent(client_order_id) or sent
            if again.limit_price != limit_price or not again.is_open:
                self._teller.refuse_replace(client_order_id, revision, again.limit_price, no.words, no)
            return
        with taken_already("the replacement"):
            self._take(new)
        if self._book.sent_as(BrokerOrderId(str(new.id))) is None:
            self._follow(new.id)

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel a working order."""
        sent = self._book.sent(client_order_id)
        if sent is not None and sent.broker_order_id is None:
            self.find(client_order_id)  # it may have arrived without our hearing of it
            sent = self._book.sent(client_order_id)
        if sent is None or sent.broker_order_id is None:
            self._teller.refuse_cancel(client_order_id, "tastytrade has no such order of ours.")
            return
        try:
            self._change(self._account.delete_order(self._session, int(sent.broker_order_id)))
        except WireRefusal as no:
            self.find(sent.client_order_id)
            self._teller.refuse_cancel(client_order_id, no.words)
            return
        with taken_already("the cancel"):
            self.find(sent.client_order_id)

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Ask to cancel a working order that is not ours."""
        if not broker_order_id.isdecimal():
            raise NotFound(f"tastytrade has no order {broker_order_id}")
        try:
            self._change(self._account.delete_order(self._session, int(broker_order_id)))
        except WireRefusal as no:
            raise NotFound(f"tastytrade cancels no order {broker_order_id}: {no.words}") from no

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look an order up anew, by its broker's id where that is known, else by our id in live and past orders."""
        chain = self._read(self._lookups.placed(client_order_id))
        with read_whole():
            for one in chain:
                self._take(one)
            return self._lookups.as_one(client_order_id, chain)

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return all orders that work, oldest first."""
        live = self._read(self._account.get_live_orders(self._session))
        found = []
        with read_whole():
            for one in sorted(live, key=lambda one: one.id):
                self._take(one)
                order = broker_order(one, self._teller.client_order_id_of(one)) if stood(one) else None
                if order is not None and order.is_open:
                    found.append(order)
        return found

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports after ``sequence``, oldest first."""
        return self._book.reports_since(sequence)

    def account(self) -> AccountSnapshot:
        """Return the balances."""
        balance = self._balances.get(lambda: self._read(self._account.get_balances(self._session)))
        positions = self._told_positions()
        with read_whole():
            return snapshot(balance, positions, self._account, self.is_live, self._clock.now())

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held."""
        positions = self._told_positions()
        with read_whole():
            return holdings_of(positions)

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after ``after``; the broker's newest are read first."""
        self._transactions.get(lambda: self._read(self._lookups.read_transactions()))
        return self._book.transactions(after)

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there is a new report."""
        self._book.on_report(wake)

    def _told_positions(self) -> list[CurrentPosition]:
        return self._positions.get(lambda: self._read(self._account.get_positions(self._session)))

    def _forget(self) -> None:
        for one in (self._balances, self._positions, self._transactions):
            one.forget()

    async def _take_heard(self, order: PlacedOrder) -> None:
        if order.account_number != self._account.account_number:
            return  # of another account of the same sign-in
        self._forget()
        try:
            await self._take_async(order)
        except (BrokerUnavailable, *NONSENSE) as error:
            log.warning("tastytrade_order_unreadable", order_id=order.id, error=type(error).__name__)
            self._look_around()

    async def _open_line(self, hear: Callable[[], None]) -> Line:
        line = AccountLine(
            self._session,
            self._account,
            self._take_heard,
            hear,
            unread=self._look_around,
            url=self._settings.stream_url,
            heartbeat_seconds=self._settings.heartbeat_seconds,
        )
        return await line.open()

    def _look_around(self) -> None:
        """Read the books: something was told that nobody could read."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_around_soon())

    async def _look_around_soon(self) -> None:
        await asyncio.sleep(UNREAD_SECONDS)
        try:
            await self._catch_up()
        except BrokerUnavailable as error:
            log.warning("tastytrade_books_unread", error=error.message)

    async def _catch_up(self) -> None:
        """Read the books: what happened while the stream was away is told nowhere else."""
        try:
            live = await self._account.get_live_orders(self._session)
            for one in sorted(live, key=lambda one: one.id):
                await self._take_async(one)
            for sent in await asyncio.to_thread(self._book.open_sent):
                if sent.broker_order_id is not None and int(sent.broker_order_id) not in {one.id for one in live}:
                    await self._take_async(await self._account.get_order(self._session, int(sent.broker_order_id)))
            await self._lookups.read_transactions()
        except WireRefusal as no:
            raise BrokerUnavailable(f"tastytrade does not show its books: {no.words}") from no
        except NONSENSE as error:
            raise BrokerUnavailable(f"tastytrade's books cannot be read: {type(error).__name__}") from error

    def _take(self, order: PlacedOrder, known: SentOrder | None = None) -> None:
        if not self._teller.take(order, known):
            self._follow(order.id)

    async def _take_async(self, order: PlacedOrder) -> None:
        if not await asyncio.to_thread(self._teller.take, order):
            self._follow(order.id)

    def _follow(self, number: int) -> None:
        """Read an order again until all that was done of it is told: not every leg comes with the first message."""
        if number not in self._incomplete:
            self._incomplete.add(number)
            self._loop.post(self._complete(number))

    async def _complete(self, number: int) -> None:
        pauses = Backoff(first_seconds=0.1, cap_seconds=15)
        try:
            for _ in range(LOOKS_MAX):
                await asyncio.sleep(pauses.next_seconds())
                try:
                    order = await self._account.get_order(self._session, number)
                except (BrokerUnavailable, WireRefusal, *NONSENSE):
                    continue
                if await asyncio.to_thread(self._teller.take, order) and order.status is not WireStatus.CONTINGENT:
                    return
        finally:
            self._incomplete.discard(number)

    def _read(self, asking: Coroutine[Any, Any, T]) -> T:
        try:
            return self._asked(asking)
        except WireRefusal as no:
            raise BrokerUnavailable(f"tastytrade does not show its books: {no.words}") from no

    def _asked(self, asking: Coroutine[Any, Any, T]) -> T:
        return self._called(asking, BrokerUnavailable)

    def _change(self, asking: Coroutine[Any, Any, T]) -> T:
        return self._called(asking, OutcomeUnknown)  # it may have been taken

    def _called(self, asking: Coroutine[Any, Any, T], failure: type[ThetaloomError]) -> T:
        try:  # a new token and the request itself
            return self._loop.call(asking, 2 * self._settings.request_timeout_seconds + 1)
        except TimeoutError as error:
            raise failure("tastytrade did not answer in time") from error
        except NONSENSE as error:
            raise failure(f"tastytrade's answer cannot be read: {type(error).__name__}") from error
