"""How long it takes to read a market, measured."""

from tempfile import TemporaryDirectory
from typing import Any

from thetaloom.bootstrap import open_demo
from thetaloom.cli.bench_figures import Figure, median_of
from thetaloom.config import MarketSource, load_settings

VIEW_CONTRACTS = 5000
VIEW_MILLISECONDS_MAX = 40.0
TURNS = 15


def market_view() -> list[Figure]:
    """Every number and word of a market from a chain of 5,000 contracts."""
    import numpy as np

    from thetaloom.domain.market.expirations import list_expirations
    from thetaloom.domain.market.reading import read_market
    from thetaloom.engine.steps.compute_indicators import inputs_of

    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        settings = load_settings(home=home, market=MarketSource.SYNTHETIC, database_url=f"sqlite:///{home}/bench.db")
        with open_demo(settings) as platform:
            desk, clock = platform.desk, platform.clock
            moving: Any = clock
            moving.move_to(platform.replayed.next_change(clock.now()))
            whole = platform.market.chain("SPX", clock.now())
            if whole is None:
                return []
            chain = whole.select(np.arange(len(whole)) < VIEW_CONTRACTS)
            expirations = list_expirations(chain, desk.calendar, clock.now())
            given = inputs_of(platform.market, desk.calendar, desk.settings, chain, expirations, clock.now())
    known = read_market(given)
    note = f"{len(chain):,} contracts, {len(known.numbers) + len(known.words)} numbers and words, median of {TURNS}"
    took = median_of(lambda: read_market(given), TURNS)
    return [Figure(name="market view", figure=took, unit="ms", bar=VIEW_MILLISECONDS_MAX, note=note)]
