import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.errors import InvalidInput, InvariantError
from thetaloom.marketdata.calendar_table import (
    COVER_AHEAD,
    FIRST_ON,
    SHIPPED_LAST_ON,
    SHIPPED_TABLE,
    compute_calendar,
    load_calendar,
    read_table,
    write_shipped_table,
    write_table,
)

# exchange_calendars 4.13 uses what pandas 3.1 deprecates; nothing of ours can change that.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning:DeprecationWarning")

TODAY = date(2026, 11, 21)
NEW_YORK = ZoneInfo("America/New_York")
SPY_DAYS = Path(__file__).parents[2] / "../shared/data/underlying/SPY_daily_lean.parquet"


@pytest.fixture(scope="module")
def london() -> TradingCalendar:
    with warnings.catch_warnings(action="ignore"):  # the mark below reaches tests, not fixtures
        return compute_calendar("XLON", date(2026, 1, 1), date(2026, 12, 31))


def test_the_shipped_table_is_what_exchange_calendars_says_over_its_whole_range(tmp_path: Path) -> None:
    write_shipped_table(tmp_path / "fresh.csv")

    assert (tmp_path / "fresh.csv").read_text() == SHIPPED_TABLE.read_text()
    assert read_table(SHIPPED_TABLE) == compute_calendar("XNYS", FIRST_ON, SHIPPED_LAST_ON)


@pytest.mark.shared_data
def test_the_recorded_days_of_spy_are_the_sessions_and_no_others() -> None:
    if not SPY_DAYS.exists():
        pytest.skip(f"{SPY_DAYS} is absent")
    recorded = pl.read_parquet(SPY_DAYS, columns=["date"])["date"].sort().to_list()

    sessions = read_table(SHIPPED_TABLE).sessions_between(recorded[0], recorded[-1])

    assert [session.session_on for session in sessions] == recorded


@pytest.mark.parametrize(
    ("on", "opens", "closes", "early_close"),
    [
        (date(2015, 12, 24), "14:30", "18:00", True),
        (date(2025, 11, 28), "14:30", "18:00", True),  # the day after Thanksgiving
        (date(2024, 7, 3), "13:30", "17:00", True),
        (date(2026, 3, 6), "14:30", "21:00", False),  # the Friday before clocks go forward
        (date(2026, 3, 9), "13:30", "20:00", False),
        (date(2026, 10, 30), "13:30", "20:00", False),
        (date(2026, 11, 2), "14:30", "21:00", False),
    ],
)
def test_hours_of_known_sessions_in_utc(on: date, opens: str, closes: str, early_close: bool) -> None:
    session = read_table(SHIPPED_TABLE).session_on(on)

    assert session is not None
    assert f"{session.open_at:%H:%M}" == opens
    assert f"{session.close_at:%H:%M}" == closes
    assert session.early_close is early_close


@pytest.mark.parametrize(
    "on",
    [
        date(2001, 9, 11),
        date(2012, 10, 29),  # the hurricane
        date(2012, 10, 30),
        date(2018, 12, 5),  # days of mourning
        date(2025, 1, 9),
        date(2026, 7, 3),  # holidays observed on the Friday before
        date(2027, 6, 18),
        date(2027, 12, 24),
        date(2026, 4, 3),  # Good Friday
    ],
)
def test_days_on_which_the_exchange_stays_closed(on: date) -> None:
    assert read_table(SHIPPED_TABLE).session_on(on) is None


@pytest.mark.parametrize("on", [date(2021, 12, 31), date(2012, 10, 31), date(2021, 6, 18)])
def test_days_that_look_like_holidays_and_are_none(on: date) -> None:
    assert read_table(SHIPPED_TABLE).session_on(on) is not None


def test_every_session_opens_at_half_past_nine_and_early_closes_are_the_short_ones() -> None:
    for session in read_table(SHIPPED_TABLE).sessions:
        opens, closes = session.open_at.astimezone(NEW_YORK), session.close_at.astimezone(NEW_YORK)

        assert (opens.date(), closes.date()) == (session.session_on, session.session_on)
        assert session.early_close is (closes.hour < 16)
        assert f"{opens:%H:%M}" == "09:30" or session.session_on < date(2012, 1, 1)


def test_a_start_with_the_shipped_table_neither_writes_nor_imports_the_source(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, datetime\n"
        "from thetaloom.marketdata.calendar_table import load_calendar\n"
        f"load_calendar(today=datetime.date(2026, 11, 21), cache_dir=pathlib.Path({str(tmp_path)!r}))\n"
        "assert not {'exchange_calendars', 'pandas', 'numpy'} & set(sys.modules)\n"
    )

    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert list(tmp_path.iterdir()) == []


def test_a_table_reads_back_as_the_calendar_that_was_written(london: TradingCalendar, tmp_path: Path) -> None:
    table = tmp_path / "new" / "sessions.csv"

    write_table(london, table)

    assert read_table(table) == london
    assert [path.name for path in table.parent.iterdir()] == ["sessions.csv"]


def test_other_exchanges_are_computed_once_and_then_read(tmp_path: Path) -> None:
    first = load_calendar("XLON", today=TODAY, cache_dir=tmp_path)
    (table,) = tmp_path.iterdir()
    written = table.stat().st_mtime_ns

    again = load_calendar("XLON", today=TODAY, cache_dir=tmp_path)

    assert again == first
    assert table.stat().st_mtime_ns == written
    assert again.zone_name == "Europe/London"
    assert again.last_on >= TODAY + COVER_AHEAD


def test_a_table_that_runs_short_is_filled_anew(tmp_path: Path) -> None:
    late = SHIPPED_LAST_ON - timedelta(days=300)

    calendar = load_calendar(today=late, cache_dir=tmp_path)

    assert calendar.last_on >= late + COVER_AHEAD
    assert calendar.sessions_between(date(2026, 1, 2), date(2026, 12, 31)) == read_table(
        SHIPPED_TABLE
    ).sessions_between(date(2026, 1, 2), date(2026, 12, 31))
    assert load_calendar(today=late, cache_dir=tmp_path) == calendar


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("16:30:00Z", "15:30:00Z", 1),
        lambda text: text.replace("Europe/London", "Europe/Londom", 1),
        lambda text: text.replace("Europe/London", "Europe/London x", 1),
        lambda text: text.replace("session,open", "open,session", 1),
        lambda text: "\x00\x01",
    ],
)
def test_a_damaged_table_is_refused(damage: Callable[[str], str], london: TradingCalendar, tmp_path: Path) -> None:
    table = tmp_path / "sessions_xlon.csv"
    write_table(london, table)
    table.write_text(damage(table.read_text()))

    with pytest.raises(InvariantError, match="damaged"):
        read_table(table)


@pytest.mark.parametrize("damaged", [b"# XLON Europe/London 0\n", b"\xff\xfe\x80"])
def test_a_damaged_table_is_filled_anew(damaged: bytes, tmp_path: Path) -> None:
    table = tmp_path / "sessions_xlon.csv"
    table.write_bytes(damaged)

    assert load_calendar("XLON", today=TODAY, cache_dir=tmp_path) == read_table(table)


def test_a_table_of_another_exchange_is_not_mistaken_for_the_one_asked(tmp_path: Path) -> None:
    write_table(read_table(SHIPPED_TABLE), tmp_path / "sessions_xlon.csv")

    assert load_calendar("XLON", today=TODAY, cache_dir=tmp_path).exchange == "XLON"


def test_an_exchange_whose_holidays_are_known_for_less_time_gets_what_is_known() -> None:
    calendar = compute_calendar("XBOM", date(1990, 1, 1), date(2040, 12, 31))

    assert date(1997, 1, 1) <= calendar.first_on < date(1998, 1, 1)
    assert calendar.last_on < date(2040, 12, 1)


def test_a_code_that_names_no_exchange_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match='"NOPE"'):
        load_calendar("NOPE", today=TODAY, cache_dir=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_code_that_is_no_file_name_is_cached_all_the_same(tmp_path: Path) -> None:
    load_calendar("24/7", today=TODAY, cache_dir=tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["sessions_24_7.csv"]


def test_the_shipped_table_answers_whether_the_market_is_open_now_and_then() -> None:
    calendar = read_table(SHIPPED_TABLE)

    assert calendar.is_open(datetime(2026, 11, 20, 20, 59, tzinfo=UTC))
    assert not calendar.is_open(datetime(2026, 11, 27, 18, 0, tzinfo=UTC))  # a half-day
