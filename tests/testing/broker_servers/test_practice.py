"""A simulated broker to practise on: its clock, its troubles, and the clock that follows it."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest

from thetaloom.errors import NotFound, Unavailable
from thetaloom.marketdata.clocks import checked
from thetaloom.marketdata.followed_clock import FollowedClock, read_clock_of
from thetaloom.testing.broker_servers.practice import CONTROL_ROUTES, Practice, open_practice, server_class


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    """A simulated Alpaca at the first open of the made market."""
    with open_practice("alpaca", tmp_path) as practice:
        yield practice


def posted(practice: Practice, path: str, **asked: object) -> dict[str, object]:
    """What a route of control answers."""
    request = urllib.request.Request(practice.url + path, data=json.dumps(asked).encode())
    with urllib.request.urlopen(request, timeout=5) as answer:
        found = json.load(answer)
    return dict(found)


def test_a_clock_follows_that_of_the_simulator_and_never_goes_back(practice: Practice) -> None:
    clock = FollowedClock(lambda: read_clock_of(practice.url))
    before = clock.now()

    posted(practice, "/clock", at="2026-01-06T15:00:00+00:00")
    clock.look()

    assert before < clock.now()
    assert clock.now() >= checked(practice.clock.now().replace(day=6, hour=15, minute=0, second=0, microsecond=0))
    assert clock.speed == 1
    with pytest.raises(HTTPError, match="422"):
        posted(practice, "/clock", at="2026-01-05T15:00:00+00:00")
    clock.close()


def test_who_follows_the_clock_hears_of_a_jump_before_the_market_moves(tmp_path: Path) -> None:
    with open_practice("tastytrade", tmp_path) as practice:
        clock = FollowedClock(lambda: read_clock_of(practice.url))
        shown: list[datetime] = []
        moved = threading.Event()

        def look() -> None:
            shown.append(clock.now())
            moved.set()

        practice.backend.market.on_change(look)
        at = checked(practice.clock.now().replace(hour=18))

        posted(practice, "/clock", at=at.isoformat())

        assert moved.wait(timeout=30)
        assert shown[0] >= at
        clock.close()


@pytest.mark.parametrize(("speed", "minute"), [(3600, 60), (1, 60), (0.5, 30)])
def test_a_clock_goes_on_no_faster_than_the_wall_where_the_simulator_is_silent(
    tmp_path: Path, speed: float, minute: int
) -> None:
    wall = 0.0
    with open_practice("alpaca", tmp_path, speed=speed) as practice:
        url = practice.url
        clock = FollowedClock(lambda: read_clock_of(url), monotonic=lambda: wall)
    clock.close()
    wall = 10.0
    before = clock.now()

    wall += 60

    assert clock.now() - before == timedelta(seconds=minute)


def test_each_route_that_is_told_is_answered(practice: Practice) -> None:
    for path in CONTROL_ROUTES:
        try:
            posted(practice, path)
        except HTTPError as refused:
            assert refused.code == 422 or path == "/books", path  # books are read alone
    with urllib.request.urlopen(practice.url + "/books", timeout=5) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(("path", "asked"), [("/trouble", {"call": "fly", "trouble": "busy"}), ("/nowhere", {})])
def test_what_makes_no_sense_is_refused(practice: Practice, path: str, asked: dict[str, str]) -> None:
    with pytest.raises(HTTPError):
        posted(practice, path, **asked)


def test_a_trouble_is_planned_for_the_next_call(practice: Practice) -> None:
    done = posted(practice, "/trouble", call="submit", trouble="busy")

    assert done["done"] == "/trouble"
    assert practice.backend.take_trouble("submit") == "busy"
    assert practice.backend.take_trouble("submit") is None


def test_nobody_who_is_not_there_is_simulated() -> None:
    with pytest.raises(NotFound):
        server_class("nobody")


def test_a_simulator_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    with open_practice("alpaca", tmp_path) as practice:
        url = practice.url

    with pytest.raises(Unavailable):
        read_clock_of(url)


def test_its_books_tell_what_the_broker_knows_and_its_options_leave_the_waiting_to_the_adapter(tmp_path: Path) -> None:
    with open_practice("tastytrade", tmp_path) as practice:
        with urllib.request.urlopen(practice.url + "/books", timeout=5) as answer:
            books = json.load(answer)

        assert books == {"orders": [], "trades": [], "holdings": {}, "cash": "100000", "faults": []}
        assert set(practice.server.options) - set(practice.options) == {
            "request_timeout_seconds",
            "silence_seconds",
            "heartbeat_seconds",
        }
