"""Speed bars of what starts by itself: a whole market scanned, and a due time that becomes a run."""

import threading
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from thetaloom.bootstrap import Platform, build, engine_loop, prepare_home
from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.cli.bench_judgement import ranking_market
from thetaloom.config import MarketSource, load_settings
from thetaloom.dispatch.aside import AsideProcess
from thetaloom.domain.run.scans import Scan, ScanStatus
from thetaloom.domain.run.schedules import Schedule
from thetaloom.domain.values.ids import StrategyId, make_scan_id
from thetaloom.engine.engine import Engine
from thetaloom.engine.schedule_commands import AddSchedule
from thetaloom.store.database import open_database
from thetaloom.store.queries.scans import scan_of
from thetaloom.store.queries.schedules import list_firings
from thetaloom.store.upgrading import upgrade

SYMBOLS_MANY = 200
SCAN_SECONDS_MAX = 60
TURN_MS_MAX = 20
POLL_SECONDS = 0.002
FIRINGS = 3
SPEED = 20.0  # a minute of the market in three seconds
WAIT_SECONDS = 20.0
START_SECONDS_MAX = 1


def market_scan() -> list[Figure]:
    """Two hundred symbols, all strategies, as a server scans them: judged beside it, while its own turns stay short."""
    with ranking_market() as platform:
        aside = AsideProcess()
        engine = Engine(replace(platform.desk, aside=aside))
        scan = _asked(platform)
        turns: list[float] = []
        try:
            engine.start()
            engine.turn()  # whatever a first turn does once
            seconds = timed(lambda: turns.extend(_turns_of_scan(platform, engine, scan))) / 1000
        finally:
            aside.close()
        done = scan_of(platform.database, platform.user_id, scan.id)
    p50, p99 = np.percentile(turns, [50, 99])
    note = f"{len(done.symbols)} symbols, {done.pairs:,} pairs, {done.eligible:,} eligible; a process beside the engine"
    wait = f"how long a quote waits at most for a turn of the engine; p50 {p50:.1f} ms, worst {max(turns):.1f} ms"
    return [
        Figure(name="market scanned", figure=seconds, unit="s", bar=SCAN_SECONDS_MAX, note=note),
        Figure(name="turn while a market is scanned, p99", figure=float(p99), unit="ms", bar=TURN_MS_MAX, note=wait),
    ]


def _asked(platform: Platform) -> Scan:
    known = list(platform.market.symbols())
    with platform.store.unit_of_work() as uow:
        scan = Scan(
            id=make_scan_id(platform.store.installation_id(), uow.scans.next_number()),
            user_id=platform.user_id,
            status=ScanStatus.RUNNING,
            # The synthetic world has few symbols, so that each comes often; nothing of one is kept for the next.
            symbols=tuple(known[number % len(known)] for number in range(SYMBOLS_MANY)),
            strategy_ids=(),
            asked_at=platform.clock.now(),
        )
        uow.scans.add(scan)
        uow.commit()
    return scan


def _turns_of_scan(platform: Platform, engine: Engine, scan: Scan) -> list[float]:
    never, took = threading.Event(), []
    while True:
        has_done: list[bool] = []
        took.append(timed(partial(_turn, engine, has_done)))
        if not has_done[0]:
            if scan_of(platform.database, platform.user_id, scan.id).status is ScanStatus.DONE:
                return took
            never.wait(POLL_SECONDS)


def _turn(engine: Engine, has_done: list[bool]) -> None:
    has_done.append(engine.turn())


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
