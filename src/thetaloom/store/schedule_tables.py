"""The tables of what starts runs by itself: schedules and their firings, watchlists, scans, and the symbols known."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from thetaloom.domain.run.daily_cycle import CycleLook
from thetaloom.domain.run.scans import FunnelRow, ScanPair, ScanStatus, Screen
from thetaloom.domain.run.schedules import FiringStatus, Hours, Missed, Overlap, ScheduleKind
from thetaloom.store.columns import Exact, Instant, Structured, WallTime, Word
from thetaloom.store.table_parts import metadata, needed, owner

WORDS = Structured(tuple[str, ...])

schedules = Table(
    "schedules",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    needed("kind", Word(ScheduleKind)),
    Column("strategy_id", Text),
    needed("symbols", WORDS),
    needed("watchlist", Text),
    needed("cron", Text),
    needed("zone", Text),
    needed("hours", Word(Hours)),
    Column("window_from", WallTime),
    Column("window_to", WallTime),
    needed("overlap", Word(Overlap)),
    needed("missed", Word(Missed)),
    needed("missed_max", Integer),
    needed("grace_seconds", Integer),
    needed("best", Integer),
    needed("dry_run", Boolean),
    Column("paused_at", Instant),
    Column("next_due_at", Instant),
    Column("last_due_at", Instant),
    needed("created_at", Instant),
    needed("updated_at", Instant),
    needed("version", Integer),
    Column("removed_at", Instant),  # its firings stay
    Index(None, "user_id"),
    Index(None, "next_due_at"),
)

firings = Table(
    "firings",
    metadata,
    Column("schedule_id", Text, ForeignKey("schedules.id"), nullable=False),
    needed("due_at", Instant),
    owner(),
    needed("status", Word(FiringStatus)),
    needed("reason", Text),
    needed("fired_at", Instant),
    Column("finished_at", Instant),
    Column("look_at", Instant),
    needed("run_ids", WORDS),
    Column("scan_id", Text),
    needed("facts", Structured(Mapping[str, str])),
    needed("looks", Structured(tuple[CycleLook, ...])),
    PrimaryKeyConstraint("schedule_id", "due_at"),  # no due time fires twice, whoever tries
    Index(None, "user_id", "fired_at"),
    Index(None, "user_id", "due_at"),
    Index(None, "status"),
)

scheduler_pulse = Table(
    "scheduler_pulse",
    metadata,
    Column("account_id", Text, primary_key=True),
    needed("looked_at", Instant),
)

watchlists = Table(
    "watchlists",
    metadata,
    owner(),
    needed("name", Text),
    needed("symbols", WORDS),
    needed("in_digest", Boolean),
    needed("changed_at", Instant),
    PrimaryKeyConstraint("user_id", "name"),
)

scans = Table(
    "scans",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    needed("status", Word(ScanStatus)),
    needed("symbols", WORDS),
    needed("strategy_ids", WORDS),
    needed("watchlist", Text),
    needed("best", Integer),
    Column("schedule_id", Text),
    Column("due_at", Instant),
    needed("asked_at", Instant),
    Column("finished_at", Instant),
    needed("pairs", Integer),
    needed("eligible", Integer),
    needed("funnel", Structured(tuple[FunnelRow, ...])),
    needed("screens", Structured(tuple[Screen, ...])),
    needed("run_ids", WORDS),
    needed("message", Text),
    Index(None, "user_id", "asked_at"),
    Index(None, "status"),
)

scan_pairs = Table(
    "scan_pairs",
    metadata,
    Column("scan_id", Text, ForeignKey("scans.id"), nullable=False),
    needed("place", Integer),  # from 1, in the order of the scan
    owner(),
    needed("symbol", Text),
    Column("strategy_id", Text),
    needed("is_eligible", Boolean),
    needed("reason", Text),
    Column("score", Exact(Decimal)),
    needed("pair", Structured(ScanPair)),
    PrimaryKeyConstraint("scan_id", "place"),
    Index(None, "user_id", "symbol"),
    Index(None, "scan_id", "symbol"),
)

symbols = Table(
    "symbols",
    metadata,
    Column("symbol", Text, primary_key=True),
    needed("name", Text),
    needed("kind", Text),
    Column("exchange", Text),
    needed("currency", Text),
    Column("multiplier", Integer),
    Column("tick_class", Text),
    needed("roots", WORDS),
    Column("conid", BigInteger, unique=True),
    Column("sector", Text),
    Column("benchmark", Text),
    needed("source", Text),
    needed("refreshed_at", Instant),
)
