"""What the offline sources know of well-known symbols: name, kind and, by the eleven of GICS, sector."""

import csv
from functools import cache
from importlib.resources import files

from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.ports.market_data import Underlying

SECTORS = frozenset(
    {
        "Communication Services",
        "Consumer Discretionary",
        "Consumer Staples",
        "Energy",
        "Financials",
        "Health Care",
        "Industrials",
        "Information Technology",
        "Materials",
        "Real Estate",
        "Utilities",
    }
)
_INDICES = {root.underlying for root in INDEX_ROOTS.values()}


def describe(symbol: str) -> Underlying:
    """Return what is known of ``symbol``; one that is neither fund nor index counts as a stock."""
    known = known_symbols().get(symbol)
    if known is not None:
        return known
    return Underlying(symbol=symbol, name=symbol, kind="index" if symbol in _INDICES else "equity")


@cache
def known_symbols() -> dict[str, Underlying]:
    """Return the symbols of the table that the package ships."""
    text = (files("thetaloom.marketdata") / "symbols.csv").read_text(encoding="utf-8")
    return {
        row["symbol"]: Underlying(
            symbol=row["symbol"], name=row["name"], kind=row["kind"], sector=row["sector"] or None
        )
        for row in csv.DictReader(text.splitlines())
    }
