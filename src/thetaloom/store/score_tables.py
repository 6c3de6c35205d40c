"""The table of how opinions came out."""

from decimal import Decimal

from sqlalchemy import Boolean, Column, Date, Index, Table, Text

from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.values.money import Price
from thetaloom.store.columns import Exact, Instant, Word
from thetaloom.store.table_parts import metadata, needed, owner, run

opinion_scores = Table(
    "opinion_scores",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    run(),
    needed("strategy_id", Text),
    needed("symbol", Text),
    needed("analyst", Text),
    needed("model", Text),
    needed("prompt", Text),
    needed("synthetic", Boolean),
    needed("made_at", Instant),
    needed("made_on", Date),
    needed("due_on", Date),
    needed("direction", Word(MarketBias)),
    needed("confidence", Exact(Decimal)),
    needed("start", Exact(Price)),
    Column("band", Exact(Price)),
    Column("entry", Exact(Price)),
    Column("stop", Exact(Price)),
    Column("target", Exact(Price)),
    Column("judged_at", Instant),
    Column("end", Exact(Price)),
    Column("is_right", Boolean),
    Column("is_up", Boolean),
    Column("brier", Exact(Decimal)),
    Column("r_result", Exact(Decimal)),
    Index(None, "user_id", "made_at"),
    Index(None, "judged_at", "due_on"),
)
