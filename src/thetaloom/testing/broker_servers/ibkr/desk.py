"""Orders of one connection: taking, changing, canceling, and telling what became of them."""

from decimal import Decimal
from typing import TYPE_CHECKING

from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.money import Price
from thetaloom.testing.broker_servers.backend import ServerTrouble, WireOrder
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.accounts import Placed
from thetaloom.testing.broker_servers.ibkr.matching import REASONS, Wrong, read
from thetaloom.testing.broker_servers.ibkr.placing import AskedOrder, read_order
from thetaloom.testing.broker_servers.ibkr.shared import Shared
from thetaloom.testing.broker_servers.ibkr.telling import Margin, ToldOrder
from thetaloom.testing.broker_servers.ibkr.wire import Fields, framed

if TYPE_CHECKING:
    from thetaloom.testing.broker_servers.ibkr.client import Client

T = ServerTrouble
REJECTED = 201
_QUIET = frozenset({T.SILENT_AFTER_TAKING, T.ERROR_AFTER_TAKING, T.CUT_AFTER_TAKING, T.NOT_TOLD})
# What is said instead of taking an order.
_INSTEAD: dict[ServerTrouble, tuple[int, str]] = {
    T.REFUSED: REASONS[Refusal.UNKNOWN],
    T.BUSY: (100, "Max rate of messages per second has been exceeded."),
    T.DOWN: (504, "Not connected"),
    T.MAINTENANCE: (1100, "Connectivity between IB and Trader Workstation has been lost."),
}


class Desk:
    """Takes the orders of one client."""

    def __init__(self, shared: Shared, client: "Client") -> None:
        self._shared = shared
        self._client = client

    def place(self, fields: Fields) -> None:
        """Take message 3: a new order, another limit for one that works, or a question."""
        asked = read_order(fields)
        self._shared.fault("placeOrder", asked.faults)
        wire = read(asked, self._shared.listing, [self._shared.accounts.number])
        key = (self._id, asked.order_id)
        if isinstance(wire, Wrong):
            self._client.refuse(asked.order_id, wire.code, wire.text)
        elif asked.what_if:
            self._preview(asked, wire)
        elif key in self._shared.ids:
            self._replace(asked, wire, self._shared.ids[key])
        elif asked.order_id < self._shared.next_order_id(self._id):
            self._client.refuse(asked.order_id, 103, "Duplicate order id")
        else:
            self._new(asked, wire)

    def cancel(self, fields: Fields) -> None:
        """Take message 4."""
        fields.expect(version="1")
        order_id = fields.whole()
        self._shared.fault("cancelOrder", fields.expect(manualOrderCancelTime=""))
        fields.end()
        trouble = self._shared.backend.take_trouble("cancel")
        number = self._number_of(order_id)
        if number is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self._client.refuse(order_id, 10147, text)
        elif not self._stopped_before(order_id, trouble):
            self._hush(number, trouble)
            if self._shared.backend.cancel(number):
                self._told_after(order_id, trouble)
                if trouble not in _QUIET:
                    self._client.refuse(order_id, 202, "Order Canceled - reason:")
                    self._answer(number, 2 if trouble is T.TWICE else 1)
            else:
                told = self._shared.accounts.order(number)
                status = "Unknown" if told is None else told.status
                text = f"OrderId {order_id} that needs to be cancelled can not be cancelled, state: {status}."
                self._client.refuse(order_id, 10148, text)

    def cancel_all(self) -> None:
        """Take message 58: every order that works, whoever placed it; who placed one is told as of any change."""
        for one in self._shared.backend.orders():
            if one.is_open:
                self._shared.backend.cancel(one.broker_order_id)

    def tell_order(self, number: BrokerOrderId) -> None:
        """Tell of an order that changed, to who placed it; client 0 also hears of those placed by hand."""
        told = self._shared.accounts.order(number)
        if told is None or not self._hears(told):
            return
        if number in self._shared.silent:
            self._shared.silent.discard(number)
        elif told.status != "Inactive":
            self.say(told)

    def tell_execution(self, transaction: Transaction) -> None:
        """Tell of an execution, and then of what it cost."""
        told = self._shared.accounts.executions(transaction, transaction.sequence)
        if told is not None:
            self._client.say(telling.execution(told), telling.commission(told))

    def say(self, told: ToldOrder) -> None:
        """Tell an order as it is."""
        if told.remaining:
            self._client.say(telling.open_order(told))
        self._client.say(telling.order_status(told))

    def say_orders(self, orders: list[ToldOrder]) -> None:
        """Answer a request for orders that work."""
        for told in orders:
            self.say(told)
        self._client.say(framed(53, 1))

    @property
    def _id(self) -> int:
        return self._client.client_id or 0

    def _hears(self, told: ToldOrder) -> bool:
        return told.client_id == self._id if told.order_id > 0 else self._id == 0

    def _number_of(self, order_id: int) -> BrokerOrderId | None:
        if order_id < 0 and self._id == 0:  # bound by client 0; see accounts
            return BrokerOrderId(str(-order_id))
        return self._shared.ids.get((self._id, order_id))

    def _new(self, asked: AskedOrder, wire: WireOrder) -> None:
        trouble = self._shared.backend.take_trouble("submit")
        if self._stopped_before(asked.order_id, trouble):
            return
        self._shared.used_order_id(self._id, asked.order_id)
        placed = self._shared.backend.place(wire, late=trouble is T.LATE)
        number = placed.broker_order_id
        origin = Placed(client_id=self._id, order_id=asked.order_id, action=asked.action)
        self._shared.accounts.placed[number] = origin
        refused = self._shared.backend.refusal_of(number)
        if refused is not None:
            code, text = REASONS[refused[0]]
            if code == REJECTED:  # by IBKR, not by TWS itself, which then knows no such order
                self._client.say(telling.order_status(self._shared.accounts.told(placed)))
            self._client.refuse(asked.order_id, code, text)
            return
        self._shared.ids[self._id, asked.order_id] = number
        self._hush(number, trouble)
        self._told_after(asked.order_id, trouble)
        if trouble not in _QUIET:
            self.say(self._shared.accounts.told(placed))
        if trouble is T.TWICE:
            self.say(self._shared.accounts.told(placed))

    def _replace(self, asked: AskedOrder, wire: WireOrder, number: BrokerOrderId) -> None:
        trouble = self._shared.backend.take_trouble("replace")
        told = self._shared.accounts.order(number)
        if told is None or told.status == "Cancelled":
            self._client.refuse(asked.order_id, 103, "Duplicate order id")
        elif told.status == "Filled":
            self._client.refuse(asked.order_id, 104, "Cannot modify a filled order.")
        elif told.action != asked.action or told.reference != asked.reference:
            self._client.refuse(asked.order_id, 105, "Order being modified does not match original order")
        elif not self._stopped_before(asked.order_id, trouble):
            self._hush(number, trouble)
            if self._shared.backend.replace(number, Price(wire.limit_price)) is None:
                self._shared.silent.discard(number)
                refused = self._shared.backend.refusal_of(number)
                code, text = REASONS[refused[0] if refused else Refusal.UNKNOWN]
                self._client.refuse(asked.order_id, code, text)
                return
            self._told_after(asked.order_id, trouble)
            if trouble not in _QUIET:
                self._answer(number, 2 if trouble is T.TWICE else 1)

    def _preview(self, asked: AskedOrder, wire: WireOrder) -> None:
        told = self._shared.backend.preview(wire)
        if told.refusal is not None:
            code, text = REASONS[told.refusal]
            self._client.refuse(asked.order_id, code, text)
            return
        values = self._shared.accounts.values()
        equity = Decimal(values.get("EquityWithLoanValue", "0"))
        available = Decimal(values.get("AvailableFunds", "0"))
        fees = Decimal(told.fees or 0)
        effect = Decimal(told.buying_power_effect or 0)
        margin = Margin(
            initial_before=equity - available,
            initial_change=effect + fees,
            equity_before=equity,
            equity_change=fees,
            commission=-fees,
        )
        single = len(wire.legs) == 1
        listing = self._shared.listing
        order = ToldOrder(
            order_id=asked.order_id,
            client_id=self._id,
            perm_id=0,
            contract=listing.told(wire.legs[0].contract) if single else listing.bag(wire.legs),
            action=asked.action,
            quantity=asked.quantity or Decimal(0),
            limit=asked.limit or Decimal(0),
            time_in_force=asked.time_in_force,
            account=asked.account,
            open_close=asked.open_close,
            reference=asked.reference,
            status="PreSubmitted",
        )
        self._client.say(telling.open_order(order, margin))

    def _stopped_before(self, order_id: int, trouble: ServerTrouble | None) -> bool:
        if trouble is T.CUT_BEFORE_TAKING:
            self._client.cut()
            return True
        if trouble in _INSTEAD:
            self._client.refuse(order_id, *_INSTEAD[trouble])
            return True
        return False

    def _answer(self, number: BrokerOrderId, times: int) -> None:
        told = self._shared.accounts.order(number)
        if told is not None:
            for _ in range(times):
                self.say(told)

    def _hush(self, number: BrokerOrderId, trouble: ServerTrouble | None) -> None:
        if trouble in _QUIET:
            self._shared.silent.add(number)

    def _told_after(self, order_id: int, trouble: ServerTrouble | None) -> None:
        if trouble is T.ERROR_AFTER_TAKING:
            self._client.refuse(order_id, 320, "Server error when reading an API client request.")
        elif trouble is T.CUT_AFTER_TAKING:
            self._client.cut()
