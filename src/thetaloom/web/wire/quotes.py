"""Where the live wire reads quotes: of underlyings and of contracts, only those that somebody follows."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from thetaloom.bootstrap import Platform
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput, Unavailable
from thetaloom.web.api.records import exact_text
from thetaloom.web.wire.messages import milliseconds

SPELLING_MAX = 64  # characters of a symbol


class QuoteSource(Protocol):
    """What the hub asks for quotes; the market of the platform, or a made-up one of a bench."""

    def name(self, spelt: str) -> str | None:
        """Return the symbol as quotes carry it; ``None`` for one that is unknown."""
        ...

    def read(self, symbols: Iterable[str]) -> Mapping[str, str]:
        """Return the quotes as they stand: the fields of ``quote_update`` as JSON without its braces."""
        ...

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, from any thread, when quotes may have changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    price: Price | None
    at: datetime  # when it was first seen to stand so


class MarketQuotes:
    """The quotes of the platform's market."""

    def __init__(self, platform: Platform) -> None:
        self._market = platform.market
        self._clock = platform.clock
        self._calendar: TradingCalendar = platform.desk.calendar
        self._contracts: dict[str, OptionContract] = {}
        self._spots: dict[str, _Spot] = {}

    def name(self, spelt: str) -> str | None:
        """Return the symbol of an underlying in capitals, or the OCC symbol of a contract that can still trade."""
        text = spelt.strip()
        if not text or len(text) > SPELLING_MAX:
            return None
        underlying = canonical_symbol(text)
        if self._market.underlying(underlying) is not None:
            return underlying
        try:
            contract = parse_option_symbol(text)
        except InvalidInput:
            return None
        today = self._calendar.exchange_date(self._clock.now())
        if self._market.underlying(contract.underlying) is None or contract.expires_on < today:
            return None
        self._contracts[contract.occ_symbol] = contract
        return contract.occ_symbol

    def read(self, symbols: Iterable[str]) -> Mapping[str, str]:
        """Return the quotes as they stand now; a contract without one has neither bid nor ask."""
        now = self._clock.now()
        wanted = set(symbols)
        contracts = [self._contracts[symbol] for symbol in wanted & self._contracts.keys()]
        found: dict[str, str] = {}
        try:
            quotes = self._market.quotes(contracts, now) if contracts else {}
            for contract in contracts:
                found[contract.occ_symbol] = _of_contract(contract.occ_symbol, quotes.get(contract))
            for symbol in wanted - self._contracts.keys():
                found[symbol] = self._of_underlying(symbol, now)
        except Unavailable:  # what is known stands; its age tells
            return found
        return found

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when the market changes."""
        self._market.on_change(wake)

    def _of_underlying(self, symbol: str, now: datetime) -> str:
        price, seen = self._market.spot(symbol, now), self._spots.get(symbol)
        if seen is None or seen.price != price:
            seen = self._spots[symbol] = _Spot(price=price, at=now)
        return quote_text(symbol, None, None, price, None if price is None else seen.at)


def quote_text(symbol: str, bid: Decimal | None, ask: Decimal | None, last: Decimal | None, at: datetime | None) -> str:
    """Return a quote as the inside of a JSON object."""
    fields = {
        "symbol": symbol,
        "bid": _exact(bid),
        "ask": _exact(ask),
        "last": _exact(last),
        "timestamp": None if at is None else milliseconds(at),
    }
    return json.dumps(fields, separators=(",", ":"))[1:-1]


def _of_contract(symbol: str, quote: Quote | None) -> str:
    if quote is None:
        return quote_text(symbol, None, None, None, None)
    return quote_text(symbol, quote.bid, quote.ask, None, quote.quoted_at)


def _exact(number: Decimal | None) -> str | None:
    return None if number is None else exact_text(number)
