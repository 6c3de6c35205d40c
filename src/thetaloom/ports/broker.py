"""The broker: takes orders and answers only through its reports and its books."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport
from thetaloom.domain.values.ids import AccountId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price


class Broker(Protocol):
    """One account at one broker.

    Every call may raise ``BrokerUnavailable`` (nothing reached the broker) or ``OutcomeUnknown`` (it may have).
    What became of a request comes as a report; reports are kept until the end of time and read by sequence.
    """

    name: str
    account_id: AccountId
    simulated: bool

    def submit(self, order: Order) -> None:
        """Send a new order. A client order id that the broker has seen before is not a second order."""
        ...

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move the limit of a working order."""
        ...

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel a working order."""
        ...

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look the order up in the broker's books; ``None`` proves that it never arrived."""
        ...

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports after ``sequence``, oldest first."""
        ...

    def account(self) -> AccountSnapshot:
        """Return the balances."""
        ...

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held, bought positive and sold negative, by the broker's books."""
        ...

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, from any thread, when there is a new report."""
        ...


class SimulatedBroker(Broker, Protocol):
    """A broker whose exchange is ours: somebody must tell it that the market moved."""

    def tick(self) -> None:
        """Look at the market as it is now: fill what fills, expire what expires, settle what has settled."""
        ...
