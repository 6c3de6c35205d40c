"""Stress of the open positions through REST."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import pass_minutes
from thetaloom.bootstrap import Platform


@pytest.fixture
def holding(platform: Platform, client: TestClient, proposal_id: str) -> TestClient:
    """A client of a platform that holds the demo's put spread on GOOG."""
    client.post(f"/api/workflow/approve/{proposal_id}")
    pass_minutes(platform, 10)
    assert client.get("/api/positions", params={"open": True}).json()["total"] == 1
    return client


def test_a_held_spread_is_stressed(holding: TestClient) -> None:
    found = holding.get("/api/risk/scenarios").json()

    assert len(found["spot_shocks"]) == len(found["pnl"]) == 21
    assert {len(row) for row in found["pnl"]} == {9} == {len(found["iv_shocks"])}
    assert found["pnl"][found["spot_shocks"].index(0)][found["iv_shocks"].index(0)] == "0.00"
    assert found["by_underlying"] == {"GOOG": found["pnl"]}
    flat = [float(cell) for row in found["pnl"] for cell in row]
    assert float(found["worst"]["pnl"]) == min(flat) < 0 < max(flat) == float(found["best"]["pnl"])
    assert (found["positions"], found["unknown"]) == (2, [])


def test_without_history_the_day_is_unknown_and_said_to_be(holding: TestClient) -> None:
    found = holding.get("/api/risk/scenarios").json()

    assert found["is_complete"] is False
    assert [one["missing"] for one in found["value_at_risk"]["unknown"]] == ["daily returns"] * 2
    assert found["value_at_risk"]["losses"] == []


def test_greeks_of_each_cell_come_when_asked_for(holding: TestClient) -> None:
    assert holding.get("/api/risk/scenarios").json()["greeks"] is None
    greeks = holding.get("/api/risk/scenarios", params={"greeks": True, "spot": 0, "iv": 0}).json()["greeks"]

    assert float(greeks["delta_usd"][0][0]) > 0 > float(greeks["vega"][0][0])  # a sold put spread


def test_a_move_of_the_index_needs_a_beta(holding: TestClient) -> None:
    found = holding.get("/api/risk/scenarios", params={"beta_weighted": True}).json()

    assert [one["missing"] for one in found["unknown"]] == ["beta", "beta"]
    assert (found["positions"], found["worst"]) == (0, None)


def test_shocks_and_days_can_be_chosen(holding: TestClient) -> None:
    asked: dict[str, Any] = {"spot": [-0.5, 0.0], "iv": [0.5], "days": 60, "exact": True}

    found = holding.get("/api/risk/scenarios", params=asked).json()

    assert (found["spot_shocks"], found["iv_shocks"], found["days"], found["exact"]) == ([-0.5, 0.0], [0.5], 60, True)
    assert float(found["pnl"][0][0]) < 0 < float(found["pnl"][1][0])


@pytest.mark.parametrize("asked", [{"spot": -1}, {"iv": "nan"}, {"days": -1}, {"days": "inf"}, {"spot": [0.1, 0.1]}])
def test_shocks_without_sense_are_refused(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.get("/api/risk/scenarios", params=asked)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
