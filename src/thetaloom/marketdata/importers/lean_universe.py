"""LEAN's universes: each contract of a day with its bar, open interest, volatility and greeks, but no quotes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.building import build
from thetaloom.marketdata.importers.dates import read_day
from thetaloom.marketdata.importers.importing import Recognized, Taken
from thetaloom.marketdata.importers.layouts import Facts, Layout, Told
from thetaloom.marketdata.importers.lean_names import LeanJob
from thetaloom.marketdata.importers.opening import Source, head_text, opened
from thetaloom.marketdata.importers.tables import BATCH_BYTES, Heading, find_heading, read_batches, split_line

if TYPE_CHECKING:
    import polars as pl

LAYOUT = Layout(
    name="lean",
    title="LEAN universe",
    needs=("expiry", "strike", "right", "open_interest"),
    columns={
        "expiration": ("expiry",),
        "strike": ("strike",),
        "right": ("right",),
        "last": ("close",),
        "volume": ("volume",),
        "open_interest": ("openinterest",),
        "implied_vol": ("impliedvolatility",),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "vega": ("vega",),
        "theta": ("theta",),
        "rho": ("rho",),
    },
    told=Told.BY_FILE,
)
# As LEAN wrote them at first: ``SPX Z3DLU7UBV6SU|SPX 31,SPX   260618C05400000``.
BY_SYMBOL = replace(
    LAYOUT,
    needs=("symbol_id", "symbol_value", "open_interest"),
    columns={**LAYOUT.columns, "contract_symbol": ("symbolvalue",), "expiration": (), "strike": (), "right": ()},
)
EDITIONS = (LAYOUT, BY_SYMBOL)


def recognize_universe(job: LeanJob, calendar: TradingCalendar, symbol: str | None) -> Recognized:
    """Return a universe as a source; its day is the file's name, its symbol the folder's."""
    source = Source(path=job.paths[0])
    text = head_text(source)
    editions = ((one, find_heading(text, one.signature)) for one in EDITIONS)
    layout, heading = next(((one, found) for one, found in editions if found is not None), (LAYOUT, None))
    if heading is None:
        raise InvalidInput(f"{source.name} has no header of a universe", details={"path": source.name})
    facts = _facts(source, heading, calendar, symbol)

    def batches() -> Generator[Taken, None, None]:
        with opened(source) as stream:
            for batch in read_batches(stream, heading, layout.headers(), size=BATCH_BYTES):
                # The first row is the underlying's own.
                rows = batch.frame.filter(~_is_underlying(layout))
                built = build(rows, layout, facts, batch.torn)
                doubts = {**built.doubts, "merged": batch.frame.height - rows.height}
                yield Taken(frame=built.frame, doubts=doubts, lines=batch.lines)

    return Recognized(
        name=job.name, format_name="lean", snapshot="close", grain=job.grain, is_listed=True, batches=batches
    )


def _is_underlying(layout: Layout) -> pl.Expr:
    import polars as pl

    if layout is BY_SYMBOL:
        return ~pl.col("symbolvalue").fill_null("").str.contains(r"\d{6}[CP]\d{8}$")
    return pl.all_horizontal(pl.col(name).fill_null("") == "" for name in ("expiry", "strike", "right"))


def _facts(source: Source, heading: Heading, calendar: TradingCalendar, symbol: str | None) -> Facts:
    on = read_day(source.path.stem)
    session = None
    if on is not None and calendar.first_on <= on <= calendar.last_on:
        session = calendar.session_on(on)
    if session is None:
        raise InvalidInput(
            f"{source.name}: the file's name tells no session",
            advice="A universe is named by its day, as in universes/goog/20151224.csv.",
            details={"path": source.name},
        )
    spot = None
    lines = head_text(source).split("\n")
    first = split_line(lines[heading.line], heading.separator) if len(lines) > heading.line else []
    is_underlying = bool(first) and (not first[0] or ("symbolid" in heading.names and "|" not in first[0]))
    if is_underlying and "close" in heading.names:
        at = heading.names.index("close")
        text = first[at] if at < len(first) else ""
        spot = float(text) if text.replace(".", "", 1).isdigit() and float(text) > 0 else None
    told = cells.plain_symbol(symbol or source.path.parent.name)
    return Facts(symbol=told, at=session.close_at, spot=spot, calendar=calendar)
