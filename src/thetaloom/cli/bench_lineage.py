"""Speed bar of the search in lineage: ninety days of runs and of scanned pairs, asked about one symbol and moment."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.store.database import Database
from thetaloom.store.queries.sights import sights_of
from thetaloom.testing.lineage_bench import (
    DAYS,
    FIRST,
    RUNS_A_DAY,
    SCANS_A_DAY,
    STRATEGIES,
    SYMBOLS,
    USER,
    filled_database,
)

SEARCHES = 200
SEARCH_MS_MAX = 100


def lineage_search() -> list[Figure]:
    """Why not this symbol at that time: asked of ninety days of runs and scanned pairs."""
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        database = filled_database(Path(home))
        try:
            took, found = _searches(database)
        finally:
            database.close()
    pairs = DAYS * SCANS_A_DAY * len(SYMBOLS) * len(STRATEGIES)
    note = f"{DAYS} days, {DAYS * RUNS_A_DAY:,} runs, {pairs:,} pairs; {SEARCHES} searches, {found:,} looks found"
    slowest = sorted(took)[SEARCHES * 99 // 100]
    return [Figure(name="search in lineage, p99", figure=slowest, unit="ms", bar=SEARCH_MS_MAX, note=note)]


def _searches(database: Database) -> tuple[list[float], int]:
    took, found = [], 0
    for number in range(SEARCHES):
        # Every fourth moment is one at which nothing looked: the nearest looks are sought instead.
        moment = FIRST + timedelta(days=number * 7 % DAYS, hours=number % 4 * 2)
        symbol = SYMBOLS[number * 13 % len(SYMBOLS)] if number % 10 else "NEVER"
        counts: list[int] = []

        def search(symbol: str = symbol, moment: datetime = moment, counts: list[int] = counts) -> None:
            counts.append(len(sights_of(database, USER, symbol, moment, within=timedelta(minutes=30)).sights))

        took.append(timed(search))
        found += counts[0]
    return took, found
