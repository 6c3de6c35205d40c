"""Every page that is read, with life in it, by night and by day: axe finds nothing to complain of."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, COOKIES, CSRF, DEMO, ORIGIN, SESSION, START, open_home, pass_minutes, serving
from tests.web.test_care_pages import alert_about, stored
from tests.web.test_signals_api import BUY, add
from thetaloom.bootstrap import Platform
from thetaloom.web.app import create_app
from thetaloom.web.asking import COOKIE

pytestmark = pytest.mark.browser


def furnish(platform: Platform) -> tuple[str, ...]:
    """Let a day begin in this house, and return the paths of its pages."""
    asking = BEARER | {"accept": "application/json"}
    with TestClient(create_app(platform), base_url=ORIGIN, headers=asking) as client:
        start = {"symbols": ["GOOG"], "strategy_ids": [DEMO], "force": True}
        client.post("/api/workflow/start", json=start)
        platform.engine.settle()
        first = client.get("/api/workflow/pending").json()["items"][0]
        client.post(f"/api/workflow/approve/{first['id']}")
        add(platform)
        client.post("/webhook/tv", json=BUY)
        pass_minutes(platform, 10)
        position = client.get("/api/positions").json()["items"][0]["id"]
        alert_about(platform, stored(platform, position))
        every = {"strategy_id": DEMO, "symbols": ["GOOG"], "cron": "*/15 10-14 * * mon-fri"}
        client.post("/api/schedules", json=every)
        client.put("/api/watchlists/morning", json={"symbols": ["GOOG", "SPY", "AAPL"]})
        client.post("/api/scans", json={"symbols": ["GOOG", "NONE"]})
        url = "json://user:planted@127.0.0.1:9/planted"
        client.put("/api/notifications/destinations/phone", json={"url": url})
        client.post("/api/notifications/destinations/phone/test")
        client.post("/api/workflow/start", json=start | {"symbols": ["NONE"]})
        platform.engine.settle(100_000)
        client.post("/api/halt", json={"scope": "strategy:senex-trident", "note": "earnings"})
        client.post("/api/workflow/start", json=start)
        platform.engine.settle()
        scan = client.get("/api/scans").json()["items"][0]["id"]
        signal = client.get("/api/signals").json()["items"][0]["id"]
        pending = client.get("/api/workflow/pending").json()["items"][0]
    people = COOKIES, CSRF | {"accept": "text/html", "origin": ORIGIN, "sec-fetch-site": "same-origin"}
    with TestClient(create_app(platform), base_url=ORIGIN, cookies=people[0], headers=people[1]) as browser:
        browser.post("/users", data={"name": "anna", "role": "approver", "books": "local"})
        browser.post("/account/tokens", data={"name": "laptop", "scopes": "read"})
    run = first["run_id"]
    return (
        *("/trading/", "/", "/approvals", f"/approvals/{pending['id']}", "/suggestions", "/positions"),
        *(f"/positions/{position}", "/orders", "/portfolio", "/strategies", f"/strategies/{DEMO}", "/strategies/new"),
        *(f"/strategies/{DEMO}/edit", "/scans", f"/scans/{scan}", "/watchlists", "/schedules", "/signals"),
        *(f"/signals/{signal}", "/prompts", "/prompts/daily-en", "/runs", f"/runs/{run}", f"/runs/{run}/story"),
        *(f"/runs/{run}/steps/8", "/lineage", "/lineage/steps?step=evaluate&days=365", f"/lineage/{run}/8"),
        *(
            "/journal",
            f"/journal/{position}",
            "/rank?symbol=GOOG",
            "/charts",
            "/charts/GOOG",
            "/chains",
            "/chains/GOOG",
        ),
        *("/symbols", "/reasons", "/risk", "/alerts", "/halts", "/reconcile", "/notifications", "/jobs", "/settings"),
        *(
            "/users",
            "/audit",
            "/account",
            "/keys",
            "/api",
            "/login",
            "/welcome",
            f"/approvals/{first['id']}",
            "/nowhere",
        ),
    )


RUN_AXE = """async (asked) => {
    const [theme, rules] = asked;
    document.documentElement.dataset.theme = theme;
    for (const each of document.querySelectorAll("main details")) each.open = true;
    const found = await axe.run(document, {resultTypes: ["violations"], ...(rules ? {runOnly: rules} : {})});
    return found.violations.flatMap((each) => each.nodes.map((node) =>
        `${theme} ${each.id}: ${node.target} ${node.any.map((one) => one.message).join()}`));
}"""
# By day only what a theme can change is asked again, on the pages that people see most.
BY_NIGHT, BY_DAY = ("dark", None), ("light", ["color-contrast", "link-in-text-block"])
PAGES_BY_DAY = 12


PARTS = 4  # so that several test processes share the pages


class Furnished(NamedTuple):
    """A house in which a day has begun: where it is served, and its pages."""

    address: str
    paths: tuple[str, ...]


@pytest.fixture(scope="module")
def furnished(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """One house for all pages: looking at one changes nothing in it."""
    platform = open_home(copytree(prepared_home, tmp_path_factory.mktemp("furnished") / "home"), START)
    platform.engine.start()
    paths = furnish(platform)
    with serving(platform) as address:
        yield Furnished(address, paths)
    platform.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_page_by_night_or_by_day(furnished: Furnished, chromium: Browser, part: int) -> None:
    found: dict[str, Any] = {}
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    context.set_default_timeout(120_000)
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    page, script = context.new_page(), Axe().axe_script
    for place, path in list(enumerate(furnished.paths))[part::PARTS]:
        page.goto(furnished.address + path)
        page.evaluate(script)
        complaints = [
            one
            for asked in (BY_NIGHT, BY_DAY)[: 2 if place < PAGES_BY_DAY else 1]
            for one in page.evaluate(RUN_AXE, list(asked))
        ]
        if complaints:
            found[path] = complaints
    context.close()

    assert found == {}
