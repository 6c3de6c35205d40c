"""The symbols that ship with the package: indexes and funds with their option roots and tick classes."""

import csv
from datetime import datetime
from importlib.resources import files

from thetaloom.domain.market.symbols import SymbolRecord
from thetaloom.domain.values.ticks import class_name

SHARES_PER_CONTRACT = 100


def shipped_symbols(now: datetime) -> list[SymbolRecord]:
    """Return the shipped symbols as of ``now``; IBKR's numbers are left to its sessions to tell."""
    text = files("thetaloom.store").joinpath("symbols.csv").read_text(encoding="utf-8")
    return [_record(row, now) for row in csv.DictReader(text.splitlines())]


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
        refreshed_at=now,
    )
