"""Lineage through REST: records, evidence, verification, replay."""

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import StepName
from thetaloom.store.schema import lineage


@pytest.fixture
def run_id(client: TestClient, proposal_id: str) -> str:
    """The id of a run that has come as far as its proposal."""
    return str(client.get("/api/workflow/pending").json()["items"][0]["run_id"])


def test_the_records_of_a_run_are_intact_and_replay_the_same(client: TestClient, run_id: str) -> None:
    execution = client.get(f"/api/lineage/execution/{run_id}").json()
    replayed = client.post(f"/api/lineage/replay/{run_id}").json()

    assert execution["verification"]["intact"] is True
    assert [step["step"] for step in execution["steps"]][:3] == ["trigger", "resolve_symbol", "fetch_market"]
    assert replayed == {
        "run_id": run_id,
        "replayed": len(execution["steps"]),
        "identical": True,
        "difference": "",
    }


def test_a_replay_writes_nothing(platform: Platform, client: TestClient, run_id: str) -> None:
    before = platform.database.path.read_bytes()

    client.post(f"/api/lineage/replay/{run_id}")

    assert platform.database.path.read_bytes() == before


def test_a_record_that_was_changed_is_found(platform: Platform, client: TestClient, run_id: str) -> None:
    with platform.database.begin() as connection:
        connection.execute(update(lineage).where(lineage.c.run_id == run_id, lineage.c.seq == 3).values(reason="x"))

    everything = client.get("/api/lineage/verify").json()
    one = client.get("/api/lineage/verify", params={"run": run_id}).json()

    assert everything["intact"] is one["intact"] is False
    assert [fault["seq"] for fault in one["faults"]] == [3]


def test_a_step_is_found_by_name_and_by_number(client: TestClient, run_id: str) -> None:
    by_name = client.get(f"/api/lineage/execution/{run_id}/step/evaluate").json()
    by_number = client.get(f"/api/lineage/execution/{run_id}/step/{by_name['record']['seq']}").json()

    assert by_number == by_name
    assert by_name["output"]["content"]["verdict"]["answer"] == "allow"
    assert client.get(f"/api/lineage/execution/{run_id}/step/9999").status_code == 404
    assert client.get(f"/api/lineage/execution/{run_id}/step/dance").status_code == 422


@pytest.mark.parametrize("step", list(StepName))
def test_every_step_has_statistics(client: TestClient, run_id: str, step: StepName) -> None:
    answer = client.get(f"/api/lineage/step/{step}/statistics", params={"days": 1})

    assert answer.status_code == 200
    assert answer.json()["total"] == sum(answer.json()["by_status"].values())


@pytest.mark.parametrize("days", [0, 366, "x"])
def test_statistics_take_1_to_365_days(client: TestClient, days: object) -> None:
    assert client.get(f"/api/lineage/step/evaluate/statistics?days={days}").status_code == 422


def test_recent_records_are_paged_and_filtered(client: TestClient, run_id: str) -> None:
    of_strategy = client.get("/api/lineage/strategy/goog-demo-put-credit-spread/recent").json()
    of_step = client.get("/api/lineage/recent", params={"step": "evaluate", "limit": 1}).json()

    assert of_strategy["total"] == client.get("/api/lineage/recent").json()["total"]
    assert [step["step"] for step in of_step["items"]] == ["evaluate"]
    assert client.get("/api/lineage/strategy/nothing/recent").json()["total"] == 0


def test_an_unknown_run_has_no_lineage(client: TestClient) -> None:
    for path in ("execution/none", "execution/none/step/evaluate", "verify?run=none"):
        assert client.get(f"/api/lineage/{path}").status_code == 404
    assert client.post("/api/lineage/replay/none").status_code == 404
