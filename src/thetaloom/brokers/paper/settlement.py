"""What an expired holding turns into: cash, always.

The paper account holds no stock. A stock option that ends at least a cent in the money is exercised or assigned
and the shares are sold or bought back at once at the settlement price, so that only the intrinsic value moves.
"""

from datetime import datetime

from thetaloom.brokers.paper.books import Settlement
from thetaloom.brokers.paper.buying_power import intrinsic
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price

EXERCISED_FROM = Price("0.01")  # OCC exercises by exception what is in the money by a cent


def settle(contract: OptionContract, quantity: int, spot: Price, at: datetime) -> Settlement:
    """Return the settlement of ``quantity`` contracts held, sold ones negative, at the price that decides."""
    worth = intrinsic(contract, spot)
    if contract.is_index:
        outcome = "cash_settled" if worth > Price(0) else "expired"
    elif worth >= EXERCISED_FROM:
        outcome = "exercised" if quantity > 0 else "assigned"
    else:
        outcome = "expired"
    cash = Money(0) if outcome == "expired" else worth.times(contract.multiplier, quantity).to_cents()
    return Settlement(contract=contract, quantity=quantity, spot=spot, cash=cash, settled_at=at, outcome=outcome)
