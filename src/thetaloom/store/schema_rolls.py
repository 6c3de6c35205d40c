"""The table of rolls: what was asked for, and how far it got."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from thetaloom.domain.book.rolls import RollKind, RollState, StrikesFrom
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.store.columns import Exact, Instant, Structured, Word
from thetaloom.store.table_parts import metadata

rolls = Table(
    "rolls",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id"), primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("position_id", Text, ForeignKey("positions.id"), nullable=False),
    Column("position_run_id", Text, nullable=False),
    Column("kind", Word(RollKind), nullable=False),
    Column("strikes", Word(StrikesFrom), nullable=False),
    Column("legs", Structured(tuple[Leg, ...]), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("keep", Structured(Mapping[str, int]), nullable=False),
    Column("part", Text, nullable=False),
    Column("expires_on", Structured(date)),
    Column("dte", Integer),
    Column("state", Word(RollState), nullable=False),
    Column("asked_at", Instant),
    Column("close_floor", Exact(Price)),
    Column("version", Integer, nullable=False),
    Index(None, "position_id"),
)
