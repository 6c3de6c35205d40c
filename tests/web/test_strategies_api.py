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
