"""The registry of symbols, by symbol and by IBKR's number."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select, update

from thetaloom.domain.market.symbols import SymbolRecord
from thetaloom.store.database import Database
from thetaloom.store.schedule_tables import symbols as table
from thetaloom.store.schema import counters
from thetaloom.store.statements import columns_of, count_up, insert_or_skip, row_of, value_of, values_of

_SELECT = select(*columns_of(table, SymbolRecord))
COUNTED = ("hits", "misses", "stale_served", "errors")
PREFIX = "symbols_"


class SqlSymbols:
    """Symbols in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def get(self, symbol: str) -> SymbolRecord | None:
        """Return what is known of a symbol."""
        row = self._connection.execute(_SELECT.where(table.c.symbol == symbol)).first()
        return None if row is None else value_of(SymbolRecord, row)

    def by_conid(self, conid: int) -> SymbolRecord | None:
        """Return the symbol of IBKR's number."""
        row = self._connection.execute(_SELECT.where(table.c.conid == conid)).first()
        return None if row is None else value_of(SymbolRecord, row)

    def all(self) -> Sequence[SymbolRecord]:
        """Return every symbol by its letters."""
        return values_of(SymbolRecord, self._connection.execute(_SELECT.order_by(table.c.symbol)))

    def save(self, record: SymbolRecord) -> None:
        """Write a record in the place of the one before."""
        row = row_of(record)
        if record.conid is not None:  # a number that moved to another symbol leaves the old one
            taken = update(table).where(table.c.conid == record.conid, table.c.symbol != record.symbol)
            self._connection.execute(taken.values(conid=None))
        changed = update(table).where(table.c.symbol == record.symbol).values(**row)
        if self._connection.execute(changed).rowcount == 0:
            self._connection.execute(insert_or_skip(self._database, table), row)

    def count(self, name: str) -> None:
        """Count one look-up."""
        count_up(self._connection, self._database, counters, PREFIX + name)

    def counts(self) -> Mapping[str, int]:
        """Return how often look-ups ended in which way."""
        named = {PREFIX + name: name for name in COUNTED}
        rows = self._connection.execute(select(counters.c.name, counters.c.number).where(counters.c.name.in_(named)))
        found = {named[row.name]: int(row.number) for row in rows}
        return {name: found.get(name, 0) for name in COUNTED}
