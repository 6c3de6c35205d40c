"""Of ``thetaloom bench``: the live wire and the pages, measured with many sockets and in a real browser."""

import asyncio
import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from thetaloom.cli.bench_figures import Figure, pause
from thetaloom.cli.bench_live_server import NAMES, SYMBOLS, UPDATES_A_SECOND
from thetaloom.cli.bench_server import await_health, cpu_seconds, free_port, resident_megabytes
from thetaloom.cli.bench_signing import Signed, sign_in_at

SOCKETS = 200
SECONDS = 8.0
WATCHED = 5  # sockets of which every quote is looked at
PAINTS = 9
PAINT_TRIES = 100
SETTLE_SECONDS = 3.0
RUNS = 100
STATIC = Path(__file__).parent.parent / "web" / "static"
CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
OBSERVE = """symbol => {
  const element = document.createElement("span");
  element.dataset.quote = symbol; element.dataset.field = "last";
  document.querySelector("main").append(element);
  window.taken = [];
  new MutationObserver(() => requestAnimationFrame(() => {
    window.taken.push(performance.timeOrigin + performance.now() - Number(element.dataset.at));
  })).observe(element, {childList: true});
  document.body.dispatchEvent(new CustomEvent("htmx:afterSettle", {bubbles: true}));
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def live_fanout() -> list[Figure]:
    """200 sockets, 1,000 quote changes a second, ten frames a second each."""
    with _quote_server() as (port, pid, signed):
        return asyncio.run(_listen_all(port, pid, signed))


def tick_to_pixel() -> list[Figure]:
    """From the tick that takes a quote to its text in a browser's frame, at 1,000 changes a second."""
    name, note = "tick to pixel p95", f"{UPDATES_A_SECOND:,} changes a second over {SYMBOLS} symbols, all followed"
    if _chromium() is None:
        return [_missing(name)]
    with _quote_server() as (port, _, signed), _browser() as browser:
        context = browser.new_context()
        context.add_cookies(signed.cookies(port))
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        for symbol in NAMES:
            page.evaluate(OBSERVE, symbol)
        page.wait_for_timeout(SETTLE_SECONDS * 1000)
        page.evaluate("window.taken.length = 0")
        page.wait_for_timeout(SECONDS * 1000)
        taken = page.evaluate("window.taken")
    p95 = float(np.percentile(taken, 95))
    return [Figure(name=name, figure=p95, unit="ms", bar=100, note=f"{note}; {len(taken):,} changes drawn")]


def first_paint() -> list[Figure]:
    """First contentful paint of the pages, on loopback."""
    if _chromium() is None:
        return [_missing("first paint")]
    found = []
    with _home_server() as (port, _, home), _browser() as browser:
        signed = sign_in_at(home)
        for path in ("/", "/positions", "/trading/"):
            taken = [_painted(browser, signed, port, path) for _ in range(PAINTS)]
            known = [paint for paint in taken if paint is not None]
            if known:
                note = f"median of {len(known)}, nothing cached; worst {max(known):.0f}"
                figure = float(np.median(known))
                found.append(Figure(name=f"first paint {path}", figure=figure, unit="ms", bar=500, note=note))
    return found


def javascript_size() -> list[Figure]:
    """All JavaScript together, as it is sent."""
    files = sorted([*STATIC.rglob("*.js"), *STATIC.rglob("*.mjs")])
    kilobytes = sum(len(gzip.compress(path.read_bytes(), 6)) for path in files) / 1000
    note = f"{len(files)} files, vendored ones among them, each packed by gzip"
    return [Figure(name="JavaScript, gzipped", figure=kilobytes, unit="kB", bar=150, note=note)]


def open_runs_memory() -> list[Figure]:
    """Memory of ``up`` with 100 open runs."""
    with _home_server(runs=RUNS) as (port, pid, home):
        pause(3.0)
        from urllib.request import Request, urlopen

        signed = sign_in_at(home)
        for path in ("/", "/runs", "/positions"):
            with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers=signed.headers), timeout=30) as answer:
                answer.read()
        megabytes, still_open = resident_megabytes(pid), _count_open(home)
    note = f"of {RUNS} runs started, {still_open} still open; resident, after three pages"
    return [Figure(name="memory with 100 open runs", figure=megabytes, unit="MB", bar=300, note=note)]


async def _listen_all(port: int, pid: int, signed: Signed) -> list[Figure]:
    from websockets.asyncio.client import connect

    ears = [_Ear(is_watched=number < WATCHED) for number in range(SOCKETS)]
    async with asyncio.TaskGroup() as together:
        address, headers = f"ws://127.0.0.1:{port}/ws", signed.headers
        sockets = [await connect(address, compression=None, additional_headers=headers) for _ in ears]
        for ear, socket in zip(ears, sockets, strict=True):
            await socket.send(json.dumps({"type": "subscribe_quotes", "symbols": list(NAMES), "batch": True}))
            together.create_task(ear.listen(socket))
        await asyncio.sleep(2.0)
        for ear in ears:
            ear.start()
        before, began = cpu_seconds(pid), time.perf_counter()
        await asyncio.sleep(SECONDS)
        took = time.perf_counter() - began
        cpu = (cpu_seconds(pid) - before) / took * 100
        for ear in ears:
            ear.is_over = True
        for socket in sockets:
            await socket.close()
    delays = np.array([delay for ear in ears for delay in ear.delays])
    p50, p99 = np.percentile(delays, [50, 99])
    counts = [ear.quotes for ear in ears]
    gaps = sum(ear.gaps for ear in ears)
    rate = sum(counts) / took / SOCKETS
    note = f"{SOCKETS} sockets, {rate:,.0f} quotes a second each, {len(delays) / took:,.0f} frames a second in all"
    return [
        Figure(name="live fan-out, quotes lost", figure=float(gaps), unit="", bar=0, note=note),
        Figure(name="live fan-out p50", figure=float(p50), unit="ms", bar=50, note="from the tick to the client"),
        Figure(name="live fan-out p99", figure=float(p99), unit="ms", bar=50, note="from the tick to the client"),
        Figure(
            name="live fan-out, server", figure=cpu, unit="% of a core", bar=15, note="the source's thread included"
        ),
    ]


class _Ear:
    """One client: how late each frame came, and, where it is watched, whether any change is missing."""

    def __init__(self, *, is_watched: bool) -> None:
        self.is_over = False
        self.delays: list[float] = []
        self.quotes = self.gaps = 0
        self._is_watched = is_watched
        self._is_counting = False
        self._last: dict[str, int] = {}

    def start(self) -> None:
        self._is_counting = True

    async def listen(self, socket: Any) -> None:
        async for text in socket:
            now = time.time_ns() / 1e6
            if self.is_over or not text.startswith('{"type":"quote_batch"'):
                continue
            if self._is_watched:
                self._look(json.loads(text)["quotes"])
            if self._is_counting:
                # The newest quote is the tick's own time; all but a few of a frame carry the same.
                self.delays.append(now - int(text[text.rindex('"timestamp":') + 12 : text.rindex("}]}")]))
                self.quotes += text.count('"symbol"')

    def _look(self, quotes: list[dict[str, Any]]) -> None:
        for quote in quotes:
            count, known = int(quote["last"]), self._last.get(quote["symbol"])
            if known is not None and count > known + 1:
                self.gaps += count - known - 1
            self._last[quote["symbol"]] = count


@contextmanager
def _quote_server() -> Iterator[tuple[int, int, Signed]]:
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        port = free_port()
        command = [sys.executable, "-m", "thetaloom.cli.bench_live_server", str(port), home]
        with _running(command, port, dict(os.environ)) as pid:
            yield port, pid, sign_in_at(home)


@contextmanager
def _home_server(runs: int = 0) -> Iterator[tuple[int, int, str]]:
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        if runs:
            _open_runs(home, runs)
        port = free_port()
        command = [sys.executable, "-m", "thetaloom", "up", "--port", str(port)]
        with _running(command, port, {**os.environ, "THETALOOM_HOME": home}) as pid:
            yield port, pid, home


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_health(port, process, time.perf_counter())
            yield process.pid
        finally:
            process.terminate()


def _open_runs(home: str, count: int) -> None:
    from thetaloom.bootstrap import open_platform
    from thetaloom.config import load_settings
    from thetaloom.domain.run.runs import WorkflowRun
    from thetaloom.engine.commands import StartRun

    with open_platform(load_settings(home=home)) as platform:
        with platform.store.reading() as seen:
            strategies = [one.strategy.id for one in seen.strategies.all_latest(platform.user_id)]
        made = 0
        for number in range(10 * count):
            symbols = platform.market.symbols()
            started = platform.engine.handle(
                StartRun(
                    user_id=platform.user_id,
                    symbol=symbols[number % len(symbols)],
                    strategy_id=strategies[number // len(symbols) % len(strategies)],
                    forced=True,
                )
            )
            made += isinstance(started, WorkflowRun)
            if made == count:
                return


def _count_open(home: str) -> int:
    from thetaloom.bootstrap import LOCAL_USER
    from thetaloom.config import load_settings
    from thetaloom.domain.run.runs import RunStatus
    from thetaloom.store.database import open_database
    from thetaloom.store.queries.runs import run_stats

    database = open_database(load_settings(home=home).database)
    try:
        counts = run_stats(database, LOCAL_USER).by_status
    finally:
        database.close()
    return sum(count for status, count in counts.items() if status is not RunStatus.COMPLETED)


def _painted(browser: Any, signed: Signed, port: int, path: str) -> float | None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies(signed.cookies(port))
    page = context.new_page()
    try:
        answer = page.goto(f"http://127.0.0.1:{port}{path}", wait_until="load")
        if answer is None or answer.status != 200:
            return None
        for _ in range(PAINT_TRIES):
            painted = page.evaluate(PAINTED)
            if painted is not None:
                return float(painted)
            page.wait_for_timeout(50)
        return None
    finally:
        context.close()


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def _chromium() -> str | None:
    import importlib.util

    if importlib.util.find_spec("playwright") is None:
        return None
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _missing(name: str) -> Figure:
    return Figure(name=name, figure=0.0, unit="", note="not measured: no Chromium, or no Playwright, on this machine")
