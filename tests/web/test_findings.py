"""Findings over REST: a real holding from elsewhere adopted, refused, or given to the position that lost it."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.strategy.structures import Leg
from thetaloom.engine.reconcile import find_drifts

SHAPE = {"code", "message", "advice", "details"}


@pytest.fixture
def held(platform: Platform, client: TestClient, proposal_id: str) -> dict[str, Any]:
    """An open position, as the API shows it."""
    client.post(f"/api/workflow/approve/{proposal_id}")
    pass_minutes(platform, 10)
    client.post("/api/sync-positions", json={})
    (position,) = client.get("/api/positions", params={"open": True}).json()["items"]
    return dict(position)


def legs_of(platform: Platform, sign: int = 1) -> tuple[Leg, ...]:
    """The legs of the one position held."""
    with platform.store.reading() as uow:
        position = uow.positions.open_positions(platform.broker.account_id)[0]
    return tuple(Leg(contract=leg.contract, ratio=leg.ratio * sign) for leg in position.legs)


def finding(client: TestClient) -> dict[str, Any]:
    """The one finding that stands."""
    (found,) = client.get("/api/findings", params={"standing": True}).json()["items"]
    return dict(found)


def test_a_holding_from_elsewhere_is_asked_about_and_adopted(
    platform: Platform, client: TestClient, held: dict[str, Any]
) -> None:
    platform.paper.trade_elsewhere(legs_of(platform), 2)
    dry = client.post("/api/sync-positions", json={"dry_run": True}).json()
    nothing_yet = client.get("/api/findings").json()["total"]
    client.post("/api/sync-positions", json={})
    asked = finding(client)

    answer = client.post(f"/api/findings/{asked['id']}/adopt", json={"strategy_id": DEMO})

    assert [one["kind"] for one in dry["findings"]] == ["unknown_holding"] and nothing_yet == 0
    assert (asked["kind"], asked["status"], asked["prices_known"]) == ("unknown_holding", "waiting", True)
    assert sorted(abs(one["quantity"]) for one in asked["contracts"]) == [2, 2]
    made = answer.json()
    assert (answer.status_code, made["quantity"], made["strategy_id"]) == (200, 2, DEMO)
    assert client.get("/api/findings", params={"standing": True}).json()["total"] == 0
    assert client.get("/api/positions", params={"open": True}).json()["total"] == 2
    assert find_drifts(platform.desk) == () and held["id"] != made["id"]
    again = client.post(f"/api/findings/{asked['id']}/adopt", json={"strategy_id": DEMO})
    assert (again.status_code, again.json()["code"], set(again.json())) == (409, "finding_settled", SHAPE)


def test_a_holding_that_is_refused_is_left_alone(platform: Platform, client: TestClient, held: dict[str, Any]) -> None:
    platform.paper.trade_elsewhere(legs_of(platform), 1)
    client.post("/api/sync-positions", json={})
    asked = finding(client)

    unknown = client.post(f"/api/findings/{asked['id']}/adopt", json={"strategy_id": "none"})
    whose = client.post(f"/api/findings/{asked['id']}/assign", json={"position_id": held["id"]})
    left = client.post(f"/api/findings/{asked['id']}/ignore")

    assert (unknown.status_code, set(unknown.json())) == (404, SHAPE)
    assert (whose.status_code, whose.json()["code"]) == (409, "finding_of_another_kind")
    assert (left.status_code, left.json()["status"]) == (200, "ignored")
    assert client.post("/api/sync-positions", json={}).json()["drifts"] == []
    assert client.get("/api/positions", params={"open": True}).json()["total"] == 1


def test_a_close_that_two_could_have_lost_is_given_to_one(
    platform: Platform, client: TestClient, held: dict[str, Any]
) -> None:
    platform.paper.trade_elsewhere(legs_of(platform), 1)
    client.post("/api/sync-positions", json={})
    other = client.post(f"/api/findings/{finding(client)['id']}/adopt", json={"strategy_id": DEMO}).json()["id"]
    platform.paper.trade_elsewhere(legs_of(platform, -1), 1)
    client.post("/api/sync-positions", json={})
    asked = finding(client)

    ignored = client.post(f"/api/findings/{asked['id']}/ignore")
    given = client.post(f"/api/findings/{asked['id']}/assign", json={"position_id": other})

    assert asked["kind"] == "whose_close" and set(asked["candidates"]) == {held["id"], other}
    assert (ignored.status_code, ignored.json()["code"]) == (409, "finding_of_another_kind")
    assert (given.status_code, given.json()["id"], given.json()["is_open"]) == (200, other, False)
    assert client.get(f"/api/positions/{held['id']}").json()["is_open"] and find_drifts(platform.desk) == ()


def test_the_page_asks_and_takes_the_answer_without_javascript(
    platform: Platform, browser: TestClient, client: TestClient, held: dict[str, Any]
) -> None:
    platform.paper.trade_elsewhere(legs_of(platform), 1)
    browser.post("/reconcile/looks", follow_redirects=True)
    asked = finding(client)
    shown = browser.get("/reconcile").text

    answer = browser.post(f"/reconcile/{asked['id']}/adoption", data={"strategy": DEMO}, follow_redirects=True)

    assert asked["id"] in shown and DEMO in shown
    assert answer.status_code == 200
    assert client.get("/api/positions", params={"open": True}).json()["total"] == 2
    bad = browser.post(f"/reconcile/{asked['id']}/adoption", data={"strategy": DEMO, "price": "NaN"})
    assert 400 <= bad.status_code < 500


def test_contracts_that_are_gone_at_the_broker_stop_the_run_and_leave_the_position_by_a_button(
    platform: Platform, client: TestClient, browser: TestClient, held: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform.paper, "holdings", dict)
    for _ in range(3):
        client.post("/api/sync-positions", json={})
    standing = client.get("/api/findings", params={"standing": True}).json()["items"]
    page = browser.get("/reconcile").text
    run = client.get(f"/api/workflow/status/{held['run_id']}").json()["run"]

    answers = [
        client.post(f"/api/findings/{one['id']}/assign", json={"position_id": held["id"]}).json() for one in standing
    ]

    assert {one["kind"] for one in standing} == {"contracts_differ"} and len(standing) == len(held["legs"])
    assert (run["status"], run["reason"]) == ("PAUSED", "book_in_doubt")
    assert "Nothing of these contracts is traded by itself" in page and page.count("It was this one") == len(standing)
    assert [one["is_open"] for one in answers] == [True, False], answers
    ended = client.get(f"/api/workflow/status/{held['run_id']}").json()["run"]
    assert (ended["status"], ended["reason"]) == ("COMPLETED", "closed_elsewhere")
    client.post("/api/sync-positions", json={})
    assert client.get("/api/findings", params={"standing": True}).json()["total"] == 0
