"""Positions, orders, limits and halts through REST."""

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import pass_minutes
from thetaloom.bootstrap import Platform


@pytest.fixture
def position_id(platform: Platform, client: TestClient, proposal_id: str) -> str:
    """The id of an open position."""
    client.post(f"/api/workflow/approve/{proposal_id}")
    pass_minutes(platform, 10)
    return str(client.get("/api/positions", params={"open": True}).json()["items"][0]["id"])


def test_an_open_position_shows_its_marks(client: TestClient, position_id: str) -> None:
    position = client.get(f"/api/positions/{position_id}").json()

    entry = sum(
        float(fill["price"]) for fill in client.get(f"/api/workflow/status/{position['run_id']}").json()["fills"]
    )
    expected = (entry + float(position["marks"]["close_price"])) * 100
    assert float(position["unrealized_pnl"]) == pytest.approx(expected)


def test_applying_the_rules_shows_every_rule_with_its_number(client: TestClient, position_id: str) -> None:
    reviews = client.post("/api/positions/rules/apply").json()

    assert reviews["total"] == 1
    assert reviews["items"][0]["position_id"] == position_id
    assert [check["kind"] for check in reviews["items"][0]["checks"]] == [
        "profit_target",
        "stop_loss",
        "minutes_to_close",
    ]


def test_rules_that_are_met_when_applied_close_the_position(
    platform: Platform, client: TestClient, position_id: str
) -> None:
    pass_minutes(platform, 163)  # to a quarter of an hour before the early close
    run_id = client.get(f"/api/positions/{position_id}").json()["run_id"]

    client.post("/api/positions/rules/apply")
    pass_minutes(platform, 10)

    assert client.get(f"/api/workflow/status/{run_id}").json()["run"]["outcome"] == "closed"
    closed = client.get(f"/api/positions/{position_id}").json()
    assert (closed["is_open"], closed["marks"]) == (False, None)


def test_a_closed_position_cannot_be_closed_again(platform: Platform, client: TestClient, position_id: str) -> None:
    asked = client.post(f"/api/positions/{position_id}/close")
    pass_minutes(platform, 15)
    again = client.post(f"/api/positions/{position_id}/close")

    assert asked.status_code == 200
    assert (again.status_code, again.json()["code"]) == (409, "position_not_open")


def test_both_books_agree_after_a_fill(client: TestClient, position_id: str) -> None:
    compared = client.post("/api/sync-positions", json={"dry_run": True}).json()

    phases = compared.pop("phases")
    assert len(phases) == 7
    assert all(phase["updated"] == phase["created"] == phase["errors"] == 0 for phase in phases)
    assert compared == {
        "dry_run": True,
        "reports_applied": 0,
        "orders_delivered": 0,
        "in_step": True,
        "drifts": [],
        "findings": [],
    }
    assert client.post("/api/refresh-positions").json()["items"][0]["id"] == position_id


def test_a_working_order_is_canceled(platform: Platform, client: TestClient, proposal_id: str) -> None:
    client.post(f"/api/workflow/approve/{proposal_id}")
    platform.engine.settle()
    order_id = client.get("/api/pending-orders").json()["items"][0]["client_order_id"]

    asked = client.post(f"/api/orders/{order_id}/cancel")
    platform.engine.settle()
    order = client.get(f"/api/order-status/{order_id}").json()["order"]

    assert asked.status_code == 200
    assert order["status"] == "CANCELED"
    assert client.get("/api/pending-orders").json()["total"] == 0
    assert client.post(f"/api/orders/{order_id}/cancel").json()["code"] == "order_not_open"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/positions/none"),
        ("POST", "/api/positions/none/close"),
        ("GET", "/api/order-status/none"),
        ("POST", "/api/orders/none/cancel"),
        ("GET", "/api/order-status/%00"),
    ],
)
def test_unknown_positions_and_orders_are_not_found(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_risk_budget_counts_what_is_held(client: TestClient, position_id: str) -> None:
    budget = client.get("/api/risk-budget").json()
    limits = {limit["name"]: limit for limit in budget["limits"]}

    assert limits["max_positions"]["used"] == "1"
    assert limits["max_positions"]["left"] == "19"
    assert float(limits["max_allocation_percent"]["used"]) > 0
    assert float(limits["max_allocation_percent"]["bound"]) == pytest.approx(
        float(budget["net_liquidating_value"]) * 0.8
    )
    assert limits["max_delta"]["bound"] is None


def test_a_halt_stops_new_risk_until_it_is_lifted(platform: Platform, client: TestClient, proposal_id: str) -> None:
    halted = client.post("/api/halt", json={"note": "<b>news</b>"}).json()
    client.post(f"/api/workflow/approve/{proposal_id}")
    platform.engine.settle()

    assert halted == {"halted": True, "halts": {"all": "<b>news</b>"}}
    assert client.get("/api/orders").json()["total"] == 0 or (
        client.get("/api/orders").json()["items"][0]["status"] == "DENIED"
    )
    shown = client.post("/api/resume")
    assert (shown.status_code, shown.json()["code"]) == (409, "confirmation_needed")
    assert shown.json()["details"]["reason"] == "<b>news</b>"
    assert client.post("/api/resume", json={"token": "another"}).status_code == 409
    lifted = client.post("/api/resume", json={"token": shown.json()["details"]["token"]})
    assert lifted.json() == {"halted": False, "halts": {}}
    assert client.post("/api/resume").status_code == 404


def test_a_scope_that_is_none_is_refused(client: TestClient) -> None:
    answer = client.post("/api/halt", json={"scope": "everything"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_a_position_tells_its_status_and_its_spreads(client: TestClient, position_id: str) -> None:
    position = client.get(f"/api/positions/{position_id}").json()

    (spread,) = position["spreads"]
    assert position["status"] == "open_full"
    assert (spread["name"], spread["remaining"], spread["target_order"]) == ("whole", position["quantity"], None)
    assert (position["chain_id"], position["rolled_from"], position["loose"]) == (position_id, None, [])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"quantity": 99}, 409, "more_than_held"),
        ({"part": "fly"}, 422, "invalid_input"),
        ({"quantity": 0}, 422, "invalid_input"),
        ({"much": 1}, 422, "invalid_input"),
    ],
)
def test_a_partial_close_that_makes_no_sense_is_refused(
    client: TestClient, position_id: str, body: dict[str, object], status: int, code: str
) -> None:
    answer = client.post(f"/api/positions/{position_id}/close", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get(f"/api/positions/{position_id}").json()["status"] == "open_full"


def test_a_part_named_in_the_body_is_closed(platform: Platform, client: TestClient, position_id: str) -> None:
    asked = client.post(f"/api/positions/{position_id}/close", json={"part": "whole", "quantity": 1})
    pass_minutes(platform, 15)

    closed = client.get(f"/api/positions/{position_id}").json()
    assert asked.status_code == 200
    assert (closed["status"], closed["spreads"][0]["remaining"]) == ("closed", 0)


def test_targets_are_replaced_on_demand(client: TestClient, position_id: str) -> None:
    answer = client.post(f"/api/positions/{position_id}/targets")

    assert (answer.status_code, answer.json()["status"]) == (200, "open_full")
    assert client.post("/api/positions/none/targets").status_code == 404


def test_the_run_page_shows_the_spreads(client: TestClient, position_id: str) -> None:
    run_id = client.get(f"/api/positions/{position_id}").json()["run_id"]

    page = client.get(f"/runs/{run_id}").text

    assert "Spreads and their targets" in page and "open full" in page
