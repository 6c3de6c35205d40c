"""One broker under test, the hand that makes its market and its world, and how scenarios are named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput
from thetaloom.ports.broker import Broker


class Ability(StrEnum):
    """What a scenario needs that not every rig can do."""

    SESSIONS = "sessions"  # ``next_session`` and ``close_market``
    OUTSIDE = "outside"  # things happen to the account without us
    JUDGES = "judges"  # the broker refuses by its rules, and margins what it takes


class Outside(Protocol):
    """What happens to an account without an order of ours."""

    def assign(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Let sold contracts be exercised against the account."""
        ...

    def exercise(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Exercise bought contracts."""
        ...

    def liquidate(self, contract: OptionContract, quantity: int | None = None, price: Price | None = None) -> None:
        """Let the broker close contracts by itself."""
        ...

    def trade_elsewhere(self, legs: Sequence[Leg], quantity: int = 1, price: Price | None = None) -> None:
        """Trade as another program."""
        ...

    def trade_shares_elsewhere(self, symbol: str, quantity: int, price: Price) -> None:
        """Trade shares as another program."""
        ...

    def place_elsewhere(
        self, legs: Sequence[Leg], quantity: int, limit_price: Price, effect: Effect = Effect.OPEN
    ) -> BrokerOrderId:
        """Place an order as another program."""
        ...

    def cancel_elsewhere(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel an order as another program."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A fresh account without holdings, 100,000 dollars of cash and a market in session that fills nothing yet."""

    broker: Broker
    plan_parts: Callable[[Order, Sequence[int]], object]  # before an order is sent: how many fill at a time
    fill: Callable[[Order], object]  # lets a working order fill at its limit: the next part, or all that remains
    expire: Callable[[Order], object]  # lets the trading day end
    reopen: Callable[[], Broker]  # the same account after a restart of our side
    next_session: Callable[[], object] | None = None  # lets the day end and the next begin
    close_market: Callable[[], object] | None = None  # goes to an evening
    outside: Outside | None = None
    judges: bool = False

    def has(self, ability: Ability) -> bool:
        """Tell whether this rig can do something."""
        match ability:
            case Ability.SESSIONS:
                return self.next_session is not None and self.close_market is not None
            case Ability.OUTSIDE:
                return self.outside is not None
            case Ability.JUDGES:
                return self.judges

    @property
    def world(self) -> Outside:
        """The world, for scenarios that need it."""
        if self.outside is None:
            raise InvalidInput("this rig has no outside")
        return self.outside

    def pass_session(self) -> None:
        """Go to the next session, for scenarios that need it."""
        if self.next_session is None:
            raise InvalidInput("this rig knows no sessions")
        self.next_session()

    def wait_for_evening(self) -> None:
        """Go to an evening, for scenarios that need it."""
        if self.close_market is None:
            raise InvalidInput("this rig knows no sessions")
        self.close_market()

    def reports(self, client_order_id: ClientOrderId) -> list[BrokerReport]:
        """Return what was reported of one order."""
        return [one for one in self.broker.reports_since(0) if one.client_order_id == client_order_id]

    def kinds(self, client_order_id: ClientOrderId) -> list[ReportKind]:
        """Return the kinds of what was reported of one order."""
        return [one.kind for one in self.reports(client_order_id)]

    def done(self, order: Order) -> Order:
        """Send an order and let it fill whole."""
        self.broker.submit(order)
        self.fill(order)
        return order


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that every broker must do."""

    name: str
    run_on: Callable[[Rig], None]
    needs: frozenset[Ability] = frozenset()

    def lacks(self, rig: Rig) -> list[Ability]:
        """Return what the scenario needs and the rig has not."""
        return [ability for ability in sorted(self.needs) if not rig.has(ability)]


class Register:
    """Collects the scenarios of one module under the names of their functions, which are sentences."""

    def __init__(self) -> None:
        self._found: list[Scenario] = []

    def __call__(self, *needs: Ability) -> Callable[[Callable[[Rig], None]], Callable[[Rig], None]]:
        """Enter the function that follows."""

        def enter(run_on: Callable[[Rig], None]) -> Callable[[Rig], None]:
            self._found.append(Scenario(name=run_on.__name__.removeprefix("_"), run_on=run_on, needs=frozenset(needs)))
            return run_on

        return enter

    def add(self, name: str, run_on: Callable[[Rig], None], *needs: Ability) -> None:
        """Enter one row of a table."""
        self._found.append(Scenario(name=name, run_on=run_on, needs=frozenset(needs)))

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What was collected."""
        return tuple(self._found)
