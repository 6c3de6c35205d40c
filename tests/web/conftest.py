"""A platform on the recorded half-day of 2015-12-24, and clients of its application."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from thetaloom import bootstrap
from thetaloom.bootstrap import Platform
from thetaloom.config import MarketSource, load_settings
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.database import open_database
from thetaloom.store.upgrading import upgrade
from thetaloom.web.app import create_app

ORIGIN = "http://127.0.0.1:8787"
DEMO = "goog-demo-put-credit-spread"
START = datetime(2015, 12, 24, 14, 51, tzinfo=UTC)  # the demo strategy's legs are quoted tightly enough


def pass_minutes(platform: Platform, minutes: int) -> None:
    """Let the market's clock pass minute by minute, the engine doing all there is to do."""
    assert isinstance(platform.clock, VirtualClock)
    for _ in range(minutes):
        platform.clock.move_to(platform.clock.now() + timedelta(minutes=1))
        platform.engine.settle()


def open_home(home: Path, start: datetime | None = None) -> Platform:
    """Put a platform together in a folder of its own; ``start`` is where its market's clock begins."""
    settings = load_settings(home=home, market=MarketSource.RECORDED)
    bootstrap.prepare_home(settings)
    database = open_database(settings.database)
    upgrade(database)
    return bootstrap.build(settings, database, start=start, clock_kind="virtual")


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with an upgraded database and the shipped strategies, to copy from."""
    home = tmp_path_factory.mktemp("prepared")
    open_home(home).close()
    return home


@pytest.fixture
def platform(prepared_home: Path, tmp_path: Path) -> Iterator[Platform]:
    """A platform of this test alone, its engine started and its clock where trading makes sense."""
    home = shutil.copytree(prepared_home, tmp_path / "home")
    made = open_home(home, START)
    made.engine.start()
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
