"""One thread with one event loop that owns everything asynchronous of one connection."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from thetaloom.errors import InvariantError

STOP_SECONDS = 5.0
CANCEL_AGAIN_SECONDS = 0.05
T = TypeVar("T")


class OwnerLoop:
    """Runs coroutines of one connection, one after the other's awaits; others call in from their own threads.

    It starts with the first coroutine and ends with ``stop``, which cancels what still runs.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    @property
    def is_mine(self) -> bool:
        """Whether the caller runs in this loop's thread."""
        return threading.current_thread() is self._thread

    def call(self, work: Coroutine[Any, Any, T], timeout_seconds: float) -> T:
        """Run ``work`` and wait for its answer; ``TimeoutError`` after so many seconds, and it is cancelled.

        May not be called from the loop's own thread: it would wait for itself.
        """
        if self.is_mine:
            work.close()
            raise InvariantError(f"{self.name}: its own thread may not wait for itself")
        running = self.post(work)
        try:
            return running.result(timeout_seconds)
        except TimeoutError:
            running.cancel()
            raise

    def post(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run ``work`` without waiting for it."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._started())
        except RuntimeError:  # the loop was closed between the two
            work.close()
            raise InvariantError(f"{self.name}: its loop has stopped") from None

    def call_soon(self, act: Any, *arguments: Any) -> None:
        """Have a plain function called in the loop; once the loop has stopped nothing happens."""
        with self._lock:
            loop = None if self._is_stopped else self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(act, *arguments)

    def stop(self) -> None:
        """Cancel what runs and end the thread."""
        with self._lock:
            self._is_stopped = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._is_stopped:
                raise RuntimeError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._loop,), name=self.name, daemon=True)
                self._thread.start()
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            while left := asyncio.all_tasks(loop):
                for task in left:
                    task.cancel()
                # A cancellation can get lost, as in a wait that ends in the same moment; so it is said again.
                loop.run_until_complete(asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
