"""A run through REST: start, decide, follow; and every way in which it is refused."""

import pytest
from sqlalchemy import delete
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.cli.why import what_comes_next
from thetaloom.domain.values.ids import RunId
from thetaloom.store.queries.runs import run_detail
from thetaloom.store.schema import proposals

MINUTES_TO_FILL = 10
MINUTES_TO_EXPIRE = 31


def test_an_approved_proposal_becomes_a_position(platform: Platform, client: TestClient, proposal_id: str) -> None:
    shown = client.get("/api/workflow/pending").json()["items"][0]

    approved = client.post(f"/api/workflow/approve/{proposal_id}", json={"content_hash": shown["content_hash"]})
    pass_minutes(platform, MINUTES_TO_FILL)
    status = client.get(f"/api/workflow/status/{shown['run_id']}").json()

    assert approved.status_code == 200
    assert approved.json()["status"] == "approved"
    assert status["run"]["status"] == "MONITORING"
    assert status["orders"][0]["status"] == "FILLED"
    assert status["position"]["quantity"] == 1
    assert status["fills"][0]["price"] == status["orders"][0]["limit_price"]
    assert [step["seq"] for step in status["steps"]] == list(range(1, len(status["steps"]) + 1))
    assert client.get("/api/positions", params={"open": True}).json()["total"] == 1


def test_exact_numbers_are_strings_and_counts_are_numbers(client: TestClient, proposal_id: str) -> None:
    shown = client.get("/api/workflow/pending").json()["items"][0]

    assert isinstance(shown["quantity"], int)
    for name in ("mid_price", "max_loss", "spot", "pop", "net_delta", "fees"):
        assert isinstance(shown[name], str)
        assert float(shown[name]) == float(shown[name])
    assert shown["legs"][0]["occ_symbol"].startswith("GOOG  160115P")


def test_approving_twice_gives_the_first_answer(client: TestClient, proposal_id: str) -> None:
    first = client.post(f"/api/workflow/approve/{proposal_id}", json={"note": "yes"})
    second = client.post(f"/api/workflow/approve/{proposal_id}", json={"note": "yes again"})

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json()
    assert second.json()["decision_note"] == "yes"


def test_a_proposal_is_found_by_the_id_of_its_run(client: TestClient, proposal_id: str) -> None:
    run_id = client.get("/api/workflow/pending").json()["items"][0]["run_id"]

    answer = client.post(f"/api/workflow/approve/{run_id}")

    assert answer.status_code == 200
    assert answer.json()["id"] == proposal_id


def test_a_rejected_proposal_ends_the_run(platform: Platform, client: TestClient, proposal_id: str) -> None:
    rejected = client.post(f"/api/workflow/reject/{proposal_id}", json={"reason": "earnings"})
    platform.engine.settle()
    status = client.get(f"/api/workflow/status/{rejected.json()['run_id']}").json()

    assert rejected.json()["decision_note"] == "earnings"
    assert (status["run"]["outcome"], status["run"]["reason"]) == ("refused", "approval_rejected")
    assert client.post(f"/api/workflow/approve/{proposal_id}").status_code == 409


def test_before_its_proposal_is_made_a_run_says_that_it_is_being_made(
    platform: Platform, client: TestClient, proposal_id: str
) -> None:
    run_id = client.get("/api/workflow/pending").json()["items"][0]["run_id"]
    with platform.database.begin() as connection:  # as the books stand between the check of risk and the proposal
        connection.execute(delete(proposals).where(proposals.c.id == proposal_id))

    early = client.post(f"/api/workflow/approve/{run_id}")
    page = client.get(f"/runs/{run_id}", headers={"accept": "text/html"}).text
    why = what_comes_next(run_detail(platform.database, platform.user_id, RunId(run_id)))

    assert (early.status_code, early.json()["code"]) == (409, "no_proposal")
    assert "is being made" in early.json()["message"] and "is being made" in why and "is being made" in page


def test_a_proposal_with_another_hash_is_not_approved(client: TestClient, proposal_id: str) -> None:
    answer = client.post(f"/api/workflow/approve/{proposal_id}", json={"content_hash": "0" * 64})

    assert answer.status_code == 409
    assert answer.json()["code"] == "approval_content_changed"
    assert client.get("/api/workflow/pending").json()["total"] == 1


def test_an_expired_proposal_is_not_approved(platform: Platform, client: TestClient, proposal_id: str) -> None:
    pass_minutes(platform, MINUTES_TO_EXPIRE)

    answer = client.post(f"/api/workflow/approve/{proposal_id}")

    assert answer.status_code == 409
    assert answer.json()["code"] in {"approval_expired", "approval_already_decided"}
    assert client.get("/api/orders").json()["total"] == 0


def test_a_run_that_finds_no_trade_says_why(platform: Platform, client: TestClient) -> None:
    started = client.post("/api/workflow/start", json={"symbols": ["goog"], "strategy_ids": ["iron-condor-45dte"]})
    platform.engine.settle()
    status = client.get(f"/api/workflow/status/{started.json()['runs'][0]['id']}").json()

    assert status["run"]["outcome"] == "no_trade"
    assert status["why"]["reason"] == status["run"]["reason"]
    assert status["why"]["text"]
    assert status["why"]["facts"]
    refused = client.post(f"/api/workflow/approve/{status['run']['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_proposal")


def test_a_checked_candidate_shows_every_check(client: TestClient, proposal_id: str) -> None:
    run_id = client.get("/api/workflow/pending").json()["items"][0]["run_id"]

    checks = client.get(f"/api/workflow/status/{run_id}").json()["why"]["checks"]

    assert {check["step"] for check in checks} == {"evaluate", "check_risk"}
    assert all(check["verdict"]["answer"] == "allow" for check in checks)


def test_pairs_that_cannot_start_are_named_beside_those_that_did(client: TestClient) -> None:
    answer = client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO, "nothing"]})

    assert answer.status_code == 200
    assert [run["strategy_id"] for run in answer.json()["runs"]] == [DEMO]
    assert [(error["strategy_id"], error["code"]) for error in answer.json()["errors"]] == [("nothing", "not_found")]


def test_when_nothing_could_be_started_the_refusal_is_the_answer(client: TestClient) -> None:
    unknown = client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": ["nothing"]})
    misspelt = client.post("/api/workflow/start", json={"symbols": ["<script>"], "strategy_ids": [DEMO]})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (misspelt.status_code, misspelt.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"symbols": [], "strategy_ids": [DEMO]},
        {"symbols": "GOOG", "strategy_ids": [DEMO]},
        {"symbols": ["GOOG"], "strategy_ids": [7]},
        {"symbols": ["GOOG"], "strategy_ids": [DEMO], "force": "perhaps"},
        {"symbols": ["GOOG"], "strategy_ids": [DEMO], "forced": True},
        {"symbols": ["\ud800"], "strategy_ids": [DEMO]},
        ["GOOG"],
    ],
)
def test_a_malformed_start_names_the_field(client: TestClient, body: object) -> None:
    import json

    content = json.dumps(body).encode()
    answer = client.post("/api/workflow/start", content=content, headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_input"
    assert answer.json()["details"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"", b"[" * 100_000])
def test_a_body_that_is_no_json_is_malformed(client: TestClient, content: bytes) -> None:
    answer = client.post("/api/workflow/start", content=content, headers={"content-type": "application/json"})

    assert answer.status_code in {400, 422}
    assert set(answer.json()) == {"code", "message", "advice", "details"}


def test_a_rejection_needs_a_reason(client: TestClient, proposal_id: str) -> None:
    for body in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": None}):
        assert client.post(f"/api/workflow/reject/{proposal_id}", json=body).status_code == 422


@pytest.mark.parametrize("action", ["approve", "reject", "cancel", "pause", "resume"])
def test_an_unknown_id_is_not_found(client: TestClient, action: str) -> None:
    answer = client.post(f"/api/workflow/{action}/run-nothing", json={"reason": "no"} if action == "reject" else None)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_run_is_set_aside_goes_on_and_is_canceled(client: TestClient, proposal_id: str) -> None:
    run_id = client.get("/api/workflow/pending").json()["items"][0]["run_id"]

    paused = client.post(f"/api/workflow/pause/{run_id}").json()
    resumed = client.post(f"/api/workflow/resume/{run_id}").json()
    canceled = client.post(f"/api/workflow/cancel/{run_id}").json()

    assert [run["status"] for run in (paused, resumed, canceled)] == ["PAUSED", "PENDING_APPROVAL", "COMPLETED"]
    assert canceled["outcome"] == "canceled"
    assert client.get("/api/workflow/pending").json()["total"] == 0


def test_runs_are_listed_by_filter_and_page(platform: Platform, client: TestClient) -> None:
    strategies = ["iron-condor-45dte", "short-strangle-30dte", "put-credit-spread-30dte"]
    client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": strategies})
    platform.engine.settle()

    page = client.get("/api/workflow/list", params={"limit": 2, "offset": 2}).json()
    condors = client.get("/api/workflow/list", params={"strategy": "iron-condor-45dte", "symbol": "goog"}).json()

    assert (len(page["items"]), page["total"], page["limit"], page["offset"]) == (1, 3, 2, 2)
    assert [run["strategy_id"] for run in condors["items"]] == ["iron-condor-45dte"]
    assert client.get("/api/workflow/list", params={"status": "MONITORING"}).json()["total"] == 0
    assert client.get("/api/workflow/stats").json()["by_outcome"]["no_trade"] == 3


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "offset=-1", "offset=9999999999", "status=DONE", "limit=x"])
def test_a_malformed_filter_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/workflow/list?{query}")

    assert answer.status_code == 422
    assert answer.json()["details"]
