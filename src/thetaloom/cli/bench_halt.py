"""The halt with a stopwatch: 500 working orders, the database locked by another, and the machine busy."""

import shutil
import sqlite3
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.domain.book.halts import StandingHalt
from thetaloom.domain.book.orders import Order
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.engine import commands
from thetaloom.engine.loop import EngineLoop
from thetaloom.ports.clock import Clock
from thetaloom.store.database import open_database
from thetaloom.store.halt_files import HaltFiles
from thetaloom.store.upgrading import upgrade
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench

MEMORY = Path("/dev/shm")
ORDERS = 500
NEW_RUNS = 6
SENT_BEFORE = 2
CASH = 100_000_000  # the halt is measured, not the limits on what is at risk
LOOKS = 2_000
TURNS_MAX = 3_000  # of 10 ms
STOP_SECONDS_MAX = 60.0
LOCKED_SECONDS = 0.5
HALT = StandingHalt(scope="all", reason="bench", by="bench", at="now")
WIDE = {
    "max_positions": "1000",
    "max_positions_per_symbol": "1000",
    "max_trades_per_day": "1000",
    "max_orders_per_second": "100000",
    "max_orders_per_minute": "100000",
    "max_orders_per_hour": "100000",
    "max_orders_per_session": "100000",
    "max_contracts_per_minute": "100000",
    "max_contracts_per_hour": "100000",
    "max_contracts_per_session": "100000",
    "max_contracts_per_symbol": "100000",
}


class TimedBroker(ScriptedBroker):
    """Remembers when each request came."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, cash=CASH)
        self.came: list[tuple[str, float]] = []

    def submit(self, order: Order) -> None:
        """Remember and take."""
        self.came.append(("submit", time.perf_counter()))
        super().submit(order)

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Remember and cancel."""
        self.came.append(("cancel", time.perf_counter()))
        super().cancel(client_order_id)

    def since(self, verb: str, begun: float) -> float:
        """Return the seconds from ``begun`` to the last request of a kind; 0 where none came after it."""
        return max((at - begun for known, at in list(self.came) if known == verb), default=0.0)

    def asked(self, verb: str) -> int:
        """Return how many requests of a kind came."""
        return sum(known == verb for known, _ in list(self.came))

    def busiest_second(self, verb: str) -> int:
        """Return the most requests of a kind that came within one second."""
        times = [at for known, at in self.came if known == verb]
        return max((bisect_right(times, at + 1.0) - place for place, at in enumerate(times)), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """What a halt took."""

    last_order_ms: float
    cancels_seconds: float
    busiest: int  # cancels within one second


def halts() -> list[Figure]:
    """From the flag to the last order sent, with 500 working orders, and until all cancels are asked for."""
    with _folder() as folder:
        with _desk(folder, "quiet") as (bench, flags, _):
            look = timed(lambda: [flags.raised() for _ in range(LOOKS)]) / LOOKS * 1000
            quiet = _halt(bench, flags, lambda: None)
        with _desk(folder, "locked") as (bench, flags, path):
            locked = _halt(bench, flags, lambda: _hold(path))
        with _desk(folder, "busy") as (bench, flags, _), _busy():
            busy = _halt(bench, flags, lambda: None)
    rate = bench.broker.capabilities.orders_per_second
    note = f"{ORDERS} working orders, while new runs send theirs"
    return [
        Figure(name="halt to last order sent", figure=quiet.last_order_ms, unit="ms", bar=100, note=note),
        Figure(
            name="halt to last cancel",
            figure=quiet.cancels_seconds,
            unit="s",
            bar=10,
            note=f"{ORDERS} orders and more; in the busiest second {quiet.busiest}, {rate} allowed",
        ),
        Figure(
            name="halt, database locked",
            figure=locked.last_order_ms,
            unit="ms",
            bar=100,
            note=f"by another connection for {LOCKED_SECONDS} s; last cancel after {locked.cancels_seconds:.1f} s",
        ),
        Figure(
            name="halt, machine busy",
            figure=busy.last_order_ms,
            unit="ms",
            bar=100,
            note=f"a thread that computes; last cancel after {busy.cancels_seconds:.1f} s",
        ),
        Figure(name="look at the halt flags", figure=look, unit="µs", bar=200, note="right before each send"),
    ]


def _halt(bench: DeskBench, flags: HaltFiles, before: Callable[[], None]) -> Halted:
    broker = bench.made
    if not isinstance(broker, TimedBroker):
        raise TypeError("the bench's own broker was expected")
    for _ in range(NEW_RUNS):
        bench.engine.handle(commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY, forced=True))
    broker.came.clear()
    loop = EngineLoop(bench.engine, seconds_until=lambda at: 1.0, each_turn=lambda: None)
    loop.start()
    _wait(loop, lambda: broker.asked("submit") >= SENT_BEFORE)
    before()
    begun = time.perf_counter()
    flags.hoist(HALT)
    # What was asked of the broker, not our books: to read those over and over would be most of what is measured.
    _wait(loop, lambda: broker.asked("cancel") >= ORDERS + broker.asked("submit"))
    loop.stop(STOP_SECONDS_MAX)
    return Halted(
        last_order_ms=max(0.0, broker.since("submit", begun)) * 1000,
        cancels_seconds=broker.since("cancel", begun),
        busiest=broker.busiest_second("cancel"),
    )


def _wait(loop: EngineLoop, is_over: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(TURNS_MAX):
        if is_over():
            return
        if loop.failure is not None:
            raise RuntimeError("the engine stopped") from loop.failure
        pause.wait(0.01)
    raise TimeoutError("the engine did not come to an end")


def _hold(path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(LOCKED_SECONDS, holder.close)
    timer.start()


@contextmanager
def _busy() -> Iterator[None]:
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(number * number for number in range(10_000))

    thread = threading.Thread(target=compute, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _folder() -> Iterator[Path]:
    memory = MEMORY if MEMORY.is_dir() else None  # what is measured is the halt, not the disk
    with TemporaryDirectory(prefix="thetaloom-bench-", dir=memory) as home:
        empty = open_database(Path(home, "empty.db"))
        upgrade(empty)
        empty.close()
        yield Path(home)


@contextmanager
def _desk(folder: Path, name: str) -> Iterator[tuple[DeskBench, HaltFiles, Path]]:
    path = Path(shutil.copy(folder / "empty.db", folder / f"{name}.db"))
    database = open_database(path)
    flags = HaltFiles(folder / f"{name}-halt")
    flags.prepare()
    bench = DeskBench(database, make_broker=lambda clock, market: TimedBroker(clock))
    try:
        for limit, number in WIDE.items():
            bench.engine.handle(commands.SetLimit(user_id=ANNA, name=limit, limit=number))
        bench.restart(halts=flags)
        _fill_books(bench, ORDERS)
        yield bench, flags, path
    finally:
        database.close()


def _fill_books(bench: DeskBench, count: int) -> None:
    first = bench.start_run()
    order, run = bench.order(first), bench.run(first)
    with bench.store.unit_of_work() as uow:
        for number in range(1, count):
            run_id, order_id = RunId(f"run-{number:016d}"), ClientOrderId(f"tl-{number:016d}")
            copy = replace(order, client_order_id=order_id, run_id=run_id)
            bench.broker.submit(copy)
            known = bench.broker.find(order_id)
            uow.runs.add(replace(run, id=run_id, version=1, seq=0, due_at=None))
            uow.orders.add(replace(copy, broker_order_id=None if known is None else known.broker_order_id))
        # Both books agree already: each answer heard would be a transaction and a record more.
        uow.accounts.set_report_cursor(bench.broker.account_id, bench.broker.reports_since(0)[-1].sequence)
        uow.commit()
    bench.engine.settle()
