"""The routes about what is held: what they answer, and that every slip is refused in the one shape of errors."""

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.brokers.paper.broker import PaperBroker

SHAPE = {"code", "message", "advice", "details"}
BAD_BODIES: tuple[object, ...] = (
    [],
    "text",
    5,
    {"quantity": "many"},
    {"quantity": 10**30},
    {"quantity": 1.5},
    {"part": "x" * 50},
    {"expiration": "soon"},
    {"nothing": 1},
)


@pytest.fixture
def position_id(platform: Platform, client: TestClient, proposal_id: str) -> str:
    """The id of an open position."""
    client.post(f"/api/workflow/approve/{proposal_id}")
    pass_minutes(platform, 10)
    return str(client.get("/api/positions", params={"open": True}).json()["items"][0]["id"])


def test_a_body_that_makes_no_sense_is_refused_by_every_route(client: TestClient, position_id: str) -> None:
    for verb in ("close", "roll", "adjust"):
        path = f"/api/positions/{position_id}/{verb}"
        for body in BAD_BODIES:
            answer = client.post(path, json=body)
            assert (answer.status_code in {409, 422}, set(answer.json())) == (True, SHAPE), (verb, body)
        huge = client.post(path, content=b'"' + b"x" * 2_000_000 + b'"', headers={"content-type": "application/json"})
        broken = client.post(path, content=b"{", headers={"content-type": "application/json"})
        assert (huge.status_code, huge.json()["code"], set(huge.json())) == (413, "body_too_large", SHAPE)
        assert (broken.status_code, broken.json()["code"], set(broken.json())) == (400, "malformed", SHAPE)
    assert client.get(f"/api/positions/{position_id}").json()["status"] == "open_full"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "positions/none/chain", 404),
        ("POST", "positions/none/roll", 404),
        ("GET", "journal/none", 404),
        ("POST", "findings/none/ignore", 404),
        ("POST", "findings/none/adopt", 422),
        ("POST", "findings/none/assign", 422),
        ("POST", "journal/none/note", 422),
        ("GET", "findings?standing=maybe", 422),
        ("GET", "exit-signals?standing=maybe", 422),
        ("GET", "exit-signals?limit=99999", 422),
        ("GET", "journal?open=maybe", 422),
        ("GET", "orders/quality?since=soon", 422),
        ("GET", "orders/quality?limit=0", 422),
        ("GET", "pending-orders?offset=99999999999999999999", 422),
        ("POST", "resume", 404),
    ],
)
def test_a_slip_is_answered_in_the_shape_of_errors(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, f"/api/{path}")

    assert (answer.status_code, set(answer.json())) == (status, SHAPE)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"dry_run": "perhaps"}, 422),
        ({"days_back": 10**20}, 422),
        ({"symbol": 5}, 422),
        ({"position_id": "none"}, 404),
        ({"account_id": "none"}, 404),
        ([], 422),
    ],
)
def test_a_comparison_asked_wrongly_is_refused(client: TestClient, body: object, status: int) -> None:
    answer = client.post("/api/sync-positions", json=body)

    assert (answer.status_code, set(answer.json())) == (status, SHAPE)


def test_what_is_held_is_told_by_every_route(client: TestClient, position_id: str) -> None:
    chain = client.get(f"/api/positions/{position_id}/chain").json()
    (trade,) = client.get("/api/journal").json()["items"]
    signals = client.get("/api/exit-signals", params={"position": position_id}).json()
    (order,) = client.get("/api/orders").json()["items"]

    assert [link["position_id"] for link in chain["links"]] == [position_id]
    assert (trade["position_id"], trade["is_open"]) == (position_id, True)
    assert {one["position_id"] for one in signals["items"]} <= {position_id}
    assert client.get("/api/findings").json()["total"] == 0
    assert client.get(f"/api/order-status/{order['client_order_id']}").json()["fills"] != []
    assert client.post("/api/refresh-positions").json()["total"] == 1


def test_a_note_is_kept_and_one_with_a_nul_is_refused(client: TestClient, position_id: str) -> None:
    path = f"/api/journal/{position_id}"

    kept, refused = (client.post(f"{path}/note", json={"note": text}) for text in ("good", "a\x00b"))

    assert (kept.json()["note"], refused.status_code, set(refused.json())) == ("good", 422, SHAPE)
    assert client.get(path).json()["note"] == "good"


def test_a_roll_starts_one_run_and_not_two(client: TestClient, position_id: str) -> None:
    first, second = (client.post(f"/api/positions/{position_id}/roll", json={"dte": 30}) for _ in range(2))

    assert (first.status_code, first.json()["trigger"]) == (200, "roll")
    assert (second.status_code, second.json()["code"], set(second.json())) == (409, "roll_under_way", SHAPE)


def test_the_journal_tells_the_market_and_the_plan_of_a_closed_trade(
    platform: Platform, client: TestClient, browser: TestClient, position_id: str
) -> None:
    client.post(f"/api/positions/{position_id}/close", json={})
    pass_minutes(platform, 20)

    trade = client.get(f"/api/journal/{position_id}").json()
    page = browser.get(f"/journal/{position_id}")

    assert not trade["is_open"] and [step["purpose"] for step in trade["steps"]] == ["entry", "exit"]
    for name in ("spot", "dte", "iv", "delta"):
        assert trade[f"entry_{name}"] is not None and trade[f"exit_{name}"] is not None, name
    for name in ("planned_price", "planned_target", "risk", "r_multiple", "entry_slippage", "exit_slippage", "pop"):
        assert trade[name] is not None, name
    assert trade["rationale"] and trade["planned_rules"] and len(trade["breakevens"]) == 1
    assert page.status_code == 200 and "Planned against real" in page.text and "None" not in page.text


def test_shares_are_sold_through_the_route_and_the_page(
    platform: Platform, client: TestClient, position_id: str
) -> None:
    nothing = client.post(f"/api/positions/{position_id}/sell-shares")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "no_shares")
    assert isinstance(platform.desk.broker, PaperBroker)
    short = next(one for one, quantity in platform.desk.broker.holdings().items() if quantity < 0)
    platform.desk.broker.assign(short)
    pass_minutes(platform, 2)

    shown = client.get(f"/api/positions/{position_id}").json()
    assert abs(shown["shares_held"]) == 100 and shown["shares"][0]["cause"] == "assignment"
    assert (shown["protection"], shown["protection_cause"]) == ("unprotected", "shares_held")
    page = client.get(f"/runs/{shown['run_id']}").text
    assert f"holds {shown['shares_held']} {shown['symbol']} shares" in page and "selling-shares" in page

    sold = client.post(f"/api/positions/{position_id}/sell-shares")
    pass_minutes(platform, 1)

    assert sold.status_code == 200
    after = client.get(f"/api/positions/{position_id}").json()
    assert (after["shares_held"], after["shares"]) == (0, [])
    assert "selling-shares" not in client.get(f"/runs/{shown['run_id']}").text


@pytest.mark.parametrize(
    "path", ["exit-signals?symbol=", "exit-signals?position=", "journal?symbol=", "positions?symbol=", "journal/"]
)
def test_a_nul_names_nothing_on_any_database(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/{path}a%00b")
    asked = client.post("/api/sync-positions", json={"symbol": "a\x00b"})

    assert (answer.status_code in {404, 422}, set(answer.json())) == (True, SHAPE)
    assert (asked.status_code, set(asked.json())) == (422, SHAPE)
