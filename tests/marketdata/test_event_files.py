from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from thetaloom.domain.market.events import Dividend, EventKind, Events, next_event
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.event_files import EventTable

NOW = datetime(2015, 12, 24, 15, tzinfo=UTC)
FIRST, LAST = date(2015, 12, 24), date(2016, 12, 23)
HEADING = "symbol,kind,date,amount\n"


def events_of(table: EventTable, symbol: str) -> Events | None:
    return table.events(symbol, FIRST, LAST, now=NOW, source="test")


def test_the_package_knows_its_recorded_day() -> None:
    events = events_of(EventTable(), "GOOG")

    assert events is not None
    assert events.earnings == (date(2016, 2, 1),)
    assert next_event(events, EventKind.EARNINGS, NOW.date()).days == 39
    assert next_event(events, EventKind.DIVIDEND, NOW.date()).days == 366
    assert next_event(events, EventKind.DIVIDEND, NOW.date()).is_none


def test_a_file_adds_to_what_the_package_knows(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(
        HEADING
        + "# comments and empty lines are skipped\n\n"
        + "AAPL,earnings,2016-01-26,\nAAPL,dividend,2016-02-04,0.52\nAAPL,dividend,2016-05-05\n"
        + "AAPL,earnings_known_until,2016-04-01,\nGOOG,earnings,2016-04-21,\n"
    )
    table = EventTable([file])

    apple, google = events_of(table, "AAPL"), events_of(table, "GOOG")

    assert apple is not None
    assert google is not None
    assert apple.dividends == (
        Dividend(ex_on=date(2016, 2, 4), amount=Decimal("0.52")),
        Dividend(ex_on=date(2016, 5, 5)),
    )
    assert (apple.earnings_known_until, apple.dividends_known_until) == (date(2016, 4, 1), date(2016, 5, 5))
    assert google.earnings == (date(2016, 2, 1), date(2016, 4, 21))


def test_a_class_of_shares_is_known_however_the_file_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(HEADING + "BRK.B,earnings,2016-02-26,\n")

    events = events_of(EventTable([file]), "BRKB")

    assert events is not None and events.earnings == (date(2016, 2, 26),)


def test_what_was_known_is_cut_to_the_days_asked_for() -> None:
    events = EventTable().events("GOOG", date(2015, 10, 1), date(2015, 11, 1), now=NOW, source="test")

    assert events is not None
    assert events.earnings == (date(2015, 10, 22),)
    assert (events.earnings_known_until, events.dividends_known_until) == (date(2015, 11, 1), date(2015, 11, 1))


def test_without_a_line_a_stock_is_unknown_and_an_index_has_nothing_to_come() -> None:
    table = EventTable(packaged=False)

    assert events_of(table, "GOOG") is None
    index, fund = events_of(table, "SPX"), events_of(table, "SPY")
    assert index is not None
    assert fund is not None
    assert index.not_applicable == set(EventKind)
    assert fund.not_applicable == {EventKind.EARNINGS}
    assert next_event(fund, EventKind.DIVIDEND, FIRST).days is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("AAPL,earnings,2016-01-26\n", "heading"),
        (HEADING + "AAPL,split,2016-01-26,\n", "kind 'split'"),
        (HEADING + "AAPL,earnings,26.1.2016,\n", "no date"),
        (HEADING + "AAPL,dividend,2016-01-26,much\n", "no amount"),
        (HEADING + "AAPL,dividend,2016-01-26,-1\n", "no amount above 0"),
        (HEADING + "AAPL,dividend,2016-01-26,NaN\n", "no amount above 0"),
        (HEADING + ",earnings,2016-01-26,\n", "is not symbol,kind,date,amount"),
        (HEADING + "AAPL,earnings\n", "is not symbol,kind,date,amount"),
        ("", "heading"),
    ],
)
def test_a_line_that_cannot_be_right_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "events.csv"
    file.write_text(text)

    with pytest.raises(InvalidInput, match=problem):
        EventTable([file])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        EventTable([tmp_path / "none.csv"])
