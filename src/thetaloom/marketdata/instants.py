"""Instants as whole microseconds since 1970, and the waking of those who wait for the next change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import AlarmClock
from thetaloom.ports.clock import Clock

EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Return the whole microseconds since 1970; an instant without a zone raises ``InvalidInput``."""
    if at.tzinfo is None:
        raise InvalidInput(f"instant {at} carries no time zone", details={"field": "at"})
    return (at - EPOCH_AT) // MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the instant in UTC."""
    return EPOCH_AT + timedelta(microseconds=int(microseconds))


def wake_on_changes(clock: Clock, next_change: Callable[[datetime], datetime | None], wake: Callable[[], None]) -> None:
    """Call ``wake`` each time ``clock`` passes a change, until there are no more.

    A clock that cannot call back leaves this to its driver, which knows when it moved.
    """
    if not isinstance(clock, AlarmClock):
        return

    def set_alarm() -> None:
        at = next_change(clock.now())
        if at is not None:
            clock.call_at(at, ring)

    def ring() -> None:
        set_alarm()
        wake()

    set_alarm()
