"""The pages: every one is served, its forms work without JavaScript, and nothing a person typed becomes markup."""

import re

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.reasons import Reason

HOSTILE = "<script>alert(1)</script>\"'>"
PAGES = ("/", "/runs", "/approvals", "/positions", "/orders", "/strategies", "/reasons", "/api", "/halts", "/lineage")


def hidden(text: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, f"the page has no field {name}"
    return found[1]


@pytest.fixture
def run_id(platform: Platform, browser: TestClient) -> str:
    """The id of a run, started by the form of the dashboard, that waits for a decision."""
    answer = browser.post("/runs", data={"symbol": "goog", "strategy_id": DEMO}, follow_redirects=False)
    platform.engine.settle()
    return answer.headers["location"].removeprefix("/runs/").partition("?")[0]


@pytest.fixture
def address(browser: TestClient, run_id: str) -> str:
    """The address of the proposal that waits, as the page of its run links to it."""
    found = re.search(r'href="(/approvals/[^"]+)"', browser.get(f"/runs/{run_id}").text)
    assert found
    return found[1]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_an_empty_house_says_where_it_is(browser: TestClient, path: str) -> None:
    answer = browser.get(path)

    assert answer.status_code == 200
    assert "RECORDED MARKET" in answer.text
    assert "2015-12-24 09:51:00 EST" in answer.text
    assert "2015-12-24 14:51:00 UTC" in answer.text
    assert '<a class="skip" href="#main">' in answer.text
    assert all(' src="/static/' in tag for tag in re.findall(r"<script[^>]*>", answer.text))
    assert " style=" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/approvals", "/positions", "/orders", "/lineage", "/lineage?symbol=SPY"]
)
def test_an_empty_list_says_what_to_do_next(browser: TestClient, path: str) -> None:
    assert 'class="empty"' in browser.get(path).text


def test_a_proposal_is_approved_by_its_form(platform: Platform, browser: TestClient, address: str) -> None:
    shown = browser.get(address).text

    answer = browser.post(f"{address}/approval", data={"content_hash": hidden(shown, "content_hash"), "note": "fine"})
    pass_minutes(platform, 10)
    run = browser.get(str(answer.url.path)).text

    assert "Approved. The order is on its way" in answer.text
    assert "MONITORING" in run
    assert "Exit rules now" in run
    assert "nothing left to decide" in browser.get(address).text
    assert "712.5" in browser.get("/positions").text
    assert "FILLED" in browser.get("/orders").text


def test_the_page_of_a_proposal_shows_what_the_decision_rests_on(browser: TestClient, address: str) -> None:
    text = browser.get(address).text

    for fact in ("Limit floor", "Max loss", "−$880.00", "Chance of profit", "lognormal", "$711.30", "buying power"):
        assert fact in text
    assert "sell 1 put" in text
    assert '<polyline class="payoff-curve"' in text
    assert "breakeven 711.30" in text
    assert "spot 748.04" in text
    assert "s old" in text


def test_a_rejection_needs_words_and_ends_the_run(platform: Platform, browser: TestClient, address: str) -> None:
    silent = browser.post(f"{address}/rejection", data={"reason": " "})
    spoken = browser.post(f"{address}/rejection", data={"reason": HOSTILE})
    platform.engine.settle()

    assert silent.status_code == 422
    assert "a rejection needs a reason in words" in silent.text
    assert spoken.status_code == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in spoken.text
    assert HOSTILE not in spoken.text
    assert "There is nothing left to decide: rejected" in browser.get(address).text


def test_what_was_not_shown_is_not_approved(platform: Platform, browser: TestClient, address: str) -> None:
    changed = browser.post(f"{address}/approval", data={"content_hash": "0" * 64})
    absent = browser.post(f"{address}/approval", data={})
    pass_minutes(platform, 31)
    expired = browser.get(address)

    assert (changed.status_code, absent.status_code) == (409, 422)
    assert "approval_content_changed" in changed.text
    assert "expired" in expired.text
    assert 'name="content_hash"' not in expired.text


def test_a_form_sent_from_a_foreign_page_is_refused(browser: TestClient, address: str) -> None:
    content_hash = hidden(browser.get(address).text, "content_hash")

    answer = browser.post(
        f"{address}/approval",
        data={"content_hash": content_hash},
        headers={"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    )

    assert answer.status_code == 403
    assert "pending" in browser.get(address).text


def test_a_run_page_explains_a_no(platform: Platform, browser: TestClient) -> None:
    started = browser.post("/runs", data={"symbol": "GOOG", "strategy_id": "iron-condor-45dte"})
    platform.engine.settle()

    text = browser.get(started.url.path).text

    assert "no trade" in text
    assert Reason.SELECTION_TOO_FAR.text in text
    assert 'href="/reasons#selection_too_far"' in text
    assert "wished" in text


def test_records_are_verified_and_replayed_on_the_page(browser: TestClient, run_id: str) -> None:
    assert "Intact: 10 records" in browser.post(f"/runs/{run_id}/verification").text
    assert "Identical: 10 decisions" in browser.post(f"/runs/{run_id}/replay").text


def test_every_record_of_a_run_has_a_page(browser: TestClient, run_id: str) -> None:
    pages = [browser.get(f"/lineage/{run_id}/{seq}") for seq in range(1, 11)]

    assert [page.status_code for page in pages] == [200] * 10
    assert "option chain, as Parquet" in pages[2].text
    assert "-1 GOOG 2016-01-15 P 712.5" in pages[7].text
    assert browser.get(f"/lineage/{run_id}/11").status_code == 404
    assert browser.get(f"/lineage/{run_id}/0").status_code == 422


def test_a_halt_is_lifted_in_two_steps(browser: TestClient) -> None:
    halted = browser.post("/halts", data={"note": HOSTILE})
    careless = browser.post("/halts/lifting", data={"scope": "all"})
    lifted = browser.post("/halts/lifting", data={"scope": "all", "confirmed": "yes"})

    assert "HALTED" in halted.text
    assert HOSTILE not in halted.text
    assert careless.status_code == 422
    assert "The halt was lifted" in lifted.text
    assert "HALTED" not in lifted.text


def test_a_run_is_set_aside_goes_on_and_is_canceled_by_buttons(browser: TestClient, run_id: str) -> None:
    assert "PAUSED" in browser.post(f"/runs/{run_id}/pause").text
    assert "PENDING APPROVAL" in browser.post(f"/runs/{run_id}/resumption").text
    assert "canceled" in browser.post(f"/runs/{run_id}/cancellation").text


def test_orders_are_canceled_and_positions_closed_by_buttons(
    platform: Platform, browser: TestClient, address: str
) -> None:
    content_hash = hidden(browser.get(address).text, "content_hash")
    browser.post(f"{address}/approval", data={"content_hash": content_hash})
    pass_minutes(platform, 10)
    found = re.search(r'action="(/positions/[^"]+/closing)"', browser.get("/positions").text)
    assert found

    closing = browser.post(found[1])
    platform.engine.settle()
    order = re.search(r'action="(/orders/[^"]+/cancellation)"', browser.get("/orders").text)

    assert "The position is being closed" in closing.text
    assert order
    assert "The cancellation was asked for" in browser.post(order[1]).text


def test_every_shipped_strategy_is_told_in_words(browser: TestClient) -> None:
    ids = set(re.findall(r'href="/strategies/([a-z0-9-]+)"', browser.get("/strategies").text)) - {"new"}

    assert len(ids) >= 6
    for strategy_id in ids:
        text = browser.get(f"/strategies/{strategy_id}").text
        assert "days away, nearest to" in text
        assert f"id = &#34;{strategy_id}&#34;" in text


def test_the_dictionary_has_an_anchor_for_every_reason(browser: TestClient) -> None:
    text = browser.get("/reasons").text

    assert all(f'id="{reason.value}"' in text for reason in Reason)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs/none", 404),
        ("/approvals/none", 404),
        ("/strategies/none", 404),
        ("/lineage/none/1", 404),
        ("/nowhere", 404),
        ("/runs?page=0", 422),
        (f"/strategies/{HOSTILE}", 404),
    ],
)
def test_what_goes_wrong_is_a_page_in_the_same_look(browser: TestClient, path: str, status: int) -> None:
    answer = browser.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "RECORDED MARKET" in answer.text
    assert HOSTILE not in answer.text


def test_hostile_words_in_a_strategy_stay_words(browser: TestClient) -> None:
    document = browser.get(f"/api/strategies/{DEMO}").json()["strategy"]
    browser.post("/api/strategies", json={**document, "id": "hostile", "name": HOSTILE, "description": HOSTILE})

    texts = [browser.get(path).text for path in ("/", "/strategies", "/strategies/hostile")]

    assert all(HOSTILE not in text and "&lt;script&gt;" in text for text in texts)


def test_a_long_list_has_pages_that_keep_the_filter(platform: Platform, browser: TestClient) -> None:
    for _ in range(30):
        browser.post("/api/workflow/start", json={"symbols": ["ZZZZ"], "strategy_ids": [DEMO], "force": True})
    platform.engine.settle()

    first = browser.get("/runs?symbol=zzzz&status=COMPLETED").text
    second = browser.get("/runs?symbol=ZZZZ&status=COMPLETED&page=2").text

    assert "1 to 25 of 30" in first
    assert 'href="/runs?status=COMPLETED&amp;symbol=ZZZZ&amp;page=2"' in first
    assert "26 to 30 of 30" in second


def test_style_sheets_are_served_for_every_link(browser: TestClient) -> None:
    sheets = re.findall(r'href="(/static/[^"]+)"', browser.get("/").text)

    assert len(sheets) > 5
    assert all(browser.get(sheet).status_code == 200 for sheet in sheets)
