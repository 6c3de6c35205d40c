"""Ticks and bars: what the market behind the server says, as TWS streams it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from math import isfinite

from thetaloom.domain.values.instruments import OptionContract
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.ibkr.listing import NAMES, Listing
from thetaloom.testing.broker_servers.ibkr.telling import ToldContract
from thetaloom.testing.broker_servers.ibkr.wire import framed

BID, ASK, LAST, MODEL = 1, 2, 4, 13
CALL_OPEN_INTEREST, PUT_OPEN_INTEREST = 27, 28
REAL_TIME = 1
_DAYS = {"D": 1, "W": 7, "M": 31, "Y": 366}


@dataclass(slots=True, kw_only=True)
class Ticker:
    """One line of market data."""

    request_id: int
    option: OptionContract | None = None
    symbol: str = ""
    told: dict[int, tuple[object, ...]] = field(default_factory=dict)  # the newest of each tick


class Quoting:
    """The market data of one connection."""

    def __init__(self, backend: Backend, listing: Listing) -> None:
        self._backend = backend
        self._listing = listing
        self.tickers: dict[int, Ticker] = {}

    def begin(self, request_id: int, contract: ToldContract) -> list[bytes]:
        """Open a line and return its first messages."""
        option = self._listing.option(contract.conid) if contract.kind == "OPT" else None
        ticker = Ticker(request_id=request_id, option=option, symbol=NAMES.asked(contract.symbol))
        self.tickers[request_id] = ticker
        first = [framed(58, 1, request_id, REAL_TIME), framed(81, request_id, "0.01", "9c0001", 3)]
        return first + list(self._news_of(ticker))

    def news(self) -> list[bytes]:
        """Return what changed on the open lines since it was told last."""
        return [message for ticker in self.tickers.values() for message in self._news_of(ticker)]

    def _news_of(self, ticker: Ticker) -> Iterator[bytes]:
        now = self._backend.clock.now()
        ticks = self._spot_ticks(ticker, now) if ticker.option is None else self._option_ticks(ticker, now)
        for kind, fields in ticks.items():
            if ticker.told.get(kind) != fields:
                ticker.told[kind] = fields
                yield framed(*fields)

    def _spot_ticks(self, ticker: Ticker, now: object) -> dict[int, tuple[object, ...]]:
        spot = self._backend.market.spot(ticker.symbol, now)  # type: ignore[arg-type]  # the clock's instant
        return {} if spot is None else {LAST: (1, 6, ticker.request_id, LAST, spot, 0, 0)}

    def _option_ticks(self, ticker: Ticker, now: object) -> dict[int, tuple[object, ...]]:
        assert ticker.option is not None
        market, number = self._backend.market, ticker.request_id
        quote = market.quotes([ticker.option], now).get(ticker.option)  # type: ignore[arg-type]  # the clock's instant
        if quote is None:
            return {}
        ticks: dict[int, tuple[object, ...]] = {}
        for kind, price, size in ((BID, quote.bid, quote.bid_size), (ASK, quote.ask, quote.ask_size)):
            # No side is a price of -1 with a size of zero.
            known = (-1, 0) if price is None else (price, 1 if size is None else size)
            ticks[kind] = (1, 6, number, kind, *known, 0)
        greeks = self._greeks(ticker.option, now)
        if greeks is not None:
            iv, delta, spot = greeks
            ticks[MODEL] = (21, number, MODEL, 0, iv, delta, -1, 0, 0, 0, 0, spot)
        return ticks

    def _greeks(self, option: OptionContract, now: object) -> tuple[float, float, object] | None:
        chain = self._backend.market.chain(option.underlying, now)  # type: ignore[arg-type]  # the clock's instant
        index = None if chain is None else chain.find(option)
        if chain is None or index is None:
            return None
        iv, delta = float(chain.iv[index]), float(chain.delta[index])
        if not (isfinite(iv) or isfinite(delta)):
            return None
        # -1 and -2 are "not computed" in a message that knows no empty numbers.
        return iv if isfinite(iv) else -1, delta if isfinite(delta) else -2, chain.spot or -1

    def bars(self, request_id: int, symbol: str, duration: str, what: str, size: str) -> bytes | None:
        """Return message 17; ``None`` where there is nothing."""
        symbol = NAMES.asked(symbol)
        market, today = self._backend.market, self._backend.calendar.exchange_date(self._backend.clock.now())
        count, unit = duration.split()
        first = today - timedelta(days=int(count) * _DAYS[unit])
        if size != "1 day":
            minutes = int(size.split()[0]) * (60 if "hour" in size else 1)
            rows = [
                (bar.session_on, bar.open, bar.high, bar.low, bar.close, bar.volume)
                for bar in market.intraday(symbol, minutes, 500)
            ]
        elif what == "OPTION_IMPLIED_VOLATILITY":
            rows = [(day, iv, iv, iv, iv, -1.0) for day, iv in market.iv_history(symbol, first, today)]
        else:
            history = market.history(symbol, first, today)
            rows = [(bar.session_on, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in history]
        if not rows:
            return None
        fields: list[object] = [17, request_id, f"{first:%Y%m%d}", f"{today:%Y%m%d}", len(rows)]
        for day, opened, high, low, closed, volume in rows:
            volume = -1 if volume is None else volume
            fields += [f"{day:%Y%m%d}", opened, high, low, closed, volume, closed, 0]
        return framed(*fields)
