"""A stream that survives: one owner task opens it, subscribes a stored list, and takes silence for failure."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

import structlog

from thetaloom.errors import InvariantError, ThetaloomError
from thetaloom.links.backoff import Backoff
from thetaloom.links.network_words import words_of
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus

log = structlog.get_logger()

OPEN_SECONDS_MAX = 20.0  # for the handshake and the sign-in
CLOSE_SECONDS_MAX = 2.0
SUBSCRIBE_SECONDS_MAX = 30.0
# Who takes us in and hangs up at once, over and over, is not to be asked four times a second for ever.
SHORT_LIFE_SECONDS, SHORT_LIVES_MAX = 5.0, 5
LOOKS_PER_SILENCE = 4  # how often silence is looked for within the time that makes it one
FAILURES = (ThetaloomError, OSError, TimeoutError, EOFError)  # of a line; anything else is a fault of ours


class Line(Protocol):
    """One connection, signed in, for as long as it lives."""

    async def subscribe(self, added: frozenset[str], removed: frozenset[str]) -> None:
        """Ask for more and for less."""
        ...

    async def run(self) -> None:
        """Read until the line ends; raise one of our errors, or an ``OSError``, where it broke."""
        ...

    async def close(self) -> None:
        """Hang up; may be called on a line that is broken already."""
        ...


OpenLine = Callable[[Callable[[], None]], Awaitable[Line]]


class KeptStream:
    """Keeps one line open for ever. All its methods may be called from any thread.

    ``open_line(heard)`` connects, shakes hands and signs in with a fresh token, and calls ``heard`` for every message
    of the other side, heartbeats included, as long as the line lives. ``on_open`` hooks run after each opening, and
    again after a pause until they succeed or the line is lost: there books are read that the gap may have changed.
    """

    def __init__(
        self,
        *,
        name: str,
        loop: OwnerLoop,
        open_line: OpenLine,
        clock: Clock,
        silence_seconds: float,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self._loop = loop
        self._open_line = open_line
        self._clock = clock
        self._silence_seconds = silence_seconds
        self._backoff = backoff or Backoff()
        self._wanted: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._status = LinkStatus(name=name, is_up=False, since=None, heard_at=None, attempts=0, reason="not yet open")
        self._is_up = threading.Event()
        self._is_stopped = False
        self._has_started = False
        self._wakes: list[Callable[[], None]] = []
        self._hooks: list[Callable[[], Awaitable[None]]] = []
        self._news: asyncio.Event | None = None  # of the owner task: another list, a drop, or the end
        self._drop_reason: str | None = None
        self._heard = 0.0  # monotonic
        self._up_at: float | None = None  # monotonic
        self._short_lives = 0  # one after the other
        self._task: asyncio.Task[None] | None = None

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when the line is lost or back."""
        self._wakes.append(wake)

    def on_open(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Have ``hook`` run in the loop after every opening."""
        self._hooks.append(hook)

    def start(self) -> None:
        """Open the line and keep it open; a second call changes nothing."""
        if not self._has_started:
            self._has_started = True
            self._loop.post(self._begin())

    def stop(self) -> None:
        """Hang up for good."""
        self._is_stopped = True
        self._tell_owner()

    def want(self, symbols: frozenset[str]) -> None:
        """Replace the list of what is subscribed, now and after every opening to come."""
        if symbols != self._wanted:
            self._wanted = symbols
            self._tell_owner()

    def drop(self, reason: str) -> None:
        """End the line that is open and open another, as before a token expires."""
        self._drop_reason = reason
        self._tell_owner()

    def status(self) -> LinkStatus:
        """Return how it stands."""
        with self._lock:
            return self._status

    def wait_up(self, timeout_seconds: float) -> bool:
        """Wait until it is open; return whether it is."""
        return self._is_up.wait(timeout_seconds)

    def _tell_owner(self) -> None:
        if self._news is not None:
            self._loop.call_soon(self._news.set)

    async def _begin(self) -> None:
        self._news = asyncio.Event()
        self._begin_owner()

    def _begin_owner(self) -> None:
        if not self._is_stopped:
            self._task = asyncio.get_running_loop().create_task(self._own())
            self._task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        # A fault of ours in reading a message must be loud, and must not end the stream in silence.
        error = None if task.cancelled() else task.exception()
        if task.cancelled():  # the loop ended before the line had hung up
            self._mark_down("stopped")
        if error is not None:
            log.error("stream_fault", stream=self.name, error=repr(error), exc_info=error)
            self._mark_down(f"a fault of ours: {error!r}")
            asyncio.get_running_loop().call_later(self._backoff.next_seconds(), self._begin_owner)

    async def _own(self) -> None:
        while not self._is_stopped:
            try:
                line = await asyncio.wait_for(self._open_line(self._hear), OPEN_SECONDS_MAX)
            except FAILURES as error:
                self._mark_down(words_of(error))
                await self._pause()
                continue
            try:
                reason = await self._live(line)
            except FAILURES as error:
                reason = words_of(error)
            finally:
                await self._hang_up(line)
            if not self._is_stopped:
                self._mark_down(reason)
                await self._pause()
        self._mark_down("stopped")

    async def _live(self, line: Line) -> str:
        reading = asyncio.ensure_future(line.run())
        hooks = asyncio.ensure_future(self._run_hooks())
        subscribed: frozenset[str] = frozenset()
        try:
            self._hear()
            self._drop_reason = None
            first = True
            while True:
                self._news_event.clear()
                wanted = self._wanted
                if wanted != subscribed:
                    asking = line.subscribe(wanted - subscribed, subscribed - wanted)
                    await asyncio.wait_for(asking, SUBSCRIBE_SECONDS_MAX)
                    subscribed = wanted
                if first:
                    first = False
                    self._mark_up()
                ended = await self._wait(reading, hooks)
                if ended is not None:
                    return ended
        finally:
            for task in (reading, hooks):
                task.cancel()
            await asyncio.gather(reading, hooks, return_exceptions=True)

    async def _wait(self, reading: "asyncio.Future[None]", hooks: "asyncio.Future[None]") -> str | None:
        """Wait for news; return why the line has ended, ``None`` where only the list changed."""
        news = asyncio.ensure_future(self._news_event.wait())
        try:
            while True:
                patience = self._silence_seconds / LOOKS_PER_SILENCE
                awaited: set[asyncio.Future[Any]] = {reading, news} if hooks.done() else {reading, news, hooks}
                await asyncio.wait(awaited, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if hooks.done():
                    hooks.result()
                if reading.done():
                    reading.result()
                    return "the other side hung up"
                if self._is_stopped:
                    return "stopped"
                if self._drop_reason is not None:
                    return self._drop_reason
                if news.done():
                    return None
                if time.monotonic() - self._heard > self._silence_seconds:
                    return f"nothing heard for {self._silence_seconds:g} seconds"
        finally:
            news.cancel()

    async def _run_hooks(self) -> None:
        pauses = Backoff(cap_seconds=self._backoff.cap_seconds)
        for hook in self._hooks:
            while True:
                try:
                    await hook()
                    break
                except FAILURES as error:
                    log.warning("stream_hook_failed", stream=self.name, error=words_of(error))
                    await asyncio.sleep(pauses.next_seconds())

    async def _hang_up(self, line: Line) -> None:
        try:
            await asyncio.wait_for(line.close(), CLOSE_SECONDS_MAX)
        except FAILURES as error:
            log.debug("stream_close_failed", stream=self.name, error=words_of(error))

    async def _pause(self) -> None:
        ending = asyncio.ensure_future(self._until_stopped())
        try:
            await asyncio.wait({ending}, timeout=self._backoff.next_seconds())
        finally:
            ending.cancel()

    async def _until_stopped(self) -> None:
        while not self._is_stopped:
            self._news_event.clear()
            await self._news_event.wait()

    @property
    def _news_event(self) -> asyncio.Event:
        if self._news is None:
            raise InvariantError(f"{self.name} was not started")
        return self._news

    def _hear(self) -> None:
        self._heard = time.monotonic()
        now = self._clock.now()
        with self._lock:
            self._status = replace(self._status, heard_at=now)

    def _mark_up(self) -> None:
        if self._short_lives <= SHORT_LIVES_MAX:
            self._backoff.reset()
        self._up_at = time.monotonic()
        with self._lock:
            self._status = replace(self._status, is_up=True, since=self._clock.now(), attempts=0, reason="")
        self._is_up.set()
        self._wake()

    def _mark_down(self, reason: str) -> None:
        with self._lock:
            was_up = self._status.is_up
            self._status = replace(
                self._status,
                is_up=False,
                since=self._clock.now() if was_up else self._status.since,
                attempts=self._status.attempts + 1,
                reason=reason,
                drops=self._status.drops + was_up,
            )
        self._is_up.clear()
        if not was_up:
            return
        is_short = self._up_at is not None and time.monotonic() - self._up_at < SHORT_LIFE_SECONDS
        self._short_lives = self._short_lives + 1 if is_short else 0
        if not self._is_stopped:
            log.warning("stream_lost", stream=self.name, reason=reason)
        self._wake()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()
