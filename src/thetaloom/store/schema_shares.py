"""The table of orders for shares that positions were left with."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.store.columns import Instant, Word
from thetaloom.store.table_parts import metadata

share_orders = Table(
    "share_orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id"), nullable=False),
    Column("position_id", Text, ForeignKey("positions.id"), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("status", Word(OrderStatus), nullable=False),
    Column("reason", Text, nullable=False),
    Column("staged_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("version", Integer, nullable=False),
    Index(None, "position_id"),
    Index(None, "account_id", "status"),
)
