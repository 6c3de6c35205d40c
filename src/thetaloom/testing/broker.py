"""A broker that does what a test tells it, above all what brokers should not do."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import REFUSALS, AccountSnapshot, BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import (
    Transaction,
    trade_transactions,
)
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, NotFound, OutcomeUnknown
from thetaloom.ports.broker import BrokerCapabilities, Preview
from thetaloom.ports.clock import Clock
from thetaloom.testing import builders
from thetaloom.testing import scripted_transactions as own
from thetaloom.testing.builders import Number
from thetaloom.testing.scripted_account import ScriptedAccount
from thetaloom.testing.troubles import Known as Known
from thetaloom.testing.troubles import Trouble as Trouble

CAPABILITIES = BrokerCapabilities(
    legs_max=4, gtc=True, replace=True, native_oco=False, absence_seconds=0, orders_per_second=1_000, shares=True
)
HELD_BACK = frozenset({Trouble.ACCEPTED_IN_SILENCE, Trouble.UNREPORTED})


class ScriptedBroker(ScriptedAccount):
    """Implements ``ports.broker.Broker``: orders work until the test fills, expires or rejects them.

    ``plan`` names the troubles of the requests to come, in their order. Reports that were held back come with
    ``release``, in either order; ``sequence`` is given when a report is let out, as a broker's stream would.
    """

    name = "scripted"

    def __init__(
        self,
        clock: Clock,
        *,
        account_id: AccountId = builders.ACCOUNT,
        simulated: bool = True,
        cash: Number = 100_000,
        fills_at_once: bool = False,
    ) -> None:
        super().__init__(clock, account_id=account_id, cash=cash, is_live=not simulated)
        self.simulated = simulated
        self.requests: list[tuple[str, ClientOrderId]] = []  # all that were sent, arrived or not
        self.capabilities = CAPABILITIES  # a test may set others
        self.arrivals: Counter[ClientOrderId] = Counter()  # how often a new order reached the broker
        self.refusal: Refusal | None = None  # told with what is refused
        self.previews: deque[Preview] = deque()  # what the next questions are answered with
        self.is_down = False  # while set, every call raises BrokerUnavailable
        self.share_price = Price(1)
        self._fills_at_once = fills_at_once
        self._troubles: deque[Trouble | None] = deque()
        self._on_the_way: list[tuple[datetime, Order]] = []
        self._executions = 0
        self._numbered_before = 0
        self._orders: dict[ClientOrderId, Known] = {}
        self._reports: list[BrokerReport] = []
        self._held_back: list[BrokerReport] = []
        self._withholding = False

    @property
    def changes(self) -> int:
        """How much happened so far: grows with each report and each transaction."""
        return len(self._reports) + len(self._held_back) + len(self.happened)

    def plan(self, *troubles: Trouble | None) -> None:
        """Name what goes wrong with the next requests, one each; ``None`` lets one pass."""
        self._troubles.extend(troubles)

    def preview(self, order: Order) -> Preview:
        """Answer the next of ``previews``, or else by the order alone."""
        self._check_up()
        return self.previews.popleft() if self.previews else own.preview_of(order, self.balances.buying_power)

    def submit(self, order: Order) -> None:
        """Send a new order."""
        trouble = self._receive("submit", order.client_order_id)
        if trouble is Trouble.LATE:
            self._on_the_way.append((self.clock.now(), order))
            raise OutcomeUnknown(f"submit {order.client_order_id}: still on its way, as planned")
        self._take(order, trouble)
        self._answer(trouble)

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Trade shares at ``share_price``, with the troubles of a new order."""
        trouble = self._receive("trade_shares", order.client_order_id)
        if trouble is Trouble.REFUSED:
            return SharesAnswer(refusal=self.refusal or Refusal.UNKNOWN, message="refused as planned")
        self.arrivals[order.client_order_id] += 1
        if all(one.client_order_id != order.client_order_id for one in self.happened):
            self.record([own.shares_of(order, self.share_price, self.clock.now())])
        for wake in self._wakes:
            wake()
        self._answer(trouble)
        return SharesAnswer()

    def arrive(self) -> None:
        """Let the new orders that were late arrive; after the broker's own quarantine they never do."""
        late, self._on_the_way = self._on_the_way, []
        patience = timedelta(seconds=self.capabilities.absence_seconds)
        for sent_at, order in late:
            if self.clock.now() - sent_at <= patience:
                self._take(order, None)

    def _take(self, order: Order, trouble: Trouble | None) -> None:
        self.arrivals[order.client_order_id] += 1
        if order.client_order_id in self._orders:
            return
        refused = trouble is Trouble.REFUSED
        number = BrokerOrderId(f"S-{len(self._orders) - self._numbered_before + 1:06d}")
        status = OrderStatus.REJECTED if refused else OrderStatus.WORKING
        self._orders[order.client_order_id] = Known(order, number, status, self.clock.now())
        kind = ReportKind.REJECTED if refused else ReportKind.ACCEPTED
        message = "refused as planned" if refused else ""
        self._report(kind, order.client_order_id, silent=trouble in HELD_BACK, message=message)
        if self._fills_at_once and not refused:
            self.fill(order.client_order_id)

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move the limit of a working order."""
        trouble = self._receive("replace", client_order_id)
        known = self._orders.get(client_order_id)
        if known is None or known.status is not OrderStatus.WORKING or trouble is Trouble.REFUSED:
            self._report(ReportKind.REPLACE_REFUSED, client_order_id, message="not working, or refused as planned")
        elif trouble is Trouble.IN_WORD_ONLY:
            self._report(ReportKind.REPLACED, client_order_id, limit_price=limit_price)
        elif revision > known.order.revision:
            moved = replace(known.order, limit_price=limit_price, revision=revision)
            self._orders[client_order_id] = replace(known, order=moved)
            silent = trouble in HELD_BACK
            self._report(ReportKind.REPLACED, client_order_id, silent=silent, limit_price=limit_price)
        self._answer(trouble)

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel a working order."""
        trouble = self._receive("cancel", client_order_id)
        known = self._orders.get(client_order_id)
        if known is None or known.status is not OrderStatus.WORKING or trouble is Trouble.REFUSED:
            self._report(ReportKind.CANCEL_REFUSED, client_order_id, message="not working, or refused as planned")
        else:
            self._end(client_order_id, OrderStatus.CANCELED, ReportKind.CANCELED, silent=trouble in HELD_BACK)
        self._answer(trouble)

    def fill(
        self,
        client_order_id: ClientOrderId,
        quantity: int | None = None,
        at: Number | None = None,
        leg_prices: Sequence[Number] = (),
        *,
        silent: bool = False,
    ) -> Fill:
        """Fill an order, by default all that remains at its limit; also one that was canceled or has expired.

        ``leg_prices`` are of the order's legs in their order; without them any that add up will do. The report of a
        ``silent`` one is held back.
        """
        known = self._known(client_order_id)
        number = known.order.filled + 1
        fill_id = FillId(f"{known.broker_order_id}-{number}")
        done = builders.fill(known.order, quantity=quantity, at=at, fill_id=fill_id, filled_at=self.clock.now())
        if leg_prices:
            done = builders.priced(done, leg_prices)
        self.count_filled(client_order_id, done.quantity)
        self.record(trade_transactions(done, known.broker_order_id))
        self._report(ReportKind.FILLED, client_order_id, fill=done, silent=silent)
        return done

    def overfill(self, client_order_id: ClientOrderId, quantity: int) -> Fill:
        """Fill more than was ordered, as brokers should never do."""
        known = self._known(client_order_id)
        more = replace(known.order, quantity=known.order.filled + quantity)
        self._orders[client_order_id] = replace(known, order=more)
        done = self.fill(client_order_id, quantity)
        filled = self._known(client_order_id)
        self._orders[client_order_id] = replace(filled, order=replace(filled.order, quantity=known.order.quantity))
        return done

    def execute(
        self,
        client_order_id: ClientOrderId,
        contract: OptionContract,
        quantity: int,
        price: Number,
        execution_id: str | None = None,
    ) -> LegExecution:
        """Do contracts of one leg, bought positive, and report that leg alone; an id given twice is a duplicate."""
        known = self._known(client_order_id)
        self._executions += 1
        done = LegExecution(
            execution_id=FillId(execution_id or f"X-{self._executions}"),
            client_order_id=client_order_id,
            contract=contract,
            quantity=quantity,
            price=builders.price(price),
            fees=builders.FEE_PER_CONTRACT * abs(quantity),
            executed_at=self.clock.now(),
        )
        if all(
            report.execution is None or report.execution.execution_id != done.execution_id
            for report in (*self._reports, *self._held_back)
        ):
            self.record(own.executed(done, known.broker_order_id))
        self._report(ReportKind.LEG_FILLED, client_order_id, execution=done)
        return done

    def count_filled(self, client_order_id: ClientOrderId, quantity: int) -> None:
        """Let the books say that so many structures more are filled, which their legs' executions made."""
        known = self._known(client_order_id)
        filled = replace(known.order, status=OrderStatus.WORKING).with_fill(quantity)
        status = OrderStatus.FILLED if filled.status is OrderStatus.FILLED else known.status
        self._orders[client_order_id] = replace(known, order=filled, status=status)

    def expire(self, client_order_id: ClientOrderId) -> None:
        """Let an order expire."""
        self._end(client_order_id, OrderStatus.EXPIRED, ReportKind.EXPIRED)

    def reject(self, client_order_id: ClientOrderId, message: str) -> None:
        """Reject an order after all, as brokers do late."""
        self._end(client_order_id, OrderStatus.REJECTED, ReportKind.REJECTED, message=message)

    def tell_rejected(self, client_order_id: ClientOrderId, message: str) -> None:
        """Report a rejection that changes nothing in the books, as of a second send."""
        self._report(ReportKind.REJECTED, client_order_id, message=message)

    def repeat(self, sequence: int) -> None:
        """Report something a second time, under a new sequence."""
        found = next((report for report in self._reports if report.sequence == sequence), None)
        if found is None:
            raise NotFound(f"no report has sequence {sequence}")
        self._let_out([found])

    def tell_falsely(self, kind: ReportKind, client_order_id: ClientOrderId) -> None:
        """Report something of an order that is not so; the books stay as they are."""
        self._known(client_order_id)
        self._report(kind, client_order_id, message="told falsely")

    def number_anew(self) -> None:
        """Count the orders to come from one again, as a broker does that forgot its session."""
        self._numbered_before = len(self._orders)

    def withhold(self) -> None:
        """Hold all reports back from now on."""
        self._withholding = True

    def release(self, *, reverse: bool = False) -> None:
        """Let out what was held back, in its order or the last first, and hold back no longer."""
        self._withholding = False
        held, self._held_back = self._held_back, []
        self._let_out(held[::-1] if reverse else held)

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look the order up in the books, which know more than the reports let out."""
        self._check_up()
        known = self._orders.get(client_order_id)
        return None if known is None else known.told

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return the orders that work, in the order of their arrival."""
        self._check_up()
        return [known.told for known in self._orders.values() if known.status is OrderStatus.WORKING]

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence, oldest first."""
        self._check_up()
        return self.happened[after:]  # its sequence is its place

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports let out after ``sequence``, oldest first."""
        self._check_up()
        return self._reports[sequence:]  # its sequence is its place

    def account(self) -> AccountSnapshot:
        """Return ``balances``, which a test may set; fills move the cash in it."""
        self._check_up()
        return replace(self.balances, as_of=self.clock.now())

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held."""
        self._check_up()
        return dict(self.held)

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when a report is let out."""
        self._wakes.append(wake)

    def place_elsewhere(
        self, legs: Sequence[Leg], quantity: int, limit_price: Price, effect: Effect = Effect.OPEN
    ) -> BrokerOrderId:
        """Let another program place an order: it works, and is ours neither by id nor by report."""
        number = BrokerOrderId(f"S-{len(self._orders) + 1:06d}")
        key = ClientOrderId(f"elsewhere-{number}")
        theirs = replace(builders.order(limit=limit_price, quantity=quantity), client_order_id=key, legs=tuple(legs))
        theirs = replace(theirs, effect=effect, account_id=self.account_id)
        self._orders[key] = Known(theirs, number, OrderStatus.WORKING, self.clock.now(), is_ours=False)
        return number

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel a working order that is not ours."""
        self.cancel_elsewhere(broker_order_id)

    def cancel_elsewhere(self, broker_order_id: BrokerOrderId) -> None:
        """Let another program cancel a working order, whoever placed it."""
        key = next((key for key, one in self._orders.items() if one.broker_order_id == broker_order_id), None)
        if key is None or self._orders[key].status is not OrderStatus.WORKING:
            raise NotFound(f"no order {broker_order_id} works")
        self._end(key, OrderStatus.CANCELED, ReportKind.CANCELED, message="canceled elsewhere")

    def _receive(self, verb: str, client_order_id: ClientOrderId) -> Trouble | None:
        self.requests.append((verb, client_order_id))
        self._check_up()
        trouble = self._troubles.popleft() if self._troubles else None
        if trouble is Trouble.UNAVAILABLE:
            raise BrokerUnavailable(f"{verb} {client_order_id}: unavailable as planned")
        if trouble is Trouble.LOST:
            raise OutcomeUnknown(f"{verb} {client_order_id}: lost as planned")
        return trouble

    def _answer(self, trouble: Trouble | None) -> None:
        if trouble is Trouble.ACCEPTED_IN_SILENCE:
            raise OutcomeUnknown("it arrived, and no answer came, as planned")

    def _check_up(self) -> None:
        if self.is_down:
            raise BrokerUnavailable("the scripted broker is down")

    def _known(self, client_order_id: ClientOrderId) -> Known:
        if client_order_id not in self._orders:
            raise NotFound(f"order {client_order_id} never arrived")
        return self._orders[client_order_id]

    def _end(
        self,
        client_order_id: ClientOrderId,
        status: OrderStatus,
        kind: ReportKind,
        *,
        silent: bool = False,
        message: str = "",
    ) -> None:
        known = self._known(client_order_id)
        self._orders[client_order_id] = replace(known, status=status)
        self._report(kind, client_order_id, silent=silent, message=message)

    def _report(
        self,
        kind: ReportKind,
        client_order_id: ClientOrderId,
        *,
        silent: bool = False,
        fill: Fill | None = None,
        limit_price: Price | None = None,
        message: str = "",
        execution: LegExecution | None = None,
    ) -> None:
        known = self._orders.get(client_order_id)
        if known is not None and not known.is_ours:
            return
        report = BrokerReport(
            sequence=0,
            kind=kind,
            client_order_id=client_order_id,
            broker_order_id=None if known is None else known.broker_order_id,
            reported_at=self.clock.now(),
            fill=fill,
            limit_price=limit_price,
            message=message,
            refusal=self.refusal if kind in REFUSALS else None,
            execution=execution,
        )
        if silent or self._withholding:
            self._held_back.append(report)
        else:
            self._let_out([report])

    def _let_out(self, reports: Sequence[BrokerReport]) -> None:
        for report in reports:
            self._reports.append(replace(report, sequence=len(self._reports) + 1))
            for wake in self._wakes:
                wake()
