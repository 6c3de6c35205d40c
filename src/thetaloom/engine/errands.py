"""What somebody outside is asked for aside, so that no turn of the engine waits; what comes of it is the engine's.

Whatever is written is written in the engine's own thread: before a call is made, and after it ended. A subject's
calls are made one after the other. Who may wait makes each call at once, and goes on with it at once.
"""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog

from thetaloom.errors import BrokerPending, Unavailable
from thetaloom.ports.patience import patience

log = structlog.get_logger()

T = TypeVar("T")
Outcome = Callable[[], T]  # returns what the call returned, or raises what it raised

AT_ONCE = 8  # calls; more than that begin later, before anything is written for them
KEPT_SECONDS = 5.0  # for so long an answer waits for whoever asked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    outcome: Callable[[], Any]
    at: float  # monotonic seconds


class Errands:
    """The calls of one engine: at once, or ``aside`` where the broker is somewhere else.

    Only ``on_done``'s listeners are called from other threads.
    """

    def __init__(self, *, aside: bool = False, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._aside = aside
        self._monotonic = monotonic
        self._running: set[Hashable] = set()
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._answers: dict[Hashable, _Answer] = {}
        self._ended: SimpleQueue[tuple[Hashable, Callable[[], None]]] = SimpleQueue()
        self._wakes: list[Callable[[], None]] = []

    def on_done(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, from any thread, whenever a call has ended."""
        self._wakes.append(wake)

    def is_busy(self, subject: Hashable) -> bool:
        """Say whether a call for the subject is under way."""
        return subject in self._running

    def begin(self, subject: Hashable, start: Callable[[], None]) -> None:
        """Call ``start`` now, or when what is under way has ended; the newest wish for a subject counts."""
        if self._is_direct or not (self.is_busy(subject) or len(self._running) >= AT_ONCE):
            self._waiting.pop(subject, None)
            start()
        else:
            self._waiting[subject] = start

    def run(self, subject: Hashable, call: Callable[[], T], then: Callable[[Outcome[T]], None]) -> None:
        """Have ``call`` made aside; ``then`` gets how it ended, in the engine's thread."""
        if self._is_direct:
            then(call)
            return
        self._running.add(subject)
        threading.Thread(target=self._make, args=(subject, call, then), name="errand", daemon=True).start()

    def answer_of(self, subject: Hashable, what: str, begin: Callable[[], Callable[[], T]]) -> T:
        """Return or raise what the call made by ``begin`` did, once; ``BrokerPending`` until it has ended."""
        if self._is_direct:
            return begin()()
        answer = self._answers.pop(subject, None)
        if answer is not None and self._monotonic() - answer.at <= KEPT_SECONDS:
            found: T = answer.outcome()
            return found
        if not self.is_busy(subject):
            self.run(subject, begin(), partial(self._keep, subject))
        raise BrokerPending(f"the broker is still being asked for {what}")

    def settle(self) -> bool:
        """Go on with all calls that have ended; return whether there was any."""
        has_settled = False
        while True:
            try:
                subject, go_on = self._ended.get_nowait()
            except Empty:
                break
            has_settled = True
            self._running.discard(subject)
            self._finish(subject, go_on)
        for subject in list(self._waiting):
            if not self.is_busy(subject) and len(self._running) < AT_ONCE:
                self._finish(subject, self._waiting.pop(subject))
        return has_settled

    @property
    def _is_direct(self) -> bool:
        return not self._aside or patience() is None

    @staticmethod
    def _finish(subject: Hashable, go_on: Callable[[], None]) -> None:
        try:
            go_on()
        except Unavailable:
            raise
        except Exception:  # one call's fault ends no engine; what it left open is looked up again
            log.exception("errand_failed", subject=str(subject))

    def _keep(self, subject: Hashable, outcome: Outcome[Any]) -> None:
        self._answers[subject] = _Answer(outcome=outcome, at=self._monotonic())

    def _make(self, subject: Hashable, call: Callable[[], T], then: Callable[[Outcome[T]], None]) -> None:
        made: Future[T] = Future()
        try:
            made.set_result(call())
        except Exception as error:  # noqa: BLE001  # the engine gets it, whatever it is
            made.set_exception(error)
        except BaseException as error:  # it ends this thread, and the engine must hear of it all the same
            log.exception("errand_ended_its_thread", subject=str(subject))
            made.set_exception(error)
        self._ended.put((subject, partial(then, made.result)))
        for wake in self._wakes:
            wake()
