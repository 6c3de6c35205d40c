from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.values.calendar import (
    TradingCalendar,
    TradingSession,
    options_close_at,
    third_friday,
)
from thetaloom.domain.values.instruments import INDEX_ROOTS, parse_option_symbol
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table

NEW_YORK = ZoneInfo("America/New_York")
XNYS = read_table(SHIPPED_TABLE)
DAYS = st.dates(XNYS.first_on + timedelta(days=7), XNYS.last_on - timedelta(days=7))
INSTANTS = st.datetimes(datetime(1998, 1, 9), datetime(2032, 12, 20), timezones=st.just(UTC))  # noqa: DTZ001  # the strategy adds the zone
# A small exchange: a Thursday, a half-day Friday, and the Monday after.
WEEK = TradingCalendar(
    exchange="TEST",
    zone_name="America/New_York",
    sessions=tuple(
        TradingSession(
            session_on=date(2015, 12, day),
            open_at=datetime(2015, 12, day, 14, 30, tzinfo=UTC),
            close_at=datetime(2015, 12, day, hour, tzinfo=UTC),
            early_close=hour == 18,
        )
        for day, hour in ((24, 18), (23, 21), (28, 21))
    ),
)


def test_sessions_are_kept_in_order_however_they_come() -> None:
    assert [session.session_on.day for session in WEEK.sessions] == [23, 24, 28]
    assert (WEEK.first_on, WEEK.last_on) == (date(2015, 12, 23), date(2015, 12, 28))


def test_a_session_holds_its_open_and_not_its_close() -> None:
    open_at, close_at = datetime(2015, 12, 24, 14, 30, tzinfo=UTC), datetime(2015, 12, 24, 18, tzinfo=UTC)
    instant = timedelta(microseconds=1)

    assert not WEEK.is_open(open_at - instant)
    assert WEEK.is_open(open_at)
    assert WEEK.is_open(close_at - instant)
    assert not WEEK.is_open(close_at)
    assert WEEK.session_at(open_at) == WEEK.session_on(date(2015, 12, 24))
    assert WEEK.session_at(close_at) is None


def test_before_the_first_open_of_the_table_the_exchange_is_closed_and_opens_next() -> None:
    early = datetime(2015, 12, 23, 12, tzinfo=UTC)

    assert not WEEK.is_open(early)
    assert WEEK.next_open(early) == datetime(2015, 12, 23, 14, 30, tzinfo=UTC)
    assert WEEK.minutes_to_close(early) is None


def test_opens_and_closes_follow_an_instant_strictly() -> None:
    open_at, close_at = datetime(2015, 12, 24, 14, 30, tzinfo=UTC), datetime(2015, 12, 24, 18, tzinfo=UTC)

    assert WEEK.next_open(open_at) == datetime(2015, 12, 28, 14, 30, tzinfo=UTC)
    assert WEEK.next_close(open_at) == close_at
    assert WEEK.next_close(close_at) == datetime(2015, 12, 28, 21, tzinfo=UTC)


@pytest.mark.parametrize(("second", "minutes"), [(0, 15), (1, 14), (59, 14)])
def test_minutes_to_the_close_are_whole_ones_rounded_down(second: int, minutes: int) -> None:
    assert WEEK.minutes_to_close(datetime(2015, 12, 24, 17, 45, second, tzinfo=UTC)) == minutes


def test_neighbors_of_a_session_and_of_a_closed_day() -> None:
    assert WEEK.next_session(date(2015, 12, 24)).session_on == date(2015, 12, 28)
    assert WEEK.next_session(date(2015, 12, 26)).session_on == date(2015, 12, 28)
    assert WEEK.previous_session(date(2015, 12, 26)).session_on == date(2015, 12, 24)
    assert WEEK.previous_session(date(2015, 12, 24)).session_on == date(2015, 12, 23)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: WEEK.session_on(date(2015, 12, 22)),
        lambda: WEEK.session_on(date(2015, 12, 29)),
        lambda: WEEK.is_open(datetime(2015, 12, 29, 15, tzinfo=UTC)),
        lambda: WEEK.session_at(datetime(2015, 12, 22, 15, tzinfo=UTC)),
        lambda: WEEK.next_open(datetime(2015, 12, 28, 15, tzinfo=UTC)),
        lambda: WEEK.next_close(datetime(2015, 12, 28, 21, tzinfo=UTC)),
        lambda: WEEK.next_session(date(2015, 12, 28)),
        lambda: WEEK.previous_session(date(2015, 12, 23)),
        lambda: WEEK.sessions_between(date(2015, 12, 1), date(2015, 12, 24)),
        lambda: WEEK.count_sessions(date(2015, 12, 24), date(2016, 1, 1)),
        lambda: WEEK.last_trading_at(parse_option_symbol("SPY 2016-01-15 P 200")),
        lambda: WEEK.last_trading_at(parse_option_symbol("SPX 2015-12-23 P 2000")),
        lambda: WEEK.settles_at(parse_option_symbol("SPY 2015-12-19 P 200")),
        lambda: WEEK.is_monthly(date(2015, 12, 24)),
    ],
)
def test_beyond_its_table_a_calendar_names_its_range_and_does_not_guess(ask: Callable[[], object]) -> None:
    with pytest.raises(InvalidInput, match="covers 2015-12-23 to 2015-12-28"):
        ask()


def test_a_span_runs_forward() -> None:
    with pytest.raises(InvalidInput, match="comes after"):
        WEEK.sessions_between(date(2015, 12, 28), date(2015, 12, 24))


def test_an_instant_needs_a_zone() -> None:
    naive = datetime(2015, 12, 24, 15)  # noqa: DTZ001  # the point of the test

    with pytest.raises(InvalidInput, match="no time zone"):
        WEEK.is_open(naive)
    with pytest.raises(InvalidInput, match="no time zone"):
        WEEK.year_fraction(naive, parse_option_symbol("SPY 2015-12-24 P 200"))


def test_a_calendar_without_sessions_or_zone_or_with_overlaps_cannot_be_made() -> None:
    one = WEEK.sessions[0]
    late = TradingSession(session_on=date(2015, 12, 24), open_at=one.open_at, close_at=one.close_at)

    with pytest.raises(InvalidInput, match="no sessions"):
        TradingCalendar(exchange="TEST", zone_name="UTC", sessions=())
    for sessions in ((one, one), (one, late)):
        with pytest.raises(InvalidInput, match="overlap"):
            TradingCalendar(exchange="TEST", zone_name="UTC", sessions=sessions)
    for zone_name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(InvalidInput, match="time zone"):
            TradingCalendar(exchange="TEST", zone_name=zone_name, sessions=(one,))


def test_a_session_is_in_utc_and_opens_before_it_closes() -> None:
    open_at, close_at = datetime(2015, 12, 24, 14, 30, tzinfo=UTC), datetime(2015, 12, 24, 18, tzinfo=UTC)
    on = date(2015, 12, 24)

    with pytest.raises(InvalidInput, match="closes before"):
        TradingSession(session_on=on, open_at=close_at, close_at=open_at)
    with pytest.raises(InvalidInput, match="UTC"):
        TradingSession(session_on=on, open_at=open_at.astimezone(NEW_YORK), close_at=close_at)
    with pytest.raises(InvalidInput, match="UTC"):
        TradingSession(session_on=on, open_at=open_at, close_at=close_at.replace(tzinfo=None))


def test_the_date_of_the_exchange_is_the_one_on_its_wall() -> None:
    assert XNYS.exchange_date(datetime(2026, 1, 2, 4, 59, tzinfo=UTC)) == date(2026, 1, 1)
    assert XNYS.exchange_date(datetime(2026, 1, 2, 5, 0, tzinfo=UTC)) == date(2026, 1, 2)
    assert XNYS.exchange_date(datetime(2026, 7, 2, 4, 0, tzinfo=UTC)) == date(2026, 7, 2)


def test_rows_are_what_the_calendar_command_prints() -> None:
    assert WEEK.session_rows(date(2015, 12, 24), date(2015, 12, 27)) == [
        {
            "session": "2015-12-24",
            "open": "2015-12-24T14:30:00Z",
            "close": "2015-12-24T18:00:00Z",
            "early_close": True,
        }
    ]


@given(INSTANTS)
def test_the_exchange_is_open_exactly_when_it_closes_before_it_opens_again(at: datetime) -> None:
    session = XNYS.session_at(at)

    assert XNYS.is_open(at) is (XNYS.next_close(at) < XNYS.next_open(at)) is (session is not None)
    if session is not None:
        assert session.open_at <= at < session.close_at == XNYS.next_close(at)
        assert session.session_on == XNYS.exchange_date(at)


@given(DAYS)
def test_next_and_previous_session_undo_each_other(day: date) -> None:
    after, before = XNYS.next_session(day), XNYS.previous_session(day)

    assert before.session_on < day < after.session_on
    assert XNYS.count_sessions(before.session_on, after.session_on) == (3 if XNYS.session_on(day) else 2)
    assert XNYS.next_session(XNYS.previous_session(after.session_on).session_on) == after


@given(DAYS, DAYS, DAYS)
def test_sessions_counted_in_two_parts_are_all_sessions(a: date, b: date, c: date) -> None:
    first, middle, last = sorted((a, b, c))
    whole = XNYS.sessions_between(first, last)

    assert XNYS.count_sessions(first, last) == len(whole)
    assert len(whole) == XNYS.count_sessions(first, middle) + XNYS.count_sessions(middle, last) - (
        XNYS.session_on(middle) is not None
    )
    assert all(x.close_at <= y.open_at for x, y in pairwise(whole))


@pytest.mark.parametrize(
    ("contract", "last_trading", "settles"),
    [
        # An ordinary Friday, each kind of root; times on the wall in New York.
        ("SPY 2026-01-16 P 560", "2026-01-16 16:00", "2026-01-16 16:00"),
        ("AAPL 2026-01-16 C 250", "2026-01-16 16:00", "2026-01-16 16:00"),
        ("SPX 2026-01-16 P 6000", "2026-01-15 16:15", "2026-01-16 09:30"),
        ("SPXW 2026-01-16 P 6000", "2026-01-16 16:00", "2026-01-16 16:00"),
        ("XSP 2026-01-16 P 600", "2026-01-16 16:00", "2026-01-16 16:00"),
        ("NDX 2026-01-16 P 20000", "2026-01-15 16:15", "2026-01-16 09:30"),
        ("NDXP 2026-01-16 P 20000", "2026-01-16 16:00", "2026-01-16 16:00"),
        ("RUT 2026-01-16 P 2000", "2026-01-15 16:15", "2026-01-16 09:30"),
        ("DJX 2026-01-09 P 400", "2026-01-09 16:00", "2026-01-09 16:00"),
        ("OEX 2026-01-16 P 3000", "2026-01-16 16:00", "2026-01-16 16:00"),
        # VIX settles at the open of a Wednesday; the session before may be a half-day or a Friday.
        ("VIX 2026-01-21 C 20", "2026-01-20 16:15", "2026-01-21 09:30"),
        ("VIXW 2024-07-03 C 20", "2024-07-02 16:15", "2024-07-03 09:30"),
        ("VIX 2024-06-18 C 20", "2024-06-17 16:15", "2024-06-18 09:30"),  # Wednesday was Juneteenth
        # Good Friday and Juneteenth on a third Friday: listed for the Thursday.
        ("SPY 2025-04-17 P 500", "2025-04-17 16:00", "2025-04-17 16:00"),
        ("SPX 2025-04-17 P 5000", "2025-04-16 16:15", "2025-04-17 09:30"),
        ("SPX 2026-06-18 P 5000", "2026-06-17 16:15", "2026-06-18 09:30"),
        # The same, if a source dates them on the holiday.
        ("SPY 2025-04-18 P 500", "2025-04-17 16:00", "2025-04-17 16:00"),
        ("SPX 2025-04-18 P 5000", "2025-04-16 16:15", "2025-04-17 09:30"),
        # Saturdays, until January 2015; in 2014 Good Friday left the Thursday.
        ("SPY 2015-01-17 P 200", "2015-01-16 16:00", "2015-01-16 16:00"),
        ("SPX 2015-01-17 P 2000", "2015-01-15 16:15", "2015-01-16 09:30"),
        ("SPY 2014-04-19 P 180", "2014-04-17 16:00", "2014-04-17 16:00"),
        # Half-days.
        ("GOOG 2015-12-24 C 740", "2015-12-24 13:00", "2015-12-24 13:00"),
        ("SPXW 2025-11-28 P 6000", "2025-11-28 13:00", "2025-11-28 13:00"),
        # The night and the storm that closed the exchange.
        ("SPXW 2025-01-09 P 5900", "2025-01-08 16:00", "2025-01-08 16:00"),
        ("SPXW 2012-10-29 P 1400", "2012-10-26 16:00", "2012-10-26 16:00"),
    ],
)
def test_when_contracts_trade_last_and_settle(contract: str, last_trading: str, settles: str) -> None:
    option = parse_option_symbol(contract)

    assert f"{XNYS.last_trading_at(option).astimezone(NEW_YORK):%Y-%m-%d %H:%M}" == last_trading
    assert f"{XNYS.settles_at(option).astimezone(NEW_YORK):%Y-%m-%d %H:%M}" == settles


@pytest.mark.parametrize(
    ("root", "on", "closes"),
    [
        ("SPY", date(2026, 1, 16), "16:00"),
        ("SPX", date(2026, 1, 16), "16:15"),
        ("SPXW", date(2025, 11, 28), "13:15"),
        ("VIX", date(2026, 7, 1), "16:15"),
        ("AAPL", date(2025, 11, 28), "13:00"),
    ],
)
def test_index_options_trade_a_quarter_of_an_hour_longer(root: str, on: date, closes: str) -> None:
    session = XNYS.session_on(on)

    assert session is not None
    assert f"{options_close_at(root, session).astimezone(NEW_YORK):%H:%M}" == closes


@given(DAYS, st.sampled_from([*sorted(INDEX_ROOTS), "SPY"]))
def test_no_contract_trades_after_it_settles_or_settles_after_its_date(day: date, root: str) -> None:
    contract = parse_option_symbol(f"{root} {max(day, date(2000, 1, 1))} P 100")
    last, settles = XNYS.last_trading_at(contract), XNYS.settles_at(contract)

    assert last <= settles
    assert XNYS.exchange_date(settles) <= contract.expires_on
    assert XNYS.session_at(settles - timedelta(seconds=1)) or XNYS.session_at(settles)


def test_years_run_to_the_settlement_on_a_basis_of_365_days() -> None:
    spy, spx = parse_option_symbol("SPY 2026-01-16 P 560"), parse_option_symbol("SPX 2026-01-16 P 6000")
    settles_at = datetime(2026, 1, 16, 21, tzinfo=UTC)

    assert XNYS.year_fraction(settles_at - timedelta(days=365), spy) == 1.0
    assert XNYS.year_fraction(settles_at - timedelta(days=73), spy) == 0.2
    assert XNYS.year_fraction(settles_at - timedelta(hours=1), spy) == pytest.approx(1 / 8760, rel=1e-12)
    assert XNYS.year_fraction(settles_at, spy) == 0.0
    assert XNYS.year_fraction(settles_at + timedelta(days=1), spy) == 0.0
    assert XNYS.year_fraction(settles_at - timedelta(hours=7), spx) == pytest.approx(0.5 / 8760, rel=1e-12)


@pytest.mark.parametrize(
    ("expires_on", "is_monthly"),
    [
        (date(2026, 1, 16), True),
        (date(2026, 1, 9), False),
        (date(2026, 1, 15), False),
        (date(2026, 1, 17), False),
        (date(2026, 6, 19), False),  # Juneteenth
        (date(2026, 6, 18), True),
        (date(2025, 4, 17), True),
        (date(2025, 4, 18), False),  # Good Friday
        (date(2015, 1, 17), True),  # the last Saturday
        (date(2015, 1, 16), True),
        (date(2015, 2, 20), True),
        (date(2015, 2, 21), False),
        (date(2014, 4, 19), True),
        (date(2014, 4, 17), True),
    ],
)
def test_which_expirations_are_monthly(expires_on: date, is_monthly: bool) -> None:
    assert XNYS.is_monthly(expires_on) is is_monthly


@given(st.integers(2016, 2032), st.integers(1, 12))
def test_every_month_has_one_monthly_expiration_and_it_is_a_session(year: int, month: int) -> None:
    days = [third_friday(year, month) + timedelta(days=offset) for offset in range(-7, 5)]
    (monthly,) = (day for day in days if XNYS.is_monthly(day))

    assert XNYS.session_on(monthly) is not None
