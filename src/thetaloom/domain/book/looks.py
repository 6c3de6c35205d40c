"""What is remembered of looks into a broker's books: its transactions with what explains them, and the sums."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId, UserId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price


class Cause(StrEnum):
    """Why our books were compared with the broker's."""

    START = "start"
    RECONNECT = "reconnect"
    SCHEDULE = "schedule"
    NEWS = "news"  # the broker has a transaction that no order of ours made
    DEMAND = "demand"


class Link(StrEnum):
    """What explains a transaction."""

    WAITING = "waiting"  # nothing yet
    ORDER = "order"  # a fill of ours
    ELSEWHERE = "elsewhere"  # a trade that was not ours: positions that lost contracts, or findings
    CORRECTION = "correction"  # a fill of ours that the exchange busted or corrected
    SETTLEMENT = "settlement"  # assignment, exercise, expiration
    CASH = "cash"  # no contract moved


SETTLEMENTS = frozenset(
    {
        TransactionKind.ASSIGNMENT,
        TransactionKind.EXERCISE,
        TransactionKind.EXPIRATION,
        TransactionKind.CASH_SETTLEMENT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTransaction:
    """One transaction of an account, read once, with what explains it."""

    account_id: AccountId
    sequence: int
    user_id: UserId
    transaction_id: str
    kind: TransactionKind
    happened_at: datetime
    symbol: str
    contract: OptionContract | None
    quantity: int
    price: Price | None
    cash: Money
    fees: Money = NOTHING
    client_order_id: ClientOrderId | None = None
    broker_order_id: BrokerOrderId | None = None
    corrects: str = ""
    link: Link = Link.WAITING
    linked_to: tuple[str, ...] = ()

    @property
    def transaction(self) -> Transaction:
        """The transaction as the broker told it."""
        return Transaction(
            sequence=self.sequence,
            transaction_id=self.transaction_id,
            kind=self.kind,
            happened_at=self.happened_at,
            symbol=self.symbol,
            contract=self.contract,
            quantity=self.quantity,
            price=self.price,
            cash=self.cash,
            fees=self.fees,
            client_order_id=self.client_order_id,
            broker_order_id=self.broker_order_id,
            corrects=self.corrects,
        )


def unlinked(one: Transaction, account: AccountId, user: UserId) -> LinkedTransaction:
    """Return a transaction as it was read; what moved no contract needs no explanation."""
    link = Link.WAITING if one.contract is not None else Link.CASH
    return LinkedTransaction(
        account_id=account,
        user_id=user,
        sequence=one.sequence,
        transaction_id=one.transaction_id,
        kind=one.kind,
        happened_at=one.happened_at,
        symbol=one.symbol,
        contract=one.contract,
        quantity=one.quantity,
        price=one.price,
        cash=one.cash,
        fees=one.fees,
        client_order_id=one.client_order_id,
        broker_order_id=one.broker_order_id,
        corrects=one.corrects,
        link=link,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLook:
    """How far the transactions of an account were read, and what they add up to."""

    account_id: AccountId
    looks: int = 0  # compared and swapped
    sequence: int = 0
    looked_at: datetime
    cash: Money | None = None  # what it must be; None until a balance was seen
    contracts: Mapping[str, int] = field(default_factory=dict)  # OCC symbol -> what must be held
    suspects: Mapping[str, str] = field(default_factory=dict)  # seen at this look for the first time


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """One comparison, as it is told of later; its evidence holds the counts of each phase."""

    user_id: UserId
    account_id: AccountId
    cause: Cause
    looked_at: datetime
    updated: int
    created: int
    errors: int
    waiting: int
    drifts: int
    digest: str
