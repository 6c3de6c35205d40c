"""The formats that can be imported, by name, and which of them a file looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers import (
    cboe_quotes,
    datashop,
    delta_neutral,
    deribit,
    dolthub,
    historical_l3,
    optionsdx,
    yfinance,
)
from thetaloom.marketdata.importers.layouts import Layout, plain_header
from thetaloom.marketdata.importers.tables import HEADER_LINES_MAX, SEPARATORS, Heading, find_heading

# Each format's editions; the first whose header stands in a file is the one it is read by.
EDITIONS: dict[str, tuple[Layout, ...]] = {
    editions[0].name: editions
    for editions in (
        cboe_quotes.EDITIONS,
        (datashop.LAYOUT,),
        optionsdx.EDITIONS,
        (yfinance.LAYOUT,),
        (delta_neutral.LAYOUT,),
        historical_l3.EDITIONS,
        (dolthub.LAYOUT,),
        deribit.EDITIONS,
    )
}
AUTO = "auto"
LEAN, CBOE_JSON, SCHWAB_JSON = "lean", "cboe_json", "schwab_json"
ALIASES = {
    "cboe": "cboe_csv",
    "quotedata": "cboe_csv",
    "cboe_quotedata": "cboe_csv",
    "cboe_quotedata_csv": "cboe_csv",
    "cboe_datashop": "datashop",
    "delta_neutral": "deltaneutral",
    "deltaneutral_csv": "deltaneutral",
    "historicaloptiondata": "l3",
    "historicaloptiondata_l3": "l3",
    "historicaloptiondata_l3_csv": "l3",
    "yfinance_csv": "yfinance",
    "deribit_csv": "deribit",
    "schwab": SCHWAB_JSON,
    "schwab_chain_json": SCHWAB_JSON,
    "cboe_delayed_json": CBOE_JSON,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatNote:
    """One format as it is listed to people."""

    name: str
    title: str
    note: str
    needs: tuple[str, ...] = ()  # the columns, as its files spell them; without them it is another format


OTHERS = (
    FormatNote(name=CBOE_JSON, title="Cboe delayed quotes, JSON", note="The answer of the free delayed chain."),
    FormatNote(
        name=SCHWAB_JSON, title="Schwab Trader API chain, JSON", note="The answer of GET /marketdata/v1/chains."
    ),
    FormatNote(
        name=LEAN,
        title="LEAN data folder or zip",
        note="Options, index options, equities and indices by minute, hour and day; universes, factor and map files, "
        "interest rates. Quotes, trades, open interest and the underlying of one symbol and day are put together.",
    ),
)


def list_formats() -> list[FormatNote]:
    """Return every format, and each of its editions, in the order of names."""
    texts = [
        FormatNote(name=one.name, title=one.title, note=one.note, needs=one.needs)
        for editions in EDITIONS.values()
        for one in editions
    ]
    return sorted([*texts, *OTHERS], key=lambda one: one.name)


def format_named(name: str) -> str:
    """Return the name of a format, however it is spelled; an unknown one raises ``InvalidInput``."""
    plain = name.strip().lower().replace("-", "_")
    plain = ALIASES.get(plain, plain)
    known = [AUTO, *dict.fromkeys(one.name for one in list_formats())]
    if plain not in known:
        raise InvalidInput(
            f'format "{name}" is not known',
            advice=f"Known are {', '.join(known)}.",
            details={"field": "format", "known": known},
        )
    return plain


def find_edition(text: str, name: str) -> tuple[Layout, Heading] | None:
    """Return the edition of a format whose header stands at the top of a text, and where it stands."""
    for layout in EDITIONS[name]:
        heading = find_heading(text, layout.signature, layout.read_header)
        if heading is not None:
            return layout, heading
    return None


def looks_like(text: str) -> tuple[str, ...]:
    """Return the names of the formats that the beginning of a file shows: mostly one, none where none fits."""
    if is_json(text):
        if "callExpDateMap" in text or "putExpDateMap" in text:
            return (SCHWAB_JSON,)
        return (CBOE_JSON,) if '"option"' in text and '"bid"' in text else ()
    return tuple(name for name in EDITIONS if find_edition(text, name) is not None)


def is_json(text: str) -> bool:
    """Say whether a text begins as a JSON document does."""
    return re.match(r"[\ufeff\s]*(\{|\[\s*\{)", text) is not None


def nearest(text: str) -> dict[str, tuple[str, ...]]:
    """Return the formats of which some line at the top lacks the fewest columns, and those; none that lack half."""
    missing = {name: _fewest_missing(text, name) for name in EDITIONS}
    near = {name: lacks for name, (layout, lacks) in missing.items() if len(lacks) * 2 < len(layout.needs)}
    fewest = min(map(len, near.values()), default=0)
    return {name: lacks for name, lacks in near.items() if len(lacks) == fewest}


def oddly_parted(text: str) -> tuple[str, ...]:
    """Return the formats whose columns one line at the top names, all of them and yet not as cells."""
    lines = text.splitlines()[:HEADER_LINES_MAX]
    whole = [plain_header(line) for line in lines if not any(separator in line for separator in SEPARATORS)]
    return tuple(
        name
        for name in EDITIONS
        if any(all(map(line.__contains__, one.signature)) for one in _told_by_names(name) for line in whole)
    )


def missing_columns(text: str, name: str) -> tuple[str, ...]:
    """Return what the line at the top lacks that has the most of the columns which a format needs."""
    return _fewest_missing(text, name)[1]


def _told_by_names(name: str) -> list[Layout]:
    return [one for one in EDITIONS[name] if one.read_header is None]


def _fewest_missing(text: str, name: str) -> tuple[Layout, tuple[str, ...]]:
    lacking = [(layout, _missing(text, layout)) for layout in _told_by_names(name)]
    return min(lacking, key=lambda one: len(one[1]))


def _missing(text: str, layout: Layout) -> tuple[str, ...]:
    best: frozenset[str] = frozenset()
    for name in layout.signature:
        heading = find_heading(text, {name})
        if heading is not None:
            best = max(best, layout.signature & set(heading.names), key=len)
    return tuple(name for name in layout.needs if plain_header(name) not in best)
