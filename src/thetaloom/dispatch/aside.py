"""A process beside the server's own for what takes long, less urgent than anything that closes a position."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future

from thetaloom.ports.aside import Answer, Given

NICENESS = 10  # on a crowded machine the engine goes first


class AsideProcess:
    """One process, started with the first work and anew after it died or was closed."""

    def __init__(self) -> None:
        self._pool: Executor | None = None
        self._tell: Callable[[], None] = _tell_nobody

    def submit(self, work: Callable[[Given], Answer], given: Given) -> Future[Answer]:
        """Begin with a work and return at once; the future fails with ``BrokenExecutor`` if the process dies."""
        try:
            answer = self._started().submit(work, given)
        except BrokenExecutor:  # it died before, and nobody has asked since
            self._pool = None
            answer = self._started().submit(work, given)
        answer.add_done_callback(lambda _: self._tell())
        return answer

    def on_done(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called, from any thread, whenever a work is done."""
        self._tell = tell

    def close(self) -> None:
        """Stop the process once it has done what it is at."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None

    def _started(self) -> Executor:
        if self._pool is None:
            from concurrent.futures import ProcessPoolExecutor  # these two take a while, and few need them
            from multiprocessing import get_context

            # A fork would copy the locks of our threads; a new interpreter knows nothing of them.
            self._pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"), initializer=_settle_in)
        return self._pool


def _settle_in() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever stops the server stops this as well
    os.nice(NICENESS)


def _tell_nobody() -> None:
    return None
