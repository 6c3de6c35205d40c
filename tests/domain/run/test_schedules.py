"""Due times through clock changes, holidays and half-days; gaps and what each policy makes of them."""

import warnings
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.run.cron import check_cron, cron_instants
from thetaloom.domain.run.schedules import (
    Hours,
    Missed,
    Schedule,
    ScheduleKind,
    due_times,
    gap_of,
    next_due,
    outlook,
    plan_of,
)
from thetaloom.domain.values.ids import ScheduleId, StrategyId, UserId
from thetaloom.errors import InvalidInput
from thetaloom.testing.builders import NOW, new_york, trading_calendar

ZONE = "America/New_York"
CALENDAR = trading_calendar()


def schedule(**changes: Any) -> Schedule:
    """A schedule every quarter of an hour from 10:00 to 14:45 in New York."""
    fields: dict[str, Any] = {
        "id": ScheduleId("sched-1"),
        "user_id": UserId("anna"),
        "strategy_id": StrategyId("s"),
        "symbols": ("SPY",),
        "cron": "*/15 10-14 * * 1-5",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Schedule(**(fields | changes))


def walls(cron: str, after: str, count: int, zone: str = ZONE) -> list[str]:
    """Return due times in UTC."""
    return [f"{at:%m-%d %H:%M}" for at in islice(cron_instants(cron, zone, new_york(after)), count)]


@pytest.mark.parametrize(
    ("cron", "after", "due"),
    [
        ("30 10 * * *", "2026-03-06 12:00", ["03-07 15:30", "03-08 14:30", "03-09 14:30"]),  # the offset moves
        ("30 2 * * *", "2026-03-07 12:00", ["03-08 07:00", "03-09 06:30"]),  # 02:30 does not exist: 03:00 EDT
        ("0,30 2 * * *", "2026-03-07 12:00", ["03-08 07:00", "03-09 06:00"]),  # both fall into the gap: once
        ("*/30 * * * *", "2026-03-08 01:29", ["03-08 06:30", "03-08 07:00", "03-08 07:30"]),
        ("30 10 * * *", "2026-10-31 12:00", ["11-01 15:30", "11-02 15:30"]),
        ("30 1 * * *", "2026-10-31 12:00", ["11-01 05:30", "11-02 06:30"]),  # 01:30 comes twice: once
        ("*/30 1 * * *", "2026-10-31 12:00", ["11-01 05:00", "11-01 05:30", "11-01 06:00", "11-01 06:30"]),
    ],
)
def test_the_clock_changes_neither_lose_nor_double_a_due_time(cron: str, after: str, due: list[str]) -> None:
    assert walls(cron, after, len(due)) == due


def test_a_due_time_does_not_come_again_in_the_repeated_hour() -> None:
    second_showing = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # 01:30 EST, the wall showed it before

    assert next(cron_instants("45 1 * * *", ZONE, second_showing)) == datetime(2026, 11, 2, 6, 45, tzinfo=UTC)


@given(
    st.sampled_from(["*/15 * * * *", "30 1 * * *", "0,30 2 * * *", "5 */2 * * *", "0 0 1 * *", "59 23 * * 0"]),
    st.integers(0, 3 * 365 * 24 * 60),
    st.sampled_from([ZONE, "Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
)
def test_due_times_grow_strictly_and_do_not_depend_on_where_one_starts(cron: str, minutes: int, zone: str) -> None:
    after = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    due = list(islice(cron_instants(cron, zone, after), 12))

    assert all(before < at for before, at in zip([after, *due], due, strict=False))
    for place, at in enumerate(due[:-1]):
        assert next(cron_instants(cron, zone, at)) == due[place + 1]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("61 * * * *", "Bad minute"),
        ("* 25 * * *", "Bad hour"),
        ("* * 32 * *", "Bad day-of-month"),
        ("* * * 13 *", "Bad month"),
        ("* * * * 8", "Bad day-of-week"),
        ("*/0 * * * *", "Bad minute"),
        ("a b c d e", "Bad"),
        ("@yearly", "1 fields"),
        ("* * * * MON#6", "Bad day-of-week"),
    ],
)
def test_what_is_no_expression_is_refused_with_a_good_one(wrong: str, told: str) -> None:
    with pytest.raises(InvalidInput, match="a good one") as refused:
        check_cron(wrong)

    assert told in refused.value.message


def test_presets_stand_for_their_fields() -> None:
    assert walls(check_cron("@Daily"), "2026-01-05 12:00", 1) == ["01-06 05:00"]


def test_half_days_holidays_and_weekends_take_due_times_out_and_say_so() -> None:
    daily = schedule(cron="0 9-16 * * *", hours=Hours.OPEN)

    found = outlook(daily, CALENDAR, new_york("2026-11-27 11:30"), count=2)  # the Friday after Thanksgiving

    assert list(found.due) == [new_york("2026-11-27 12:00"), new_york("2026-11-30 10:00")]
    assert [(one.why, one.times) for one in found.passed_over] == [
        ("after the early close", 4),
        ("no session: weekend or holiday", 16),
        ("before the open", 1),
    ]


def test_christmas_is_no_session_but_a_weekday() -> None:
    after = new_york("2026-12-24 20:00")

    assert next_due(schedule(cron="0 11 * * *", hours=Hours.SESSION), CALENDAR, after) == new_york("2026-12-28 11:00")
    assert next_due(schedule(cron="0 11 * * *", hours=Hours.WEEKDAYS), CALENDAR, after) == new_york("2026-12-25 11:00")
    assert next_due(schedule(cron="0 11 * * 6,0", hours=Hours.ANY), CALENDAR, after) == new_york("2026-12-26 11:00")


def test_a_window_stands_on_the_wall_of_the_zone_and_holds_both_ends() -> None:
    berlin = schedule(
        cron="*/30 * * * *", zone="Europe/Berlin", hours=Hours.ANY, window_from=time(16), window_to=time(17)
    )

    found = outlook(berlin, CALENDAR, new_york("2026-03-16 09:00"), count=4)  # New York is an hour nearer then

    assert [f"{at:%H:%M}" for at in found.due] == ["15:00", "15:30", "16:00", "15:00"]


def test_beyond_the_calendar_nothing_is_due() -> None:
    end = CALENDAR.sessions[-1].close_at

    assert next_due(schedule(), CALENDAR, end + timedelta(hours=1)) is None


def test_the_first_session_of_the_year_has_five_times_that_are_shown() -> None:
    found = outlook(schedule(), CALENDAR, new_york("2026-01-05 14:10"))

    assert [f"{at.astimezone(NOW.tzinfo):%d %H:%M}" for at in found.due] == [
        *("05 19:15", "05 19:30", "05 19:45"),
        *("06 15:00", "06 15:15"),
    ]


def test_what_is_never_due_is_found_out() -> None:
    assert next_due(schedule(cron="0 3 * * *"), CALENDAR, NOW) is None
    with pytest.raises(InvalidInput, match="Bad day-of-month"):
        check_cron("0 12 31 2 *")


@pytest.mark.parametrize(
    "changes",
    [
        {"symbols": ()},
        {"watchlist": "tech"},
        {"strategy_id": None},
        {"kind": ScheduleKind.DAILY_CYCLE, "symbols": ("SPY", "QQQ")},
        {"window_from": time(10)},
        {"window_from": time(11), "window_to": time(10)},
        {"window_from": time(10, tzinfo=UTC), "window_to": time(11, tzinfo=UTC)},
        {"missed_max": 0},
        {"best": 21},
        {"grace_seconds": 0},
    ],
)
def test_a_schedule_that_makes_no_sense_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        schedule(**changes)


def test_a_gap_is_split_into_what_is_on_time_and_what_was_missed() -> None:
    due = schedule(next_due_at=new_york("2026-01-05 10:00"))

    assert gap_of(due, CALENDAR, new_york("2026-01-05 09:59")).is_empty
    prompt = gap_of(due, CALENDAR, new_york("2026-01-05 10:00"))
    late = gap_of(due, CALENDAR, new_york("2026-01-05 10:47"))

    assert (prompt.on_time, prompt.missed) == (new_york("2026-01-05 10:00"), ())
    assert late.on_time is None
    assert late.missed == tuple(new_york(f"2026-01-05 10:{minute}") for minute in ("00", "15", "30", "45"))


@pytest.mark.parametrize(
    ("missed", "most", "started", "recorded"),
    [
        (Missed.SKIP, 1, ["10:45"], ["10:00", "10:15", "10:30"]),
        (Missed.RUN_ONCE, 1, ["10:45"], ["10:00", "10:15", "10:30"]),
        (Missed.RUN_ALL, 2, ["10:15", "10:30", "10:45"], ["10:00"]),
        (Missed.RUN_ALL, 9, ["10:00", "10:15", "10:30", "10:45"], []),
    ],
)
def test_a_policy_says_what_of_a_gap_starts(missed: Missed, most: int, started: list[str], recorded: list[str]) -> None:
    due = schedule(next_due_at=new_york("2026-01-05 10:00"), missed=missed, missed_max=most)
    gap = gap_of(due, CALENDAR, new_york("2026-01-05 10:45"))

    plan = plan_of(due, gap, may_fire=True)

    assert list(plan.start) == [new_york(f"2026-01-05 {wall}") for wall in started]
    assert list(plan.record) == [new_york(f"2026-01-05 {wall}") for wall in recorded]


def test_what_was_missed_runs_once_and_only_while_the_window_holds() -> None:
    due = schedule(next_due_at=new_york("2026-01-05 10:00"), missed=Missed.RUN_ONCE)
    gap = gap_of(due, CALENDAR, new_york("2026-01-05 10:50"))

    assert plan_of(due, gap, may_fire=True).start == (new_york("2026-01-05 10:45"),)
    assert plan_of(due, gap, may_fire=False).start == ()
    assert len(plan_of(due, gap, may_fire=False).record) == 4


@given(
    st.integers(0, 5000), st.sampled_from(list(Missed)), st.integers(1, 50), st.booleans(), st.sampled_from([60, 3600])
)
def test_each_due_time_of_a_gap_is_started_or_recorded_and_never_both(
    minutes: int, missed: Missed, most: int, may_fire: bool, grace: int
) -> None:
    start = new_york("2026-01-05 10:00")
    due = schedule(next_due_at=start, missed=missed, missed_max=most, grace_seconds=grace)
    now = start + timedelta(minutes=minutes)
    fell_due = [at for at in islice(due_times(due, CALENDAR, start - timedelta(seconds=1)), 500) if at <= now]

    plan = plan_of(due, gap_of(due, CALENDAR, now), may_fire=may_fire)

    assert sorted([*plan.start, *plan.record]) == fell_due
    assert list(plan.start) == sorted(plan.start)


def test_a_month_of_missed_minutes_is_recorded_as_far_as_it_is_useful() -> None:
    minutely = schedule(cron="* * * * *", hours=Hours.ANY, next_due_at=new_york("2025-06-01 00:00"))

    gap = gap_of(minutely, CALENDAR, NOW)

    assert (len(gap.missed), gap.on_time) == (1000, NOW)
    assert gap.uncounted == 31 * 24 * 60 - 1001


@pytest.mark.parametrize("hours", [Hours.OPEN, Hours.SESSION])
def test_two_years_of_daily_cycles_are_those_of_exchange_calendars(hours: Hours) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars

        other: Any = exchange_calendars.get_calendar("XNYS", start="2024-01-01", end="2025-12-31")
        opening = zip(other.sessions, other.opens, other.closes, strict=True)
        sessions = [(on.date(), opens.to_pydatetime(), closes.to_pydatetime()) for on, opens, closes in opening]
    walls = [time(hour, minute) for hour in range(10, 15) for minute in (0, 15, 30, 45)]
    zone = ZoneInfo(ZONE)
    expected = [
        at
        for on, opens, closes in sessions
        for at in (datetime.combine(on, wall, zone).astimezone(UTC) for wall in walls)
        if hours is Hours.SESSION or opens <= at < closes
    ]
    cycle = schedule(window_from=time(10), window_to=time(14, 45), hours=hours)
    found: list[datetime] = []
    after, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    while part := list(islice(takewhile(lambda at: at < end, due_times(cycle, CALENDAR, after)), 1000)):
        found += part
        after = part[-1]

    assert found == expected
    halves = {on for on, _, closes in sessions if closes.astimezone(zone).time() == time(13)}
    assert {date(2024, 7, 3), date(2024, 11, 29), date(2024, 12, 24)} <= halves
