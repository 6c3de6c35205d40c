"""When index and stock options end: every expiration of 2024 to 2026, and every early close from 2013 to 2027."""

import warnings
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.values.calendar import options_close_at, third_friday
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.testing import builders as b

# The half-days of the New York Stock Exchange, to 13:00, as it announced them.
EARLY_CLOSES = (
    *("2013-07-03", "2013-11-29", "2013-12-24", "2014-07-03", "2014-11-28", "2014-12-24", "2015-11-27", "2015-12-24"),
    *("2016-11-25", "2017-07-03", "2017-11-24", "2018-07-03", "2018-11-23", "2018-12-24", "2019-07-03", "2019-11-29"),
    *("2019-12-24", "2020-11-27", "2020-12-24", "2021-11-26", "2022-11-25", "2023-07-03", "2023-11-24", "2024-07-03"),
    *("2024-11-29", "2024-12-24", "2025-07-03", "2025-11-28", "2025-12-24", "2026-11-27", "2026-12-24", "2027-11-26"),
)
# The monthly expirations of VIX: thirty days before those of the S&P 500 that follow.
VIX_MONTHLIES = (
    *("2024-01-17", "2024-02-14", "2024-03-20", "2024-04-17", "2024-05-22", "2024-06-18", "2024-07-17", "2024-08-21"),
    *("2024-09-18", "2024-10-16", "2024-11-20", "2024-12-18", "2025-01-22", "2025-02-19", "2025-03-18", "2025-04-16"),
    *("2025-05-21", "2025-06-18", "2025-07-16", "2025-08-20", "2025-09-17", "2025-10-22", "2025-11-19", "2025-12-17"),
    *("2026-01-21", "2026-02-18", "2026-03-18", "2026-04-15", "2026-05-19", "2026-06-17", "2026-07-22", "2026-08-19"),
    *("2026-09-16", "2026-10-21", "2026-11-18", "2026-12-16"),
)
# Third Fridays on a holiday: Good Friday 2025 and Juneteenth 2026 leave the Thursday.
MOVED_MONTHLIES = {date(2025, 4, 18): date(2025, 4, 17), date(2026, 6, 19): date(2026, 6, 18)}
MONTHLIES = [
    MOVED_MONTHLIES.get(third_friday(year, month), third_friday(year, month))
    for year in (2024, 2025, 2026)
    for month in range(1, 13)
]
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def schedule() -> dict[date, tuple[datetime, datetime]]:
    """Opens and closes of 2013 to 2027 as exchange_calendars knows them, another source than our table's reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars

        calendar: Any = exchange_calendars.get_calendar("XNYS", start="2013-01-01", end="2027-12-31")
        return {
            session.date(): (opens.to_pydatetime(), closes.to_pydatetime())
            for session, opens, closes in zip(calendar.sessions, calendar.opens, calendar.closes, strict=True)
        }


def option(root: str, on: date) -> OptionContract:
    """Return any contract of a root and a date."""
    return OptionContract(root=root, expires_on=on, right=Right.PUT, strike=Decimal(100))


def ends(root: str, on: date) -> tuple[datetime, datetime]:
    """Return when a contract trades last and settles."""
    calendar = b.trading_calendar()
    return calendar.last_trading_at(option(root, on)), calendar.settles_at(option(root, on))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("root", ["SPX", "NDX", "RUT"])
def test_monthly_index_options_trade_to_the_day_before_and_settle_at_the_open(
    root: str, schedule: dict[date, tuple[datetime, datetime]]
) -> None:
    days = sorted(schedule)
    for on in MONTHLIES:
        before = days[days.index(on) - 1]
        assert ends(root, on) == (schedule[before][1] + QUARTER, schedule[on][0])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("root", ["VIX", "VIXW"])
def test_vix_options_trade_to_the_day_before_and_settle_at_the_open(
    root: str, schedule: dict[date, tuple[datetime, datetime]]
) -> None:
    days = sorted(schedule)
    for text in VIX_MONTHLIES:
        on = date.fromisoformat(text)
        before = days[days.index(on) - 1]
        assert ends(root, on) == (schedule[before][1] + QUARTER, schedule[on][0])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("root", ["SPXW", "XSP", "RUTW", "NDXP", "SPY"])
def test_daily_expirations_end_with_the_close_of_their_session(
    root: str, schedule: dict[date, tuple[datetime, datetime]]
) -> None:
    for on, (_, closes) in schedule.items():
        if 2024 <= on.year <= 2026:
            assert ends(root, on) == (closes, closes)


def test_both_kinds_of_s_and_p_options_end_on_a_third_friday_a_session_apart() -> None:
    for on in MONTHLIES:
        (morning_last, morning), (evening_last, evening) = ends("SPX", on), ends("SPXW", on)
        assert morning_last < morning < evening_last == evening


@pytest.mark.filterwarnings("ignore")
def test_the_early_closes_are_all_there_and_options_keep_their_quarter_of_an_hour(
    schedule: dict[date, tuple[datetime, datetime]],
) -> None:
    calendar, early = b.trading_calendar(), [date.fromisoformat(text) for text in EARLY_CLOSES]
    ours = [
        one.session_on for one in calendar.sessions_between(date(2013, 1, 1), date(2027, 12, 31)) if one.early_close
    ]
    short = [on for on, (_, closes) in schedule.items() if closes.astimezone(b.NEW_YORK).time() < time(16)]

    assert ours == short == early
    for on in early:
        session = calendar.session_on(on)
        assert session is not None and session.close_at == b.new_york(f"{on} 13:00")
        assert options_close_at("SPX", session) == b.new_york(f"{on} 13:15")
        assert options_close_at("SPY", session) == b.new_york(f"{on} 13:00")
        assert ends("SPXW", on)[1] == ends("SPY", on)[0] == b.new_york(f"{on} 13:00")


def test_an_option_that_settles_at_the_open_after_a_half_day_trades_to_a_quarter_past_one() -> None:
    assert ends("VIXW", date(2024, 12, 26)) == (b.new_york("2024-12-24 13:15"), b.new_york("2024-12-26 09:30"))
