"""How tastytrade lists our symbols, for requests and for the feed: BRKB is BRK/B to it."""

from collections.abc import Collection, Mapping

from thetaloom.brokers.tastytrade.session import TastytradeSession, WireRefusal
from thetaloom.domain.values.symbols import spellings

MARK = "/"


class Names:
    """Asks once for each symbol, in the loop of the session."""

    def __init__(self, session: TastytradeSession) -> None:
        self._session = session
        self._known: dict[str, str] = {}

    def known(self, symbols: Collection[str]) -> Mapping[str, str]:
        """Return the names of those symbols that were asked for."""
        return {symbol: self._known[symbol] for symbol in symbols if symbol in self._known}

    async def of(self, symbols: Collection[str]) -> Mapping[str, str]:
        """Return the names of symbols; one that is not listed keeps its own."""
        unknown = [symbol for symbol in symbols if symbol not in self._known]
        if unknown:
            listed = await self._listed([name for symbol in unknown for name in spellings(symbol, MARK)])
            for symbol in unknown:
                fitting = (name for name in spellings(symbol, MARK) if name in listed)
                self._known[symbol] = next(fitting, symbol)
        return self.known(symbols)

    async def _listed(self, names: list[str]) -> Collection[str]:
        # What else the SDK's own class demands of an equity is none of our business.
        asked = {"symbol[]": names, "per-page": len(names)}
        try:
            told = await self._session._get("/instruments/equities", params=asked)
        except WireRefusal:
            return ()
        return {one["symbol"] for one in told["items"]}
