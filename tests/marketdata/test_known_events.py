"""A source's calendar of events and that of the files, as one."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from thetaloom.domain.market.events import EventKind, Events
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.event_files import EventTable
from thetaloom.marketdata.known_events import KnownEvents
from thetaloom.marketdata.synthetic.market import SyntheticMarket

NOW = datetime(2026, 1, 5, 15, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 5), date(2027, 1, 5)


class Teller(SyntheticMarket):
    """A source that tells the events it is given, as a broker may."""

    told: Events | None = None

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return what was given."""
        return self.told


class Searched(Teller):
    """A source with a search."""

    def matching(self, query: str) -> list[str]:
        """Return what is named so."""
        return [symbol for symbol in self.symbols() if symbol.startswith(query)]


def test_the_search_is_that_of_the_market(source: Teller, known: KnownEvents) -> None:
    clock = VirtualClock(NOW)
    searched = Searched(seed=1, start_on=FIRST, calendar=read_table(SHIPPED_TABLE), clock=clock, symbols=("QQQ",))

    assert list(KnownEvents(searched, EventTable([], packaged=False), clock).matching("Q")) == ["QQQ"]
    assert list(known.matching("Q")) == []


@pytest.fixture
def source() -> Teller:
    """A source that tells nothing yet."""
    clock = VirtualClock(NOW)
    return Teller(seed=1, start_on=FIRST, calendar=read_table(SHIPPED_TABLE), clock=clock, symbols=("QQQ",))


@pytest.fixture
def known(source: Teller, tmp_path: Path) -> KnownEvents:
    """The source beside a file."""
    file = tmp_path / "events.csv"
    file.write_text("symbol,kind,date,amount\nQQQ,dividend,2026-03-23,0.70\nAAPL,earnings,2026-01-29,\n")
    return KnownEvents(source, EventTable([file], packaged=False), VirtualClock(NOW))


def test_a_source_without_a_calendar_is_completed_by_the_file(known: KnownEvents) -> None:
    found = known.corporate_events("AAPL", FIRST, LAST)

    assert found is not None
    assert (found.source, found.earnings, found.dividends_known_until) == ("synthetic", (date(2026, 1, 29),), None)


def test_a_fund_reports_no_earnings_whoever_tells_its_prices(known: KnownEvents) -> None:
    found = known.corporate_events("QQQ", FIRST, LAST)

    assert found is not None
    assert found.not_applicable == {EventKind.EARNINGS}
    assert found.dividends_known_until == date(2026, 3, 23)


def test_what_both_tell_counts_once_and_the_later_word_stands(known: KnownEvents, source: Teller) -> None:
    source.told = Events(
        as_of=NOW, source="broker", earnings=(date(2026, 1, 28),), earnings_known_until=date(2026, 1, 28)
    )

    found = known.corporate_events("AAPL", FIRST, LAST)

    assert found is not None
    assert (found.source, found.earnings) == ("broker", (date(2026, 1, 28), date(2026, 1, 29)))
    assert found.earnings_known_until == date(2026, 1, 29)


def test_a_symbol_that_nobody_knows_stays_unknown(known: KnownEvents) -> None:
    assert known.corporate_events("MSFT", FIRST, LAST) is None
