"""Reads the answer of Cboe's endpoint of delayed chains.

Layout: ``{timestamp, data: {symbol, current_price, last_trade_time, options: [{option, bid, ...}]}}``.

Two clocks stand in it. ``timestamp`` is when the file was made, in UTC, a quarter of an hour after its quotes;
``last_trade_time`` is the underlying's last trade, in New York. A file cannot be older than the trade it tells of,
so a ``timestamp`` that would be is taken for New York time too.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput, MarketDataUnavailable

NEW_YORK = ZoneInfo("America/New_York")
COUNTS = ("bid_size", "ask_size", "volume", "open_interest")
IV_MAX = 20.0  # 2000 %


@dataclass(frozen=True, slots=True, kw_only=True)
class CboeChain:
    """One answer: the contracts, and what was said of each, NaN being unknown."""

    contracts: tuple[OptionContract, ...]
    made_at: datetime  # the file
    as_of: datetime  # its quotes
    spot: float
    spot_at: datetime
    columns: Mapping[str, Floats]  # bid, ask, their sizes, volume, open_interest, iv, delta
    rejected: Mapping[str, int]  # rows that are no contract of the underlying, by reason


class ChainReader:
    """Reads answer after answer; a symbol that was read before is not read again."""

    def __init__(self, delay: timedelta) -> None:
        self._delay = delay
        self._contracts: dict[str, OptionContract | str] = {}  # or why it is none

    def read(self, symbol: str, content: bytes) -> CboeChain:
        """Return the chain of ``symbol``; what is none raises ``MarketDataUnavailable``."""
        whole = _mapping(symbol, _json(symbol, content), "the answer")
        told = _mapping(symbol, whole.get("data"), "data")
        rows = told.get("options")
        if not isinstance(rows, list) or not rows:
            raise _unreadable(symbol, "data.options is no list of contracts")
        _check_symbol(symbol, told.get("symbol"))
        made_at, traded_at = _instants(symbol, whole.get("timestamp"), told.get("last_trade_time"))
        as_of = made_at - self._delay
        contracts, kept, rejected = self._listed(symbol, rows)
        if not contracts:
            raise _unreadable(symbol, f"none of its {len(rows)} rows is a contract of {symbol}")
        return CboeChain(
            contracts=contracts,
            made_at=made_at,
            as_of=as_of,
            spot=_number(told.get("current_price")),
            spot_at=as_of if traded_at is None else min(traded_at, as_of),
            columns=_columns(kept),
            rejected=rejected,
        )

    def _listed(
        self, symbol: str, rows: Sequence[object]
    ) -> tuple[tuple[OptionContract, ...], list[dict[str, Any]], Counter[str]]:
        kept: dict[OptionContract, dict[str, Any]] = {}
        rejected: Counter[str] = Counter()
        for row in rows:
            if not isinstance(row, dict):
                rejected["no object"] += 1
                continue
            contract = self._contract(symbol, row.get("option"))
            if isinstance(contract, str):
                rejected[contract] += 1
            elif contract in kept:
                rejected["stands twice"] += 1
            else:
                kept[contract] = row
        return tuple(kept), list(kept.values()), rejected

    def _contract(self, symbol: str, name: object) -> OptionContract | str:
        if not isinstance(name, str):
            return "no option symbol"
        known = self._contracts.get(name)
        if known is None:
            known = self._contracts[name] = _read_contract(name)
        if isinstance(known, OptionContract) and known.underlying != symbol:
            return "another underlying"
        return known


def _read_contract(name: str) -> OptionContract | str:
    try:
        return parse_option_symbol(name)
    except InvalidInput:
        return "no option symbol"


def _json(symbol: str, content: bytes) -> object:
    try:
        parsed: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        begun = content[:40].decode("utf-8", "replace")
        raise _unreadable(symbol, f"the answer is no JSON: {error}; it begins with {begun!r}") from error
    return parsed


def _mapping(symbol: str, found: object, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _unreadable(symbol, f"{what} is no object")
    return found


def _check_symbol(symbol: str, told: object) -> None:
    if isinstance(told, str) and canonical_symbol(told.strip().lstrip("^_$")) not in {"", symbol}:
        raise _unreadable(symbol, f'the answer is of "{told[:20]}"')


def _instants(symbol: str, made: object, traded: object) -> tuple[datetime, datetime | None]:
    made_at, traded_at = _instant(made, UTC), _instant(traded, NEW_YORK)
    if made_at is None:
        raise _unreadable(symbol, f"timestamp {str(made)[:40]!r} is no time")
    if traded_at is not None and made_at < traded_at:
        made_at = _instant(made, NEW_YORK) or made_at
    return made_at, traded_at


def _instant(text: object, zone: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text).strip())
        return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one before the first year
        return None


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, Floats]:
    names = ("bid", "ask", *COUNTS, "iv", "delta")
    columns = {name: np.array([_number(row.get(name)) for row in rows], np.float64) for name in names}
    # Zeros on both sides are how this feed writes that there is no quote; a bid of zero beside an ask is one.
    is_empty = (np.nan_to_num(columns["bid"]) == 0) & (np.nan_to_num(columns["ask"]) == 0)
    columns["bid"][is_empty] = columns["ask"][is_empty] = np.nan
    for name in COUNTS:
        columns[name][columns[name] < 0] = np.nan
    is_unknown = ~((columns["iv"] > 0) & (columns["iv"] <= IV_MAX))
    columns["iv"][is_unknown] = np.nan
    columns["delta"][is_unknown | ~(np.abs(columns["delta"]) <= 1)] = np.nan
    return columns


def _number(found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return math.nan
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _unreadable(symbol: str, why: str) -> MarketDataUnavailable:
    return MarketDataUnavailable(f"cboe: {symbol}: {why}", details={"symbol": symbol, "reason": why})
