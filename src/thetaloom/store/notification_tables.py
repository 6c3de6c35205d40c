"""The tables of notifications: where people are told, each message to each of them, and how far events were read."""

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from thetaloom.domain.run.notifications import DeliveryStatus, Topic
from thetaloom.store.columns import Instant, Structured, WallTime, Word
from thetaloom.store.table_parts import SEQUENCE, metadata, needed, owner

destinations = Table(
    "destinations",
    metadata,
    owner(),
    needed("name", Text),
    needed("service", Text),
    needed("shown", Text),
    needed("topics", Structured(tuple[Topic, ...])),
    Column("quiet_from", WallTime),
    Column("quiet_to", WallTime),
    needed("zone", Text),
    needed("rate_per_hour", Integer),
    needed("enabled", Boolean),
    Column("after", SEQUENCE, nullable=False),
    needed("saved_at", Instant),
    PrimaryKeyConstraint("user_id", "name"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    needed("destination", Text),
    needed("key", Text),
    needed("topic", Word(Topic)),
    needed("title", Text),
    needed("body", Text),
    needed("link", Text),
    needed("subject", Text),
    needed("is_urgent", Boolean),
    needed("status", Word(DeliveryStatus)),
    needed("attempts", Integer),
    needed("made_at", Instant),
    Column("due_at", Instant),
    Column("sent_at", Instant),
    needed("error", Text),
)
_waits = deliveries.c.due_at.is_not(None)
Index("ix_deliveries_waiting", deliveries.c.due_at, sqlite_where=_waits, postgresql_where=_waits)
Index(None, deliveries.c.user_id, deliveries.c.made_at)
Index("ix_deliveries_sent", deliveries.c.user_id, deliveries.c.destination, deliveries.c.sent_at)

postman = Table(
    "postman",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sequence", SEQUENCE, nullable=False),  # of the newest event that was read
    needed("summed_at", Instant),  # by the market's clock: summaries up to here are written
)
