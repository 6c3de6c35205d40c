"""The hub of the live wire: it reads quotes, facts and marks once, and hands each page what is its own.

It works while a page is connected and sleeps otherwise. All of it runs on the event loop; what reads the market or
the database does so in threads.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

import structlog
from starlette.concurrency import run_in_threadpool

from thetaloom.bootstrap import Platform
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import ThetaloomError
from thetaloom.store.queries.health import last_sequence
from thetaloom.store.queries.live import facts_after
from thetaloom.web.wire.beat import heartbeat
from thetaloom.web.wire.facts import Wired, wired
from thetaloom.web.wire.marks import MARK_SECONDS, Marked, marked
from thetaloom.web.wire.messages import HEARTBEAT_SECONDS, TICK_SECONDS, frame
from thetaloom.web.wire.page import Page, Tick, batch_of
from thetaloom.web.wire.quotes import MarketQuotes, QuoteSource

log = structlog.get_logger()

LOOK_SECONDS = 1.0  # facts of another process are found at the latest after this long
FACT_SECONDS = 0.02  # between two looks that our own commits ask for
READ_MAX = 500  # facts in one look
REPLAY_MAX = 500  # facts told again to a page that comes back; one that missed more reloads
REST_OF_MARKS = 5  # marks may take at most one part in so many of a core


class Hub:
    """Every page that is connected, and the tasks that serve them all."""

    def __init__(self, platform: Platform, quotes: QuoteSource | None = None) -> None:
        self._platform = platform
        self.quotes: QuoteSource = quotes or MarketQuotes(platform)
        self.pages: set[Page] = set()
        self.position = 0  # number of the newest fact that was handed on
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unhook: Callable[[], None] | None = None
        self._hears_market = False
        self._moved = asyncio.Event()  # the market may have changed, or a page follows something new
        self._written = asyncio.Event()  # something was committed
        self._is_told = False  # that the market moved; so that a fast one wakes the loop once a tick
        self._marks_due = asyncio.Event()
        self._known: dict[str, str] = {}  # the newest quote that was handed on, by symbol
        self._fresh: set[Page] = set()  # that were sent no quote yet
        self._sets: dict[frozenset[str], frozenset[str]] = {}  # one object for equal sets, so that comparing is cheap
        self._marked: dict[UserId, Marked] = {}
        self._starting = asyncio.Lock()

    async def join(self, page: Page) -> None:
        """Take a page in; the first one starts the work."""
        async with self._starting:
            if not self._tasks:
                await self._start()
        self.pages.add(page)
        page.put(self.beat())
        known = self._marked.get(page.user)
        for message in () if known is None else known.messages(self.position):
            page.put(message)
        self._marks_due.set()

    def leave(self, page: Page) -> None:
        """Let a page go; the last one ends the work."""
        self.pages.discard(page)
        self._fresh.discard(page)
        if not self.pages:
            self._stop()

    def follow(self, page: Page, symbols: Iterable[str], *, batch: bool) -> None:
        """Have a page get the quotes of these symbols from the next tick on."""
        wanted = frozenset(symbols)
        page.follow(self._sets.setdefault(wanted, wanted), batch=batch)
        in_use = {one.symbols for one in self.pages}
        self._sets = {one: one for one in in_use}
        followed: frozenset[str] = frozenset().union(*in_use)
        self._known = {symbol: text for symbol, text in self._known.items() if symbol in followed}
        self._fresh.add(page)
        self._moved.set()

    async def replay(self, page: Page, after: int) -> None:
        """Tell a page again what happened after a number, before anything newer."""
        end = self.position
        found: tuple[str, ...] | None = ()
        page.hold()
        if after < end:
            found = await run_in_threadpool(self._missed, page.user, after, end)
        if after > end or found is None:  # more than there is: it knows another database
            found = (frame("resync", end, reason="too_far" if found is None else "unknown_seq"),)
        page.catch_up(found)

    def beat(self) -> str:
        """Return a sign of life."""
        return heartbeat(self._platform, self.position)

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a test client has a loop of its own each time
            self._moved, self._written, self._marks_due = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop, self._is_told, self._known, self._marked = loop, False, {}, {}
        self.position = await run_in_threadpool(last_sequence, self._platform.database)
        if not self._hears_market:
            self._hears_market = True
            self.quotes.on_change(self._on_market)
        self._unhook = self._platform.database.on_write(self._on_write)
        works = (self._tell_quotes, self._tell_facts, self._tell_marks, self._beat)
        self._tasks = [loop.create_task(self._kept_up(work)) for work in works]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._unhook is not None:
            self._unhook()
            self._unhook = None

    async def _kept_up(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except ThetaloomError as error:  # a database or a market that is away for a while
                log.warning("live_wire_waits", error=error.message)
                await asyncio.sleep(LOOK_SECONDS)

    def _on_market(self) -> None:
        if not self._is_told and self._tasks:
            self._is_told = True
            self._wake(self._moved.set)

    def _on_write(self) -> None:
        if not self._written.is_set():
            self._wake(self._written.set)

    def _wake(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(call)

    async def _tell_quotes(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self._is_told:
                self._is_told = False
                self._marks_due.set()
            symbols: set[str] = set().union(*{page.symbols for page in self.pages})
            read = await run_in_threadpool(self.quotes.read, symbols) if symbols else {}
            changed = {symbol: text for symbol, text in read.items() if self._known.get(symbol) != text}
            self._known |= changed
            self._hand_out(changed)
            await asyncio.sleep(TICK_SECONDS)

    def _hand_out(self, changed: Mapping[str, str]) -> None:
        fresh, self._fresh = self._fresh, set()
        made: dict[tuple[frozenset[str], bool], Tick | None] = {}
        for page in self.pages:
            key = (page.symbols, page in fresh)
            if key not in made:
                made[key] = self._tick(page.symbols, self._known if key[1] else changed)
            tick = made[key]
            if tick is not None:
                page.put_tick(tick)

    def _tick(self, symbols: frozenset[str], quotes: Mapping[str, str]) -> Tick | None:
        some = {symbol: text for symbol, text in quotes.items() if symbol in symbols}
        return Tick(seq=self.position, quotes=some, batch=batch_of(self.position, some)) if some else None

    async def _tell_facts(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._written.wait(), LOOK_SECONDS)
            self._written.clear()
            while found := await run_in_threadpool(self._read_facts, self.position):
                for one in found:
                    self._hand_on(one)
                self._marks_due.set()
            await asyncio.sleep(FACT_SECONDS)

    def _read_facts(self, after: int) -> list[Wired]:
        return [wired(told) for told in facts_after(self._platform.store, after, READ_MAX)]

    def _missed(self, user: UserId, after: int, end: int) -> tuple[str, ...] | None:
        told = facts_after(self._platform.store, after, REPLAY_MAX + 1, user)
        if len(told) > REPLAY_MAX:
            return None
        return tuple(message for one in told if one.stored.sequence <= end for message in wired(one).messages)

    def _hand_on(self, fact: Wired) -> None:
        self.position = fact.sequence
        for page in self.pages:
            if page.user == fact.user:
                for message in fact.messages:
                    page.put(message)

    async def _tell_marks(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._marks_due.wait()
            self._marks_due.clear()
            began = loop.time()
            for front in {page.user: page.front for page in self.pages if page.front is not None}.values():
                found = await run_in_threadpool(partial(marked, front))
                before = self._marked.get(front.user)
                self._marked[front.user] = found
                for message in found.messages(self.position, but=before):
                    for page in self.pages:
                        if page.user == front.user:
                            page.put(message)
            await asyncio.sleep(max(MARK_SECONDS, REST_OF_MARKS * (loop.time() - began)))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            message, pages = self.beat(), tuple(self.pages)
            welcome = await run_in_threadpool(_welcome, pages)
            for page, stays in zip(pages, welcome, strict=True):
                if stays:
                    page.put(message)
                else:
                    page.end()


def _welcome(pages: Sequence[Page]) -> list[bool]:
    return [page.may_stay() for page in pages]
