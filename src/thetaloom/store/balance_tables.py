"""The table of balances: what an account was worth, every quarter of an hour."""

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint, Table, Text

from thetaloom.domain.values.money import Money
from thetaloom.store.columns import Exact, Instant
from thetaloom.store.table_parts import metadata

balances = Table(
    "balances",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("net_liquidating_value", Exact(Money), nullable=False),
    Column("cash", Exact(Money)),
    Column("buying_power", Exact(Money)),
    PrimaryKeyConstraint("account_id", "at"),
)
