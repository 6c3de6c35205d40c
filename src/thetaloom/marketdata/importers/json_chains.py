"""Chains as JSON: Cboe's delayed quotes and Schwab's option chain; each entry becomes a row of text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeGuard

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers.cboe_quotes import DELAY
from thetaloom.marketdata.importers.cells import EXCHANGE_ZONE, plain_symbol
from thetaloom.marketdata.importers.dates import read_moment
from thetaloom.marketdata.importers.layouts import REGULAR, Facts, Layout, Told
from thetaloom.marketdata.importers.opening import Source, encoding_of, opened
from thetaloom.marketdata.importers.tables import LINE, Batch

if TYPE_CHECKING:
    import polars as pl

JSON_BYTES_MAX = 1 << 30
ROWS_AT_ONCE = 100_000
STARTED = 120  # characters shown of a document that is none of ours
WHEN = {"cboe_json": "data.last_trade_time or timestamp", "schwab_json": "quoteTimeInLong"}
Entry = Mapping[str, Any]

CBOE = Layout(
    name="cboe_json",
    title="Cboe delayed quotes, JSON",
    columns={
        "contract_symbol": ("option",),
        "bid": ("bid",),
        "ask": ("ask",),
        "bid_size": ("bid_size",),
        "ask_size": ("ask_size",),
        "last": ("last_trade_price",),
        "volume": ("volume",),
        "open_interest": ("open_interest",),
        "implied_vol": ("iv",),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "theta": ("theta",),
        "vega": ("vega",),
        "rho": ("rho",),
    },
    told=Told.BY_FILE,
    snapshot="fetched",
)
SCHWAB = Layout(
    name="schwab_json",
    title="Schwab Trader API chain, JSON",
    columns={
        "contract_symbol": ("symbol",),
        "deliverable": ("deliverable",),
        "right": ("putCall",),
        "expiration": ("expirationDay",),
        "strike": ("strikePrice",),
        "bid": ("bid", "bidPrice"),
        "ask": ("ask", "askPrice"),
        "bid_size": ("bidSize",),
        "ask_size": ("askSize",),
        "last": ("last", "lastPrice"),
        "volume": ("totalVolume",),
        "open_interest": ("openInterest",),
        "implied_vol": ("volatility",),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "theta": ("theta",),
        "vega": ("vega",),
        "rho": ("rho",),
    },
    told=Told.BY_FILE,
    iv_in_percent=True,
    snapshot="fetched",
)


def read_json(source: Source, name: str, facts: Facts) -> tuple[Layout, Facts, Iterator[Batch]]:
    """Return the layout, what the document says of all its rows, and its rows."""
    layout, read = JSON_FORMATS[name]
    document = _document(source)
    if not isinstance(document, dict):
        raise InvalidInput(
            f"{source.name} is not {name}: its JSON is no object",
            advice="A file is one document as the server sent it; of a list of them, each needs a file of its own.",
            details={"path": source.name},
        )
    facts, entries = read(document, facts)
    if not entries:
        raise InvalidInput(
            f"{source.name} is a document without options; it begins with {json.dumps(document)[:STARTED]}",
            advice="The server knew no chain of that symbol, or refused: ask it again, and import what it answers.",
            details={"path": source.name},
        )
    if facts.at is None:
        raise InvalidInput(
            f"{source.name}: nothing in it tells when it was quoted",
            advice=f"A document of {name} tells it under {WHEN[name]}.",
            details={"path": source.name},
        )
    return layout, facts, _batches(entries, layout)


def _document(source: Source) -> Any:
    with opened(source) as stream:
        text = stream.read(JSON_BYTES_MAX + 1)
    if len(text) > JSON_BYTES_MAX:
        raise InvalidInput(f"{source.name} is larger than {JSON_BYTES_MAX:,} bytes", details={"path": source.name})
    try:
        return json.loads(text.decode(encoding_of(text[:4096])))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        if str(error).startswith("Extra data"):
            raise InvalidInput(
                f"{source.name} holds more than one JSON document: {str(error)[:200]}",
                advice="Part it, so that each file is one document as the server sent it.",
                details={"path": source.name},
            ) from error
        raise InvalidInput(
            f"{source.name} is no JSON, or was cut short: {str(error)[:200]}",
            advice="Fetch it again; nothing of a cut document is imported.",
            details={"path": source.name},
        ) from error


def read_cboe(document: Entry, facts: Facts) -> tuple[Facts, list[Any]]:
    """Take Cboe's answer: the underlying's last trade tells when, in the exchange's time.

    Without one the document's own time does, which is a quarter of an hour after its quotes.
    """
    inner = document.get("data")
    inner = inner if isinstance(inner, dict) else {}
    symbol = facts.symbol or plain_symbol(str(inner.get("symbol") or document.get("symbol") or ""))
    at, made_at = _moment(inner.get("last_trade_time")), _moment(document.get("timestamp"), utc=True)
    if at is None and made_at is not None:
        at = made_at - DELAY
    options = inner.get("options")
    told = replace(
        facts,
        symbol=symbol,
        is_of_one=facts.symbol is None and symbol is not None,
        at=at or facts.at,
        spot=_positive(inner.get("current_price")) or facts.spot,
    )
    return told, options if isinstance(options, list) else []


def read_schwab(document: Entry, facts: Facts) -> tuple[Facts, list[Any]]:
    """Take Schwab's answer: the newest quote of any contract or of the underlying tells when."""
    entries: list[Any] = []
    for side in ("callExpDateMap", "putExpDateMap"):
        for expiration, strikes in _objects(document.get(side)):
            for _, listed in _objects(strikes):
                entries += [_schwab_entry(one, expiration) for one in listed] if isinstance(listed, list) else [listed]
    underlying = document.get("underlying")
    underlying = underlying if isinstance(underlying, dict) else {}
    times = [one.get("quoteTimeInLong") for one in entries if isinstance(one, dict)]
    told_times = [time for time in [*times, underlying.get("quoteTime")] if _is_time(time)]
    newest = max(told_times, default=None)
    spot = _positive(document.get("underlyingPrice")) or _positive(underlying.get("last"))
    told = replace(
        facts,
        symbol=facts.symbol or plain_symbol(str(document.get("symbol") or "")),
        at=facts.at if newest is None else datetime.fromtimestamp(newest / 1000, UTC),
        spot=spot or facts.spot,
    )
    return told, entries


def _schwab_entry(entry: Any, expiration: str) -> Any:
    # The key of the map is a plain date and a count of days; the entry's own instant is the end of trading in UTC.
    if not isinstance(entry, dict):
        return entry
    is_odd = entry.get("nonStandard") is True or entry.get("mini") is True or entry.get("multiplier", 100) != 100
    told = {"expirationDay": expiration.partition(":")[0], "deliverable": "odd" if is_odd else REGULAR}
    return {**entry, **told}


def _objects(found: Any) -> list[tuple[str, Any]]:
    return list(found.items()) if isinstance(found, dict) else []


def _is_time(found: Any) -> TypeGuard[float]:
    return isinstance(found, int | float) and not isinstance(found, bool) and 1e11 < found < 1e13


def _positive(found: Any) -> float | None:
    try:
        number = float(found)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1e9 else None


def _moment(found: Any, *, utc: bool = False) -> datetime | None:
    if not isinstance(found, str):
        return None
    read = read_moment(re.sub(r"(?<=\d)T(?=\d)", " ", found), UTC if utc else EXCHANGE_ZONE)
    return read.astimezone(UTC) if isinstance(read, datetime) else None


class Entries:
    """The original entries of one batch, by number."""

    __slots__ = ("_entries", "_first")

    def __init__(self, entries: list[Any], first: int) -> None:
        self._entries, self._first = entries, first

    def __getitem__(self, number: int) -> str:
        return json.dumps(self._entries[number - self._first], ensure_ascii=False)


def _batches(entries: list[Any], layout: Layout) -> Iterator[Batch]:
    for start in range(0, len(entries), ROWS_AT_ONCE):
        some = entries[start : start + ROWS_AT_ONCE]
        torn = {start + at + 1: "bad_entry" for at, one in enumerate(some) if not isinstance(one, dict)}
        yield Batch(frame=_frame(some, layout, start + 1), count=len(some), lines=Entries(some, start + 1), torn=torn)


def _frame(entries: list[Any], layout: Layout, first: int) -> pl.DataFrame:
    import polars as pl

    known = {name for one in entries if isinstance(one, dict) for name in one}
    wanted = [name for name in dict.fromkeys(sorted(layout.headers())) if name in known]
    columns = {name: [_text(one.get(name)) if isinstance(one, dict) else None for one in entries] for name in wanted}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(wanted, pl.String))
    return frame.with_columns(pl.Series(LINE, range(first, first + len(entries)), dtype=pl.Int64))


def _text(found: Any) -> str | None:
    if found is None or isinstance(found, dict | list):
        return None
    return found if isinstance(found, str) else repr(found)


JSON_FORMATS: dict[str, tuple[Layout, Callable[[Entry, Facts], tuple[Facts, list[Any]]]]] = {
    "cboe_json": (CBOE, read_cboe),
    "schwab_json": (SCHWAB, read_schwab),
}
