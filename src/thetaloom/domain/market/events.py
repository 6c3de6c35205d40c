"""Earnings and dividends of an underlying: what is known, what is known not to come, and what is not known."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

DAYS_MAX = 366  # an event later than a year, or one that never comes, counts as this far away


class EventKind(StrEnum):
    """What a company does on a day that options feel."""

    EARNINGS = "earnings"
    DIVIDEND = "dividend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividend:
    """One dividend."""

    ex_on: date
    amount: Decimal | None = None  # dollars per share; None = not announced


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What is known of one underlying at ``as_of``.

    Up to its ``…_known_until`` a kind is complete: a day without an event has none. Without that day nothing
    is known of the kind. A kind in ``not_applicable`` never comes: an index reports no earnings.
    """

    as_of: datetime
    source: str
    earnings: tuple[date, ...] = ()
    dividends: tuple[Dividend, ...] = ()
    earnings_known_until: date | None = None
    dividends_known_until: date | None = None
    not_applicable: frozenset[EventKind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class NextEvent:
    """How many days off the next event of a kind is."""

    days: int | None  # calendar days, at most 366; None = not known
    why: str  # of what is not known, or of what is known not to come; else empty

    @property
    def is_none(self) -> bool:
        """Whether no event is known to come; ``days`` then says until when that is sure."""
        return self.days is not None and bool(self.why)


def next_event(events: Events | None, kind: EventKind, today: date) -> NextEvent:
    """Return how far off the next event of ``kind`` is, today counting as 0 days."""
    if events is None:
        return NextEvent(days=None, why="the source keeps no calendar of events")
    if kind in events.not_applicable:
        return NextEvent(days=DAYS_MAX, why=f"{kind} never comes for this underlying")
    is_earnings = kind is EventKind.EARNINGS
    days = events.earnings if is_earnings else tuple(one.ex_on for one in events.dividends)
    coming = [day for day in days if day >= today]
    if coming:
        return NextEvent(days=min((min(coming) - today).days, DAYS_MAX), why="")
    known_until = events.earnings_known_until if is_earnings else events.dividends_known_until
    if known_until is None or known_until < today:
        return NextEvent(days=None, why=f"no {kind} dates are known from {today} on")
    return NextEvent(days=min((known_until - today).days + 1, DAYS_MAX), why=f"no {kind} until {known_until}")
