"""The trading page and the list of suggestions without JavaScript: every form works, and every no is explained."""

import html
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.engine.commands import SetLimit
from thetaloom.web.api.suggestion_records import Suggestion
from thetaloom.web.pages.trading import UNDO_SECONDS

HOSTILE = "<script>alert(1)</script>\"'>"


def hidden(text: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, f"the page has no field {name}"
    return found[1]


def fields(text: str) -> dict[str, str]:
    """What the form of the decision sends as it is."""
    return {
        "content_hash": hidden(text, "content_hash"),
        "shown_credit": hidden(text, "shown_credit"),
        "credit": hidden(text, "shown_credit"),
    }


def action(text: str, name: str) -> str:
    """The address that a form or button of the decision posts to."""
    found = re.search(rf'action="(/trading/proposals/[^"]+/{name})"', text)
    assert found, f"the page has no {name}"
    return found[1]


@pytest.fixture
def shown(browser: TestClient) -> str:
    """The page with a proposal, asked for by its form."""
    answer = browser.post("/trading/proposals", data={"symbol": "goog", "strategy_id": DEMO})
    assert answer.status_code == 200, answer.text
    assert answer.url.path == "/trading/"
    return answer.text


def newest(client: TestClient) -> dict[str, Any]:
    """The newest suggestion."""
    found: dict[str, Any] = client.get("/api/suggestions").json()["items"][0]
    return found


def test_an_empty_page_says_what_to_do_and_knows_the_account(browser: TestClient) -> None:
    text = browser.get("/trading").text

    assert "press Generate" in text and "No order works" in text
    assert "$100,000.00" in text and "of the risk budget is in use" in text
    assert 'data-quote="GOOG" data-field="last">748' in text
    assert " style=" not in text and "onclick" not in text
    assert 'data-field="bid"' not in text  # no source tells both sides of an underlying


def test_a_proposal_is_shown_with_all_that_a_decision_needs(
    browser: TestClient, client: TestClient, shown: str
) -> None:
    made = Suggestion.model_validate(newest(client))

    assert made.plain_risk in shown
    for fact in ("sold 1 put 712.5", "bought 1 put 702.5", "breakeven 711.30", "Natural", "Mid", "Ask", "+$120.00"):
        assert fact in shown
    assert "−$880.00" in shown and "s old" in shown and "Why these" in shown
    payoff = re.search(r'data-payoff="([^"]+)"', shown)
    assert payoff
    told = json.loads(html.unescape(payoff[1]))
    assert [leg["iv"] for leg in told["legs"]] == [leg.iv for leg in made.legs]
    assert [leg["ratio"] for leg in told["legs"]] == [leg.ratio for leg in made.legs]
    assert Decimal(str(told["net"])) == made.total_mid_credit
    assert f'data-undo-seconds="{UNDO_SECONDS}"' in shown and UNDO_SECONDS == 5


def test_a_trade_goes_from_its_proposal_to_its_close_by_forms(
    platform: Platform, browser: TestClient, client: TestClient, shown: str
) -> None:
    approved = browser.post(action(shown, "execution"), data=fields(shown))
    platform.engine.settle()
    working = browser.get(str(approved.url)).text
    pass_minutes(platform, 10)
    filled = browser.get(str(approved.url)).text

    assert "Approved. The order is on its way" in approved.text
    assert "Entry order" in working and "working at" in working
    assert "1 of 1 filled" in filled and "Held on GOOG" in filled
    closing = re.search(r'action="(/positions/[^"]+/closing)"', filled)
    assert closing
    assert "being closed" in browser.post(closing[1]).text
    assert newest(client)["entry_credit"] is None


def test_another_limit_in_the_field_is_what_is_approved(
    platform: Platform, browser: TestClient, client: TestClient, shown: str
) -> None:
    answer = browser.post(action(shown, "execution"), data={**fields(shown), "credit": "1.00"})
    platform.engine.settle()

    assert "Approved." in answer.text
    assert Decimal(newest(client)["order"]["limit_price"]) == Decimal("1.00")


def test_pricing_again_shows_what_the_version_changed(browser: TestClient, client: TestClient, shown: str) -> None:
    answer = browser.post(action(shown, "version"), data={**fields(shown), "quantity": "2"})
    before = newest(client)["supersedes"]

    assert "took the place of the one before" in answer.text and "What this version changed" in answer.text
    assert "$1,760.00" in answer.text
    old = browser.get(f"/trading/?proposal={before}").text
    assert "the version that took its place" in old and "Approve &amp; Execute" not in old
    assert "What this version changed" in browser.get(f"/approvals/{newest(client)['id']}").text
    assert "Another version" in browser.get(f"/approvals/{before}").text


@pytest.mark.parametrize(
    ("credit", "status", "said"),
    [
        ("9.99", 409, "outside of"),
        ("cheap", 422, "is no price"),
        ("Infinity", 422, "is no price"),
        ("", 422, "no price"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_in_words(
    browser: TestClient, client: TestClient, shown: str, credit: str, status: int, said: str
) -> None:
    answer = browser.post(action(shown, "execution"), data={**fields(shown), "credit": credit})

    assert answer.status_code == status and said in answer.text
    assert newest(client)["status"] == "pending"


def test_a_warning_must_be_confirmed(platform: Platform, browser: TestClient, client: TestClient) -> None:
    platform.engine.handle(SetLimit(user_id=platform.user_id, name="tolerance_percent", limit=Decimal(1)))
    shown = browser.post("/trading/proposals", data={"symbol": "GOOG", "strategy_id": DEMO}).text
    assert 'role="alert"' in shown and "<dialog" in shown

    refused = browser.post(action(shown, "execution"), data=fields(shown))
    pending = newest(client)["status"]
    taken = browser.post(action(shown, "execution"), data={**fields(shown), "confirmed": "yes"})

    assert (refused.status_code, pending) == (422, "pending")
    assert taken.status_code == 200 and newest(client)["status"] == "approved"


def test_a_strategy_that_finds_no_trade_says_what_would_change_it(browser: TestClient) -> None:
    answer = browser.post("/trading/proposals", data={"symbol": "GOOG", "strategy_id": "iron-condor-45dte"})

    assert answer.status_code == 200 and "No trade on GOOG" in answer.text
    assert "What would change it" in answer.text and 'href="/reasons#' in answer.text


def test_a_rejection_by_form_keeps_its_reason(browser: TestClient, client: TestClient, shown: str) -> None:
    answer = browser.post(action(shown, "rejection"), data={"reason": f"{HOSTILE} no"})

    assert "Rejected." in answer.text and HOSTILE not in answer.text
    assert newest(client)["rejection_reason"] == f"{HOSTILE} no"


def test_what_is_typed_into_the_address_never_becomes_markup(browser: TestClient) -> None:
    for path in (
        f"/trading/?symbol={HOSTILE[:12]}",
        f"/suggestions?symbol={HOSTILE[:12]}&strategy={HOSTILE}&status=<b>",
    ):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "<script>" not in answer.text
    for unknown in ("proposal=prop-nothing", "run=run-nothing"):
        assert browser.get(f"/trading/?{unknown}").status_code == 404


def test_the_funnel_counts_from_pairs_to_positions(platform: Platform, browser: TestClient, client: TestClient) -> None:
    empty = browser.get("/suggestions").text
    assert "Nothing was looked at" in empty and "No proposal fits" in empty
    client.post("/api/scans", json={"symbols": ["GOOG", "NONE"]})
    platform.engine.settle()
    made = client.post(f"/api/suggestions/{DEMO}/generate", json={"symbol": "GOOG"}).json()
    client.post(f"/api/suggestions/{made['id']}/modify", json={"quantity": 2})
    client.post(f"/api/suggestions/{newest(client)['id']}/execute")
    pass_minutes(platform, 10)

    text = browser.get("/suggestions?days=1").text

    counts = dict(re.findall(r'<a href="[^"]*">([^<]+)</a></span> <b class="number">([\d,]+)</b>', text))
    assert int(counts["pairs looked at by scans"]) > int(counts["pairs that may be entered"]) >= 0
    assert (counts["proposed, whoever started the run"], counts["approved"], counts["positions opened"]) == (
        "1",
        "1",
        "1",
    )
    assert "Why pairs fell, in 1 scan" in text and "unknown_symbol" in text
    listed = {
        state: browser.get(f"/suggestions?status={state}").text.count('href="/approvals/prop-')
        for state in ("approved", "superseded", "rejected")
    }
    assert listed == {"approved": 1, "superseded": 1, "rejected": 0}
