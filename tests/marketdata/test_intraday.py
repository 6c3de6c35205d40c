import itertools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.intraday import bars_of_session, latest_bars
from thetaloom.marketdata.recorded import RecordedMarket, packaged_day
from thetaloom.marketdata.synthetic import SyntheticMarket

ON = date(2026, 1, 5)
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


def test_bars_are_cut_from_the_open_on() -> None:
    seconds = np.array([0, 60, 120, 180, 240, 300], np.int64)
    prices = np.array([10.0, 12.0, 11.0, 9.0, 9.5, 9.75])

    first, second = bars_of_session(ON, seconds, prices, 2, is_over=False)

    assert (first.open, first.high, first.low, first.close) == (10, 12, 10, 11)
    assert (second.open, second.high, second.low, second.close) == (11, 11, 9, 9.5)
    assert bars_of_session(ON, seconds, prices, 2, is_over=True)[-1].close == 9.75


def test_unknown_prices_make_no_bar() -> None:
    seconds = np.array([0, 60, 120, 180], np.int64)

    assert bars_of_session(ON, seconds, np.full(4, np.nan), 1, is_over=True) == []
    (bar,) = bars_of_session(ON, seconds, np.array([1.0, np.nan, 3.0, np.nan]), 2, is_over=False)
    assert (bar.open, bar.close) == (1, 3)


def test_a_single_price_makes_no_bar() -> None:
    seconds = np.array([0, 60, 150, 180], np.int64)

    bars = bars_of_session(ON, seconds, np.array([1.0, 2.0, 3.0, np.nan]), 1, is_over=True)

    assert [(bar.open, bar.close) for bar in bars] == [(1, 2)]


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=400), st.integers(1, 240))
def test_the_bars_of_a_session_hold_its_extremes_and_its_ends(prices: list[int], minutes: int) -> None:
    seconds = np.arange(len(prices), dtype=np.int64) * 60

    bars = bars_of_session(ON, seconds, np.array(prices, np.float64), minutes, is_over=True)

    assert len(bars) == -(-(len(prices) - 1) // minutes)
    assert max(bar.high for bar in bars) == max(prices)
    assert min(bar.low for bar in bars) == min(prices)
    assert (bars[0].open, bars[-1].close) == (prices[0], prices[-1])
    assert all(after.open == before.close for before, after in itertools.pairwise(bars))


def test_the_latest_bars_span_sessions() -> None:
    seconds = np.array([0, 60, 120], np.int64)
    today, yesterday = (
        bars_of_session(day, seconds, np.array([start, start + 1, start + 2.0]), 1, is_over=True)
        for day, start in ((ON, 20.0), (ON - timedelta(days=3), 10.0))
    )

    assert [bar.close for bar in latest_bars([today, yesterday], 3)] == [12, 21, 22]


def test_made_up_bars_add_up_to_the_day(calendar: TradingCalendar) -> None:
    clock = VirtualClock(datetime(2026, 1, 8, 3, tzinfo=UTC))
    world = SyntheticMarket(3, ON, calendar, clock, symbols=("SPY",))
    (day,) = world.history("SPY", date(2026, 1, 7), date(2026, 1, 7))

    hours = world.intraday("SPY", 60, 7)

    assert [bar.session_on for bar in hours] == [date(2026, 1, 7)] * 7
    assert (max(bar.high for bar in hours), min(bar.low for bar in hours)) == (day.high, day.low)
    assert (hours[0].open, hours[-1].close) == (day.open, day.close)
    assert len(world.intraday("SPY", 195, 10_000)) == 2 * len(world.history("SPY", date(2024, 1, 1), date(2026, 1, 7)))


def test_recorded_bars_are_of_the_recorded_prices() -> None:
    clock = VirtualClock(datetime(2015, 12, 24, 15, 30, 30, tzinfo=UTC))
    market = RecordedMarket(packaged_day(), clock)

    bars = market.intraday("GOOG", 15, 100)

    assert len(bars) == 3  # since 9:31; the fourth is not complete
    spot = market.spot("GOOG", datetime(2015, 12, 24, 15, 16, tzinfo=UTC))
    assert spot is not None
    assert bars[-1].close == pytest.approx(float(spot), abs=0.5)


@pytest.mark.shared_data
def test_snapshots_make_no_bars() -> None:
    path = SHARED / "cboe_snapshots_2026" / "AAPL.parquet"
    if not path.exists():
        pytest.skip(f"recorded data is not beside the checkout: {path}")

    assert RecordedMarket(path, VirtualClock(datetime(2027, 1, 4, tzinfo=UTC))).intraday("AAPL", 15, 10) == []
