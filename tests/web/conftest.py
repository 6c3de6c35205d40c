"""A platform on the recorded half-day of 2015-12-24, and clients of its application."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.testclient import TestClient

from thetaloom import bootstrap
from thetaloom.bootstrap import LOCAL_USER, Platform
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.values.people import Scope
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.database import open_database
from thetaloom.store.people import hash_of
from thetaloom.store.people_tables import access_tokens, browser_sessions
from thetaloom.store.statements import insert_or_skip
from thetaloom.store.upgrading import upgrade
from thetaloom.web.app import create_app
from thetaloom.web.asking import COOKIE, CSRF_HEADER, csrf_of

ORIGIN = "http://127.0.0.1:8787"
DEMO = "goog-demo-put-credit-spread"
START = datetime(2015, 12, 24, 14, 51, tzinfo=UTC)  # the demo strategy's legs are quoted tightly enough

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 10
# Whoever tests is signed in, by a token as a program and by a session as a browser.
TOKEN = "thl_tests_a-secret-of-the-tests"
SESSION = "a-session-of-the-tests"
BEARER = {"authorization": f"Bearer {TOKEN}"}
COOKIES = {COOKIE: SESSION}
CSRF = {CSRF_HEADER: csrf_of(SESSION)}


def pass_minutes(platform: Platform, minutes: int) -> None:
    """Let the market's clock pass minute by minute, the engine doing all there is to do."""
    assert isinstance(platform.clock, VirtualClock)
    for _ in range(minutes):
        platform.clock.move_to(platform.clock.now() + timedelta(minutes=1))
        platform.engine.settle()


def open_home(home: Path, start: datetime | None = None) -> Platform:
    """Put a platform together in a folder of its own; ``start`` is where its market's clock begins."""
    settings = load_settings(home=home, market=MarketSource.RECORDED, request_rate_factor=0)
    bootstrap.prepare_home(settings)
    database = open_database(settings.database)
    upgrade(database)
    made = bootstrap.build(settings, database, start=start, clock_kind="virtual")
    sign_in(made)
    return made


def sign_in(platform: Platform, user: str = LOCAL_USER, *, token: str = TOKEN, session: str = SESSION) -> None:
    """Give a person the token and the session of the tests."""
    now, (_, token_id, secret) = platform.wall.now(), token.split("_")
    row = {"user_id": user, "made_at": now}
    token_row = {**row, "id": token_id, "name": "tests", "secret_hash": hash_of(secret), "scopes": tuple(Scope)}
    session_row = {**row, "id": session, "secret_hash": hash_of(session), "seen_at": now, "user_agent": "tests"}
    with platform.database.begin() as connection:
        connection.execute(insert_or_skip(platform.database, access_tokens), token_row)
        connection.execute(insert_or_skip(platform.database, browser_sessions), session_row)


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
    with TestClient(create_app(platform), base_url=ORIGIN, headers=BEARER) as made:
        yield made


@pytest.fixture
def browser(platform: Platform) -> Iterator[TestClient]:
    """A person's browser, without JavaScript."""
    headers = {"accept": "text/html,application/xhtml+xml", "origin": ORIGIN, "sec-fetch-site": "same-origin"}
    with TestClient(create_app(platform), base_url=ORIGIN, headers=headers | CSRF, cookies=COOKIES) as made:
        yield made


@contextmanager
def serving(platform: Platform) -> Iterator[str]:
    """Let a server listen, and say where."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(platform), log_level="error", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(START_SECONDS)
    listener.close()


@pytest.fixture
def address(platform: Platform) -> Iterator[str]:
    """Where a server of this test alone listens."""
    with serving(platform) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=[1280, 390])
def page(request: pytest.FixtureRequest, chromium: Browser, address: str) -> Iterator[Page]:
    """A page of a desk and of a phone; a complaint of the console, or a request to elsewhere, fails the test.

    It asks for the server, so that it is closed before the server goes away: a page left open would complain of that.
    """
    context = chromium.new_context(viewport={"width": request.param, "height": 900})
    context.set_default_timeout(120_000)
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    opened = context.new_page()
    complaints: list[str] = []
    hosts: set[str | None] = set()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda asked: hosts.add(urlsplit(asked.url).hostname))
    yield opened
    context.close()
    assert complaints == []
    assert hosts <= {"127.0.0.1"}


@pytest.fixture
def proposal_id(platform: Platform, client: TestClient) -> str:
    """The id of a proposal that waits for a decision."""
    started = client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    assert started.status_code == 200, started.text
    platform.engine.settle()
    found = client.get("/api/workflow/pending").json()
    assert found["total"] == 1, client.get("/api/workflow/list").text
    return str(found["items"][0]["id"])
