"""What a bench measures: one figure beside its bar, and how long something took."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

IDLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure beside its bar, if it has one; ``peer`` is another library's figure from the same run."""

    name: str
    figure: float
    unit: str
    bar: float | None = None
    note: str = ""
    peer: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its bar; without one it always is."""
        return self.bar is None or self.figure <= self.bar


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that something takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def median_of(work: Callable[[], object], times: int) -> float:
    """Return the median milliseconds of several turns, after one that does not count."""
    work()
    return sorted(timed(work) for _ in range(times))[times // 2]


def pause(seconds: float) -> None:
    """Wait while something else is measured."""
    threading.Event().wait(seconds)
