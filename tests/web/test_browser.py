"""A person at a real browser: approves by mouse and by keyboard, without a line of JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import BEARER, DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import StartRun

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # a click returns before its page has come
TABS_MAX = 60


@pytest.fixture
def waiting(platform: Platform) -> Platform:
    """The platform, with a proposal that waits."""
    platform.engine.handle(StartRun(user_id=platform.user_id, symbol="GOOG", strategy_id=StrategyId(DEMO)))
    platform.engine.settle()
    return platform


def go_to(page: Page, place: str) -> None:
    """Go to a page by the bar, or by the menu of a phone."""
    menu = page.locator("details.menu > summary")
    if not menu.is_visible():
        menu = page.locator("header details.group").filter(has_text=place).locator("summary")
    menu.click()
    page.locator("header").get_by_role("link", name=place, exact=True).click()


def test_a_proposal_is_approved_by_mouse(waiting: Platform, address: str, page: Page) -> None:
    page.goto(address)
    page.get_by_role("link", name="Review").first.click()
    page.get_by_label("Note").fill("seen")
    page.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("status").first).to_contain_text("Approved.")
    expect(page.get_by_text("RECORDED MARKET")).to_be_visible()


@pytest.mark.parametrize("page", [1280], indirect=True)  # a phone has none
def test_a_proposal_is_approved_by_keyboard(waiting: Platform, address: str, page: Page) -> None:
    page.goto(f"{address}/approvals")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for wanted in ("Review", "Approve"):
        for _ in range(TABS_MAX):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == wanted:
                break
        with page.expect_navigation():
            page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("Approved.")


def test_keys_and_menus_of_the_header_open_and_close(platform: Platform, address: str, page: Page) -> None:
    page.goto(address)
    own = page.locator("details.person > summary")
    own.click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    assert own.evaluate("each => each === document.activeElement")
    own.click()
    page.get_by_role("heading", level=1).click()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("Approvals")


def test_no_page_is_wider_than_its_window(waiting: Platform, address: str, page: Page) -> None:
    run_id = page.request.get(f"{address}/api/workflow/list").json()["items"][0]["id"]
    proposal_id = page.request.get(f"{address}/api/workflow/pending").json()["items"][0]["id"]
    paths = ("/", "/runs", f"/runs/{run_id}", "/approvals", f"/approvals/{proposal_id}", "/positions", "/orders")
    others = ("/strategies", f"/strategies/{DEMO}", f"/lineage/{run_id}/8", "/reasons", "/api", "/halts")
    cared = ("/alerts", "/alerts?show=over", "/journal", "/reconcile")
    explained = ("/lineage?symbol=GOOG&at=2015-12-24T09:51", "/lineage/steps?step=evaluate&days=365")
    judged = ("/risk", "/rank?symbol=GOOG", "/strategies/senex-trident?symbol=GOOG", "/prompts", "/prompts/daily-en")
    for path in (*paths, *others, *cared, *explained, *judged):
        page.goto(address + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_what_starts_runs_and_tells_of_them_fits_its_window(waiting: Platform, address: str, page: Page) -> None:
    ask = page.request
    url = f"json://user:planted@127.0.0.1:9/{'planted' * 12}"
    every = {"strategy_id": DEMO, "symbols": ["GOOG"], "cron": "*/15 10-14 * * mon-fri"}
    symbols = [f"LONG{number}" for number in range(60)]
    answers = [
        ask.put(
            f"{address}/api/notifications/destinations/{'phone-' * 6}x",
            data={"url": url, "quiet_from": "22:00", "quiet_to": "07:00"},
            headers=BEARER,
        ),
        ask.post(f"{address}/api/notifications/destinations/{'phone-' * 6}x/test", headers=BEARER),
        ask.post(f"{address}/api/schedules", data=every, headers=BEARER),
        ask.put(f"{address}/api/watchlists/long", data={"symbols": symbols}, headers=BEARER),
        ask.post(f"{address}/api/scans", data={"symbols": ["GOOG", "NONE"]}, headers=BEARER),
    ]
    assert [answer.status for answer in answers] == [200] * 5, [answer.text() for answer in answers]
    waiting.engine.settle()
    scan = ask.get(f"{address}/api/scans").json()["items"][0]["id"]

    for path in (
        "/signals",
        "/schedules",
        "/scans",
        f"/scans/{scan}",
        "/notifications",
        "/prompts",
    ):
        page.goto(address + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.locator("h1").count() == 1, path
    page.goto(f"{address}/notifications")
    page.get_by_role("link", name="Change").first.click()
    page.get_by_label("fill", exact=True).uncheck()
    page.get_by_label("Messages an hour").fill("12")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status").first).to_contain_text("The destination stands.")
    expect(page.get_by_text("at most 12 an hour; quiet 22:00 to 07:00")).to_be_visible()


def test_a_person_looks_after_a_position_on_pages_that_fit(platform: Platform, address: str, page: Page) -> None:
    start = StartRun(user_id=platform.user_id, symbol="GOOG", strategy_id=StrategyId(DEMO))
    run = platform.engine.handle(start)
    assert isinstance(run, WorkflowRun)
    platform.engine.settle()
    page.goto(f"{address}/approvals")
    page.get_by_role("link", name="Review").first.click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").first).to_contain_text("Approved.")
    pass_minutes(platform, 10)

    go_to(page, "Journal")
    page.get_by_role("link", name="GOOG").click()
    page.get_by_label("Your own words").fill("calm\nday")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("status").first).to_contain_text("The note is in the journal.")
    expect(page.get_by_label("Your own words")).to_have_value("calm\nday")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.goto(f"{address}/runs/{run.id}")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("or days to it").fill("29")
    page.get_by_role("button", name="Propose the roll").click()
    expect(page.get_by_role("status").first).to_contain_text("The roll was asked for.")
    for path in ("/orders", "/alerts", "/positions"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_person_asks_which_strategy_and_looks_at_the_risk(waiting: Platform, address: str, page: Page) -> None:
    page.goto(address)
    go_to(page, "Rank")
    page.get_by_label("Symbol").fill("goog")
    page.get_by_role("button", name="Rank the strategies").click()
    expect(page.get_by_role("heading", name="May not be entered")).to_be_visible()

    go_to(page, "Risk")
    expect(page.get_by_role("img", name="% of the risk budget is in use")).to_be_visible()
    page.get_by_text("switched off").first.click()
    expect(page.get_by_text("stressed_tolerance_percent").first).to_be_visible()


def test_a_spread_is_added_from_the_page_and_approved_once(waiting: Platform, address: str, page: Page) -> None:
    page.goto(f"{address}/approvals")
    page.get_by_role("link", name="Review").first.click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").first).to_contain_text("Approved.")
    pass_minutes(waiting, 13)
    (held,) = page.request.get(f"{address}/api/positions?open=true").json()["items"]
    page.goto(f"{address}/runs/{held['run_id']}")
    page.get_by_text("Add to it").click()
    expect(page.get_by_text("the limits count both")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.get_by_role("button", name="Propose the addition").click()
    expect(page.get_by_role("status").first).to_contain_text("The addition was asked for.")
    waiting.engine.settle()
    (asked,) = page.request.get(f"{address}/api/workflow/pending").json()["items"]
    page.goto(f"{address}/approvals/{asked['id']}")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").first).to_contain_text("Approved.")

    assert [leg["occ_symbol"] for leg in asked["legs"]] == [leg["occ_symbol"] for leg in held["legs"]]
    assert page.request.get(f"{address}/api/workflow/pending").json()["total"] == 0
    pass_minutes(waiting, 10)
    chain = page.request.get(f"{address}/api/positions/{held['id']}/chain").json()
    assert len(chain["links"]) == 2


@pytest.mark.parametrize("page", [1280], indirect=True)  # an answer has no width
def test_what_makes_no_adjustment_is_told_on_the_page(waiting: Platform, address: str, page: Page) -> None:
    answer = page.request.post(
        f"{address}/positions/none/adjusting",
        form={"add": "whole", "strikes": "wild"},
        headers={"origin": address} | BEARER,
    )

    assert answer.status == 422 and "is no way to choose strikes" in answer.text()
