"""The interactive chart in a real browser: the evidence's own numbers, by mouse and keyboard, nothing from outside."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.conftest import SESSION, serving
from tests.web.test_charts import charted, synthetic_home  # noqa: F401  # fixtures
from thetaloom.bootstrap import Platform
from thetaloom.web.asking import COOKIE

pytestmark = pytest.mark.browser
LINES = (
    *("sma_20", "sma_50", "sma_200", "band_lower", "band_upper", "supertrend", "macd", "macd_signal"),
    *("macd_histogram", "rsi", "obv", "atr"),
)
READ_BACK = """() => Object.fromEntries(Object.entries(document.querySelector(".chart").drawn).map(
    ([name, line]) => [name, line.data().filter((point) => "value" in point).map(
        (point) => [point.time / 86400, point.value])]))"""
CANDLES = """() => document.querySelector(".chart").drawn.price.data().map(
    (one) => [one.time / 86400, one.open, one.high, one.low, one.close])"""
LEVELS = """() => document.querySelector(".chart").drawn.price.priceLines().map((line) => line.options().price)"""
SHOWN = """() => Object.fromEntries([...document.querySelectorAll(".chart-numbers div")].map(
    (row) => [row.firstChild.textContent, row.lastChild.textContent]))"""


@pytest.fixture
def address(charted: Platform) -> Iterator[str]:  # noqa: F811  # the fixture imported above
    """Where a server of this test alone listens."""
    with serving(charted) as found:
        yield found


def told_of_the_run(page: Page, address: str) -> Any:
    """Return what the API tells of the only run's charts."""
    run_id = page.request.get(f"{address}/api/workflow/list").json()["items"][0]["id"]
    return page.request.get(f"{address}/api/charts/run/{run_id}").json()


@pytest.mark.parametrize(("frame", "at", "ground"), [("daily", 0, "dark"), ("weekly", 1, "light")])
def test_the_chart_of_a_run_draws_the_numbers_of_its_evidence(
    page: Page, address: str, frame: str, at: int, ground: str
) -> None:
    told = told_of_the_run(page, address)
    chart = told["charts"][at]
    series = chart["series"]

    page.goto(f"{address}/runs/{told['run_id']}?frame={frame}&ground={ground}#chart")
    page.wait_for_selector("[data-drawn]")

    assert page.get_attribute("[data-drawn]", "data-drawn") == chart["numbers"]
    candles = series["candles"]
    recorded = {**{name: series[name] for name in LINES}, "volume": candles["volumes"], "close": candles["closes"]}
    expected = {
        name: [[day, number] for day, number in zip(candles["days"], line, strict=True) if number is not None]
        for name, line in recorded.items()
    }
    drawn = page.evaluate(READ_BACK)
    assert {name: drawn[name] for name in expected} == expected
    columns = (candles[name] for name in ("days", "opens", "highs", "lows", "closes"))
    assert page.evaluate(CANDLES) == [list(row) for row in zip(*columns, strict=True)]
    named = [level for one in told["levels"] for level in (one["entry"], one["stop"], *one["targets"]) if level]
    assert named
    assert sorted(page.evaluate(LEVELS)) == sorted(float(level) for level in named)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".chart-title").count() == 7


def test_the_chart_is_read_by_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/charts/SPY")
    page.wait_for_selector("[data-drawn]")
    candles = page.request.get(f"{address}/api/charts/symbol/SPY").json()["charts"][0]["series"]["candles"]

    page.locator(".chart").focus()
    for key, at in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", -1), ("Escape", -1)):
        page.keyboard.press(key)
        shown = page.evaluate(SHOWN)
        assert shown["close"] == f"{candles['closes'][at]:,.2f}", key
        assert shown["volume"] == f"{candles['volumes'][at]:,.0f}", key
    page.keyboard.press("+")
    page.keyboard.press("-")
    assert page.evaluate("document.activeElement.className") == "chart"


def test_a_chart_whose_numbers_do_not_come_says_so_and_links_to_the_picture(chromium: Browser, address: str) -> None:
    context = chromium.new_context()
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    opened = context.new_page()
    opened.route("**/api/charts/symbol/SPY", lambda asked: asked.fulfill(status=503, body="{}"))

    opened.goto(f"{address}/charts/SPY")

    expect(opened.locator(".chart-failed")).to_contain_text("The chart could not be drawn here.")
    link = opened.get_by_role("link", name="The picture", exact=True)
    expect(link).to_have_attribute("href", "/api/charts/symbol/SPY/1d.png?theme=dark")
    context.close()
