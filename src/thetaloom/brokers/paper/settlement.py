"""What an expired holding turns into: cash where it settles in cash, else shares at the strike."""

from datetime import datetime

from thetaloom.brokers.paper.tables import Settlement
from thetaloom.domain.book.transactions import Transaction, TransactionKind, expiration_transactions
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Price

OUTCOMES = {
    TransactionKind.CASH_SETTLEMENT: "cash_settled",
    TransactionKind.EXERCISE: "exercised",
    TransactionKind.ASSIGNMENT: "assigned",
    TransactionKind.EXPIRATION: "expired",
}


def settle(
    contract: OptionContract, quantity: int, spot: Price, at: datetime
) -> tuple[Settlement, tuple[Transaction, ...]]:
    """Return the settlement of ``quantity`` contracts held, sold ones negative, at the price that decides."""
    happened = expiration_transactions(contract, quantity, spot, at, settlement_id(contract))
    return told(contract, quantity, spot, at, happened), happened


def told(
    contract: OptionContract, quantity: int, spot: Price | None, at: datetime, happened: tuple[Transaction, ...]
) -> Settlement:
    """Return the settlement that transactions tell of."""
    return Settlement(
        contract=contract,
        quantity=quantity,
        spot=spot,
        cash=sum((one.cash for one in happened), NOTHING),
        settled_at=at,
        outcome=OUTCOMES[happened[0].kind],
        shares=sum(one.quantity for one in happened if one.contract is None),
    )


def settlement_id(contract: OptionContract) -> str:
    """Return the id of the transaction that a contract ends with; it can end only once."""
    return f"settlement-{contract.compact}-{contract.multiplier}"
