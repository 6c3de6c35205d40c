"""Events of the feed, from the market behind: quotes, greeks, trades, summaries and candles."""

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.tastytrade.told import NAMES

BEGIN, END = 0x4, 0x8
CANDLE = re.compile(r"(?P<symbol>[^{]+)\{=(?P<count>[0-9]*)(?P<unit>[md])(?:,tho=true)?\}")
CENT = Price("0.01")
NAN = "NaN"


class Feed:
    """Says what the newest event of a type and symbol is."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._places: tuple[OptionChain, dict[OptionContract, int]] | None = None  # of the chain asked for last

    def events(self, kind: str, symbol: str, since: int) -> list[dict[str, Any]]:
        """Return the events of one subscription: one of a ticker, all of a series."""
        if kind == "Candle":
            return self._candles(symbol, since)
        contract = _contract(symbol)
        if contract is None:
            return self._of_underlying(kind, symbol)
        found = self._of_option(kind, contract)
        return [] if found is None else [{"eventSymbol": symbol, "eventTime": 0, "eventType": kind, **found}]

    def _of_option(self, kind: str, contract: OptionContract) -> dict[str, Any] | None:
        now = self._backend.clock.now()
        if kind == "Quote":
            quote = self._backend.market.quotes([contract], now).get(contract)
            if quote is None:
                return None
            at = _ms(quote.quoted_at)
            return _quote(quote.bid, quote.ask, quote.bid_size, quote.ask_size, at)
        if kind not in {"Greeks", "Summary"}:
            return None
        chain = self._backend.market.chain(contract.underlying, now)
        index = None if chain is None else self._place(chain, contract)
        if chain is None or index is None:
            return None
        if kind == "Greeks":
            numbers = dict.fromkeys(("price", "gamma", "theta", "rho", "vega"), 0.0)
            iv, delta = float(chain.iv[index]), float(chain.delta[index])
            if iv != iv or delta != delta:
                return None
            stamps = {"eventFlags": 0, "index": _ms(now) << 22, "time": _ms(now), "sequence": 0}
            return {**stamps, **numbers, "volatility": iv, "delta": delta}
        if kind == "Summary":
            interest = float(chain.open_interest[index])
            return {"openInterest": NAN if interest != interest else int(interest)}
        return None

    def _place(self, chain: OptionChain, contract: OptionContract) -> int | None:
        if self._places is None or self._places[0] is not chain:
            self._places = (chain, {chain.contract(index): index for index in range(len(chain))})
        return self._places[1].get(contract)

    def _of_underlying(self, kind: str, name: str) -> list[dict[str, Any]]:
        now = self._backend.clock.now()
        spot = self._backend.market.spot(NAMES.asked(name), now)
        if spot is None or kind not in {"Quote", "Trade"}:
            return []
        head = {"eventSymbol": name, "eventTime": 0, "eventType": kind}
        if kind == "Trade":
            return [{**head, "time": _ms(now), "timeNanoPart": 0, "sequence": 0, "price": float(spot), "size": 1}]
        return [{**head, **_quote(spot - CENT, spot + CENT, 1, 1, _ms(now))}]

    def _candles(self, symbol: str, since: int) -> list[dict[str, Any]]:
        found = CANDLE.fullmatch(symbol)
        if found is None:
            return []
        start, behind = datetime.fromtimestamp(since / 1000, UTC), NAMES.asked(found["symbol"])
        market, today = self._backend.market, self._backend.clock.now().date()
        ivs = {}
        if found["unit"] == "d":
            first = max(start.date(), today - timedelta(days=3650))
            bars = list(market.history(behind, first, today))
            stamps = [_ms(datetime.combine(bar.session_on, time(), UTC)) for bar in bars]
            ivs = dict(market.iv_history(behind, first, today))
        else:
            minutes = int(found["count"] or 1)
            bars, stamps = self._intraday(behind, minutes, start)
        told = [_candle(symbol, bar, stamp, ivs.get(bar.session_on)) for bar, stamp in zip(bars, stamps, strict=True)][
            ::-1
        ]
        if not told:
            return [{"eventSymbol": symbol, "eventTime": 0, "eventFlags": BEGIN | END | 0x2, "index": 0, "time": 0,
                     "sequence": 0, "count": 0}]  # fmt: skip  # an empty snapshot is one event that removes itself
        told[0]["eventFlags"] |= BEGIN
        told[-1]["eventFlags"] |= END
        return told

    def _intraday(self, symbol: str, minutes: int, start: datetime) -> tuple[list[Bar], list[int]]:
        calendar, now, span = self._backend.calendar, self._backend.clock.now(), timedelta(minutes=minutes)
        sessions = calendar.sessions_between(start.date(), now.date())
        times = [
            session.open_at + span * at
            for session in sessions
            for at in range(-(-(session.close_at - session.open_at) // span))
        ]
        begun = [at for at in times if start <= at <= now - span]
        bars = list(self._backend.market.intraday(symbol, minutes, len(begun)))
        return bars, [_ms(at) for at in begun[len(begun) - len(bars) :]]


def _candle(symbol: str, bar: Bar, stamp: int, iv: float | None) -> dict[str, Any]:
    return {
        "eventSymbol": symbol,
        "eventTime": 0,
        "eventFlags": 0,
        "index": stamp << 22,
        "time": stamp,
        "sequence": 0,
        "count": 1,
        "volume": NAN if bar.volume is None else bar.volume,
        "impVolatility": NAN if iv is None else iv,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
    }


def _quote(bid: Price | None, ask: Price | None, bid_size: int | None, ask_size: int | None, at: int) -> dict[str, Any]:
    return {
        "sequence": 0,
        "timeNanoPart": 0,
        "bidTime": at,
        "bidExchangeCode": "C",
        "askTime": at,
        "askExchangeCode": "C",
        "bidPrice": NAN if bid is None else float(bid),
        "askPrice": NAN if ask is None else float(ask),
        "bidSize": NAN if bid_size is None else bid_size,
        "askSize": NAN if ask_size is None else ask_size,
    }


@lru_cache(maxsize=65_536)
def _contract(symbol: str) -> OptionContract | None:
    if not symbol.startswith("."):
        return None
    try:
        return parse_option_symbol(symbol)
    except InvalidInput:
        return None


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
