"""The registry of symbols, searched and counted."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from thetaloom.domain.market.symbols import FOUND_MAX, QUERY_MAX, SEED, CacheStatistics, SymbolRecord, matching_symbols
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.store.database import Database
from thetaloom.store.repositories.symbols import SqlSymbols
from thetaloom.store.schedule_tables import symbols as table
from thetaloom.store.statements import columns_of, value_of, values_of

_SELECT = select(*columns_of(table, SymbolRecord))


def search_symbols(database: Database, query: str, count: int = FOUND_MAX) -> Sequence[SymbolRecord]:
    """Return the symbols that fit a query, the nearest first."""
    if not 0 < len(query.strip()) <= QUERY_MAX:
        raise InvalidInput(f"a search has 1 to {QUERY_MAX} characters", details={"part": "query"})
    with database.connect() as connection:
        records = values_of(SymbolRecord, connection.execute(_SELECT))
    return matching_symbols(records, query, count)


def symbol_by_conid(database: Database, conid: int) -> SymbolRecord:
    """Return the symbol of IBKR's number. Raises ``NotFound``."""
    with database.connect() as connection:
        row = connection.execute(_SELECT.where(table.c.conid == conid)).first()
    if row is None:
        raise NotFound(f"no symbol has the conid {conid}", advice="An IBKR session fills the numbers in.")
    return value_of(SymbolRecord, row)


def cache_statistics(database: Database, now: datetime) -> CacheStatistics:
    """Return how well the registry spares look-ups."""
    with database.connect() as connection:
        records = values_of(SymbolRecord, connection.execute(_SELECT))
        counts = SqlSymbols(connection, database).counts()
    shipped = sum(record.source == SEED for record in records)
    fresh = sum(record.source != SEED and record.is_fresh(now) for record in records)
    return CacheStatistics(
        symbols=len(records), shipped=shipped, fresh=fresh, stale=len(records) - shipped - fresh, **counts
    )
