"""The data API of Alpaca's server: snapshots, listings, trades and bars of the backend's market."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import msgpack

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.errors import InvalidInput
from thetaloom.testing.broker_servers.alpaca.intake import Turned
from thetaloom.testing.broker_servers.alpaca.trading_api import Answer, Asked
from thetaloom.testing.broker_servers.alpaca.wire import NAMES, Json, named, paged, written
from thetaloom.testing.broker_servers.backend import Backend

SNAPSHOTS, CHAIN = "/v1beta1/options/snapshots", "/v1beta1/options/snapshots/"
FEEDS = {"opra", "indicative"}
SYMBOLS_MAX, PAGE_MAX = 100, 1_000
WEEKEND = 6


class DataApi:
    """Answers what Alpaca's data API answers, and writes the quotes of its stream."""

    def __init__(self, backend: Backend, faults: list[str]) -> None:
        self.backend = backend
        self.faults = faults
        self.adjusted: dict[str, Json] = {}  # what is listed otherwise of a contract, by its symbol
        self.routes: dict[str, Callable[[Asked], Answer]] = {
            SNAPSHOTS: self.snapshots,
            "/v2/stocks/trades/latest": self.trades,
            "/v2/stocks/bars": self.bars,
            "/v2/options/contracts": self.contracts,
        }

    def answer(self, asked: Asked) -> Answer | None:
        """Answer a request; ``None`` where this API has no such route."""
        if asked.method != "GET":
            return None
        if asked.path in self.routes:
            return self.routes[asked.path](asked)
        if asked.path.startswith(CHAIN):
            return self.chain(asked)
        if asked.path.startswith("/v2/assets/"):
            return self.asset(asked)
        return None

    def asset(self, asked: Asked) -> Answer:
        """What an underlying is."""
        symbol = asked.path.rpartition("/")[2]
        known = self.backend.market.underlying(NAMES.asked(symbol))
        if known is None:
            raise Turned(404, 40410000, f"asset not found for {symbol}")
        record = {"id": named("asset", symbol), "class": "us_equity", "exchange": "ARCA", "symbol": symbol}
        return Answer(body=record | {"name": known.name, "status": "active", "tradable": True})

    def contracts(self, asked: Asked) -> Answer:
        """What is listed; without dates only what expires before the weekend."""
        now = self.backend.clock.now()
        today = self.backend.calendar.exchange_date(now)
        first = date.fromisoformat(asked.query.get("expiration_date_gte", today.isoformat()))
        weekend = today + timedelta(days=WEEKEND - today.weekday())
        last = date.fromisoformat(asked.query.get("expiration_date_lte", weekend.isoformat()))
        found = [
            contract
            for symbol in asked.query.get("underlying_symbols", "").split(",")
            for contract in self._listed(symbol)
            if first <= contract.expires_on <= last
        ]
        page, token = paged(found, asked.query.get("page_token"), int(asked.query.get("limit", "100")))
        return Answer(
            body={
                "option_contracts": [_listing(one) | self.adjusted.get(one.compact, {}) for one in page],
                "next_page_token": token,
            }
        )

    def chain(self, asked: Asked) -> Answer:
        """The snapshots of a whole chain."""
        self._check_feed(asked)
        underlying = NAMES.asked(asked.path.removeprefix(CHAIN))
        chain = self.backend.market.chain(underlying, self.backend.clock.now())
        greeks = (
            {}
            if chain is None
            else {chain.contract(row): (float(chain.iv[row]), float(chain.delta[row])) for row in range(len(chain.bid))}
        )
        return self._page(asked, list(greeks), greeks)

    def snapshots(self, asked: Asked) -> Answer:
        """The snapshots of some contracts."""
        self._check_feed(asked)
        symbols = asked.query.get("symbols", "").split(",")
        if len(symbols) > SYMBOLS_MAX:
            raise Turned(400, 40010001, "too many symbols")
        return self._page(asked, _contracts(symbols), {})

    def trades(self, asked: Asked) -> Answer:
        """The latest trades."""
        now = self.backend.clock.now()
        found: Json = {}
        for symbol in asked.query.get("symbols", "").split(","):
            spot = self.backend.market.spot(NAMES.asked(symbol), now)
            if spot is not None:
                found[symbol] = {"t": written(now), "x": "V", "p": float(spot), "s": 100, "c": ["@"], "i": 1, "z": "B"}
        return Answer(body={"trades": found})

    def bars(self, asked: Asked) -> Answer:
        """Bars of underlyings, by the day."""
        frame = asked.query.get("timeframe", "")
        start, end = (datetime.fromisoformat(asked.query[name].replace(" ", "+")) for name in ("start", "end"))
        found: Json = {}
        for symbol in asked.query.get("symbols", "").split(","):
            if frame == "1Day":
                bars = self.backend.market.history(NAMES.asked(symbol), start.date(), end.date())
                found[symbol] = [_bar(one, self.backend.calendar.at_minute(one.session_on, 0)) for one in bars]
            else:
                found[symbol] = self._intraday(symbol, frame)
        return Answer(body={"bars": found, "next_page_token": None, "currency": "USD"})

    def quotes(self, symbols: Iterable[str]) -> list[Json]:
        """Return the quotes of symbols as messages of the stream."""
        now = self.backend.clock.now()
        found = self.backend.market.quotes(_contracts(symbols), now)
        return [
            _quoted(quote) | {"T": "q", "S": contract.compact, "t": msgpack.Timestamp.from_datetime(quote.quoted_at)}
            for contract, quote in found.items()
        ]

    def _intraday(self, symbol: str, frame: str) -> list[Json]:
        amount = int(frame.rstrip("MinHour"))
        minutes = amount * 60 if frame.endswith("Hour") else amount
        now = self.backend.clock.now()
        bars = self.backend.market.intraday(NAMES.asked(symbol), minutes, 1_000)
        return [_bar(one, now - timedelta(minutes=minutes * (len(bars) - place))) for place, one in enumerate(bars)]

    def _page(
        self, asked: Asked, contracts: list[OptionContract], greeks: dict[OptionContract, tuple[float, float]]
    ) -> Answer:
        limit = int(asked.query.get("limit", "100"))
        if not 1 <= limit <= PAGE_MAX:
            raise Turned(400, 40010001, "limit must be between 1 and 1000")
        page, token = paged(contracts, asked.query.get("page_token"), limit)
        quotes = self.backend.market.quotes(page, self.backend.clock.now())
        told = {contract.compact: _snapshot(quotes.get(contract), greeks.get(contract)) for contract in page}
        return Answer(body={"snapshots": told, "next_page_token": token})

    def _listed(self, symbol: str) -> list[OptionContract]:
        chain = self.backend.market.chain(NAMES.asked(symbol), self.backend.clock.now())
        return [] if chain is None else [chain.contract(row) for row in range(len(chain.bid))]

    def _check_feed(self, asked: Asked) -> None:
        if asked.query.get("feed", "opra") not in FEEDS:
            self.faults.append(f"{asked.path}: feed {asked.query.get('feed')}")


def _contracts(symbols: Iterable[str]) -> list[OptionContract]:
    found = []
    for symbol in symbols:
        try:
            found.append(parse_option_symbol(symbol))
        except InvalidInput:
            raise Turned(400, 40010001, f"invalid symbol: {symbol}") from None
    return found


def _listing(contract: OptionContract) -> Json:
    return {
        "id": named("asset", contract.compact),
        "symbol": contract.compact,
        "name": contract.notation,
        "status": "active",
        "tradable": True,
        "expiration_date": contract.expires_on.isoformat(),
        "root_symbol": contract.root,
        "underlying_symbol": NAMES.told(contract.underlying),
        "underlying_asset_id": named("asset", contract.underlying),
        "type": "call" if contract.right.value == "C" else "put",
        "style": contract.exercise_style.value,
        "strike_price": str(contract.strike),
        "multiplier": "100",
        "size": "100",
        "open_interest": "237",
    }


def _snapshot(quote: Quote | None, greeks: tuple[float, float] | None) -> Json:
    record: Json = {}
    if quote is not None:
        record["latestQuote"] = _quoted(quote) | {"t": written(quote.quoted_at)}
    iv, delta = greeks or (float("nan"), float("nan"))
    if iv == iv:
        record["impliedVolatility"] = iv
    if delta == delta:
        record["greeks"] = {"delta": delta, "gamma": 0.01, "theta": -0.05, "vega": 0.1, "rho": 0.01}
    return record


def _quoted(quote: Quote) -> Json:
    sides: dict[str, Any] = {
        "bp": float(quote.bid or 0),
        "bs": quote.bid_size or 0,
        "bx": "C",
        "ap": float(quote.ask or 0),
        "as": quote.ask_size or 0,
        "ax": "C",
    }
    return sides | {"c": "A"}


def _bar(one: Bar, at: datetime) -> Json:
    return {
        "t": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "o": one.open,
        "h": one.high,
        "l": one.low,
        "c": one.close,
        "v": one.volume or 0,
        "n": 1,
        "vw": one.close,
    }
