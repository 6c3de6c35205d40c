"""A platform on the recorded half-day of 2015-12-24, and clients of its application."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from thetaloom import bootstrap
from thetaloom.bootstrap import Platform
from thetaloom.config import MarketSource, Settings
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.database import open_database
from thetaloom.store.upgrading import upgrade
from thetaloom.web.app import create_app

ORIGIN = "http://127.0.0.1:8787"
DEMO = "goog-demo-put-credit-spread"
MINUTES_TO_TRADE = 20  # after the open the demo strategy's legs are quoted tightly enough


def pass_minutes(platform: Platform, minutes: int) -> None:
    """Let the market's clock pass minute by minute, the engine doing all there is to do."""
    assert isinstance(platform.clock, VirtualClock)
    for _ in range(minutes):
        platform.clock.move_to(platform.clock.now() + timedelta(minutes=1))
        platform.engine.settle()


def make_platform(home: Path) -> Platform:
    """Put a platform together in a folder of its own, its engine started and its clock where trading makes sense."""
    settings = Settings(home=home, market=MarketSource.RECORDED)
    bootstrap.prepare_home(settings)
    database = open_database(settings.database)
    upgrade(database)
    platform = bootstrap.build(settings, database, start=None, clock_kind="virtual")
    platform.engine.start()
    pass_minutes(platform, MINUTES_TO_TRADE)
    return platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform of this test alone."""
    made = make_platform(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(platform: Platform) -> Iterator[TestClient]:
    """A program that speaks to the API."""
    with TestClient(create_app(platform), base_url=ORIGIN) as made:
        yield made


@pytest.fixture
def browser(platform: Platform) -> Iterator[TestClient]:
    """A person's browser, without JavaScript."""
    headers = {"accept": "text/html,application/xhtml+xml", "origin": ORIGIN, "sec-fetch-site": "same-origin"}
    with TestClient(create_app(platform), base_url=ORIGIN, headers=headers) as made:
        yield made


@pytest.fixture
def proposal_id(platform: Platform, client: TestClient) -> str:
    """The id of a proposal that waits for a decision."""
    started = client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    assert started.status_code == 200, started.text
    platform.engine.settle()
    found = client.get("/api/workflow/pending").json()
    assert found["total"] == 1, client.get("/api/workflow/list").text
    return str(found["items"][0]["id"])
