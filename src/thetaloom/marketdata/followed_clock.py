"""A clock that follows another process's: that of a simulated broker, which lives at a time and pace of its own."""

import heapq
import itertools
import json
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.error import URLError

from thetaloom.errors import ConfigError, Unavailable
from thetaloom.links.network_words import deepest, words_of
from thetaloom.marketdata.clocks import checked

LOOK_SECONDS = 0.25
WALL_SPEED = 1.0
ANSWER_SECONDS = 2.0
BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FarTime:
    """Where the followed clock stands, and how many times faster than real it runs."""

    now: datetime
    speed: float


class FollowedClock:
    """Shows the other's time, only ever forward; where the other is silent, it goes on no faster than the wall's.

    So what was heard last grows old while nothing more is heard.
    """

    def __init__(self, read: Callable[[], FarTime], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._read, self._monotonic = read, monotonic
        self._lock = threading.Lock()
        self._alarms: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._heard, self._heard_at = read(), monotonic()
        self._shown = self._heard.now
        self._thread = threading.Thread(target=self._follow, name="followed clock", daemon=True)
        self._thread.start()

    @property
    def speed(self) -> float:
        """How many times faster than real it runs."""
        return self._heard.speed

    def now(self) -> datetime:
        """Return the other's time as last heard, and what has passed since; never less than was shown before."""
        with self._lock:
            # At the other's pace for as long as two looks take: a clock that is ahead could not come back.
            passed = self._monotonic() - self._heard_at
            paced = min(passed, 2 * LOOK_SECONDS)
            since = paced * self._heard.speed + (passed - paced) * min(self._heard.speed, WALL_SPEED)
            self._shown = max(self._shown, self._heard.now + timedelta(seconds=since))
            return self._shown

    def call_at(self, at: datetime, ring: Callable[[], None]) -> None:
        """Have ``ring`` called from this clock's own thread once it shows ``at``."""
        with self._lock:
            heapq.heappush(self._alarms, (checked(at), next(self._numbers), ring))

    def look(self) -> None:
        """Ask the other now; where it does not answer, nothing changes."""
        try:
            heard = self._read()
        except Unavailable:
            return
        with self._lock:
            self._heard, self._heard_at = heard, self._monotonic()

    def close(self) -> None:
        """Follow no more."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()
            for ring in self._due():
                ring()

    def _due(self) -> list[Callable[[], None]]:
        now, due = self.now(), []
        with self._lock:
            while self._alarms and self._alarms[0][0] <= now:
                due.append(heapq.heappop(self._alarms)[2])
        return due


def read_clock_of(url: str) -> FarTime:
    """Ask the simulator at ``url`` for its time. Raises ``Unavailable`` where it does not answer."""
    address = f"{url.rstrip('/')}/clock/follow"
    if not address.startswith("http://"):
        raise ConfigError(f"{url} is no address of a simulator", advice="`thetaloom broker simulate` prints it.")
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_SECONDS) as answer:  # http alone, see above
            found = json.loads(answer.read(BYTES_MAX))
        return FarTime(now=checked(datetime.fromisoformat(found["now"])), speed=float(found["speed"]))
    except (URLError, OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"the simulator at {url} does not tell its time: {words_of(deepest(error))}",
            advice="Is `thetaloom broker simulate` running?",
        ) from error
