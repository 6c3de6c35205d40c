"""Instants as whole microseconds since 1970, as arrays hold them."""

from datetime import UTC, datetime, timedelta

from thetaloom.errors import InvalidInput

EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def utc(at: datetime) -> datetime:
    """Return ``at`` in UTC; an instant without a zone raises ``InvalidInput``."""
    if at.tzinfo is None:
        raise InvalidInput(f"instant {at} carries no time zone", details={"field": "at"})
    return at.astimezone(UTC)


def microseconds(at: datetime) -> int:
    """Return the whole microseconds since 1970; an instant without a zone raises ``InvalidInput``."""
    if at.tzinfo is None:
        utc(at)
    return (at - EPOCH_AT) // MICROSECOND


def instant(since_1970: int) -> datetime:
    """Return the instant, in UTC, of so many microseconds since 1970."""
    return EPOCH_AT + timedelta(microseconds=since_1970)
