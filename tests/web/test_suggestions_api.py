"""Suggestions through REST: generated and waited for, executed once, rejected with a reason, and never a stranger's."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, DEMO, ORIGIN, pass_minutes
from tests.web.test_charts import open_synthetic
from thetaloom.bootstrap import Platform, engine_loop
from thetaloom.web.api.aliases import PATTERNS, path_of_ours
from thetaloom.web.app import create_app

GENERATE = f"/api/suggestions/{DEMO}/generate"
FIELDS = [
    "id",
    "underlying_symbol",
    "underlying_price",
    "expiration_date",
    "iv_rank",
    "legs",
    "spreads",
    "total_credit",
    "total_mid_credit",
    "max_risk",
    "max_profit",
    "breakevens",
    "pop",
    "greeks",
    "required_capital",
    "expires_at",
    "content_hash",
    "ages",
    "status",
    "strategy",
    "run_id",
    "reasons",
    "score",
    "warnings",
    "needs_confirmation",
    "synthetic",
    "generated_at",
    "rejection_reason",
]


@pytest.fixture
def suggestion(client: TestClient) -> dict[str, Any]:
    """A suggestion that waits."""
    answer = client.post(GENERATE, json={"symbol": "goog"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_suggestion_holds_all_that_a_decision_rests_on(client: TestClient, suggestion: dict[str, Any]) -> None:
    assert set(FIELDS) <= set(suggestion)
    assert (suggestion["underlying_symbol"], suggestion["status"], suggestion["strategy"]) == ("GOOG", "pending", DEMO)
    assert suggestion["price_effect"] == "credit"
    assert all(isinstance(suggestion[name], str) for name in ("total_credit", "max_risk", "pop", "underlying_price"))
    assert suggestion["plain_risk"].startswith(f"You can lose at most ${Decimal(suggestion['max_risk']):,.2f} if GOOG")
    assert client.get(f"/api/suggestions/{suggestion['id']}").json() == suggestion
    assert client.get("/api/suggestions").json()["items"] == [suggestion]


def test_spreads_and_legs_add_up_to_the_whole(suggestion: dict[str, Any]) -> None:
    legs, spreads = suggestion["legs"], suggestion["spreads"]

    mid = -sum(Decimal(leg["mid"]) * leg["ratio"] for leg in legs)
    natural = -sum(Decimal(leg["ask" if leg["ratio"] > 0 else "bid"]) * leg["ratio"] for leg in legs)
    assert (
        mid == Decimal(suggestion["total_mid_credit"]) == sum(Decimal(s["mid_credit"]) * s["quantity"] for s in spreads)
    )
    assert natural == Decimal(suggestion["total_credit"])
    assert natural == sum(Decimal(s["natural_credit"]) * s["quantity"] for s in spreads)
    (spread,) = spreads
    width = Decimal(spread["short_strike"]) - Decimal(spread["long_strike"])
    assert Decimal(suggestion["max_risk"]) == (width - mid) * 100 * suggestion["quantity"]
    assert Decimal(suggestion["max_profit"]) == mid * 100 * suggestion["quantity"]
    assert [Decimal(level) for level in suggestion["breakevens"]] == [Decimal(spread["short_strike"]) - mid]


def test_the_age_of_each_number_grows_with_the_market(
    platform: Platform, client: TestClient, suggestion: dict[str, Any]
) -> None:
    pass_minutes(platform, 2)

    later = client.get(f"/api/suggestions/{suggestion['id']}").json()

    grown = {name: later["ages"][name] - age for name, age in suggestion["ages"].items() if age is not None}
    assert set(grown.values()) == {120}
    assert [leg["age_seconds"] for leg in later["legs"]] == [leg["age_seconds"] + 120 for leg in suggestion["legs"]]


def test_an_executed_suggestion_becomes_an_order_and_executing_it_again_changes_nothing(
    platform: Platform, client: TestClient, suggestion: dict[str, Any]
) -> None:
    address = f"/api/suggestions/{suggestion['id']}/execute"
    first = client.post(address, json={"content_hash": suggestion["content_hash"]})
    platform.engine.settle()
    second = client.post(address)

    assert first.status_code == second.status_code == 200
    assert (first.json()["status"], first.json()["order"]) == ("approved", None)
    order = second.json()["order"]
    assert order["purpose"] == "entry" and Decimal(order["limit_price"]) >= Decimal(suggestion["limit_floor"])
    assert client.get("/api/orders").json()["total"] == 1


def test_what_was_not_shown_is_not_executed(client: TestClient, suggestion: dict[str, Any]) -> None:
    answer = client.post(f"/api/suggestions/{suggestion['id']}/execute", json={"content_hash": "0" * 64})

    assert (answer.status_code, answer.json()["code"]) == (409, "approval_content_changed")


def test_a_rejected_suggestion_says_why_and_is_never_executed(client: TestClient, suggestion: dict[str, Any]) -> None:
    rejected = client.post(f"/api/suggestions/{suggestion['run_id']}/reject", json={"reason": "earnings"})
    executed = client.post(f"/api/suggestions/{suggestion['id']}/execute")

    assert (rejected.json()["status"], rejected.json()["rejection_reason"]) == ("rejected", "earnings")
    assert (executed.status_code, executed.json()["code"]) == (409, "approval_already_decided")
    for body in ({}, {"reason": " "}):
        assert client.post(f"/api/suggestions/{suggestion['id']}/reject", json=body).status_code == 422


def test_no_trade_is_a_refusal_with_its_reason_and_how_far_it_is_from_a_yes(client: TestClient) -> None:
    answer = client.post("/api/suggestions/iron-condor-45dte/generate", json={"symbol": "GOOG"})

    refusal = answer.json()
    assert answer.status_code == 409
    assert set(refusal) == {"code", "message", "advice", "details"}
    run = client.get(f"/api/workflow/status/{refusal['details']['run_id']}").json()
    assert refusal["code"] == run["run"]["reason"] == refusal["details"]["blocking"][0]["reason"]
    assert refusal["details"]["blocking"][0]["change"] in refusal["advice"]


def test_a_second_wish_while_one_waits_is_refused_unless_forced(client: TestClient, suggestion: dict[str, Any]) -> None:
    again, forced = (client.post(GENERATE, json={"symbol": "GOOG", "force": force}) for force in (False, True))

    assert (again.status_code, again.json()["code"]) == (409, "duplicate_run")
    assert forced.status_code == 200 and forced.json()["id"] != suggestion["id"]


@pytest.mark.parametrize(
    ("strategy", "body", "status", "code"),
    [
        ("nothing", {"symbol": "GOOG"}, 404, "not_found"),
        (DEMO, {"symbol": "<b>"}, 422, "invalid_input"),
        (DEMO, {"symbol": ""}, 422, "invalid_input"),
        (DEMO, {"symbol": "GOOG", "quantity": 3}, 422, "invalid_input"),
        (DEMO, {"symbol": "ZZZZ"}, 409, "unknown_symbol"),
        ("iron-condor-45dte", {}, 422, "invalid_input"),
    ],
)
def test_a_wrong_wish_is_told_what_is_wrong(
    client: TestClient, strategy: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post(f"/api/suggestions/{strategy}/generate", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_the_list_is_filtered_by_state_symbol_and_strategy(client: TestClient, suggestion: dict[str, Any]) -> None:
    totals = {
        query: client.get(f"/api/suggestions?{query}").json()["total"]
        for query in (
            "status=pending",
            "status=rejected",
            "symbol=goog",
            "symbol=SPY",
            f"strategy={DEMO}",
            "strategy=x",
        )
    }

    assert list(totals.values()) == [1, 0, 1, 0, 1, 0]
    assert client.get("/api/suggestions?status=open").status_code == 422
    assert client.get("/api/suggestions/prop-nothing").status_code == 404


def test_a_wish_waits_for_the_engines_own_thread(platform: Platform) -> None:
    loop = engine_loop(platform)
    loop.start()
    try:
        with TestClient(create_app(platform, loop), base_url=ORIGIN, headers=BEARER) as client:
            answer = client.post(GENERATE, json={"symbol": "GOOG"})
            refused = client.post("/api/suggestions/iron-condor-45dte/generate", json={"symbol": "GOOG"})
    finally:
        loop.stop()

    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert refused.status_code == 409


def test_a_stopped_engine_is_said_to_be_stopped(platform: Platform) -> None:
    loop = engine_loop(platform)
    loop.start()
    loop.stop()
    with TestClient(create_app(platform, loop), base_url=ORIGIN, headers=BEARER) as client:
        answer = client.post(GENERATE, json={"symbol": "GOOG"})

    assert answer.status_code == 503


@pytest.mark.parametrize(("method", "earlier"), PATTERNS)
def test_an_earlier_path_with_a_name_in_it_leads_to_ours(method: str, earlier: str) -> None:
    names = {"id": "prop-1", "strategy": "senex_trident"}

    for path in (earlier.format(**names), earlier.format(**names).rstrip("/")):
        assert path_of_ours(method, path) == PATTERNS[method, earlier].format(**names)
    assert path_of_ours(method, earlier.format(**names) + "more/") is None


def test_the_trident_is_asked_for_by_the_path_of_the_system_it_comes_from(client: TestClient) -> None:
    answer = client.post("/trading/api/senex_trident/generate/", json={})

    assert (answer.status_code, answer.json()["code"]) == (409, "unknown_symbol")  # QQQ, which this day does not have
    assert answer.json()["message"].startswith("QQQ")


def test_a_suggestion_is_executed_by_its_earlier_path(client: TestClient, suggestion: dict[str, Any]) -> None:
    executed = client.post(f"/trading/api/{DEMO}/suggestions/{suggestion['id']}/execute/")

    assert (executed.status_code, executed.json()["status"]) == (200, "approved")


def test_a_paper_trade_is_made_looked_at_and_counted(platform: Platform, client: TestClient) -> None:
    made = client.post("/paper-trading", json={"ticker": "GOOG", "strategy": DEMO, "execute": True})
    pass_minutes(platform, 10)
    held = client.get("/paper-trading?action=positions").json()
    stats = client.post("/api/paper-trading").json()["stats"]

    assert (made.status_code, made.json()["suggestion"]["status"]) == (200, "approved")
    assert [one["symbol"] for one in held["positions"]["items"]] == ["GOOG"]
    assert (stats["open_positions"], stats["trades"], stats["win_rate"]) == (1, 0, None)
    assert client.get("/paper-trading?action=history").json()["positions"]["total"] == 0
    for wrong in ({"action": "trade"}, {"action": "gamble"}):
        assert client.post("/api/paper-trading", json=wrong).status_code == 422
    assert client.get("/api/paper-trading?action=trade").status_code == 422


def test_a_suggestion_expires_at_its_time(platform: Platform, client: TestClient, suggestion: dict[str, Any]) -> None:
    expires_at = datetime.fromisoformat(suggestion["expires_at"])
    assert expires_at - datetime.fromisoformat(suggestion["generated_at"]) <= timedelta(minutes=30)
    pass_minutes(platform, 31)

    executed = client.post(f"/api/suggestions/{suggestion['id']}/execute")

    assert (executed.status_code, executed.json()["code"]) == (409, "approval_already_decided")
    assert client.get(f"/api/suggestions/{suggestion['id']}").json()["status"] == "expired"


def test_another_limit_makes_a_version_that_says_what_changed(client: TestClient, suggestion: dict[str, Any]) -> None:
    credit = Decimal(suggestion["total_mid_credit"]) - Decimal("0.05")
    made = client.post(f"/api/suggestions/{suggestion['id']}/modify", json={"custom_credit": str(credit)}).json()
    before = client.get(f"/api/suggestions/{suggestion['id']}").json()

    assert (before["status"], before["superseded_by"]) == ("superseded", made["id"])
    assert (made["supersedes"], Decimal(made["entry_credit"]), made["status"]) == (suggestion["id"], credit, "pending")
    changes = {one["name"]: (one["before"], one["after"]) for one in made["changes"]}
    assert changes["entry_price"][0] == "walks" and Decimal(changes["entry_price"][1]) == credit
    assert Decimal(made["max_risk"]) == Decimal(suggestion["max_risk"]) + 5 * made["quantity"]
    assert [leg["mid"] for leg in made["legs"]] == [leg["mid"] for leg in suggestion["legs"]]
    refused = client.post(f"/api/suggestions/{suggestion['id']}/execute")
    assert (refused.status_code, refused.json()["code"]) == (409, "proposal_superseded")
    assert refused.json()["details"] == {"superseded_by": made["id"]}


def test_executing_at_a_limit_sends_the_order_there(
    platform: Platform, client: TestClient, suggestion: dict[str, Any]
) -> None:
    credit = suggestion["total_credit"]
    address = f"/api/suggestions/{suggestion['id']}/execute"
    answers = [client.post(address, json={"custom_credit": credit}) for _ in range(2)]
    platform.engine.settle()

    executed = client.get(f"/api/suggestions/{answers[0].json()['id']}").json()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["id"] == answers[1].json()["id"] != suggestion["id"]
    assert Decimal(executed["order"]["limit_price"]) == Decimal(credit)
    run = suggestion["run_id"]
    assert client.get(f"/api/lineage/verify?run_id={run}").status_code == 200
    assert client.post(f"/api/lineage/replay/{run}").json()["identical"] is True


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"custom_credit": "99"}, 409, "credit_out_of_range"),
        ({"quantity": 9000}, 409, None),
        ({"quantity": 0}, 422, "invalid_input"),
        ({"custom_credit": "NaN"}, 422, "invalid_input"),
        ({"custom_credit": "1e9"}, 422, "invalid_input"),
        ({}, 422, "invalid_input"),
    ],
)
def test_a_version_that_cannot_be_is_refused_and_the_suggestion_stands(
    client: TestClient, suggestion: dict[str, Any], body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = client.post(f"/api/suggestions/{suggestion['id']}/modify", json=body)

    assert answer.status_code == status and code in (None, answer.json()["code"]), answer.text
    assert client.get(f"/api/suggestions/{suggestion['id']}").json() == suggestion


def test_the_trident_of_a_made_up_market_has_two_put_spreads_and_says_that_it_is_made_up(tmp_path: Path) -> None:
    made = open_synthetic(tmp_path / "home")
    made.engine.start()
    with TestClient(create_app(made), base_url=ORIGIN, headers=BEARER) as client:
        answer = client.post("/trading/api/senex_trident/generate/", json={"symbol": "SPY", "force": True})
        shown = client.get(f"/trading/?proposal={answer.json()['id']}", headers={"accept": "text/html"}).text
    made.close()

    found = answer.json()
    puts = [spread for spread in found["spreads"] if spread["right"] == "P"]
    assert (answer.status_code, found["strategy"], found["synthetic"]) == (200, "senex-trident", True)
    assert [spread["quantity"] for spread in puts] == [2]
    assert Decimal(found["total_mid_credit"]) == sum(
        Decimal(spread["mid_credit"]) * spread["quantity"] for spread in found["spreads"]
    )
    assert "SYNTHETIC MARKET" in shown and found["plain_risk"] in shown
