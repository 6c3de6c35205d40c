"""Speed bars of the judgement: every strategy of the catalogue on one market, and on many."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import chain
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from typing import Any

from thetaloom.bootstrap import Platform, open_demo
from thetaloom.cli.bench_figures import Figure, median_of, timed
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.strategy.strategies import Strategy

SYMBOLS_MANY = 50
WORKERS = 2
TURNS = 9
SINCE_OPEN = timedelta(minutes=35)


def rankings() -> list[Figure]:
    """All strategies on one symbol: scored, selected, evaluated and checked."""
    from thetaloom.domain.strategy.ranking import rank_strategies
    from thetaloom.engine.ranking import read_state

    with ranking_market() as platform:
        strategies = _strategies(platform)
        state = read_state(platform.desk, platform.user_id, "SPY", platform.clock.now())
        reading = median_of(lambda: read_state(platform.desk, platform.user_id, "SPY", platform.clock.now()), TURNS)
    milliseconds = median_of(partial(rank_strategies, strategies, state), TURNS)
    note = f"{len(strategies)} strategies, {len(state.chain):,} contracts, median of {TURNS}; reading {reading:.0f} ms"
    return [Figure(name="all strategies on one symbol", figure=milliseconds, unit="ms", bar=300, note=note)]


def many_rankings() -> list[Figure]:
    """All strategies on fifty symbols, in two processes, chains and readings included."""
    context = get_context("spawn")
    # Each process compiles or loads its kernels before the clock runs.
    with ProcessPoolExecutor(WORKERS, mp_context=context, initializer=_rank_symbols, initargs=(1,)) as pool:
        list(pool.map(_rank_symbols, [1] * WORKERS))
        contracts: list[int] = []
        parts = [SYMBOLS_MANY // WORKERS] * WORKERS
        seconds = timed(lambda: contracts.extend(chain.from_iterable(pool.map(_rank_symbols, parts)))) / 1000
    note = f"{len(contracts)} symbols of {min(contracts):,} to {max(contracts):,} contracts, {WORKERS} processes"
    return [Figure(name="all strategies on fifty symbols", figure=seconds, unit="s", bar=15, note=note)]


def _rank_symbols(count: int) -> list[int]:
    from thetaloom.domain.strategy.ranking import rank_strategies
    from thetaloom.engine.ranking import read_state

    contracts = []
    with ranking_market() as platform:
        strategies = _strategies(platform)
        # The synthetic world has few symbols; later minutes give each of them other chains.
        known = list(platform.market.symbols())
        clock: Any = platform.clock
        for turn in range(count):
            clock.move_to(clock.now() + timedelta(minutes=1))
            symbol = known[turn % len(known)]
            state = read_state(platform.desk, platform.user_id, symbol, clock.now())
            rank_strategies(strategies, state)
            contracts.append(len(state.chain))
    return contracts


def _strategies(platform: Platform) -> list[Strategy]:
    with platform.store.reading() as uow:
        return [stored.strategy for stored in uow.strategies.all_latest(platform.user_id)]


@contextmanager
def ranking_market() -> Iterator[Platform]:
    """Give a platform on the synthetic market, half an hour into its session."""
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        settings = load_settings(database_url=f"sqlite:///{home}/thetaloom.db", market=MarketSource.SYNTHETIC.value)
        with open_demo(settings) as platform:
            clock: Any = platform.clock
            clock.move_to(clock.now() + SINCE_OPEN)
            yield platform
