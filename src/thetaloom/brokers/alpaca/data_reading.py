"""Alpaca's market data as our values: snapshots, stream messages, listings and bars."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from thetaloom.brokers.alpaca.parse import Raw, instant, number, text
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.errors import InvalidInput
from thetaloom.links.instants import instant as instant_of
from thetaloom.links.instants import microseconds
from thetaloom.links.nonsense import NONSENSE

NANOSECONDS = 1_000
STAMP_MAX = 4_102_444_800_000_000  # microseconds until the year 2100
SYMBOLS_KEPT = 65_536


@lru_cache(maxsize=SYMBOLS_KEPT)
def contract_or_none(symbol: str) -> OptionContract | None:
    """Return the contract of a symbol; ``None`` for what we do not trade."""
    try:
        return parse_option_symbol(symbol)
    except InvalidInput:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """One quote as told, and what the feed makes of it."""

    contract: OptionContract
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    at_us: int  # 0: no quote at all
    iv: float = math.nan
    delta: float = math.nan
    volume: float = math.nan


def snapshots_of(raw: Any) -> list[Quoted]:
    """Read snapshots by symbol; one that cannot be read is left out."""
    found = []
    for symbol, one in raw.items() if isinstance(raw, Mapping) else ():
        contract = contract_or_none(symbol)
        if contract is None or not isinstance(one, Mapping):
            continue
        quote, greeks, bar = (_mapping(one.get(name)) for name in ("latestQuote", "greeks", "dailyBar"))
        found.append(
            Quoted(
                contract=contract,
                **_sides(quote),
                at_us=_stamp(quote.get("t")),
                iv=_number(one.get("impliedVolatility")),
                delta=_number(greeks.get("delta")),
                volume=_number(bar.get("v")),
            )
        )
    return found


def _mapping(told: Any) -> Raw:
    return told if isinstance(told, Mapping) else {}


def quotes_of(messages: Iterable[Any]) -> list[Quoted]:
    """Read the quotes among a frame's messages; one without a time raises ``InvalidInput``."""
    found = []
    for one in messages:
        if one["T"] != "q":
            continue
        contract = contract_or_none(str(one.get("S")))
        if contract is not None:
            at_us = _stamp(one.get("t"))
            if not at_us:
                raise InvalidInput("alpaca told a quote without a time", details={"field": "t"})
            found.append(Quoted(contract=contract, **_sides(one), at_us=at_us))
    return found


def listed_of(raw: Raw) -> tuple[dict[OptionContract, float], set[OptionContract]]:
    """Read a page of contracts: the standard ones that can be traded, with their open interest, and all others."""
    found, others = dict[OptionContract, float](), set[OptionContract]()
    for one in map(_mapping, _listed(_mapping(raw).get("option_contracts"))):
        contract = contract_or_none(str(one.get("symbol")))
        if contract is None:
            continue
        # The size is what is delivered, which an adjustment may change though prices still count for a hundred.
        if one.get("tradable") and all(_number(one.get(name, 100)) == 100 for name in ("multiplier", "size")):
            found[contract] = _number(one.get("open_interest"))
        else:
            others.add(contract)
    return found, others


def daily_bars(raw: Any, symbol: str, calendar: TradingCalendar, now: datetime) -> list[Bar]:
    """Read the bars of sessions that have closed, oldest first."""
    found = []
    for one in _bars(raw, symbol):
        session = calendar.session_on(calendar.exchange_date(instant(text(one, "t"), "t")))
        if session is not None and session.close_at <= now:
            found.append(_bar(one, session_on=session.session_on))
    return sorted(found, key=lambda bar: bar.session_on)


def intraday_bars(raw: Any, symbol: str, minutes: int, calendar: TradingCalendar, now: datetime) -> list[Bar]:
    """Read the bars of sessions that are complete, oldest first."""
    found = []
    for one in _bars(raw, symbol):
        at = instant(text(one, "t"), "t")
        session = calendar.session_at(at)
        if session is not None and at + timedelta(minutes=minutes) <= now:
            found.append((at, _bar(one, session_on=session.session_on)))
    return [bar for _, bar in sorted(found, key=lambda pair: pair[0])]


def trade_of(raw: Any, symbol: str) -> tuple[float, datetime] | None:
    """Read the latest trade of an underlying."""
    one = raw.get(symbol) if isinstance(raw, Mapping) else None
    if not isinstance(one, Mapping):
        return None
    return float(number(one.get("p"), "p")), instant(one.get("t"), "t")


def not_later(at_us: int, latest: datetime) -> datetime:
    """Return the instant of a quote, no later than a feed can know."""
    return min(instant_of(at_us), latest)


def _bars(raw: Any, symbol: str) -> Iterable[Raw]:
    return _listed(_mapping(raw).get(symbol))


def _listed(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []


def _bar(one: Raw, *, session_on: Any) -> Bar:
    opened, high, low, close = (float(number(one.get(name), name)) for name in "ohlc")
    volume = _number(one.get("v"))
    return Bar(
        session_on=session_on,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=None if math.isnan(volume) else volume,
    )


def _sides(quote: Raw) -> dict[str, float]:
    ask = _number(quote.get("ap"))
    return {
        "bid": _number(quote.get("bp")),
        "ask": ask if ask > 0 else math.nan,  # zero stands for nobody who sells
        "bid_size": _number(quote.get("bs")),
        "ask_size": _number(quote.get("as")),
    }


def _stamp(told: Any) -> int:
    try:
        at_us = (
            int(told.to_unix_nano()) // NANOSECONDS
            if hasattr(told, "to_unix_nano")
            else microseconds(instant(told, "t"))
        )
    except (InvalidInput, *NONSENSE):
        return 0
    return at_us if 0 < at_us < STAMP_MAX else 0


def _number(told: Any) -> float:
    try:
        number = math.nan if told is None or isinstance(told, bool) else float(told)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan
