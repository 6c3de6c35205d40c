"""Deciding on proposals: the queue says what has changed, and many are decided at once, each for itself."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.ids import ProposalId
from thetaloom.domain.values.money import Price


@pytest.fixture
def pair(platform: Platform, client: TestClient) -> list[str]:
    """The ids of two proposals that wait."""
    for _ in range(2):
        wish = {"symbols": ["GOOG"], "strategy_ids": [DEMO], "force": True}
        assert client.post("/api/workflow/start", json=wish).status_code == 200
    platform.engine.settle()
    found = [one["id"] for one in client.get("/api/workflow/pending").json()["items"]]
    assert len(found) == 2
    return found


def change(platform: Platform, proposal: str, **changes: object) -> None:
    with platform.store.unit_of_work() as uow:
        found = uow.proposals.get(ProposalId(proposal))
        assert found is not None
        changed = replace(found, **changes)  # type: ignore[arg-type]  # fields by name
        uow.proposals.save(changed)
        uow.commit()


def test_many_are_approved_and_what_one_is_refused_for_stops_no_other(client: TestClient, pair: list[str]) -> None:
    answer = client.post("/api/workflow/approve/bulk", json={"ids": [pair[0], "prop-none", pair[1], pair[0]]})

    told = answer.json()
    assert answer.status_code == 200
    assert [one["id"] for one in told["results"]] == [pair[0], "prop-none", pair[1]]
    assert [one["status"] for one in told["results"]] == ["approved", None, "approved"]
    assert told["results"][1]["error"]["code"] == "not_found"
    assert (told["decided"], told["refused"]) == (2, 1)


def test_many_are_rejected_with_one_reason(client: TestClient, pair: list[str]) -> None:
    told = client.post("/api/workflow/reject/bulk", json={"ids": pair, "reason": "earnings next week"}).json()
    again = client.post("/api/workflow/approve/bulk", json={"ids": pair}).json()

    assert [one["status"] for one in told["results"]] == ["rejected", "rejected"]
    assert {one["error"]["code"] for one in again["results"]} == {"approval_already_decided"}
    assert again["decided"] == 0


@pytest.mark.parametrize(
    ("way", "body"),
    [
        ("approve", {"ids": []}),
        ("approve", {"ids": ["x"] * 101}),
        ("approve", {}),
        ("approve", {"ids": "prop"}),
        ("approve", {"ids": [""]}),
        ("approve", {"ids": ["a\x00"]}),
        ("approve", {"ids": ["a"], "all": True}),
        ("reject", {"ids": ["a"]}),
        ("reject", {"ids": ["a"], "reason": "  "}),
    ],
)
def test_a_malformed_decision_on_many_decides_nothing(client: TestClient, way: str, body: dict[str, object]) -> None:
    assert client.post(f"/api/workflow/{way}/bulk", json=body).status_code == 422


def test_a_warning_must_be_confirmed_before_many_are_approved(
    platform: Platform, client: TestClient, pair: list[str]
) -> None:
    change(platform, pair[0], needs_confirmation=True, warnings=("94 % of the budget",))

    careless = client.post("/api/workflow/approve/bulk", json={"ids": pair}).json()
    read = client.post("/api/workflow/approve/bulk", json={"ids": pair[:1], "confirmed": True}).json()

    assert careless["results"][0]["error"]["code"] == "needs_confirmation"
    assert "94 % of the budget" in careless["results"][0]["error"]["message"]
    assert careless["results"][1]["status"] == "approved"
    assert read["results"][0]["status"] == "approved"


def test_the_queue_approves_what_is_ticked_without_javascript(browser: TestClient, pair: list[str]) -> None:
    text = browser.get("/approvals").text
    ticks = re.findall(r'name="chosen" value="([^"]+)"', text)

    stale = browser.post("/approvals/bulk", data={"decision": "approve", "chosen": f"{pair[0]}:{'0' * 64}"})
    done = browser.post("/approvals/bulk", data={"decision": "approve", "chosen": ticks})

    assert sorted(tick.partition(":")[0] for tick in ticks) == sorted(pair)
    assert "What became of each" in stale.text
    assert "badge-refused" in stale.text
    assert done.text.count("badge-approved") >= 2
    assert "Nothing waits for you." in done.text


@pytest.mark.parametrize("form", [{}, {"decision": "reject"}, {"decision": "approve"}, {"decision": "burn"}])
def test_the_form_of_many_says_what_is_missing(browser: TestClient, proposal_id: str, form: dict[str, str]) -> None:
    assert browser.post("/approvals/bulk", data=form).status_code == 422
    assert f'id="{proposal_id}"' in browser.get("/approvals").text


def test_the_queue_says_whether_each_would_still_fill(platform: Platform, browser: TestClient, pair: list[str]) -> None:
    change(platform, pair[0], limit_floor=Price("9.99"))

    text = browser.get("/approvals").text
    pass_minutes(platform, 31)
    later = browser.get("/approvals").text

    assert "left the band" in text
    assert "would still fill" in text
    assert re.search(r'data-seconds-left="\d+"', text)
    assert "data-seconds-left" not in later


def test_the_dashboard_says_what_needs_a_person(platform: Platform, browser: TestClient, pair: list[str]) -> None:
    empty_handed = browser.get("/")
    browser.post("/halts", data={"scope": "all", "note": "drill"})
    halted = browser.get("/").text

    assert '<a href="/approvals">2 proposals wait</a>' in empty_handed.text
    assert "% of the risk budget is in use" in empty_handed.text
    assert "Today&#39;s runs" in empty_handed.text or "Today's runs" in empty_handed.text
    assert "drill" in halted


def test_the_queue_says_what_a_new_version_changed(client: TestClient, browser: TestClient, proposal_id: str) -> None:
    before = client.get(f"/api/suggestions/{proposal_id}").json()
    credit = Decimal(before["total_mid_credit"]) - Decimal("0.05")
    made = client.post(f"/api/suggestions/{proposal_id}/modify", json={"custom_credit": str(credit)}).json()

    queue = browser.get("/approvals").text

    assert f'id="{made["id"]}"' in queue and f'id="{proposal_id}"' not in queue
    assert f'<a href="/approvals/{proposal_id}">the one before</a>' in queue
    assert re.search(rf"entry price walks → <b>{credit}</b>", queue)
