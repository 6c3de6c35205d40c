"""Three clocks: the wall's, one that a driver moves, and one that lets a recorded or made day pass at a pace."""

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol, runtime_checkable

from thetaloom.errors import InvalidInput, InvariantError
from thetaloom.ports.clock import Clock

ALARM_SECONDS_MIN = 0.001  # a fast pace must not become a busy loop


@runtime_checkable
class AlarmClock(Clock, Protocol):
    """A clock that can call back; sources use it to wake those who wait for a change."""

    def call_at(self, at: datetime, ring: Callable[[], None]) -> None:
        """Have ``ring`` called once, from any thread, as soon as the clock shows ``at`` or later."""
        ...


class SystemClock:
    """The wall clock; nothing else in Thetaloom may read it."""

    def now(self) -> datetime:
        """Return the instant, aware and in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # the one place that reads the wall clock; all others are handed a clock

    def call_at(self, at: datetime, ring: Callable[[], None]) -> None:
        """Have ``ring`` called from a thread of its own at ``at``."""
        _ring_in((checked(at) - self.now()).total_seconds(), ring)


class VirtualClock:
    """Stands still until its driver moves it, and never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = checked(start)
        self._alarms: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        """Return the instant the driver moved it to."""
        return self._now

    def move_to(self, at: datetime) -> None:
        """Move forward to ``at`` and ring what was due by then, oldest first, from this thread."""
        if checked(at) < self._now:
            raise InvariantError(f"the clock shows {self._now} and may not go back to {at}")
        self._now = at.astimezone(UTC)
        # Only those set before the move: one that sets itself again for the past must not ring for ever.
        due = []
        while self._alarms and self._alarms[0][0] <= self._now:
            due.append(heapq.heappop(self._alarms)[2])
        for ring in due:
            ring()

    def call_at(self, at: datetime, ring: Callable[[], None]) -> None:
        """Have ``ring`` called by the first move that reaches ``at``."""
        heapq.heappush(self._alarms, (checked(at), next(self._numbers), ring))


class PacedClock:
    """Starts at a chosen instant and moves with real time, ``speed`` times as fast."""

    def __init__(self, start: datetime, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        if not 0 < speed < math.inf:
            raise InvalidInput(f"speed {speed} is not above 0 and finite", details={"field": "speed"})
        self.speed = speed
        self._start = checked(start)
        self._monotonic = monotonic
        self._started = monotonic()
        self._lock = threading.Lock()
        self._alarms: dict[int, tuple[datetime, Callable[[], None], threading.Timer]] = {}
        self._numbers = itertools.count()

    def now(self) -> datetime:
        """Return the start plus the real time since then times the speed."""
        return self._start + timedelta(seconds=(self._monotonic() - self._started) * self.speed)

    def skip_to(self, at: datetime) -> None:
        """Jump forward to ``at`` and go on from there at the same pace; a time already passed changes nothing.

        What was due in between rings now.
        """
        with self._lock:
            left = checked(at) - self.now()
            if left <= timedelta(0):
                return
            self._start += left
            for number, (due_at, ring, timer) in tuple(self._alarms.items()):
                timer.cancel()
                self._set(number, due_at, ring)

    def call_at(self, at: datetime, ring: Callable[[], None]) -> None:
        """Have ``ring`` called from a thread of its own once the clock shows ``at``."""
        with self._lock:
            self._set(next(self._numbers), checked(at), ring)

    def _set(self, number: int, at: datetime, ring: Callable[[], None]) -> None:
        timer = _ring_in((at - self.now()).total_seconds() / self.speed, partial(self._ring, number))
        self._alarms[number] = (at, ring, timer)

    def _ring(self, number: int) -> None:
        with self._lock:
            alarm = self._alarms.pop(number, None)  # none: a timer that could not be canceled any more
        if alarm is not None:
            alarm[1]()


def checked(at: datetime) -> datetime:
    """Return ``at`` in UTC; an instant without a zone raises ``InvalidInput``."""
    if at.tzinfo is None:
        raise InvalidInput(f"instant {at} carries no time zone", details={"field": "at"})
    return at.astimezone(UTC)


def _ring_in(seconds: float, ring: Callable[[], None]) -> threading.Timer:
    # The timer's own clock may run ahead of ours by a hair, and a wake too early would find nothing.
    timer = threading.Timer(max(seconds, 0.0) + ALARM_SECONDS_MIN, ring)
    timer.daemon = True
    timer.start()
    return timer
