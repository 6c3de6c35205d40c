"""How tastytrade lists our symbols, for requests and for the feed: BRKB is BRK/B to it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from thetaloom.brokers.tastytrade.session import WireRefusal
from thetaloom.domain.values.symbols import spellings

MARK = "/"


class Names:
    """Asks once for each symbol; ``ask`` returns the records of the equities that have one of some symbols."""

    def __init__(self, ask: Callable[[list[str]], list[Mapping[str, Any]]]) -> None:
        self._ask = ask
        self._known: dict[str, str] = {}

    def of(self, symbols: Collection[str]) -> Mapping[str, str]:
        """Return the names of symbols; one that is not listed keeps its own."""
        unknown = [symbol for symbol in symbols if symbol not in self._known]
        if unknown:
            wanted = [name for symbol in unknown for name in spellings(symbol, MARK)]
            try:
                listed = {one["symbol"] for one in self._ask(wanted)}
            except WireRefusal:
                listed = set()
            for symbol in unknown:
                fitting = (name for name in spellings(symbol, MARK) if name in listed)
                self._known[symbol] = next(fitting, symbol)
        return {symbol: self._known[symbol] for symbol in symbols}
