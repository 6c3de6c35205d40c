"""A fill: one execution report of one order, with the evidence of its price."""

from dataclasses import dataclass
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
