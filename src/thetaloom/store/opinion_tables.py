"""The table of what analysts said."""

from decimal import Decimal

from sqlalchemy import Boolean, Column, Index, Table, Text

from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.values.money import Money, Price
from thetaloom.store.columns import Exact, Instant, Structured, Word
from thetaloom.store.table_parts import metadata, needed, owner, run

opinions = Table(
    "opinions",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    run(),
    needed("strategy_id", Text),
    needed("symbol", Text),
    needed("analyst", Text),
    needed("model", Text),
    needed("share", Exact(Decimal)),
    Column("direction", Word(MarketBias)),
    Column("confidence", Exact(Decimal)),
    Column("entry", Exact(Price)),
    Column("stop", Exact(Price)),
    needed("targets", Structured(tuple[Price, ...])),
    Column("r_multiple", Exact(Decimal)),
    Column("expected_return_percent", Exact(Decimal)),
    needed("reasons", Structured(tuple[str, ...])),
    needed("no_opinion", Text),
    Column("cost", Exact(Money)),
    Column("spot", Exact(Price)),
    needed("synthetic", Boolean),
    needed("made_at", Instant),
    Index(None, "run_id"),
    Index(None, "user_id", "made_at"),
    Index(None, "analyst", "model"),
)
