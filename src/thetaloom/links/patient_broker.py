"""A connected broker whose account can be asked for by those who may not wait: the answer is there at the next try."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerPending, BrokerUnavailable
from thetaloom.links.questions import Questions
from thetaloom.ports.broker import Broker, BrokerCapabilities
from thetaloom.ports.links import Linked, LinkStatus

T = TypeVar("T")


class PatientBroker:
    """Implements ``ports.broker.Broker`` over another; only what reads its books is different.

    What was asked for before anything was sent is not used after it: it knows nothing of that.
    """

    def __init__(self, broker: Broker) -> None:
        self.name, self.account_id, self.simulated = broker.name, broker.account_id, broker.simulated
        self._broker = broker
        self._wakes: list[Callable[[], None]] = []
        self._questions = Questions(broker.name, pending=BrokerPending, missing=BrokerUnavailable, wake=self._wake)

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What the broker can do."""
        return self._broker.capabilities

    def account(self) -> AccountSnapshot:
        """Return the balances; raises ``BrokerPending`` where they take longer than the caller may wait."""
        return self._questions.ask("account", "the account", self._broker.account)

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look an order up; waits no longer than the account does."""
        what = f"order {client_order_id}"
        return self._questions.ask(("find", client_order_id), what, lambda: self._broker.find(client_order_id))

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held; waits no longer than the account does."""
        return self._questions.ask("holdings", "what is held", self._broker.holdings)

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence; waits no longer than the account does."""
        what = "its transactions"
        return self._questions.ask(("transactions", after), what, lambda: self._broker.transactions(after))

    def submit(self, order: Order) -> None:
        """Send an order."""
        self._changing(lambda: self._broker.submit(order))

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move a limit."""
        self._changing(lambda: self._broker.replace(client_order_id, limit_price, revision))

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel an order."""
        self._changing(lambda: self._broker.cancel(client_order_id))

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Ask to cancel an order that is not ours."""
        self._changing(lambda: self._broker.cancel_orphan(broker_order_id))

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Trade shares."""
        return self._changing(lambda: self._broker.trade_shares(order))

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there is a report, or an answer that somebody did not wait for."""
        self._wakes.append(wake)
        self._broker.on_report(wake)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the broker's connections stand."""
        return self._broker.links() if isinstance(self._broker, Linked) else ()

    def close(self) -> None:
        """Ask nothing more aside; the connection itself is its maker's to close."""
        self._questions.close()

    def __getattr__(self, asked: str) -> Any:
        return getattr(self._broker, asked)

    def _changing(self, call: Callable[[], T]) -> T:
        self._questions.forget()
        try:
            return call()
        finally:
            self._questions.forget()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()
