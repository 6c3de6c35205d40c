"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from thetaloom.errors import InvalidInput
from thetaloom.testing.builders import NOW


class FakeClock:
    """Implements ``ports.clock.Clock``; time only goes forward, and only when told."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant last moved to."""
        return self._now

    def move_to(self, at: datetime) -> datetime:
        """Move to an instant that is not before now."""
        if at < self._now:
            raise InvalidInput(f"the clock stands at {self._now} and does not go back to {at}")
        self._now = at.astimezone(UTC)
        return self._now

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Move forward by a span of time."""
        return self.move_to(self._now + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
