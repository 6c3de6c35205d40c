"""Transactions: every movement of cash, contracts and shares in an account, as its broker tells it.

They are the ground truth of profit and loss: the cash of an account is what it started with plus the cash and fees
of its transactions, and what it holds is the sum of their quantities.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput

EXERCISED_FROM = Price("0.01")  # OCC exercises by exception what is in the money by a cent


class TransactionKind(StrEnum):
    """Why something moved."""

    TRADE = "trade"
    ASSIGNMENT = "assignment"  # a sold contract was exercised against us; its shares come under the same kind
    EXERCISE = "exercise"  # as ASSIGNMENT, of a bought contract
    EXPIRATION = "expiration"  # worthless
    CASH_SETTLEMENT = "cash_settlement"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    FEE = "fee"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One movement in an account; ``sequence`` grows and is never reused within an account."""

    sequence: int
    transaction_id: str  # the broker's, unique within an account
    kind: TransactionKind
    happened_at: datetime
    symbol: str  # of the underlying; empty where only cash moved for no underlying
    contract: OptionContract | None  # None: shares or cash alone
    quantity: int  # contracts or shares, received positive, delivered negative
    price: Price | None  # of one contract's share or of one share
    cash: Money  # before fees; received positive
    fees: Money = NOTHING  # negative: we pay them
    client_order_id: ClientOrderId | None = None
    broker_order_id: BrokerOrderId | None = None
    corrects: str = ""  # the id of a trade that was busted or corrected: this takes it back, or stands in its place

    def __post_init__(self) -> None:
        if not self.transaction_id:
            raise InvalidInput(f"transaction {self.sequence} has no id")
        if self.contract is not None and (self.quantity == 0 or self.contract.underlying != self.symbol):
            raise InvalidInput(f"transaction {self.transaction_id}: its contract needs a quantity and its own symbol")
        if self.quantity and not self.symbol:
            raise InvalidInput(f"transaction {self.transaction_id}: {self.quantity} of what has no symbol")
        if self.fees > 0 or (self.price is not None and self.price < 0):
            raise InvalidInput(f"transaction {self.transaction_id}: neither fees above nor prices below zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account holds after its transactions; what is zero is left out."""

    cash: Money
    contracts: Mapping[OptionContract, int]
    shares: Mapping[str, int]


def balance_of(starting_cash: Money, transactions: Iterable[Transaction]) -> Balance:
    """Return cash and holdings as the sum of transactions."""
    cash, contracts, shares = starting_cash, dict[OptionContract, int](), dict[str, int]()
    for one in transactions:
        cash = cash + one.cash + one.fees
        if one.contract is not None:
            contracts[one.contract] = contracts.get(one.contract, 0) + one.quantity
        elif one.quantity:
            shares[one.symbol] = shares.get(one.symbol, 0) + one.quantity
    return Balance(
        cash=cash,
        contracts={contract: held for contract, held in contracts.items() if held},
        shares={symbol: held for symbol, held in shares.items() if held},
    )


def trade_transactions(fill: Fill, broker_order_id: BrokerOrderId | None = None) -> tuple[Transaction, ...]:
    """Return one transaction for each leg of a fill; cash and fees add up to those of the fill exactly."""
    contracts = sum(abs(leg.quantity) for leg in fill.legs)
    each = (fill.fees / contracts).to_cents() if contracts else NOTHING
    fees = [each * abs(leg.quantity) for leg in fill.legs]
    fees[-1] = fees[-1] + fill.fees - sum(fees, NOTHING)
    return tuple(
        Transaction(
            sequence=0,
            transaction_id=f"{fill.fill_id}-{number}",
            kind=TransactionKind.TRADE,
            happened_at=fill.filled_at,
            symbol=leg.contract.underlying,
            contract=leg.contract,
            quantity=leg.quantity,
            price=leg.price,
            cash=leg.price.times(leg.contract.multiplier, -leg.quantity),
            fees=fee,
            client_order_id=fill.client_order_id,
            broker_order_id=broker_order_id,
        )
        for number, (leg, fee) in enumerate(zip(fill.legs, fees, strict=True), start=1)
    )


def taken_back(trade: Transaction, transaction_id: str, at: datetime) -> Transaction:
    """Return what undoes a trade that was busted; its fees are not given back with it, and no order made it."""
    return replace(
        trade,
        sequence=0,
        transaction_id=transaction_id,
        happened_at=at,
        quantity=-trade.quantity,
        cash=-trade.cash,
        fees=NOTHING,
        client_order_id=None,
        broker_order_id=None,
        corrects=trade.transaction_id,
    )


def corrected(
    trade: Transaction, transaction_id: str, at: datetime, *, quantity: int, price: Price
) -> tuple[Transaction, ...]:
    """Return what takes a trade back and stands in its place; nothing stands there where no contract is left."""
    gone = taken_back(trade, f"{transaction_id}:taken-back", at)
    if not quantity:
        return (gone,)
    size = 1 if trade.contract is None else trade.contract.multiplier
    cash = price.times(size, -quantity)
    return gone, replace(gone, transaction_id=transaction_id, quantity=quantity, price=price, cash=cash)


def worth_at(contract: OptionContract, spot: Price) -> Price:
    """Return what a contract is worth per share when it settles at ``spot``."""
    inside = spot - Price(contract.strike) if contract.right is Right.CALL else Price(contract.strike) - spot
    return max(Price(0), inside)


def expiration_transactions(
    contract: OptionContract, held: int, spot: Price, at: datetime, transaction_id: str
) -> tuple[Transaction, ...]:
    """Return what becomes of contracts that end at ``spot``: cash, shares, or nothing."""
    worth = worth_at(contract, spot)
    if contract.is_index and worth > 0:
        return cash_settled(contract, held, spot, at, transaction_id)
    if not contract.is_index and worth >= EXERCISED_FROM:
        return exercised(contract, held, at, transaction_id)
    return (
        Transaction(
            sequence=0,
            transaction_id=transaction_id,
            kind=TransactionKind.EXPIRATION,
            happened_at=at,
            symbol=contract.underlying,
            contract=contract,
            quantity=-held,
            price=Price(0),
            cash=NOTHING,
        ),
    )


def cash_settled(
    contract: OptionContract, held: int, spot: Price, at: datetime, transaction_id: str
) -> tuple[Transaction, ...]:
    """Return the cash that ``held`` contracts (sold negative) of an index turn into at ``spot``."""
    worth = worth_at(contract, spot)
    return (
        Transaction(
            sequence=0,
            transaction_id=transaction_id,
            kind=TransactionKind.CASH_SETTLEMENT,
            happened_at=at,
            symbol=contract.underlying,
            contract=contract,
            quantity=-held,
            price=worth,
            cash=worth.times(contract.multiplier, held).to_cents(),
        ),
    )


def exercised(contract: OptionContract, held: int, at: datetime, transaction_id: str) -> tuple[Transaction, ...]:
    """Return the shares that ``held`` contracts turn into at the strike: bought ones exercised, sold ones assigned."""
    kind = TransactionKind.EXERCISE if held > 0 else TransactionKind.ASSIGNMENT
    shares = held * contract.multiplier * (1 if contract.right is Right.CALL else -1)
    strike = Price(contract.strike)
    gone = Transaction(
        sequence=0,
        transaction_id=transaction_id,
        kind=kind,
        happened_at=at,
        symbol=contract.underlying,
        contract=contract,
        quantity=-held,
        price=Price(0),
        cash=NOTHING,
    )
    came = Transaction(
        sequence=0,
        transaction_id=f"{transaction_id}-shares",
        kind=kind,
        happened_at=at,
        symbol=contract.underlying,
        contract=None,
        quantity=shares,
        price=strike,
        cash=strike.times(-shares),
    )
    return gone, came
