"""Speed bars of what starts by itself: a whole market scanned, and a due time that becomes a run."""

import threading
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from itertools import chain
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from typing import Any

from thetaloom.bootstrap import build, engine_loop, prepare_home
from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.cli.bench_judgement import ranking_market
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.run.schedules import Schedule
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.schedule_commands import AddSchedule
from thetaloom.store.database import open_database
from thetaloom.store.queries.schedules import list_firings
from thetaloom.store.upgrading import upgrade

SYMBOLS_MANY = 200
WORKERS = 2
SCAN_SECONDS_MAX = 60
FIRINGS = 3
SPEED = 20.0  # a minute of the market in three seconds
WAIT_SECONDS = 20.0
START_SECONDS_MAX = 1


def market_scan() -> list[Figure]:
    """Two hundred symbols, all strategies, in two processes: every pair with its place or its reason."""
    context = get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context, initializer=_scan, initargs=(1,)) as pool:
        list(pool.map(_scan, [1] * WORKERS))  # each process loads its kernels before the clock runs
        pairs: list[bool] = []
        parts = [SYMBOLS_MANY // WORKERS] * WORKERS
        seconds = timed(lambda: pairs.extend(chain.from_iterable(pool.map(_scan, parts)))) / 1000
    note = f"{SYMBOLS_MANY} symbols, {len(pairs):,} pairs, {sum(pairs):,} eligible, {WORKERS} processes"
    return [Figure(name="market scanned", figure=seconds, unit="s", bar=SCAN_SECONDS_MAX, note=note)]


def due_times() -> list[Figure]:
    """From a cron expression's due time to the run that it starts, by the server's own thread."""
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        settings = load_settings(home=home, market=MarketSource.SYNTHETIC.value, speed=SPEED)
        prepare_home(settings)
        database = open_database(settings.database)
        upgrade(database)
        platform = build(settings, database, start=None, clock_kind="paced")
        loop = engine_loop(platform)
        loop.start()
        try:
            asked = AddSchedule(
                user_id=platform.user_id,
                strategy_id=StrategyId("put-credit-spread-30dte"),
                symbols=("NOSUCH",),
                cron="* * * * *",
                grace_seconds=600,
            )
            added: Any = loop.post(asked).result(timeout=WAIT_SECONDS)
            late = _late_seconds(platform, added)
        finally:
            loop.stop()
            platform.close()
    note = f"the slowest of {len(late)} firings, at {SPEED:.0f} times the market's pace"
    return [Figure(name="due to started", figure=max(late), unit="s", bar=START_SECONDS_MAX, note=note)]


def _late_seconds(platform: Any, schedule: Schedule) -> list[float]:
    never = threading.Event()
    for _ in range(int(WAIT_SECONDS * 2)):
        never.wait(0.5)
        fired = list_firings(platform.database, platform.user_id, schedule=schedule.id).rows
        if len(fired) >= FIRINGS:
            break
    return [one.late_seconds / SPEED for one in fired if one.run_ids]


def _scan(count: int) -> list[bool]:
    from thetaloom.engine.scan_judging import SymbolMarket, judge_symbol, read_symbol

    found: list[bool] = []
    with ranking_market() as platform:
        with platform.store.reading() as uow:
            strategies = [stored.strategy for stored in uow.strategies.all_latest(platform.user_id)]
        known = list(platform.market.symbols())
        clock: Any = platform.clock
        for turn in range(count):
            # The synthetic world has few symbols; later minutes give each of them other chains.
            clock.move_to(clock.now() + timedelta(minutes=1))
            symbol = known[turn % len(known)]
            read = read_symbol(platform.desk, platform.user_id, symbol, clock.now())
            if isinstance(read, SymbolMarket):
                found += [pair.is_eligible for pair in judge_symbol(strategies, read).pairs]
    return found
