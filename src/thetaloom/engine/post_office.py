"""The thread in which messages are written, and one for each destination that is being served.

A receiver that is dead or slow holds up its own destination and nobody else; the engine's thread does nothing here.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.run.notifications import Delivery
from thetaloom.domain.run.tidings import silence_message
from thetaloom.engine.postman import Postman
from thetaloom.errors import ThetaloomError
from thetaloom.ports.clock import Clock
from thetaloom.ports.notifications import Place

log = structlog.get_logger()

LOOK_SECONDS = 1.0
SILENT_AFTER = timedelta(seconds=90)
SERVED_MAX = 16  # destinations at once
LAST_SECONDS = 5.0  # that a stopping server waits for what is under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A worker's sign of life: ``mark`` changes with each; ``at`` is when it came by the wall, where it says so."""

    worker: str
    mark: str
    at: datetime | None = None
    is_expected: bool = True  # a worker that was stopped in the ordinary way owes none


class SilenceWatch:
    """Notices workers whose signs of life stay away, each once until the next sign."""

    def __init__(self, wall: Clock, silent_after: timedelta = SILENT_AFTER) -> None:
        self._wall = wall
        self._silent_after = silent_after
        self._seen: dict[str, tuple[str, datetime]] = {}

    @property
    def now(self) -> datetime:
        """The wall's time."""
        return self._wall.now()

    def is_too_long(self, since: datetime) -> bool:
        """Whether whoever gave the last sign of life then counts as silent now."""
        return self._wall.now() - since > self._silent_after

    def silent(self, beats: Sequence[Beat]) -> list[tuple[str, datetime]]:
        """Return who has been silent for too long, and since when."""
        now = self._wall.now()
        found = []
        for beat in beats:
            mark, since = self._seen.get(beat.worker, ("", now))
            if mark != beat.mark:
                since = beat.at or now
                self._seen[beat.worker] = (beat.mark, since)
            if beat.is_expected and self.is_too_long(since):
                found.append((beat.worker, since))
        return found


class PostOffice:
    """Reads, watches and sends until it is stopped."""

    def __init__(
        self, postman: Postman, watch: SilenceWatch, beats: Callable[[], Sequence[Beat]], *, name: str = "postman"
    ) -> None:
        self._postman = postman
        self._watch = watch
        self._beats = beats
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._served: dict[Place, threading.Thread] = {}
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._summing = threading.Thread(target=self._sum_up, name="summing", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self, last_sign: datetime | None = None) -> None:
        """Start the thread; ``last_sign`` is the last one of an engine that nobody stopped, and that told nobody."""
        if last_sign is not None and self._watch.is_too_long(last_sign):
            self._postman.tell_all(silence_message("engine", last_sign, back_at=self._watch.now))
        self._thread.start()

    def stop(self, *, engine_failed: bool = False) -> None:
        """Write and send what is left, as far as that goes fast, then stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(LAST_SECONDS)
        try:
            if engine_failed:
                self._postman.tell_all(silence_message("engine", self._watch.now))
            self.turn()
        except ThetaloomError as error:
            log.warning("postman_stopped_early", error=error.message)
        under_way = [self._summing] if self._summing.is_alive() else []
        for thread in (*under_way, *self._served.values()):
            thread.join(LAST_SECONDS)

    def turn(self) -> None:
        """Look around once; what is to be sent is sent by threads of its own."""
        for worker, since in self._watch.silent(self._beats()):
            self._postman.tell_all(silence_message(worker, since))
        self._postman.read()
        if not self._summing.is_alive() and self._postman.owes_summaries:
            # Beside the rest: twenty slow chains must not hold up a word of trouble.
            self._summing = threading.Thread(target=self._sum_up, name="summing", daemon=True)
            self._summing.start()
        with self._lock:
            busy = set(self._served)
        for place, waiting in list(self._postman.due(busy).items())[: SERVED_MAX - len(busy)]:
            thread = threading.Thread(target=self._serve, args=(place, waiting), name="carrier", daemon=True)
            with self._lock:
                self._served[place] = thread
            thread.start()

    def _sum_up(self) -> None:
        _outlive(self._postman.sum_up, "summing")

    def _serve(self, place: Place, waiting: Sequence[Delivery]) -> None:
        try:
            _outlive(lambda: self._postman.serve(place, waiting), "carrier")
        finally:
            with self._lock:
                self._served.pop(place, None)

    def _run(self) -> None:
        while not self._stop.is_set():
            _outlive(self.turn, "postman")
            self._stop.wait(LOOK_SECONDS)


def _outlive(deed: Callable[[], object], who: str) -> None:
    try:
        deed()
    except ThetaloomError as error:
        log.warning("postman_waits", thread=who, error=error.message)
    except Exception:  # a fault of one message must not silence all that come after it
        log.exception("postman_stumbled", thread=who)
