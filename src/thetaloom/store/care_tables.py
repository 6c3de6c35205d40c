"""The tables of who looks after positions: alerts."""

from decimal import Decimal

from sqlalchemy import Column, Index, Table, Text

from thetaloom.domain.book.alerts import Priority, Urgency
from thetaloom.domain.values.money import Price
from thetaloom.store.columns import Exact, Instant, Word
from thetaloom.store.table_parts import metadata, needed, owner

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    needed("account_id", Text),
    Column("position_id", Text),
    needed("subject", Text),
    needed("cause", Text),
    needed("symbol", Text),
    needed("priority", Word(Priority)),
    needed("reason", Text),
    needed("details", Text),
    needed("recommended_action", Text),
    needed("urgency", Word(Urgency)),
    Column("current_value", Exact(Decimal)),
    Column("threshold_value", Exact(Decimal)),
    needed("unit", Text),
    needed("order_type", Text),
    Column("limit_price", Exact(Price)),
    needed("raised_at", Instant),
    needed("changed_at", Instant),
    Column("ended_at", Instant),
    Index(None, "user_id", "raised_at"),
    Index(None, "subject", "ended_at"),
    Index(None, "account_id", "ended_at"),
)
