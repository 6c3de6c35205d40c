"""Symbols: searched, looked up one by one or many at once, and how well the registry spares look-ups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from thetaloom.domain.market.symbols import BATCH_MAX, CONID_MAX, QUERY_MAX, CacheStatistics, FoundSymbol
from thetaloom.domain.run.watchlists import clean_symbols
from thetaloom.engine.schedule_commands import FindSymbols, LookUpSymbols
from thetaloom.store.queries.symbols import cache_statistics, search_symbols, symbol_by_conid
from thetaloom.web.api.queries import PageWindow
from thetaloom.web.api.records import Page, Record
from thetaloom.web.api.workflow import Asked, Symbol
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(prefix="/symbols", tags=["symbols"])
FOUND_MAX = 1000


class SymbolRecord(Record):
    """What is known of a symbol; null is not known."""

    symbol: str
    name: str
    kind: str = Field(description="equity, etf or index.")
    exchange: str | None
    currency: str
    multiplier: int | None
    tick_class: str | None = Field(description="broad_index, penny_program or pennies; null: nickels and dimes.")
    roots: list[str] = Field(description="Of its options.")
    conid: int | None = Field(description="IBKR's number.")
    sector: str | None
    source: str
    refreshed_at: datetime
    warning: str = Field(default="", description="Not empty where the source did not answer and this is old.")


class Batch(Asked):
    """Symbols to look up at once."""

    symbols: list[Symbol] = Field(min_length=1, max_length=BATCH_MAX)


class BatchAnswer(Record):
    """Those that are known, and those that nobody knows."""

    items: list[SymbolRecord]
    missing: list[str]


class Statistics(Record):
    """How well the registry spares look-ups."""

    symbols: int
    shipped: int = Field(description="Known from the package alone.")
    fresh: int = Field(description="Told by a source less than seven days ago.")
    stale: int
    hits: int
    misses: int
    stale_served: int = Field(description="Old answers given with a warning because the source was silent.")
    errors: int
    lookups: int
    hit_rate: float | None = Field(description="0 to 1; null before the first look-up.")


@router.get("/search", responses=documented())
async def search(
    front: FrontDoor, window: PageWindow, query: Annotated[str, Query(min_length=1, max_length=QUERY_MAX)]
) -> Page[SymbolRecord]:
    """Search symbols, option roots and names, the nearest first; what nobody knows yet is asked for."""
    found = await front.read(lambda: search_symbols(front.database, query, FOUND_MAX))
    items = [SymbolRecord.model_validate(one) for one in found]
    if not items and query.strip():
        items = _records(await front.ask(FindSymbols(user_id=front.user, query=query), tuple))
    shown = items[window.offset : window.offset + window.limit]
    return Page(items=shown, total=len(items), limit=window.limit, offset=window.offset)


@router.get("/conid/{conid}", responses=documented(404))
def by_conid(front: FrontDoor, conid: Annotated[int, Path(ge=1, le=CONID_MAX)]) -> SymbolRecord:
    """Return the symbol of an IBKR contract number."""
    return SymbolRecord.model_validate(symbol_by_conid(front.database, conid))


@router.post("/batch", responses=COMMANDED)
async def batch(front: FrontDoor, asked: Batch) -> BatchAnswer:
    """Look symbols up, asking the market's source for what is not known or older than seven days."""
    wanted = clean_symbols(asked.symbols)
    items = await _looked_up(front, wanted)
    known = {one.symbol for one in items}
    return BatchAnswer(items=items, missing=[symbol for symbol in wanted if symbol not in known])


@router.get("/cache/stats", responses=documented())
def statistics(front: FrontDoor) -> Statistics:
    """Return how many symbols are known, and how many look-ups were spared."""
    found: CacheStatistics = cache_statistics(front.database, front.now)
    return Statistics.model_validate(found)


async def _looked_up(front: Front, symbols: tuple[str, ...]) -> list[SymbolRecord]:
    return _records(await front.ask(LookUpSymbols(user_id=front.user, symbols=symbols), tuple))


def _records(answer: Sequence[FoundSymbol]) -> list[SymbolRecord]:
    records = [SymbolRecord.model_validate(one.record) for one in answer]
    return [record.model_copy(update={"warning": one.warning}) for record, one in zip(records, answer, strict=True)]
