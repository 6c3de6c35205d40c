from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from thetaloom.domain.market.events import DAYS_MAX, Dividend, EventKind, Events, next_event

TODAY = date(2026, 3, 10)
NOTHING = Events(as_of=datetime(2026, 3, 10, 15, tzinfo=UTC), source="test")


def test_the_next_event_counts_from_today() -> None:
    known = replace(NOTHING, earnings=(date(2026, 1, 29), TODAY, date(2026, 4, 30)))

    assert next_event(known, EventKind.EARNINGS, TODAY).days == 0
    assert next_event(known, EventKind.EARNINGS, TODAY + timedelta(days=1)).days == 50
    assert not next_event(known, EventKind.EARNINGS, TODAY).is_none


def test_dividends_are_told_apart_from_earnings() -> None:
    known = replace(NOTHING, dividends=(Dividend(ex_on=date(2026, 3, 20)),))

    assert next_event(known, EventKind.DIVIDEND, TODAY).days == 10
    assert next_event(known, EventKind.EARNINGS, TODAY).days is None


@pytest.mark.parametrize("kind", EventKind)
def test_what_is_not_known_is_not_none(kind: EventKind) -> None:
    past = replace(NOTHING, earnings_known_until=date(2026, 3, 9), dividends_known_until=date(2026, 3, 9))

    for unknown in (None, NOTHING, past):
        coming = next_event(unknown, kind, TODAY)
        assert coming.days is None
        assert coming.why
        assert not coming.is_none


@pytest.mark.parametrize(("known_until", "days"), [(TODAY, 1), (date(2026, 3, 20), 11), (date(2030, 1, 1), DAYS_MAX)])
def test_a_calendar_without_events_tells_until_when_nothing_comes(known_until: date, days: int) -> None:
    coming = next_event(replace(NOTHING, dividends_known_until=known_until), EventKind.DIVIDEND, TODAY)

    assert (coming.days, coming.is_none) == (days, True)
    assert str(known_until) in coming.why


def test_what_never_comes_is_as_far_away_as_can_be() -> None:
    index = replace(NOTHING, not_applicable=frozenset(EventKind), earnings=(TODAY,))

    coming = next_event(index, EventKind.EARNINGS, TODAY)

    assert (coming.days, coming.is_none) == (DAYS_MAX, True)
