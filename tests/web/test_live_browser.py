"""A live page in a real browser: quotes that move, toasts, and a connection that comes back by itself."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from tests.web.conftest import SESSION, START_SECONDS, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.web.app import create_app
from thetaloom.web.asking import COOKIE

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)
BOUND = """
const put = (field) => {
  const element = document.createElement("span");
  element.dataset.quote = "GOOG"; element.dataset.field = field; element.id = field;
  document.querySelector("main").append(element);
};
put("last"); put("mid");
document.body.dispatchEvent(new CustomEvent("htmx:afterSettle", {bubbles: true}));
"""


@pytest.fixture
def desk(chromium: Browser) -> Iterator[Page]:
    """A page whose console may complain: a server that is away is told there by the browser itself."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    opened = context.new_page()
    yield opened
    context.close()


@contextlib.contextmanager
def listening(platform: Platform, port: int) -> Iterator[int]:
    """Let a server listen on a port; 0 is any."""
    listener = socket.create_server(("127.0.0.1", port))
    configuration = uvicorn.Config(create_app(platform), log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()


def test_a_page_is_live_and_its_quotes_move_with_a_sign(platform: Platform, address: str, page: Page) -> None:
    page.goto(address)
    expect(page.locator("#connection")).to_have_text("live")
    page.evaluate(BOUND)
    shown = f"{platform.market.spot('GOOG', platform.clock.now()):.2f}"
    expect(page.locator("#last")).to_have_text(shown)
    expect(page.locator("#mid")).to_have_text(shown)
    pass_minutes(platform, 5)

    later = f"{platform.market.spot('GOOG', platform.clock.now()):.2f}"
    expect(page.locator("#last")).to_have_text(later)
    assert later != shown
    expect(page.locator("#last")).to_have_attribute("data-moved", "up" if later > shown else "down")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_page_reconnects_soon_after_its_server_came_back_and_hears_what_it_missed(
    platform: Platform, client: TestClient, desk: Page, proposal_id: str
) -> None:
    with listening(platform, 0) as port:
        desk.goto(f"http://127.0.0.1:{port}/")
        expect(desk.locator("#connection")).to_have_text("live")
        desk.evaluate(BOUND)
        expect(desk.locator("#last")).not_to_have_text("")
    expect(desk.locator("#connection")).to_contain_text("stale since")
    expect(desk.locator("html")).to_have_attribute("data-wire", "stale")
    assert client.post(f"/api/workflow/approve/{proposal_id}", json={}).status_code == 200
    pass_minutes(platform, 13)

    with listening(platform, port):
        expect(desk.locator("#connection")).to_have_text("live")
        fill = desk.locator(".toast[data-topic=fill]")
        expect(fill).to_contain_text("Filled: GOOG")
        expect(desk.locator("#announce-now")).to_contain_text("GOOG")
        fill.get_by_role("button").click()
        expect(fill).to_have_count(0)
        desk.get_by_text("What happened while this tab was open").click()
        expect(desk.locator("#tidings")).to_contain_text("Filled: GOOG")


def test_a_page_without_javascript_says_nothing_of_a_connection(chromium: Browser, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    page = context.new_page()
    page.goto(address)

    expect(page.locator("#connection")).to_be_hidden()
    expect(page.locator(".tidings")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    context.close()
