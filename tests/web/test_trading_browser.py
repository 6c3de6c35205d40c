"""A whole trade on the trading page in a real browser: by mouse at a desk, by keyboard on a phone, and two at once."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import QuantLib
from playwright.sync_api import Browser, Page, expect

from tests.web.conftest import BEARER, DEMO, SESSION, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.strategy.payoff_case import payoff_case
from thetaloom.store.queries.proposals import list_proposals
from thetaloom.web.asking import COOKIE

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # a click returns before its page has come
TABS_MAX = 90
SPOTS = (1.0, 600.0, 702.5, 707.3, 711.3, 712.5, 748.04, 900.0)
COMPUTE = """async ([trade, spots, passed, shifts]) => {
    const math = await import("/static/js/payoff_math.js");
    return {
        ends: spots.map((spot) => math.atExpiration(trade, spot)),
        days: passed.map((gone) => spots.map((spot) => shifts.map((shift) => math.profit(trade, spot, gone, shift)))),
        extremes: math.extremes(trade),
    }; }"""
SOON = """document.getElementById("execute").dataset.undoSeconds = "0.3" """


@pytest.fixture
def desk(chromium: Browser, address: str) -> Iterator[Page]:
    """A page of a desk that must not complain, closed before the server goes away."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A page of a phone."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    context.add_cookies([{"name": COOKIE, "value": SESSION, "domain": "127.0.0.1", "path": "/"}])
    yield context.new_page()
    context.close()


def newest(platform: Platform) -> ProposalStatus:
    """Where the newest proposal stands."""
    return list_proposals(platform.database, platform.user_id).rows[0].status


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    pytest.fail(f"{selector} is not reached by Tab")


def test_a_trade_is_made_by_mouse_with_a_change_of_mind(platform: Platform, address: str, desk: Page) -> None:
    desk.goto(f"{address}/trading/")
    desk.get_by_role("button", name="Generate").click()
    expect(desk.locator("#max-loss")).to_have_text("−$880.00")

    desk.get_by_label("Entry credit per share").fill("1.00")
    expect(desk.locator("#max-loss")).to_have_text("−$900.00")
    expect(desk.locator("#max-profit")).to_have_text("+$100.00")
    expect(desk.locator("#breakevens")).to_have_text("$711.50")
    desk.get_by_role("button", name="Approve & Execute").click()
    expect(desk.locator("#undo")).to_contain_text("Nothing is sent yet")
    desk.get_by_role("button", name="Undo").click()
    expect(desk.locator("#undo")).to_be_hidden()
    assert newest(platform) is ProposalStatus.PENDING

    desk.evaluate(SOON)
    desk.get_by_role("button", name="Approve & Execute").click()
    expect(desk.get_by_role("status").first).to_contain_text("Approved.")
    assert newest(platform) is ProposalStatus.APPROVED
    platform.engine.settle()
    desk.reload()
    expect(desk.locator("#progress")).to_contain_text("+1.00")
    pass_minutes(platform, 10)
    desk.reload()
    desk.get_by_role("button", name="Close GOOG now").click()
    expect(desk.get_by_role("status").first).to_contain_text("being closed")


def test_a_trade_is_made_by_keyboard_on_a_phone(platform: Platform, address: str, phone: Page) -> None:
    phone.goto(f"{address}/trading/")
    tab_to(phone, "#generate button")
    phone.keyboard.press("Enter")
    expect(phone.locator("#max-loss")).to_have_text("−$880.00")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")

    phone.keyboard.press("Control+Enter")
    expect(phone.locator("#undo")).to_be_visible()
    phone.keyboard.press("Escape")
    expect(phone.locator("#undo")).to_be_hidden()
    assert newest(platform) is ProposalStatus.PENDING
    phone.evaluate(SOON)
    phone.keyboard.press("Control+Enter")
    expect(phone.get_by_role("status").first).to_contain_text("Approved.")
    assert newest(platform) is ProposalStatus.APPROVED


def test_of_two_browsers_one_decides_and_the_other_hears_why(
    platform: Platform, address: str, desk: Page, phone: Page
) -> None:
    made = desk.request.post(
        f"{address}/api/suggestions/{DEMO}/generate", data={"symbol": "GOOG"}, headers=BEARER
    ).json()
    for page in (desk, phone):
        page.goto(f"{address}/trading/?proposal={made['id']}")
    desk.evaluate(SOON)
    desk.keyboard.press("Control+Enter")
    expect(desk.get_by_role("status").first).to_contain_text("Approved.")

    expect(phone.locator("#standing")).to_contain_text("by you")
    expect(phone.get_by_role("button", name="Reject")).to_be_disabled()
    assert newest(platform) is ProposalStatus.APPROVED
    platform.engine.settle()
    assert len(desk.request.get(f"{address}/api/orders").json()["items"]) == 1


def test_the_page_follows_the_wire(platform: Platform, address: str, desk: Page) -> None:
    made = desk.request.post(
        f"{address}/api/suggestions/{DEMO}/generate", data={"symbol": "GOOG"}, headers=BEARER
    ).json()
    desk.goto(f"{address}/trading/?proposal={made['id']}")
    quote = {"type": "quote_update", "symbol": "GOOG", "bid": None, "ask": None, "last": "720.10", "timestamp": None}
    expect(desk.locator(".quote-line [data-field=last]")).to_have_attribute("data-at", re.compile(r"\d+"))
    before = desk.get_attribute(".line-spot", "transform")

    desk.evaluate("(detail) => document.body.dispatchEvent(new CustomEvent('wire:quote_update', {detail}))", quote)

    expect(desk.locator(".line-spot-text")).to_have_text("720.10")
    assert desk.get_attribute(".line-spot", "transform") != before
    desk.get_by_label("Volatility").fill("20")
    expect(desk.locator("#payoff-iv-text")).to_have_text("+20 points")


def test_the_payoff_of_the_page_is_that_of_the_server_and_of_quantlib(
    platform: Platform, address: str, desk: Page
) -> None:
    made = desk.request.post(
        f"{address}/api/suggestions/{DEMO}/generate", data={"symbol": "GOOG"}, headers=BEARER
    ).json()
    desk.goto(f"{address}/trading/?proposal={made['id']}")
    trade = json.loads(desk.get_attribute("[data-payoff]", "data-payoff") or "")
    european = {**trade, "legs": [{**leg, "early": False} for leg in trade["legs"]], "rate": 0.03, "yield": 0.01}
    passed, shifts = (0.0, trade["legs"][0]["years"] / 2), (0.0, 0.1)

    told = desk.evaluate(COMPUTE, [european, SPOTS, passed, shifts])

    case = {
        "legs": [
            {
                "right": leg["right"],
                "strike": leg["strike"],
                "expiration": leg["expiration"],
                "quantity": leg["ratio"],
                "price": leg["mid"],
            }
            for leg in made["legs"]
        ]
    }
    server = payoff_case(case)
    breakevens = server["breakevens"]
    assert isinstance(breakevens, list | tuple)
    assert told["extremes"]["profit"] == pytest.approx(float(str(server["max_profit"])), abs=1e-9)
    assert told["extremes"]["loss"] == pytest.approx(float(str(server["max_loss"])), abs=1e-9)
    assert told["extremes"]["breakevens"] == pytest.approx([float(str(level)) for level in breakevens], abs=1e-9)
    assert told["ends"] == [pytest.approx(_at_the_end(made, spot), abs=1e-9) for spot in SPOTS]
    for gone, by_spot in zip(passed, told["days"], strict=True):
        for spot, by_shift in zip(SPOTS, by_spot, strict=True):
            for shift, profit in zip(shifts, by_shift, strict=True):
                assert profit == pytest.approx(_by_quantlib(european, spot, gone, shift), rel=1e-6, abs=1e-6)


def _at_the_end(made: dict[str, Any], spot: float) -> float:
    worth = Decimal(made["total_mid_credit"])
    for leg in made["legs"]:
        inside = Decimal(str(spot)) - Decimal(leg["strike"])
        worth += leg["ratio"] * max(inside if leg["right"] == "C" else -inside, Decimal(0))
    return float(worth * 100 * made["quantity"])


def _by_quantlib(trade: dict[str, Any], spot: float, passed: float, shift: float) -> float:
    import math

    worth = trade["net"]
    for leg in trade["legs"]:
        years = leg["years"] - passed
        side = QuantLib.Option.Call if leg["call"] else QuantLib.Option.Put
        forward = spot * math.exp((trade["rate"] - trade["yield"]) * years)
        spread, discount = (leg["iv"] + shift) * math.sqrt(years), math.exp(-trade["rate"] * years)
        worth += leg["ratio"] * QuantLib.blackFormula(side, leg["strike"], forward, spread, discount)
    return float(worth * trade["multiplier"] * trade["quantity"])
