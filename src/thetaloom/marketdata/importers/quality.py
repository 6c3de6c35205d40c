"""What imported quotes are worth: counts over every row, and parity and verticals over chains spread evenly.

Doubtful rows stay in the recording; here they are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from thetaloom.domain.market.chain_quality import chain_quality
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.importers.layouts import PRICES
from thetaloom.marketdata.recorded.looking import INDEX_ROOTS
from thetaloom.marketdata.recorded.market import RecordedMarket

if TYPE_CHECKING:
    import polars as pl

CHAINS_MAX = 12  # of one file; a chain takes a few milliseconds
GAPS_SHOWN = 10
AGE_MAX = timedelta(minutes=15)
SUMMED = (
    "crossed",
    "locked",
    "zero_bid",
    "one_sided",
    "unquoted",
    "duplicates",
    "merged",
    "unreadable_cells",
    "missing_markers",
    "vols_of_other_unit",
    "chains",
    "chains_judged",
    "stale",
    "parity_pairs",
    "parity_pairs_inside",
    "vertical_pairs",
    "vertical_arbitrages",
    "gaps",
)


@dataclass(slots=True, kw_only=True)
class Quality:
    """Counts of one source, or of many together."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMMED, 0))
    gap_days: list[str] = field(default_factory=list)

    def add(self, counts: Mapping[str, int]) -> None:
        """Add some counts."""
        for name, count in counts.items():
            self.counts[name] += count

    def take(self, written: Mapping[str, object]) -> None:
        """Add what another one's ``as_dict`` told."""
        self.add({name: int(str(written[name])) for name in SUMMED if name in written})
        days = written.get("gap_days")
        self.gap_days += [str(day) for day in days] if isinstance(days, list) else []

    def as_dict(self) -> dict[str, object]:
        """Return the counts, and the share of parity pairs that lie inside of their widths."""
        pairs = self.counts["parity_pairs"]
        share = round(self.counts["parity_pairs_inside"] / pairs, 4) if pairs else None
        return {**self.counts, "parity_share": share, "gap_days": self.gap_days[:GAPS_SHOWN]}


def count_rows(frame: pl.DataFrame) -> dict[str, int]:
    """Count the doubtful quotes among rows of text as they came, before zeros become no quote."""
    import polars as pl

    bid, ask = (pl.col(name).fill_null(0) if name in frame.columns else pl.repeat(0.0, pl.len()) for name in PRICES)
    tests = {
        "crossed": (ask > 0) & (bid > ask),
        "locked": (ask > 0) & (bid == ask),
        "zero_bid": (pl.col("bid") == 0) & (ask > 0) if "bid" in frame.columns else pl.repeat(False, pl.len()),
        "one_sided": (bid > 0) != (ask > 0),
        "unquoted": (bid == 0) & (ask == 0),
    }
    return frame.select(test.sum().alias(name) for name, test in tests.items()).row(0, named=True)


def judge_chains(
    frame: pl.DataFrame, *, calendar: TradingCalendar, rates: RateCurve, snapshots: bool, chains_max: int
) -> dict[str, int]:
    """Judge some chains of a recording's rows, spread evenly over symbols and instants."""
    import polars as pl

    told = frame.select("underlying", "quote_time")
    begins = told.select(pl.any_horizontal(pl.all().ne_missing(pl.all().shift(1)))).to_series()
    moments = pl.concat([told.head(1), told.filter(begins)]).unique().sort("underlying", "quote_time").rows()
    step = max(1, -(-len(moments) // max(1, chains_max)))
    picked: list[tuple[str, datetime]] = moments[step - 1 :: step]
    counts = {"chains": len(moments), "chains_judged": len(picked)}
    for name in ("stale", "parity_pairs", "parity_pairs_inside", "vertical_pairs", "vertical_arbitrages"):
        counts[name] = 0
    for underlying in sorted({symbol for symbol, _ in picked}):
        times = [at for symbol, at in picked if symbol == underlying]
        wanted = pl.col("underlying") == underlying
        rows = frame.filter(wanted & pl.col("quote_time").is_in(times) if snapshots else wanted)
        market = RecordedMarket([rows], VirtualClock(times[-1]), snapshots=snapshots, roots=INDEX_ROOTS)
        for at in times:
            chain = market.chain(underlying, at)
            if chain is None:
                continue
            expirations = list_expirations(chain, calendar, at)
            found = chain_quality(chain, expirations, rates, age_max=AGE_MAX)
            for name in ("stale", "parity_pairs", "parity_pairs_inside", "vertical_pairs", "vertical_arbitrages"):
                counts[name] += getattr(found, name)
    return counts


def missing_sessions(days: Iterable[tuple[str, date]], calendar: TradingCalendar) -> list[str]:
    """Return the sessions between a symbol's first and last that have no row."""
    by_symbol: dict[str, set[date]] = {}
    for symbol, on in days:
        by_symbol.setdefault(symbol, set()).add(on)
    missing = []
    for symbol, known in sorted(by_symbol.items()):
        first, last = min(known), max(known)
        expected = [one.session_on for one in calendar.sessions if first <= one.session_on <= last]
        missing += [f"{symbol} {on}" for on in expected if on not in known]
    return missing
