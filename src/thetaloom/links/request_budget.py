"""How many requests a broker takes: a bucket that refills, so that bursts are short and the rate holds."""

import threading
import time
from collections.abc import Callable

from thetaloom.errors import InvalidInput


class RequestBudget:
    """Lets ``burst`` requests through at once and ``per_second`` in the long run; for many threads."""

    def __init__(self, per_second: float, burst: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        if per_second <= 0 or burst < 1:
            raise InvalidInput(f"a budget of {per_second} requests a second and {burst} at once lets none through")
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        self._left = float(burst)
        self._seen_at = monotonic()
        self._lock = threading.Lock()

    def take(self, weight: float = 1) -> float:
        """Spend ``weight`` and return how many seconds to wait before sending; 0 = send now.

        Whoever comes while others wait, waits behind them.
        """
        with self._lock:
            now = self._monotonic()
            self._left = min(self._burst, self._left + (now - self._seen_at) * self._per_second) - weight
            self._seen_at = now
            return max(0.0, -self._left / self._per_second)

    def pause(self, seconds: float) -> None:
        """Let nothing through for so long, because the other side said so."""
        with self._lock:
            now = self._monotonic()
            self._seen_at = now
            self._left = min(self._left, -seconds * self._per_second)
