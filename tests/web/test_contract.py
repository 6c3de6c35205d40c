"""What holds for every route: the shape of errors, the description, and what operators read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, ORIGIN
from thetaloom.bootstrap import Platform, engine_loop
from thetaloom.web.app import create_app

SHAPE = {"code", "message", "advice", "details"}
CONTRACT = """
GET /api/strategies|POST /api/strategies|GET /api/strategies/{}|PUT /api/strategies/{}|DELETE /api/strategies/{}
POST /api/strategies/validate|GET /api/strategies/schema|POST /api/workflow/start|GET /api/workflow/pending
POST /api/workflow/approve/{}|POST /api/workflow/reject/{}|GET /api/workflow/status/{}|GET /api/workflow/list
GET /api/workflow/stats|GET /api/workflow/health|GET /api/positions|POST /api/positions/rules/apply
POST /api/positions/{}/close|GET /api/orders|POST /api/orders/{}/cancel|GET /api/pending-orders
GET /api/order-status/{}|POST /api/refresh-positions|POST /api/sync-positions|GET /api/risk-budget|GET /api/reasons
GET /api/lineage/execution/{}|GET /api/lineage/execution/{}/step/{}|GET /api/lineage/strategy/{}/recent
GET /api/lineage/step/{}/statistics|GET /api/lineage/recent|GET /api/lineage/verify|POST /api/lineage/replay/{}
POST /api/halt|POST /api/resume|GET /healthz|GET /readyz|GET /metrics|POST /api/paper-trading
POST /api/suggestions/{}/generate|POST /api/suggestions/{}/execute|POST /api/suggestions/{}/reject
""".replace("\n", "|").strip("|")


def references(part: Any) -> Iterator[str]:
    """Every ``$ref`` in a description."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for entry in part.values():
            yield from references(entry)
    elif isinstance(part, list):
        for entry in part:
            yield from references(entry)


@pytest.fixture
def described(client: TestClient) -> dict[str, Any]:
    """The OpenAPI description."""
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_every_route_of_the_contract_is_served(described: dict[str, Any]) -> None:
    import re

    served = {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"
        for path, methods in described["paths"].items()
        for method in methods
    }

    assert set(CONTRACT.split("|")) <= served


def test_the_description_is_whole(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]

    assert described["openapi"].startswith("3.1")
    assert {reference.rsplit("/", 1)[1] for reference in references(described)} <= set(schemas)
    names = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_every_route_documents_its_errors_in_our_shape(described: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, methods in described["paths"].items():
        if path in {"/healthz", "/readyz"}:
            continue
        for method, operation in methods.items():
            errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert "422" in errors, f"{method} {path}"
            assert all(each["content"]["application/json"]["schema"] == problem for each in errors.values()), path
            assert operation["description"], path
            if "{" in path and "strategy/{" not in path and "step/{step}/st" not in path:
                assert "404" in errors, path


def test_every_route_answers_the_unknown_and_the_malformed_in_our_shape(
    client: TestClient, described: dict[str, Any]
) -> None:
    for path, methods in described["paths"].items():
        for method in methods:
            address = path.replace("{", "").replace("}", "")
            answer = client.request(method.upper(), f"{address}?limit=nonsense", content=b"{{{")
            if answer.status_code >= 400:
                assert set(answer.json()) == SHAPE, f"{method} {path}"
                assert answer.status_code < 500, f"{method} {path}: {answer.text}"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/static/nowhere.css", 404),
        ("GET", "/static/../app.py", 404),
        ("DELETE", "/api/strategies", 405),
        ("GET", "/api/workflow/start", 405),
        ("POST", "/healthz", 405),
        ("GET", "/docs", 404),
    ],
)
def test_wrong_addresses_and_methods_are_answered_in_our_shape(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)

    assert answer.status_code == status
    assert set(answer.json()) == SHAPE
    assert status != 405 or answer.headers["allow"]


def test_what_nobody_expected_is_answered_without_its_secrets(platform: Platform) -> None:
    app = create_app(platform)

    @app.get("/breaks")
    def breaks() -> None:
        raise RuntimeError("the password is swordfish")

    with TestClient(app, base_url=ORIGIN, headers=BEARER, raise_server_exceptions=False) as client:
        answer = client.get("/breaks")
        page = client.get("/breaks", headers={"accept": "text/html"})

    assert answer.status_code == page.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "swordfish" not in answer.text + page.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_metrics_are_prometheus_text(client: TestClient, proposal_id: str) -> None:
    answer = client.get("/metrics")
    figures = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert figures['thetaloom_runs{status="PENDING_APPROVAL"}'] == "1"
    assert float(figures["thetaloom_lineage_records_total"]) == 10
    assert float(figures["process_resident_memory_bytes"]) > 1_000_000
    assert float(figures["thetaloom_engine_turns_total"]) > 0


def test_a_living_engine_is_healthy_and_a_stopped_one_is_not(platform: Platform) -> None:
    loop = engine_loop(platform)
    loop.start()
    app: FastAPI = create_app(platform, loop)
    with TestClient(app, base_url=ORIGIN, headers=BEARER) as client:
        healthy, ready = client.get("/healthz"), client.get("/readyz")
        saved = client.post("/api/halt", json={"note": "through the engine's own thread"})
        loop.stop()
        dead, unready = client.get("/healthz"), client.get("/readyz")
        refused = client.post("/api/resume")

    assert (healthy.status_code, ready.status_code, saved.status_code) == (200, 200, 200)
    assert (dead.status_code, unready.status_code) == (503, 503)
    assert [check["passed"] for check in dead.json()["checks"]] == [False, True]
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")


def test_the_dictionary_holds_every_reason(client: TestClient) -> None:
    from thetaloom.domain.values.reasons import Reason

    items = client.get("/api/reasons").json()["items"]

    assert {item["code"]: item["text"] for item in items} == {reason.value: reason.text for reason in Reason}
    assert json.dumps(items)
