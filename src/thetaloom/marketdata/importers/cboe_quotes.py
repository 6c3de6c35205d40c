"""The CSV that Cboe offers for download on its page of delayed quotes: a title, a localized date, then the chain.

The call and the put of a strike stand in one row, so that most headers occur twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.cells import EXCHANGE_ZONE
from thetaloom.marketdata.importers.dates import read_moment
from thetaloom.marketdata.importers.layouts import Facts, Layout, Told

if TYPE_CHECKING:
    import polars as pl

DELAY = timedelta(minutes=15)
SETTLED = timedelta(minutes=15)  # index options and the large funds trade on for a quarter of an hour
MARKED_DATE = re.compile(r"[\s\"]*date\s*:", re.I)
LAST = re.compile(r"(?:last|derni\w+|letzte\w*|ultim[oa]|último|cours)\s*:?\s*\"?\$?([\d.,\u00a0\u202f ]*\d)", re.I)

OLD_LAST = re.compile(r"^[^,]*\([^)]*\)\s*,\s*(\d[\d.]*)\s*,")  # SPY (SPDR S&P 500 ETF TRUST),126.48,+0.16,
# 17 Dec 2600.00 (SPXW1715L2600-E): root, year, day, the month's letter and the side's in one, strike, exchange
OLD_LABEL = r"\(([A-Z]+\d?)(\d{2})(\d{2})([A-X])(\d+(?:\.\d+)?)(?:-\w)?\)"
CALL_MONTHS, PUT_MONTHS = "ABCDEFGHIJKL", "MNOPQRSTUVWX"
_SIDE_HEADERS = ("lastsale", "net", "bid", "ask", "volume", "iv", "delta", "gamma", "openinterest")
PLACES = ("expirationdate", "calls", *_SIDE_HEADERS, "strike", "puts", *_SIDE_HEADERS)


def read_header(names: Sequence[str]) -> Sequence[str] | None:
    """Return the page's headers by their places where some are of another language; nothing for another table's."""
    while names and not names[-1]:
        names = names[:-1]
    if len(names) != len(PLACES):
        return None
    is_of_the_page = all(name == ours or name not in PLACES for name, ours in zip(names, PLACES, strict=True))
    return PLACES if is_of_the_page else None


def read_labels(column: pl.Series) -> pl.DataFrame:
    """Return root, expiration, right and strike of the labels that contracts had until 2019; nothing for others."""
    import polars as pl

    label = pl.col("label").str.extract
    found = column.to_frame("label").select(
        label(OLD_LABEL, 1).alias("root"),
        pl.concat_str(label(OLD_LABEL, place) for place in (2, 3, 4)).alias("life"),
        label(OLD_LABEL, 5).cast(pl.Float64).alias("strike"),
    )
    expirations = cells.each_once(found["life"], _expiration, pl.Date)
    rights = cells.each_once(found["life"], lambda life: "C" if life[-1] in CALL_MONTHS else "P", pl.String)
    return found.select("root", "strike").with_columns(expirations.alias("expiration"), rights.alias("right"))


def _expiration(life: str) -> date | None:
    month = (CALL_MONTHS + PUT_MONTHS).index(life[-1]) % 12 + 1
    try:
        return date(2000 + int(life[:2]), month, int(life[2:4]))
    except ValueError:
        return None


def read_preamble(lines: Sequence[str], facts: Facts) -> Facts:
    """Take the spot from the title and the moment from the line of the date, in whatever language it is."""
    spot, at = facts.spot, facts.at
    for line in lines:
        found = LAST.search(line) or OLD_LAST.search(line)
        if found and spot is None:
            spot = _number(found[1])
        if at is None:
            at = _page_moment(line, facts.calendar)
    return replace(facts, spot=spot, at=at)


def _page_moment(line: str, calendar: TradingCalendar) -> datetime | None:
    text = line.strip(' "')
    text = re.split(
        r'"\s*[,;]|[,;]\s*"?(?:bid|geld|achat|offre|denaro|demande|oferta)\b', text, maxsplit=1, flags=re.I
    )[0]
    text = re.sub(r"^\s*(?:date|datum|data|fecha)\s*:", "", text, flags=re.I)
    found = read_moment(text.replace('"', " "), EXCHANGE_ZONE)
    if found is None and MARKED_DATE.match(line):
        # Saved again by a program that took the comma of the date for one between cells.
        parts = re.split(r"\b(?:bid|geld|denaro)\b", line, maxsplit=1, flags=re.I)[0]
        found = read_moment(re.sub(r"[\",;]+|\bdate:", " ", parts, flags=re.I), EXCHANGE_ZONE)
    if isinstance(found, datetime):
        return _quoted_at(found.astimezone(UTC), calendar)
    return None if found is None else _close(found, calendar)


def _quoted_at(page_at: datetime, calendar: TradingCalendar) -> datetime:
    """Return when the quotes of a page were taken: a quarter of an hour before, and never after the last session."""
    on = calendar.exchange_date(page_at)
    if not calendar.first_on <= on <= calendar.last_on:
        return page_at - DELAY
    session = calendar.session_on(on)
    while session is None or page_at - DELAY < session.open_at:
        on -= timedelta(days=1)
        if on < calendar.first_on:
            return page_at - DELAY
        session = calendar.session_on(on)
    return min(page_at - DELAY, session.close_at.astimezone(UTC) + SETTLED)


def _close(on: date, calendar: TradingCalendar) -> datetime | None:
    while calendar.first_on < on <= calendar.last_on:
        session = calendar.session_on(on)
        if session is not None:
            return session.close_at.astimezone(UTC)
        on -= timedelta(days=1)
    return None


def _number(text: str) -> float | None:
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})*,\d{1,4}", plain) and not re.fullmatch(r"\d{1,3}(?:,\d{3})+", plain):
        plain = plain.replace(".", "").replace(",", ".")
    plain = plain.replace(",", "")
    return float(plain) if re.fullmatch(r"\d+(?:\.\d+)?", plain) else None


def _both(*names: str) -> dict[str, tuple[str, ...]]:
    return {"C": names, "P": tuple(f"{name}#2" for name in names)}


_SIDES: dict[str, dict[str, tuple[str, ...]]] = {
    "bid": _both("bid"),
    "ask": _both("ask"),
    "last": _both("lastsale", "last"),
    "volume": _both("volume", "vol"),
    "implied_vol": _both("iv"),
    "delta": _both("delta"),
    "gamma": _both("gamma"),
    "open_interest": _both("openinterest", "openint"),
    "contract_symbol": {"C": ("calls",), "P": ("puts",)},
}

BY_NAME = Layout(
    name="cboe_csv",
    title="Cboe delayed quotes, downloaded CSV",
    needs=("Calls", "Puts", "Strike", "Bid", "Ask"),
    columns={"expiration": ("expirationdate", "expiration", "expirydate"), "strike": ("strike",)},
    sides={side: {ours: names[side] for ours, names in _SIDES.items()} for side in "CP"},
    told=Told.BY_FILE,
    snapshot="page",
    read_preamble=read_preamble,
    note="The quotes are a quarter of an hour older than the page says, and never later than the session's.",
)
BY_PLACE = replace(
    BY_NAME,
    title="Cboe delayed quotes, downloaded CSV with headers of another language",
    needs=("IV", "Delta", "Gamma"),
    read_header=read_header,
    note="The columns are told by their places, which are the same in every language.",
)
OLD = replace(
    BY_NAME,
    title="Cboe delayed quotes, downloaded until 2019",
    needs=("Calls", "Puts", "Bid", "Ask", "Vol", "Open Int"),
    columns={},
    read_contracts=read_labels,
    note="Expiration and strike stand in the contract's label.",
)
EDITIONS = (BY_PLACE, BY_NAME, OLD)
