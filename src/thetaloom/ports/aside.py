"""Work beside the engine: pure functions of plain values that take longer than an exit may wait."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

Given = TypeVar("Given")
Answer = TypeVar("Answer")


class Aside(Protocol):
    """Computes in a place of its own; what it is given and what it answers must be sendable there."""

    def submit(self, work: Callable[[Given], Answer], given: Given) -> Future[Answer]:
        """Begin with a work and return at once. The future fails with ``BrokenExecutor`` if that place dies."""
        ...

    def on_done(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called, from any thread, whenever a work is done."""
        ...

    def close(self) -> None:
        """Stop, and forget what is not begun; the next work starts anew."""
        ...
