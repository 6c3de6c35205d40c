"""The tables of who looks after positions: alerts, protection, and what people note."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from thetaloom.domain.book.alerts import Priority, Urgency
from thetaloom.domain.book.protection import Cause, Protection
from thetaloom.domain.values.money import Money, Price
from thetaloom.store.columns import Exact, Instant, Structured, Word
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

position_care = Table(
    "position_care",
    metadata,
    Column("position_id", Text, ForeignKey("positions.id"), primary_key=True),
    owner(),
    needed("account_id", Text),
    needed("state", Word(Protection)),
    Column("cause", Word(Cause)),
    needed("since", Instant),
    needed("unprotected", Structured(Mapping[str, int])),
    Column("low_water", Exact(Money)),
    Column("low_at", Instant),
    Index(None, "account_id"),
)

watch_pulse = Table(
    "watch_pulse",
    metadata,
    Column("account_id", Text, primary_key=True),
    needed("looked_at", Instant),
)

exit_markets = Table(
    "exit_markets",
    metadata,
    Column("position_id", Text, ForeignKey("positions.id"), primary_key=True),
    owner(),
    needed("taken_at", Instant),
    Column("spot", Exact(Price)),
    Column("atm_iv", Exact(Decimal)),
    Column("iv_rank", Exact(Decimal)),
    Column("vix", Exact(Decimal)),
    Column("regime", Text),
)

journal_notes = Table(
    "journal_notes",
    metadata,
    Column("position_id", Text, ForeignKey("positions.id"), primary_key=True),
    owner(),
    needed("note", Text),
    needed("written_at", Instant),
)
