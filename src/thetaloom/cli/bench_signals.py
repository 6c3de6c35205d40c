"""Webhooks under load: how soon each is answered, how soon it is a position, and whether any is lost or doubled."""

import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.domain.risk.limits import LIMITS
from thetaloom.domain.risk.limits_rows import Group
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.run.signals import SignalStage
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.domain.values.money import Price
from thetaloom.engine.commands import SaveSignalSource, SaveStrategy, SetLimit, TakeSignal
from thetaloom.engine.signals import SignalAnswer, start_due, take_signal
from thetaloom.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform

MEMORY = Path("/dev/shm")
SOURCE, SECRET, DEMO = "bench", "the-secret-of-the-bench", "goog-demo-put-credit-spread"
RATE, SECONDS, SENDERS = 100, 10, 8  # requests a second, for how long, over how many connections
HOMES, FILLS, BURST = 8, 5, 10_000  # one account holds so many positions; the first loads its day
START_SECONDS_MAX = 60.0
TRADABLE = datetime(2015, 12, 24, 15, 5, tzinfo=UTC)


def webhook_answers() -> list[Figure]:
    """Answers to signed webhooks at 100 a second, each of which starts a run with its lineage."""
    import numpy as np

    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        with _platform(home) as platform:
            _add_source(platform, SourceAuth.HMAC)
        took, statuses = _load(home)
    p50, p95, p99 = np.percentile(took, [50, 95, 99])
    wrong = sum(status != 202 for status in statuses)
    note = f"{len(took):,} requests over {SECONDS} s by the clock of their sender, each a run; p50 {p50:.1f} ms"
    return [
        Figure(name="webhook answer p95", figure=float(p95), unit="ms", bar=20, note=note),
        Figure(name="webhook answer p99", figure=float(p99), unit="ms", bar=50, note=note),
        Figure(name="webhooks not accepted", figure=wrong, unit="requests", bar=0, note=note),
    ]


def webhook_fills() -> list[Figure]:
    """From a webhook's body to the filled paper position, approved by rule."""
    import numpy as np

    took = [milliseconds for _ in range(HOMES) for milliseconds in _fills_of_a_home()]
    filled = [milliseconds for milliseconds in took if milliseconds is not None]
    note = f"{len(filled)} of {len(took)} positions opened on 2,192 contracts, on SQLite, with lineage"
    figure = float(np.percentile(filled, 99)) if len(filled) == len(took) else float("inf")
    return [Figure(name="webhook to paper position p99", figure=figure, unit="ms", bar=300, note=note)]


def signal_burst() -> list[Figure]:
    """A burst of 10,000 signals over four threads: none lost, none doubled."""
    from thetaloom.store.queries.paging import Window
    from thetaloom.store.queries.runs import list_runs
    from thetaloom.store.queries.signals import count_stages

    memory = MEMORY if MEMORY.is_dir() else None  # what is counted here does not depend on a disk
    with TemporaryDirectory(prefix="thetaloom-bench-", dir=memory) as home, _platform(home) as platform:
        _add_source(platform, SourceAuth.UNSIGNED)
        began = time.perf_counter()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(partial(_send, platform), range(BURST)))
        while start_due(platform.desk):
            pass
        seconds = time.perf_counter() - began
        stages = count_stages(platform.database, platform.user_id)
        written = list_runs(platform.database, platform.user_id, window=Window(limit=1)).total
    taken = {answer.signal_id for answer in answers}
    note = f"{len(taken):,} signals of {BURST:,} taken and started in {seconds:.0f} s, {BURST / seconds:,.0f} a second"
    return [
        Figure(
            name="signals lost in a burst",
            figure=BURST - stages.get(SignalStage.STARTED, 0),
            unit="signals",
            bar=0,
            note=note,
        ),
        Figure(name="signals started twice", figure=written - BURST, unit="signals", bar=0, note=note),
    ]


def _platform(home: str) -> Any:
    from thetaloom.bootstrap import open_demo
    from thetaloom.config import MarketSource, load_settings

    return open_demo(load_settings(home=home, market=MarketSource.RECORDED, paper_fill_at=Decimal(0)), start=TRADABLE)


def _add_source(platform: "Platform", auth: SourceAuth, strategy: StrategyId = StrategyId(DEMO)) -> None:
    from thetaloom.bootstrap import write_pulse

    source = SignalSource(
        name=SOURCE,
        user_id=platform.user_id,
        auth=auth,
        strategy_id=strategy,
        cooldown_seconds=0,
        saved_at=platform.clock.now(),
    )
    platform.engine.handle(SaveSignalSource(source=source))
    platform.source_secrets.put(SOURCE, SECRET)
    write_pulse(platform, alive=False)


def _fills_of_a_home() -> list[float | None]:
    from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule

    with TemporaryDirectory(prefix="thetaloom-bench-") as home, _platform(home) as platform:
        with platform.store.reading() as uow:
            demo = uow.strategies.latest(platform.user_id, StrategyId(DEMO))
        if demo is None:
            raise NotFound(f"{DEMO} does not ship")
        rule = ApprovalRule(mode=ApprovalMode.AUTOMATIC)
        # The first limit is one that the market gives at once: what is measured is the way, not the walk.
        order = replace(demo.strategy.order, start_offset=None, concession=Price("0.05"))
        automatic = replace(demo.strategy, id=StrategyId("bench"), open_runs_max=FILLS * 2, approval=rule, order=order)
        platform.engine.handle(SaveStrategy(user_id=platform.user_id, strategy=automatic))
        _make_room(platform)
        _add_source(platform, SourceAuth.UNSIGNED, StrategyId("bench"))
        platform.engine.start()
        return [_fill(platform, number) for number in range(FILLS)][1:]


def _make_room(platform: "Platform") -> None:
    # What is measured is how soon a position is there, not after how many of them a limit denies one more.
    for limit in LIMITS:
        if (
            limit.name.startswith("max_")
            and limit.default != "off"
            and limit.group in (Group.HOLDINGS, Group.BUDGET, Group.GREEKS, Group.RUNAWAY)
        ):
            most = limit.highest if limit.highest is not None else 1_000_000_000
            wish = SetLimit(user_id=platform.user_id, name=limit.name, limit=Decimal(most))
            with suppress(InvalidInput):
                platform.engine.handle(wish)


def _send(platform: "Platform", number: int) -> SignalAnswer:
    fields = {"symbol": f"B{number}", "action": "buy", "interval": "5m", "id": str(number)}
    wish = TakeSignal(user_id=platform.user_id, source=SOURCE, payload=json.dumps(fields), wall_at=platform.clock.now())
    return take_signal(platform.desk, wish)


def _fill(platform: "Platform", number: int) -> float | None:
    clock: Any = platform.clock
    clock.move_to(clock.now() + timedelta(minutes=1))
    platform.engine.settle()
    body = json.dumps({"symbol": "GOOG", "action": "buy", "id": str(number), "interval": "5m"})
    started: list[RunId | None] = []

    def follow() -> None:
        wish = TakeSignal(user_id=platform.user_id, source=SOURCE, payload=body, wall_at=platform.clock.now())
        answer = take_signal(platform.desk, wish)
        platform.engine.settle()
        with platform.store.reading() as uow:
            signal = None if answer.signal_id is None else uow.signals.get(answer.signal_id)
            started.append(None if signal is None else signal.run_id)

    clock.move_to(clock.now() + timedelta(minutes=5))  # what says the same within five minutes is a copy
    platform.engine.settle()
    milliseconds = timed(follow)
    with platform.store.reading() as uow:
        opened = None if started[0] is None else uow.positions.of_run(started[0])
    return milliseconds if opened is not None else None


def _load(home: str) -> tuple[list[float], list[int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "thetaloom", "up", "--port", str(port)]
    environment = {**os.environ, "THETALOOM_HOME": home, "THETALOOM_MARKET": "recorded"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _await(port, process)
            _post(HTTPConnection("127.0.0.1", port), "WARM", "warm")
            began = time.perf_counter() + 0.5
            with ThreadPoolExecutor(SENDERS) as pool:
                found = list(pool.map(partial(_sender, port, began), range(SENDERS)))
        finally:
            process.terminate()
    return [took for one in found for took, _ in one], [status for one in found for _, status in one]


def _sender(port: int, began: float, place: int) -> list[tuple[float, int]]:
    connection = HTTPConnection("127.0.0.1", port)
    found = []
    for number in range(place, RATE * SECONDS, SENDERS):
        due = began + number / RATE
        _pause(max(0.0, due - time.perf_counter()))
        status = _post(connection, f"B{number}", str(number))
        # From when it was to be sent: a slow answer must not hide the ones that wait behind it.
        found.append(((time.perf_counter() - due) * 1000, status))
    return found


def _post(connection: HTTPConnection, symbol: str, sender_id: str) -> int:
    body = json.dumps({"symbol": symbol, "action": "buy", "interval": "5m", "id": sender_id}).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, sha256).hexdigest()
    connection.request("POST", f"/webhook/{SOURCE}", body, {"X-Signature": signature})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    began = time.perf_counter()
    while time.perf_counter() - began < START_SECONDS_MAX and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (URLError, ConnectionError, TimeoutError):
            _pause(0.02)
    raise RuntimeError("`thetaloom up` did not come to answer /healthz")


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
