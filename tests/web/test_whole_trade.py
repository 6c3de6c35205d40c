"""The whole trade as a newcomer makes it: on a real server of a synthetic world, and on the recorded day."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from tests.web.conftest import SESSION, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import RunStatus
from thetaloom.store.people import invite
from thetaloom.store.queries.orders import list_orders
from thetaloom.store.queries.runs import list_runs
from thetaloom.web.asking import COOKIE

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # a click returns before its page has come
ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"\]\((?:docs/)?pictures/([a-z-]+\.png)\)")
BYTES_MAX = 80_000
COLOURS = 64
HEIGHT = 800
TRIES_MAX = 20
LINK = re.compile(r"http://\S+/welcome\?key=[\w-]+")
PASSWORD = "a sentence that nobody guesses"
SOON = """document.getElementById("execute").dataset.undoSeconds = "0.3" """


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are put: where `make pictures` says, or in a folder of this session."""
    named = os.environ.get("TEST_PICTURES")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def desk(chromium: Browser) -> Iterator[Page]:
    """A page of a desk that is not signed in, without what moves in a picture."""
    context = chromium.new_context(viewport={"width": 1280, "height": HEIGHT}, reduced_motion="reduce")
    context.set_default_timeout(120_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """`thetaloom up` on the synthetic world, in a home of its own; it chooses no port that another has."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("THETALOOM_")}
    own = {"THETALOOM_HOME": str(tmp_path / "home"), "THETALOOM_SPEED": "60", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    source = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "thetaloom", "up", "--port", str(_free_port())]
    running = subprocess.Popen(command, env=plain | own | {"PYTHONPATH": source}, stdout=subprocess.PIPE, text=True)
    yield running
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sign_up(page: Page, link: str) -> None:
    """Open the printed link and choose a name and a password."""
    page.goto(link)
    page.get_by_label("Name").fill("Ada")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button[type=submit]").click()


def offer_until_it_proposes(page: Page) -> None:
    """Do what the page offers after a no: try again, for the market moves on."""
    approve, again = page.locator("#approve"), page.locator("#again")
    for _ in range(TRIES_MAX):
        expect(approve.or_(again)).to_be_visible()
        if approve.is_visible():
            return
        again.click()
    pytest.fail("no proposal came")


def check_pictures(made: Path) -> None:
    """The page names just the pictures that are made, and the repository holds them, each small."""
    named = set(NAMED.findall((ROOT / "docs" / "tutorial-in-the-browser.md").read_text()))
    kept = {file.name: file.stat().st_size for file in (ROOT / "docs" / "pictures").glob("*.png")}
    assert {file.name for file in made.glob("*.png")} == named
    assert set(kept) == named
    assert max(kept.values()) <= BYTES_MAX


@pytest.mark.slow
def test_a_newcomer_trades_from_the_printed_link_to_the_verified_record(
    server: "subprocess.Popen[str]", desk: Page
) -> None:
    assert server.stdout is not None
    link = next(found[0] for line in server.stdout if (found := LINK.search(line)))
    sign_up(desk, link)
    expect(desk.get_by_role("heading", level=1)).to_have_text("Trading")
    expect(desk.locator("#connection")).to_have_text("live")
    desk.get_by_role("button", name="Generate").click()
    offer_until_it_proposes(desk)
    desk.get_by_role("button", name="Approve & Execute").click()
    held = desk.get_by_role("button", name=re.compile("Close .* now"))
    expect(held).to_be_visible()
    held.click()
    expect(desk.locator("#run-summary")).to_contain_text("COMPLETED")  # the page follows by itself

    desk.get_by_role("button", name="Verify the records").click()
    expect(desk.locator("#proof ~ [role=status]")).to_contain_text("Intact")
    desk.get_by_role("link", name="Journal of the trade").click()
    expect(desk.get_by_label("Your own words")).to_be_visible()


def test_a_trade_on_the_recorded_day_makes_the_pictures_of_the_tutorial(
    platform: Platform, address: str, desk: Page, pictures: Path
) -> None:
    def picture(name: str, top: str) -> None:
        expect(desk.locator(top)).to_be_visible()  # a part that follows the wire may be replaced at any moment
        desk.evaluate(
            "(top) => scrollTo(0, document.querySelector(top).getBoundingClientRect().top + scrollY - 8)", top
        )
        desk.evaluate("document.querySelectorAll('.toast').forEach((one) => one.remove())")
        taken = desk.screenshot(animations="disabled", caret="hide")
        small = Image.open(BytesIO(taken)).convert("RGB").quantize(COLOURS)
        small.save(pictures / f"{name}.png", optimize=True)

    key = invite(platform.database, platform.user_id, platform.wall.now(), days=1)
    desk.goto(f"{address}/welcome?key={key}")
    picture("welcome", "body")
    sign_up(desk, f"{address}/welcome?key={key}")
    expect(desk.locator("#connection")).to_have_text("live")
    picture("trading", "body")
    desk.get_by_role("button", name="Generate").click()
    expect(desk.locator("#max-loss")).to_be_visible()
    picture("proposal", "section.ticket")
    picture("payoff", ".payoff-figure")
    desk.get_by_role("button", name="Approve & Execute").click()
    expect(desk.locator("#undo")).to_be_visible()
    expect(desk.get_by_role("status").first).to_contain_text("Approved.")
    pass_minutes(platform, 13)
    held = desk.get_by_role("button", name="Close GOOG now")
    expect(held).to_be_visible()  # without a reload
    expect(desk.locator("#progress")).to_contain_text("FILLED")
    expect(desk.locator(".toast[data-topic=fill]")).to_be_visible()
    picture("position", "#progress")
    held.click()
    expect(desk.get_by_role("status").first).to_contain_text("being closed")
    pass_minutes(platform, 15)
    expect(desk.locator("#run-summary")).to_contain_text("COMPLETED")
    picture("closed", "body")
    desk.goto(f"{desk.url.partition('?')[0]}/story")
    picture("story", "body")
    desk.goto(f"{address}/journal")
    picture("journal", "body")

    assert list_runs(platform.database, platform.user_id).rows[0].status is RunStatus.COMPLETED
    check_pictures(pictures)


def test_of_two_that_approve_at_once_one_sends_an_order_and_the_other_is_told(
    platform: Platform, address: str, chromium: Browser, proposal_id: str
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": HEIGHT})
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    pages = [context.new_page() for _ in range(2)]
    for page in pages:
        page.goto(f"{address}/trading/?proposal={proposal_id}")
        expect(page.locator("#connection")).to_have_text("live")
    for page in pages:  # neither waits for the other's answer
        page.evaluate("setTimeout(() => document.getElementById('execute').submit())")
    told = [page.locator("main") for page in pages]
    for one in told:
        expect(one).to_contain_text(re.compile(r"Approved\.|was approved"))
    platform.engine.settle()

    assert len(list_orders(platform.database, platform.user_id).rows) == 1
    context.close()


def test_a_page_that_shows_what_another_decided_takes_its_buttons_away(
    platform: Platform, client: TestClient, address: str, chromium: Browser, proposal_id: str
) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": HEIGHT})
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    page = context.new_page()
    page.goto(f"{address}/trading/?proposal={proposal_id}")
    expect(page.locator("#connection")).to_have_text("live")
    page.locator("#approve").click()
    expect(page.locator("#undo")).to_be_visible()
    assert client.post(f"/api/workflow/reject/{proposal_id}", json={"reason": "no"}).status_code == 200

    expect(page.locator("#standing")).to_contain_text("rejected")
    expect(page.locator("#approve")).to_be_disabled()
    expect(page.locator("#undo")).to_be_hidden()
    assert list_orders(platform.database, platform.user_id).rows == ()
    context.close()
