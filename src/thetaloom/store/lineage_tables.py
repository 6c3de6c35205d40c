"""The tables of what happened: sealed records, the evidence they point to, and the events told of them."""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.store.columns import Instant, Structured, Word
from thetaloom.store.table_parts import SEQUENCE, metadata, needed, owner, run

lineage = Table(
    "lineage",
    metadata,
    Column("id", SEQUENCE, primary_key=True),  # the order of writing over all runs
    run(),
    owner(),
    needed("seq", Integer),
    needed("step", Word(StepName)),
    needed("status", Word(StepStatus)),
    needed("started_at", Instant),
    needed("duration_us", BigInteger),
    needed("input_digest", Text),
    needed("output_digest", Text),
    needed("reason", Text),
    needed("error", Text),
    needed("code_version", Text),
    needed("strategy_id", Text),
    needed("strategy_revision", Integer),
    Column("parent", Integer),
    needed("previous_hash", Text),
    needed("hash", Text),
    UniqueConstraint("run_id", "seq"),
    Index(None, "user_id", "started_at"),
    Index(None, "user_id", "step", "started_at"),
    sqlite_autoincrement=True,
)

evidence = Table(
    "evidence",
    metadata,
    Column("digest", Text, primary_key=True),
    needed("kind", Text),
    needed("is_compressed", Boolean),
    needed("content", LargeBinary),
)

events = Table(
    "events",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True),
    needed("kind", Word(EventKind)),
    owner(),
    needed("happened_at", Instant),
    Column("run_id", Text),
    needed("facts", Structured(Mapping[str, str])),
    Index(None, "user_id", "sequence"),
    sqlite_autoincrement=True,
)
# In words of its own, and the same in a query: an index on some rows is used where the database sees that it serves.
OF_SIGHT = text("kind IN ('PositionBlinded', 'PositionSighted')")
Index("ix_events_of_sight", events.c.run_id, sqlite_where=OF_SIGHT, postgresql_where=OF_SIGHT)
