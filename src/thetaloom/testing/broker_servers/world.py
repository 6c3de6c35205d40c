"""What happens to the account of a simulated broker without its client."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import NotFound


class World:
    """Implements ``testing.broker_contract.rig.Outside`` on a backend; every change is told on its streams."""

    def __init__(
        self,
        paper: PaperBroker,
        changing: Callable[[], AbstractContextManager[None]],
        newest: Callable[[], BrokerOrderId],
        cancel: Callable[[BrokerOrderId], bool],
        correct: Callable[[OptionContract, int, Price | None], None],
    ) -> None:
        self._paper = paper
        self._changing = changing
        self._newest = newest
        self._cancel = cancel
        self._correct = correct

    def assign(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Let sold contracts be exercised against the account."""
        with self._changing():
            self._paper.assign(contract, quantity)

    def exercise(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Exercise bought contracts."""
        with self._changing():
            self._paper.exercise(contract, quantity)

    def liquidate(self, contract: OptionContract, quantity: int | None = None, price: Price | None = None) -> None:
        """Let the broker close contracts by itself."""
        with self._changing():
            self._paper.liquidate(contract, quantity, price)

    def trade_elsewhere(self, legs: Sequence[Leg], quantity: int = 1, price: Price | None = None) -> None:
        """Trade as another program."""
        with self._changing():
            self._paper.trade_elsewhere(legs, quantity, price)

    def trade_shares_elsewhere(self, symbol: str, quantity: int, price: Price) -> None:
        """Trade shares as another program."""
        with self._changing():
            self._paper.trade_shares_elsewhere(symbol, quantity, price)

    def place_elsewhere(
        self, legs: Sequence[Leg], quantity: int, limit_price: Price, effect: Effect = Effect.OPEN
    ) -> BrokerOrderId:
        """Place an order as another program; return the id that the server shows it under."""
        with self._changing():
            self._paper.place_elsewhere(legs, quantity, limit_price, effect)
        return self._newest()

    def cancel_elsewhere(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel an order as another program."""
        if not self._cancel(broker_order_id):
            raise NotFound(f"no order {broker_order_id} works")

    def bust(self, contract: OptionContract) -> None:
        """Let the exchange take back the newest trade of a contract."""
        with self._changing():
            self._correct(contract, 0, None)

    def correct(self, contract: OptionContract, quantity: int, price: Price) -> None:
        """Let the newest trade of a contract have been of so many contracts at another price."""
        with self._changing():
            self._correct(contract, quantity, price)
