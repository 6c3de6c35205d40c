"""The orders and activities of one account as Alpaca's server shows them."""

from collections.abc import Iterable
from decimal import Decimal

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.testing.broker_servers.alpaca.wire import (
    Json,
    ShownOrder,
    activity_of,
    fee_of,
    leg_uuid,
    named,
)
from thetaloom.testing.broker_servers.backend import Backend


class AlpacaShelf:
    """Names what the backend has in Alpaca's ids, and says which execution belongs to which of them."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.lock = backend.lock  # one lock: the exchange tells us things while it holds its own
        self._by_client: dict[str, BrokerOrderId] = {}
        self._legs: dict[str, BrokerOrderId] = {}  # by the id of each leg's own order
        self._quantities: dict[BrokerOrderId, int] = {}  # of replacements, which begin anew
        self._done: dict[BrokerOrderId, list[Transaction]] = {}
        self._activities: list[Json] = []
        self._seen = 0

    def sync(self) -> None:
        """Take over what the backend has done since."""
        with self.lock:
            fresh = self.backend.transactions(self._seen)
            names = {one.transaction_id for one in fresh}
            for one in fresh:
                self._seen = one.sequence
                if one.transaction_id.removesuffix(":taken-back") in names - {one.transaction_id}:
                    continue  # one activity tells of a correction: what stands in the place of the trade
                number = one.broker_order_id
                owner = None
                if one.kind is TransactionKind.TRADE and one.contract is not None and number is not None:
                    order = self.backend.order(number)
                    if order is not None:
                        if not one.corrects:
                            self._done.setdefault(number, []).append(one)
                        owner = leg_uuid(number, one.contract, alone=len(order.legs) == 1)
                self._activities.append(activity_of(one, owner))
                if one.fees:
                    self._activities.append(fee_of(one))

    def activities(self) -> list[Json]:
        """Return all activities, oldest first."""
        self.sync()
        with self.lock:
            return list(self._activities)

    def replaced(self, number: BrokerOrderId, quantity: int) -> None:
        """Note how many a replacement is for."""
        with self.lock:
            self._quantities[number] = quantity

    def shown(self, number: BrokerOrderId) -> ShownOrder | None:
        """Return an order that can be seen."""
        self.sync()
        order = self.backend.order(number)
        if order is None or (order.status is OrderStatus.REJECTED and self.backend.refusal_of(number) is not None):
            return None
        if len(order.legs) > 1:
            for leg in order.legs:
                self._legs[leg_uuid(number, leg.contract, alone=False)] = number
        executed: dict[OptionContract, int] = {}
        paid: dict[OptionContract, Decimal] = {}
        last = order.placed_at
        for one in self._done.get(number, ()):
            if one.contract is not None and one.price is not None:
                executed[one.contract] = executed.get(one.contract, 0) + abs(one.quantity)
                paid[one.contract] = paid.get(one.contract, Decimal(0)) + Decimal(one.price) * abs(one.quantity)
                last = max(last, one.happened_at)
        return ShownOrder(
            order,
            client_order_id=order.client_order_id or named("client", number),
            effect=self._effect(number),
            quantity=self._quantities.get(number, order.quantity),
            executed=executed,
            paid=paid,
            replaces=self.backend.replaces(number),
            replaced_by=self.backend.replaced_by(number),
            at=last,
            is_open_market=self.backend.calendar.is_open(self.backend.clock.now()),
        )

    def all(self) -> list[ShownOrder]:
        """Return every order that can be seen, oldest first."""
        return [one for one in map(self.shown, self._ids()) if one is not None]

    def number(self, order_id: str) -> BrokerOrderId:
        """Return the id of an order, given it or that of one of its legs."""
        with self.lock:
            return self._legs.get(order_id, BrokerOrderId(order_id))

    def took(self, client_order_id: str, number: BrokerOrderId) -> None:
        """Note the id that a client gave an order."""
        with self.lock:
            self._by_client[client_order_id] = number

    def knows(self, client_order_id: str) -> bool:
        """Tell whether a client's id was used before."""
        with self.lock:
            return client_order_id in self._by_client

    def of_client(self, client_order_id: str) -> ShownOrder | None:
        """Return the order that came under a client's id, if it can be seen."""
        number = self._by_client.get(client_order_id)
        return None if number is None else self.shown(number)

    def _ids(self) -> Iterable[BrokerOrderId]:
        return [one.broker_order_id for one in self.backend.orders()]

    def _effect(self, number: BrokerOrderId) -> Effect:
        return self.backend.effect(number)
