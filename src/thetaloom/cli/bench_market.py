"""How long it takes to read a market, measured."""

from thetaloom.cli.bench_figures import Figure, median_of

VIEW_CONTRACTS = 5000
VIEW_MILLISECONDS_MAX = 40.0
TURNS = 15


def market_view() -> list[Figure]:
    """Every number and word of a market from a chain of 5,000 contracts."""
    from datetime import UTC, date, datetime
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import numpy as np

    from thetaloom.domain.market.expirations import list_expirations
    from thetaloom.domain.market.reading import read_market
    from thetaloom.engine.desk import EngineSettings
    from thetaloom.engine.steps.compute_indicators import inputs_of
    from thetaloom.marketdata.calendar_table import load_calendar
    from thetaloom.marketdata.clocks import VirtualClock
    from thetaloom.marketdata.synthetic import SyntheticMarket

    now = datetime(2026, 3, 10, 15, tzinfo=UTC)
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        calendar = load_calendar(today=now.date(), cache_dir=Path(home))
    market = SyntheticMarket(1, date(2026, 1, 5), calendar, VirtualClock(now), symbols=("SPX", "SPY"))
    chain = market.chain("SPX", now)
    if chain is None:
        return []
    chain = chain.select(np.arange(len(chain)) < VIEW_CONTRACTS)
    given = inputs_of(market, calendar, EngineSettings(), chain, list_expirations(chain, calendar, now), now)
    known = read_market(given)
    note = f"{len(chain):,} contracts, {len(known.numbers) + len(known.words)} numbers and words, median of {TURNS}"
    took = median_of(lambda: read_market(given), TURNS)
    return [Figure(name="market view", figure=took, unit="ms", bar=VIEW_MILLISECONDS_MAX, note=note)]
