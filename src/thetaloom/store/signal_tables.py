"""The tables of signals: who may send, what came, and the trail of each."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from thetaloom.domain.run.confluence import Stance
from thetaloom.domain.run.signal_sources import SellMeaning, SourceAuth
from thetaloom.domain.run.signals import Direction, SignalAction, SignalStage
from thetaloom.domain.values.money import Money
from thetaloom.store.columns import Exact, Instant, Structured, Word
from thetaloom.store.table_parts import metadata, needed, owner

signal_sources = Table(
    "signal_sources",
    metadata,
    owner(),
    needed("name", Text),
    needed("auth", Word(SourceAuth)),
    needed("enabled", Boolean),
    needed("addresses", Structured(tuple[str, ...])),
    needed("mapping", Structured(Mapping[str, str])),
    needed("fixed", Structured(Mapping[str, str])),
    Column("strategy_id", Text),
    Column("sell", Word(SellMeaning)),
    Column("confidence_scale", Exact(Decimal)),
    needed("weight", Exact(Decimal)),
    needed("half_life_minutes", Integer),
    needed("vote_minutes_max", Integer),
    needed("age_seconds_max", Integer),
    needed("cooldown_seconds", Integer),
    needed("queues", Boolean),
    Column("confidence_min", Integer),
    needed("weighs_by_record", Boolean),
    needed("saved_at", Instant),
    PrimaryKeyConstraint("user_id", "name"),
)

signals = Table(
    "signals",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    needed("source", Text),
    needed("shape", Text),
    Column("sender_id", Text),
    needed("symbol", Text),
    needed("direction", Word(Direction)),
    needed("action", Word(SignalAction)),
    Column("confidence", Exact(Decimal)),
    Column("timeframe", Text),
    Column("price", Exact(Decimal)),
    needed("levels", Structured(Mapping[str, Decimal])),
    needed("facts", Structured(Mapping[str, str])),
    needed("points", Integer),
    needed("size_factor", Exact(Decimal)),
    Column("sent_at", Instant),
    needed("received_at", Instant),
    Column("strategy_id", Text),
    needed("content_key", Text),
    needed("payload_digest", Text),
    needed("stage", Word(SignalStage)),
    needed("reason", Text),
    needed("repeats", Integer),
    Column("run_id", Text),
    Column("due_at", Instant),
    Column("expires_at", Instant),
    needed("version", Integer),
    UniqueConstraint("user_id", "source", "sender_id"),
)
Index(None, signals.c.user_id, signals.c.received_at)
Index("ix_signals_content", signals.c.user_id, signals.c.source, signals.c.content_key, signals.c.received_at)
Index("ix_signals_symbol", signals.c.user_id, signals.c.symbol, signals.c.received_at)
# Only those that wait: the thousands that are done cost the engine nothing.
_waits = signals.c.due_at.is_not(None)
Index("ix_signals_waiting", signals.c.due_at, sqlite_where=_waits, postgresql_where=_waits)

signal_trail = Table(
    "signal_trail",
    metadata,
    Column("signal_id", Text, ForeignKey("signals.id"), nullable=False),
    needed("seq", Integer),
    needed("stage", Word(SignalStage)),
    needed("actor", Text),
    needed("reason", Text),
    needed("facts", Structured(Mapping[str, str])),
    needed("evidence", Text),
    needed("at", Instant),
    PrimaryKeyConstraint("signal_id", "seq"),
)

signal_scores = Table(
    "signal_scores",
    metadata,
    needed("run_id", Text),
    needed("source", Text),
    owner(),
    needed("signal_id", Text),
    needed("stance", Word(Stance)),
    needed("is_own", Boolean),
    needed("pnl", Exact(Money)),
    Column("is_right", Boolean),
    needed("judged_at", Instant),
    PrimaryKeyConstraint("run_id", "source"),
    Index(None, "user_id", "source"),
)
