"""The symbols that ship with the package: indexes, funds and a few stocks, with option roots and tick classes.

IBKR's numbers stand in the list only where they are known for certain; its sessions fill in the others.
"""

import csv
from dataclasses import replace
from datetime import datetime
from importlib.resources import files

from thetaloom.domain.market.symbols import SymbolRecord
from thetaloom.domain.values.ticks import class_name

SHARES_PER_CONTRACT = 100


def shipped_symbols(now: datetime) -> list[SymbolRecord]:
    """Return the shipped symbols as of ``now``."""
    text = files("thetaloom.store").joinpath("symbols.csv").read_text(encoding="utf-8")
    return [_record(row, now) for row in csv.DictReader(text.splitlines())]


def completed(known: SymbolRecord | None, shipped: SymbolRecord) -> SymbolRecord | None:
    """Return what is to be written of a shipped symbol: the whole where nothing is known, else what is missing."""
    if known is None:
        return shipped
    if known.conid is not None or shipped.conid is None:
        return None
    return replace(known, conid=shipped.conid)


def _record(row: dict[str, str], now: datetime) -> SymbolRecord:
    roots = tuple(row["roots"].split())
    return SymbolRecord(
        symbol=row["symbol"],
        name=row["name"],
        kind=row["kind"],
        exchange=row["exchange"],
        multiplier=SHARES_PER_CONTRACT,
        tick_class=class_name(roots[0]),
        roots=roots,
        conid=int(row["conid"]) if row["conid"] else None,
        sector=row["sector"] or None,
        refreshed_at=now,
    )
