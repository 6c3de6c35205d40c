"""The risk budget, what limits refused, and asking beforehand, over HTTP."""

from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO
from thetaloom.bootstrap import Platform
from thetaloom.domain.risk.limits import LIMITS
from thetaloom.engine.commands import SetLimit

LEGS = [
    {"contract": "GOOG 2016-01-15 P 735", "ratio": -1},
    {"right": "put", "strike": "730", "expiration": "2016-01-15", "ratio": 1},
]


def set_limit(platform: Platform, name: str, limit: str) -> None:
    """Set a limit as a person does."""
    platform.engine.handle(SetLimit(user_id=platform.user_id, name=name, limit=limit))


def test_the_budget_has_every_number_of_its_formula(client: TestClient) -> None:
    found = client.get("/api/risk-budget?spread_width=5").json()

    assert found["data_available"] is True and found["error"] is None
    assert (found["profile"], found["is_stressed"], found["stress_rule"]) == ("custom", None, "same")
    assert Decimal(found["tradeable_capital"]) == 100_000
    assert Decimal(found["strategy_power"]) == 40_000
    assert found["current_risk"] == found["risk_in_use"] == "0"
    assert Decimal(found["remaining_budget"]) == 40_000
    assert found["max_spreads"] == 80
    assert Decimal(found["utilization_percent"]) == 0


def test_a_profile_of_the_seed_is_warned_of(client: TestClient, platform: Platform) -> None:
    set_limit(platform, "risk_profile", "senex_moderate")

    found = client.get("/api/risk-budget").json()

    assert (found["profile"], found["stress_rule"], found["tolerance_percent"]) == ("senex_moderate", "higher", "50")
    assert "stressed" in found["warnings"][0]


def test_a_trade_is_judged_and_nothing_is_written(client: TestClient) -> None:
    asked = {"symbol": "goog", "legs": LEGS, "quantity": 2, "net_price": "1.00"}

    found = client.post("/api/validate-trade-risk", json=asked).json()

    assert found["allowed"] is True and found["verdict"]["answer"] == "allow"
    assert found["quantity"] == 2
    assert (Decimal(found["max_loss"]), Decimal(found["net_price"])) == (Decimal(800), Decimal(1))
    assert {factor["name"] for factor in found["factors"]} >= {"fixed", "kelly", "budget", "limits", "vix"}
    assert [factor["name"] for factor in found["factors"] if factor["binds"]] == ["fixed"]
    assert len(found["checks"]) == len(LIMITS)
    before, after = found["budget_before"], found["budget_after"]
    assert Decimal(after["risk_in_use"]) - Decimal(before["risk_in_use"]) == 800
    assert client.get("/api/workflow/list").json()["total"] == 0


def test_a_trade_by_a_strategy_has_its_size(client: TestClient) -> None:
    found = client.post("/api/validate-trade-risk", json={"symbol": "GOOG", "legs": LEGS, "strategy": DEMO}).json()

    assert found["allowed"] is True and found["quantity"] >= 1 and found["decided_by"]


def test_a_trade_beyond_a_limit_is_denied_with_the_distance(client: TestClient) -> None:
    asked = {"symbol": "GOOG", "legs": LEGS, "quantity": 11, "net_price": "1.00"}

    found = client.post("/api/validate-trade-risk", json=asked).json()

    assert (found["allowed"], found["quantity"], found["budget_after"]) == (False, 0, None)
    assert (found["verdict"]["reason"], found["verdict"]["facts"]["over_by"]) == ("max_quantity", "1")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"symbol": "NOPE"}, 404),
        ({"strategy": "no-such-one"}, 404),
        ({"legs": []}, 422),
        ({"quantity": 0}, 422),
        ({"legs": [{"contract": "SPY 2016-01-15 P 200", "ratio": 1}]}, 422),
        ({"legs": [{"contract": "GOOG 2016-01-15 P 735", "ratio": 0}]}, 422),
        ({"legs": [{"ratio": 1}]}, 422),
        ({"legs": [{**LEGS[0], "right": "put"}]}, 422),
        ({"more": 1}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, change: dict[str, Any], status: int) -> None:
    answer = client.post("/api/validate-trade-risk", json={"symbol": "GOOG", "legs": LEGS, **change})

    assert answer.status_code == status, answer.text


def test_what_limits_refused_is_listed(client: TestClient, platform: Platform) -> None:
    assert client.get("/api/risk-violations").json()["items"] == []
    set_limit(platform, "max_positions", "0")
    started = client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    assert started.status_code < 300, started.text
    platform.engine.settle()

    found = client.get("/api/risk-violations?rule=max_positions&symbol=goog").json()

    assert found["total"] == 1
    one = found["items"][0]
    assert (one["value"], one["bound"], one["severity"], one["action"]) == ("1", "0", "high", "denied")
    assert client.get("/api/risk-violations?rule=max_delta").json()["total"] == 0


def test_a_width_below_a_cent_is_refused(client: TestClient) -> None:
    answer = client.get("/api/risk-budget?spread_width=5E-324")

    assert answer.status_code == 422
