"""What was read a moment ago and need not be read again: many pages and steps ask for the same balances."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps one answer for so many seconds, or until there is news. Any thread may call; nobody waits for another."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._news = 0  # how often there was some
        self._kept: tuple[T, float, int] | None = None

    def get(self, read: Callable[[], T]) -> T:
        """Return what is kept while it is recent, else what ``read`` returns; its errors are kept by nobody."""
        kept = self._kept
        if kept is not None and kept[2] == self._news and self._monotonic() - kept[1] < self._seconds:
            return kept[0]
        news, asked_at = self._news, self._monotonic()
        told = read()
        self._kept = (told, asked_at, news)  # news that came while it was read make it old
        return told

    def forget(self) -> None:
        """Have the next one read anew: something changed."""
        self._news += 1
