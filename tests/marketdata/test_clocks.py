"""The clocks: forward only, and awake when they said."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.errors import InvalidInput, InvariantError
from thetaloom.marketdata.clocks import AlarmClock, PacedClock, SystemClock, VirtualClock

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_virtual_clock_stands_until_it_is_moved() -> None:
    clock = VirtualClock(START)

    assert clock.now() == clock.now() == START
    clock.move_to(START + SECOND)
    assert clock.now() == START + SECOND


def test_a_virtual_clock_does_not_go_back() -> None:
    clock = VirtualClock(START)

    with pytest.raises(InvariantError):
        clock.move_to(START - SECOND)

    assert clock.now() == START


def test_now_is_in_utc_whatever_the_zone_of_the_start() -> None:
    new_york = START.astimezone(timezone(timedelta(hours=-5)))

    assert VirtualClock(new_york).now().tzinfo is UTC
    assert PacedClock(new_york).now().tzinfo is UTC


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput):
        VirtualClock(START.replace(tzinfo=None))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_pace_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(InvalidInput):
        PacedClock(START, speed)


@given(speed=st.floats(0.01, 10_000), seconds=st.floats(0, 1e5))
def test_a_paced_clock_moves_with_real_time_times_its_speed(speed: float, seconds: float) -> None:
    real = [50.0]
    clock = PacedClock(START, speed, monotonic=lambda: real[0])

    real[0] += seconds

    assert (clock.now() - START).total_seconds() == pytest.approx(seconds * speed, abs=1e-5)


@given(st.lists(st.integers(1, 30), max_size=20), st.lists(st.integers(1, 10), max_size=10))
def test_each_alarm_rings_once_and_in_order(due: list[int], moves: list[int]) -> None:
    clock = VirtualClock(START)
    rung: list[int] = []
    for seconds in due:
        clock.call_at(START + seconds * SECOND, lambda seconds=seconds: rung.append(seconds))  # type: ignore[misc]  # bound now

    for seconds in moves:
        clock.move_to(clock.now() + seconds * SECOND)

    assert rung == sorted(seconds for seconds in due if seconds <= sum(moves))


def test_an_alarm_that_sets_itself_again_rings_once_per_move() -> None:
    clock = VirtualClock(START)
    rung: list[datetime] = []

    def ring() -> None:
        rung.append(clock.now())
        clock.call_at(START, ring)

    clock.call_at(START, ring)
    clock.move_to(START + SECOND)
    clock.move_to(START + 2 * SECOND)

    assert rung == [START + SECOND, START + 2 * SECOND]


def test_clocks_that_run_by_themselves_ring_from_another_thread() -> None:
    for clock in (PacedClock(START, speed=1000.0), SystemClock()):
        assert isinstance(clock, AlarmClock)
        rung = threading.Event()
        clock.call_at(clock.now() + timedelta(milliseconds=5), rung.set)
        assert rung.wait(timeout=10)


def test_a_skip_rings_what_was_due_in_between_and_brings_the_rest_nearer() -> None:
    clock = PacedClock(START)
    between, soon, later = threading.Event(), threading.Event(), threading.Event()
    for hours, rung in ((1, between), (2, soon), (3, later)):
        clock.call_at(START + timedelta(hours=hours), rung.set)

    clock.skip_to(START + timedelta(hours=2) - timedelta(milliseconds=5))

    assert between.wait(timeout=30) and soon.wait(timeout=30)
    assert not later.is_set()


def test_an_alarm_that_skips_ring_together_with_time_rings_once() -> None:
    clock = PacedClock(START)
    rung: list[datetime] = []
    last = threading.Event()
    clock.call_at(START + SECOND, lambda: rung.append(clock.now()))

    for seconds in range(2, 20):
        clock.skip_to(START + seconds * SECOND)
    clock.call_at(clock.now() + timedelta(milliseconds=50), last.set)

    assert last.wait(timeout=30)
    assert len(rung) == 1


def test_the_system_clock_tells_an_aware_instant() -> None:
    assert SystemClock().now().tzinfo is UTC
