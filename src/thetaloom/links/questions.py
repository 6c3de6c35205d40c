"""Questions to somebody outside, asked in threads of their own by those who may not wait for the answer."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog

from thetaloom.errors import Unavailable
from thetaloom.ports.patience import patience

log = structlog.get_logger()

T = TypeVar("T")

ASKED_AT_ONCE = 8
LATE_ANSWER_SECONDS = 3.0  # for so long an answer that came late waits for whoever asked
PENDING_SECONDS = 5.0  # after which an answer is no longer awaited but missing


@dataclass(slots=True, kw_only=True)
class _Asked:
    answer: Future[Any]
    at: float  # monotonic seconds
    waiting: int = 0  # how many wait for it now: for them it is in time


class Questions:
    """Asks each question once at a time. Who may wait asks by itself; who may not gets the answer or an error soon.

    The answer that comes later is kept for the next tries of a moment, and ``wake`` is called.
    """

    def __init__(
        self,
        name: str,
        *,
        pending: Callable[[str], Unavailable],
        missing: Callable[[str], Unavailable],
        wake: Callable[[], None] = lambda: None,
        keep_seconds: float = LATE_ANSWER_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._pending, self._missing = pending, missing
        self._wake = wake
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked: dict[Hashable, _Asked] = {}
        self._ended_at: dict[Hashable, float] = {}  # of answers that came late
        self._todo: SimpleQueue[tuple[Hashable, Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = 0  # questions that wait for a thread or an answer
        self._is_closed = False

    def ask(self, key: Hashable, what: str, call: Callable[[], T]) -> T:
        """Return what ``call`` returns or raises; ``what`` names it in the error that says it takes too long."""
        seconds = patience()
        if seconds is None or self._is_closed:
            return call()
        asked = self._put(key, call)
        wait([asked.answer], seconds)
        with self._lock:
            asked.waiting -= 1
            if asked.answer.done():
                if self._asked.get(key) is asked and key not in self._ended_at:  # it came in time
                    del self._asked[key]
            else:
                waited = self._monotonic() - asked.at
                told = f"{self._name} is still being asked for {what}"
                late = f"{self._name} has not answered about {what} for {waited:.0f} seconds"
                raise self._pending(told) if waited < PENDING_SECONDS else self._missing(late)
        found: T = asked.answer.result()
        return found

    def forget(self) -> None:
        """Have everything asked anew from now on, also what is being asked."""
        with self._lock:
            self._asked.clear()
            self._ended_at.clear()

    def forget_late(self) -> None:
        """Have what was answered late asked anew; what is being asked goes on, and no second question begins."""
        with self._lock:
            for key in self._ended_at:
                self._asked.pop(key, None)
            self._ended_at.clear()

    def close(self) -> None:
        """Ask nothing more aside; what hangs is left alone."""
        with self._lock:
            self._is_closed = True
            for _ in self._threads:
                self._todo.put(None)

    def _put(self, key: Hashable, call: Callable[[], Any]) -> _Asked:
        with self._lock:
            self._drop_old()
            asked = self._asked.get(key)
            if asked is None:
                asked = self._asked[key] = _Asked(answer=Future(), at=self._monotonic())
                self._todo.put((key, call, asked.answer))
                self._open += 1
                if len(self._threads) < min(self._open, ASKED_AT_ONCE):
                    thread = threading.Thread(target=self._work, name=f"{self._name} questions", daemon=True)
                    self._threads.append(thread)
                    thread.start()
            asked.waiting += 1
            return asked

    def _drop_old(self) -> None:
        now = self._monotonic()
        for key in [key for key, at in self._ended_at.items() if now - at > self._keep_seconds]:
            del self._ended_at[key]
            self._asked.pop(key, None)

    def _work(self) -> None:
        while (todo := self._todo.get()) is not None:
            key, call, answer = todo
            try:
                answer.set_result(call())
            except Exception as error:  # noqa: BLE001  # whoever asked gets it, whatever it is
                answer.set_exception(error)
            except BaseException as error:  # it ends this thread, and whoever asked must hear of it all the same
                log.exception("question_ended_its_thread", whom=self._name)
                with self._lock:
                    self._threads.remove(threading.current_thread())
                answer.set_exception(error)
                return
            finally:
                self._note_end(key, answer)

    def _note_end(self, key: Hashable, answer: Future[Any]) -> None:
        with self._lock:
            self._open -= 1
            asked = self._asked.get(key)
            is_late = asked is not None and asked.answer is answer and not asked.waiting
            if is_late:
                self._ended_at[key] = self._monotonic()
        if is_late:
            self._wake()
