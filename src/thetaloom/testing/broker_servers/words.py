"""What a simulated broker's server and its exchange say to each other."""

from dataclasses import dataclass
from enum import StrEnum

from thetaloom.domain.book.orders import Effect, TimeInForce
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.money import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOrder:
    """An order as it came over the wire, in our words."""

    legs: tuple[Leg, ...]
    quantity: int
    limit_price: Price  # net per share of one structure, received positive
    effect: Effect
    time_in_force: TimeInForce = TimeInForce.DAY
    client_order_id: str = ""  # as the client wrote it; empty: none


class Changed(StrEnum):
    """What a change is of."""

    ORDER = "order"
    EXECUTION = "execution"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a broker would tell on its streams."""

    of: Changed
    broker_order_id: BrokerOrderId | None = None  # of ORDER and, where it has one, of EXECUTION
    execution: Transaction | None = None  # one leg; of EXECUTION alone
