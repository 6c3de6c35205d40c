"""The engine's own thread: it sleeps until something is due or somebody wakes it, and takes commands one by one."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from queue import Empty, SimpleQueue

import structlog

from thetaloom.engine.commands import Command
from thetaloom.engine.engine import Engine
from thetaloom.errors import AnswerPending, Unavailable
from thetaloom.ports.patience import waiting_at_most

log = structlog.get_logger()

FLAG_LOOK_SECONDS = 0.05  # how soon a halt flag of another process is seen at the latest
TURNS_MAX = 20  # before commands are looked for again: a scan takes many turns
OUTSIDE_SECONDS = 0.02  # the longest that a turn waits for one answer from outside; no quote may wait for it
SWEEP_SECONDS = 1.0  # what another process wrote is found at the latest after this long


class EngineLoop:
    """Runs an engine in a thread of its own; every write of this process happens there."""

    def __init__(
        self,
        engine: Engine,
        *,
        seconds_until: Callable[[datetime], float],
        each_turn: Callable[[], None],
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine = engine
        self._on_failure = on_failure
        self._seconds_until = seconds_until
        self._each_turn = each_turn
        self._posted: SimpleQueue[tuple[Command, Future[object]]] = SimpleQueue()
        self._waiting: list[tuple[Command, Future[object]]] = []  # commands that need an answer from outside
        self._awaited: SimpleQueue[Future[None]] = SimpleQueue()  # those who wait for the end of a turn
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._is_settled = False
        self._held_up_by = ""
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def failure(self) -> BaseException | None:
        """What ended the thread, if anything did."""
        return self._failure

    @property
    def held_up_by(self) -> str:
        """What kept the turn before from its end: a full disk, a locked database, a broker at the start; or nothing."""
        return self._held_up_by

    def start(self) -> None:
        """Start the thread; it settles what was in doubt first."""
        self.engine.desk.market.on_change(self.wake)
        self.engine.desk.broker.on_report(self.wake)
        self.engine.desk.errands.on_done(self.wake)
        if self.engine.desk.aside is not None:
            self.engine.desk.aside.on_done(self.wake)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Let the current turn end, then stop."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)

    def wake(self) -> None:
        """Have the engine look around; callable from any thread."""
        self._wake.set()

    def post(self, command: Command) -> Future[object]:
        """Have a command carried out; the future holds its answer or its refusal."""
        answer: Future[object] = Future()
        self._posted.put((command, answer))
        self._wake.set()
        if self._ended.is_set():  # nobody reads any more
            self._refuse_posted()
        return answer

    def after_turn(self) -> Future[None]:
        """Return what is done when the turn under way, or the next one, has ended; it says not what came of it."""
        ended: Future[None] = Future()
        self._awaited.put(ended)
        if self._ended.is_set():
            self._tell_awaited()
        return ended

    def turn(self) -> float:
        """Take one turn: start if need be, answer what was posted, settle; return for how many seconds to sleep."""
        try:
            if not self._is_settled:
                with waiting_at_most(None):
                    self.engine.start()
                self._is_settled = True
            self._answer_posted()
            turns = self.engine.settle(TURNS_MAX)
            self._each_turn()
            self._held_up_by = ""
            return 0.0 if turns == TURNS_MAX else self._patience()
        except Unavailable as error:
            log.warning("engine_waits", error=error.message)
            self._held_up_by = error.message
            self._answer_posted()  # whoever asks hears of the outage instead of waiting for its end
            return SWEEP_SECONDS

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._wake.clear()
                with waiting_at_most(OUTSIDE_SECONDS):
                    seconds = self.turn()
                self._tell_awaited()
                self._rest(seconds)
        except BaseException as error:  # whatever it was, who asks for the engine must hear of it
            self._failure = error
            log.exception("engine_stopped")
        finally:
            self._ended.set()
            self._refuse_posted()
            self._tell_awaited()
            if self._failure is not None:
                self._on_failure()

    def _rest(self, seconds: float) -> None:
        # A flag that the turn before could not heed is no news: the gates before the wire look at it by themselves.
        while seconds > 0 and not self._wake.wait(min(seconds, FLAG_LOOK_SECONDS)):
            if self.engine.halts.has_news and not self._held_up_by:
                return
            seconds -= FLAG_LOOK_SECONDS

    def _answer_posted(self) -> None:
        waiting, self._waiting = self._waiting, []
        for command, answer in waiting:
            self._answer(command, answer)
        while True:
            try:
                command, answer = self._posted.get_nowait()
            except Empty:
                return
            if answer.set_running_or_notify_cancel():  # else the asker went away before it was taken up
                self._answer(command, answer)

    def _answer(self, command: Command, answer: Future[object]) -> None:
        try:
            answer.set_result(self.engine.handle(command))
        except AnswerPending:  # nothing was written yet: it is carried out once the answer from outside is there
            self._waiting.append((command, answer))
        except Exception as error:  # noqa: BLE001  # the asker gets it, whatever it is
            answer.set_exception(error)

    def _refuse_posted(self) -> None:
        while self._waiting:
            _, answer = self._waiting.pop()
            answer.set_exception(self._failure or RuntimeError("the engine has stopped"))
        while True:
            try:
                _, answer = self._posted.get_nowait()
            except Empty:
                return
            if answer.set_running_or_notify_cancel():
                answer.set_exception(self._failure or RuntimeError("the engine has stopped"))

    def _tell_awaited(self) -> None:
        while True:
            try:
                ended = self._awaited.get_nowait()
            except Empty:
                return
            if ended.set_running_or_notify_cancel():
                ended.set_result(None)

    def _patience(self) -> float:
        next_at = self.engine.next_at
        return SWEEP_SECONDS if next_at is None else min(SWEEP_SECONDS, max(0.0, self._seconds_until(next_at)))
