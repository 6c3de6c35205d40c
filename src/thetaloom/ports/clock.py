"""The clock: the only source of "now"."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of the market that is traded: the wall clock, or a virtual one for recorded and made days."""

    def now(self) -> datetime:
        """Return the instant, aware and in UTC."""
        ...


class MovableClock(Clock, Protocol):
    """A clock that stands still until its driver moves it."""

    def move_to(self, at: datetime) -> object:
        """Move forward to ``at``; never back."""
        ...
