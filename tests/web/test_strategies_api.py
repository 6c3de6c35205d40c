"""Strategies through REST: read, write, validate."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO
from thetaloom.web.api.strategies import EXAMPLE


@pytest.fixture
def document() -> dict[str, Any]:
    """A good strategy of its own id."""
    return {**EXAMPLE, "id": "mine"}


def test_a_strategy_is_stored_changed_and_deleted(client: TestClient, document: dict[str, Any]) -> None:
    created = client.post("/api/strategies", json=document)
    same = client.put("/api/strategies/mine", json=document)
    changed = client.put("/api/strategies/mine", json={**document, "name": "Another"})
    deleted = client.delete("/api/strategies/mine")

    assert (created.status_code, created.headers["location"]) == (201, "/api/strategies/mine")
    assert [answer.json()["revision"] for answer in (created, same, changed)] == [1, 1, 2]
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get("/api/strategies/mine").status_code == 404


def test_what_is_returned_can_be_sent_back(client: TestClient) -> None:
    shown = client.get(f"/api/strategies/{DEMO}").json()

    as_document = client.put(f"/api/strategies/{DEMO}", json=shown["strategy"]).json()
    as_toml = client.put(f"/api/strategies/{DEMO}", json={"toml": shown["toml"]}).json()

    assert as_document["revision"] == as_toml["revision"] == shown["revision"]


def test_an_id_that_is_taken_is_refused(client: TestClient, document: dict[str, Any]) -> None:
    client.post("/api/strategies", json=document)

    again = client.post("/api/strategies", json=document)

    assert (again.status_code, again.json()["code"]) == (409, "strategy_exists")


def test_the_id_of_the_document_must_be_that_of_the_address(client: TestClient, document: dict[str, Any]) -> None:
    answer = client.put(f"/api/strategies/{DEMO}", json=document)

    assert answer.status_code == 422
    assert "id" in answer.json()["details"]


def test_a_strategy_that_is_not_there_cannot_be_changed_or_deleted(
    client: TestClient, document: dict[str, Any]
) -> None:
    assert client.put("/api/strategies/mine", json=document).status_code == 404
    assert client.delete("/api/strategies/mine").status_code == 404


def test_validation_names_every_problem_by_its_path(client: TestClient, document: dict[str, Any]) -> None:
    document["legs"][1] = {**document["legs"][1], "side": "sel"}
    document["expiration"] = {**document["expiration"], "dte_max": -1}

    answer = client.post("/api/strategies/validate", json=document).json()

    assert answer["valid"] is False
    assert answer["strategy"] is None
    assert {"legs[1].side", "expiration.dte_max"} <= set(answer["errors"])
    document["legs"][1] = EXAMPLE["legs"][1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"toml": "id = "},
        {"toml": 7},
        {"toml": "a = " + "[" * 5000},
        {"toml": "a = 1e999999999999999999999"},
        {"legs": {"a": [[[]]]}},
        {"id": "\ud800"},
        {"toml": "\x00"},
    ],
)
def test_a_document_that_is_no_strategy_is_not_valid(client: TestClient, body: dict[str, Any]) -> None:
    import json

    content = json.dumps(body).encode()
    headers = {"content-type": "application/json"}

    answer = client.post("/api/strategies/validate", content=content, headers=headers)
    stored = client.post("/api/strategies", content=content, headers=headers)

    assert answer.status_code == 200
    assert answer.json()["valid"] is False
    assert answer.json()["errors"]
    assert stored.status_code == 422


def test_a_good_document_is_valid_as_json_and_as_toml(client: TestClient) -> None:
    shown = client.get(f"/api/strategies/{DEMO}").json()

    for body in (shown["strategy"], {"toml": shown["toml"]}):
        answer = client.post("/api/strategies/validate", json=body).json()
        assert answer == {"valid": True, "errors": {}, "strategy": shown["strategy"]}


def test_the_list_is_paged_and_the_schema_served(client: TestClient) -> None:
    page = client.get("/api/strategies", params={"limit": 2, "offset": 1}).json()

    assert len(page["items"]) == 2
    assert page["total"] >= 6
    assert client.get("/api/strategies/schema").json()["title"] == "Thetaloom strategy"


def test_a_document_is_tried_for_each_of_the_days_wished(client: TestClient) -> None:
    shown = client.get(f"/api/strategies/{DEMO}").json()["strategy"]

    listed = client.post("/api/strategies/validate", params={"symbol": "goog", "dte": [14, 45]}, json=shown).json()
    joined = client.post("/api/strategies/validate", params={"symbol": "GOOG", "dte": "14,45"}, json=shown).json()
    stored = client.post(f"/api/strategies/{DEMO}/test", params={"dte": "14,45"}).json()

    assert listed == joined == stored
    assert (listed["valid"], listed["market"]["symbol"]) == (True, "GOOG")
    assert [sample["dte_wanted"] for sample in listed["samples"]] == [14, 45]
    for sample in listed["samples"]:
        assert sample["valid"] is not bool(sample["errors"])
        assert sample["valid"] is all(check["verdict"]["answer"] == "allow" for check in sample["checks"])
        assert [leg["side"] for leg in sample["legs"]] == ["sell", "buy"]
        assert all(leg["delta"] != 0 for leg in sample["legs"])
        assert abs(sample["dte"] - sample["dte_wanted"]) <= 15


def test_the_usual_days_are_tried_when_a_symbol_stands_alone(client: TestClient) -> None:
    samples = client.post(f"/api/strategies/{DEMO}/test", params={"symbol": "GOOG"}).json()["samples"]

    assert [sample["dte_wanted"] for sample in samples] == [0, 7, 14, 21, 30, 45, 60]


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"symbol": "ZZZZ"}, 404), ({"symbol": "GOOG", "dte": "91"}, 422), ({"symbol": "GOOG", "dte": "x"}, 422)],
)
def test_a_trial_that_cannot_be_made_is_refused(client: TestClient, asked: dict[str, str], status: int) -> None:
    assert client.post(f"/api/strategies/{DEMO}/test", params=asked).status_code == status
    assert client.post("/api/strategies/x/test", params={"symbol": "GOOG"}).status_code == 404
