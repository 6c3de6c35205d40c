"""The tables of the paper broker's books, and what their rows hold."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price

BOOKS_VERSION = 2

metadata = sa.MetaData()
meta = sa.Table("paper_meta", metadata, sa.Column("version", sa.Integer, primary_key=True))
accounts = sa.Table(
    "paper_accounts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("cash", sa.Text, nullable=False),  # dollars
    sa.Column("sequence", sa.BigInteger, nullable=False),  # of the last report
    sa.Column("orders", sa.BigInteger, nullable=False),  # how many arrived
    sa.Column("transactions", sa.BigInteger),  # of the last transaction
    sa.Column("starting_cash", sa.Text),
    sa.Column("opened_at", sa.Text),
)
orders = sa.Table(
    "paper_orders",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_order_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # BookedOrder as canonical JSON
    sa.Index("paper_orders_open", "account_id", "is_open"),
)
reports = sa.Table(
    "paper_reports",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),  # BrokerReport as canonical JSON
)
holdings = sa.Table(
    "paper_holdings",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("contract", sa.Text, primary_key=True),  # compact OCC symbol
    sa.Column("multiplier", sa.Integer, primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("settles_at", sa.Text, nullable=False),
)
shares = sa.Table(
    "paper_shares",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
)
transactions = sa.Table(
    "paper_transactions",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("transaction_id", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # Transaction as canonical JSON
    sa.Index("paper_transactions_once", "account_id", "transaction_id", unique=True),
)
settlements = sa.Table(
    "paper_outcomes",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("contract", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # Settlement as canonical JSON
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedOrder:
    """An order as the paper broker's books have it."""

    client_order_id: ClientOrderId
    broker_order_id: BrokerOrderId
    effect: Effect
    legs: tuple[Leg, ...]
    quantity: int
    limit_price: Price
    status: OrderStatus  # WORKING, or how it ended
    placed_at: datetime
    ends_at: datetime
    reserve: Money  # buying power held back per structure while it works
    works_from: datetime | None = None  # when it, or its last replacement, reaches the market; None = at once
    filled: int = 0
    fills: int = 0  # how many fills it took
    filled_at: datetime | None = None  # the last of them
    revision: int = 0
    scripted_fills: tuple[int, ...] = ()
    is_ours: bool = True  # False: placed elsewhere, and nothing is reported about it
    queued_since: datetime | None = None  # since when the market stands at its limit
    queued_seconds: int = 0  # how long it did before

    @property
    def remaining(self) -> int:
        """Structures not yet filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it still works."""
        return self.status is OrderStatus.WORKING

    @property
    def told(self) -> BrokerOrder:
        """The order as the broker tells it."""
        return BrokerOrder(
            client_order_id=self.client_order_id if self.is_ours else None,
            broker_order_id=self.broker_order_id,
            is_open=self.is_open,
            filled=self.filled,
            limit_price=self.limit_price,
            legs=self.legs,
            quantity=self.quantity,
            status=self.status,
            placed_at=self.placed_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a holding at expiration, or before where it was assigned or exercised early."""

    contract: OptionContract
    quantity: int  # bought positive, sold negative
    spot: Price | None  # that decided; None = nothing had to be decided
    cash: Money  # received positive
    settled_at: datetime
    outcome: str  # cash_settled, exercised, assigned or expired
    shares: int = 0  # received positive
