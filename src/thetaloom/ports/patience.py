"""How long the calling thread may wait for somebody outside: the engine's own hardly at all, all others to the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MINE = threading.local()


def patience() -> float | None:
    """Return the seconds that this thread may wait; ``None``: as long as it takes."""
    seconds: float | None = getattr(_MINE, "seconds", None)
    return seconds


@contextmanager
def waiting_at_most(seconds: float | None) -> Iterator[None]:
    """Let this thread wait for so long within the block; ``None``: as long as it takes."""
    before = patience()
    _MINE.seconds = seconds
    try:
        yield
    finally:
        _MINE.seconds = before
