"""A fill: one execution report of one order, with the evidence of its price."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.values.ids import ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFill:
    """The price one leg was done at."""

    contract: OptionContract
    quantity: int  # contracts, bought positive, sold negative
    price: Price  # of the contract itself, always positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """``quantity`` structures done at ``price`` (net per share, credit positive)."""

    fill_id: FillId
    client_order_id: ClientOrderId
    quantity: int
    price: Price
    fees: Money  # negative: we pay them
    filled_at: datetime
    legs: tuple[LegFill, ...]
    model: str = ""  # how a simulated fill was judged, with its inputs; empty for a real one

    def __post_init__(self) -> None:
        if self.quantity <= 0:
            raise InvalidInput(f"fill {self.fill_id}: the quantity must be positive")

    @property
    def cash(self) -> Money:
        """What the fill moved in the account before fees: received positive, paid negative."""
        return sum((leg.price.times(leg.contract.multiplier, -leg.quantity) for leg in self.legs), Money(0))

    def split(self, quantity: int) -> tuple["Fill | None", "Fill | None"]:
        """Return the part of the fill that is ``quantity`` structures, with all its fees, and the rest of it."""
        if quantity >= self.quantity or quantity <= 0:
            return (self, None) if quantity > 0 else (None, self)
        left: Counter[OptionContract] = Counter()
        for leg in self.legs:
            left[leg.contract] += leg.quantity
        left = Counter({contract: number * quantity // self.quantity for contract, number in left.items()})
        first, rest = [], []
        for leg in self.legs:  # one contract may have been done at several prices
            sign = 1 if leg.quantity > 0 else -1
            now = sign * min(abs(leg.quantity), max(0, sign * left[leg.contract]))
            left[leg.contract] -= now
            first.append(replace(leg, quantity=now))
            rest.append(replace(leg, quantity=leg.quantity - now))
        return (
            replace(self, quantity=quantity, legs=tuple(leg for leg in first if leg.quantity)),
            replace(
                self,
                quantity=self.quantity - quantity,
                legs=tuple(leg for leg in rest if leg.quantity),
                fees=Money(0),
            ),
        )
