"""The live wire: what a page may send, and what it is told in which order."""

import json
from typing import Any

import anyio
import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.web.conftest import DEMO, ORIGIN, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.ids import UserId
from thetaloom.store.queries.health import events_since, last_sequence
from thetaloom.web.live import ERRORS_MAX, MESSAGES, MESSAGES_A_SECOND_MAX
from thetaloom.web.wire.messages import BY_NAME, FRAME_BYTES_MAX, SYMBOLS_MAX, Direction

SECONDS_MAX = 20
PUT = "GOOG  160115P00712500"
WIRE = ORIGIN.replace("http", "ws") + "/ws"


def next_message(socket: WebSocketTestSession) -> dict[str, Any]:
    """Return the next message, all of it as the table says; fail where none comes."""
    sent = socket.portal.call(_in_time, socket)
    if sent["type"] == "websocket.close":
        raise WebSocketDisconnect(sent["code"])
    message: dict[str, Any] = json.loads(sent["text"])
    assert list(message) == ["type", "seq", *BY_NAME[Direction.OUT, message["type"]].fields], message
    return message


async def _in_time(socket: WebSocketTestSession) -> Any:
    with anyio.fail_after(SECONDS_MAX):
        return await socket._send_rx.receive()  # its own ``receive`` waits for ever


def until(socket: WebSocketTestSession, *kinds: str) -> list[dict[str, Any]]:
    """Return all messages up to where each of these kinds has come."""
    found: list[dict[str, Any]] = []
    while not {*kinds} <= {one["type"] for one in found}:
        found.append(next_message(socket))
    return found


def receive(socket: WebSocketTestSession, kind: str) -> dict[str, Any]:
    """Return the next message of a kind."""
    return until(socket, kind)[-1]


def start_run(client: TestClient, platform: Platform) -> str:
    """Start a run up to its proposal, and return its id."""
    started = client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    assert started.status_code == 200, started.text
    platform.engine.settle()
    return str(client.get("/api/workflow/pending").json()["items"][0]["run_id"])


def facts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of the messages that are told again to a page that comes back."""
    return [one for one in messages if BY_NAME[Direction.OUT, one["type"]].is_fact]


def test_a_page_hears_a_sign_of_life_at_once_and_on_every_ping(client: TestClient, platform: Platform) -> None:
    with client.websocket_connect(WIRE) as socket:
        first = receive(socket, "heartbeat")
        socket.send_json({"type": "ping"})
        pong = receive(socket, "pong")

    assert first["seq"] == last_sequence(platform.database) == pong["seq"]
    assert first["market_time"] == int(platform.clock.now().timestamp() * 1000)
    assert first["is_open"] is True


def test_quotes_of_underlyings_and_contracts_come_at_once_and_when_they_change(
    client: TestClient, platform: Platform
) -> None:
    with client.websocket_connect(WIRE) as socket:
        wanted = ["goog", PUT.replace(" ", ""), "NOSUCH", "GOOG  100101C00500000", ""]
        socket.send_json({"type": "subscribe_quotes", "symbols": wanted})
        told = receive(socket, "subscribed")
        first = {one["symbol"]: one for one in (receive(socket, "quote_update"), receive(socket, "quote_update"))}
        pass_minutes(platform, 1)
        later = receive(socket, "quote_update")

    assert told["symbols"] == ["GOOG", PUT]
    assert told["unknown"] == ["NOSUCH", "GOOG  100101C00500000", ""]
    spot = platform.market.spot("GOOG", platform.clock.now())
    assert first["GOOG"]["bid"] is None and first["GOOG"]["ask"] is None
    assert first[PUT]["last"] is None
    assert float(first[PUT]["bid"]) < float(first[PUT]["ask"])
    assert later["symbol"] in first and later != first[later["symbol"]]
    assert later["symbol"] != "GOOG" or later["last"] == f"{spot:f}"


def test_a_page_that_asks_for_batches_gets_one_message_a_tick(client: TestClient) -> None:
    with client.websocket_connect(WIRE) as socket:
        socket.send_json({"type": "subscribe_quotes", "symbols": ["GOOG"], "batch": True})
        batch = receive(socket, "quote_batch")

    (quote,) = batch["quotes"]
    assert list(quote) == ["symbol", "bid", "ask", "last", "timestamp"]
    assert quote["symbol"] == "GOOG"


def test_a_second_subscription_takes_the_place_of_the_first(client: TestClient, platform: Platform) -> None:
    with client.websocket_connect(WIRE) as socket:
        socket.send_json({"type": "subscribe_quotes", "symbols": ["GOOG"]})
        receive(socket, "quote_update")
        socket.send_json({"type": "subscribe_quotes", "symbols": []})
        assert receive(socket, "subscribed")["symbols"] == []
        pass_minutes(platform, 2)
        start_run(client, platform)
        seen = until(socket, "notice")

    assert "quote_update" not in {one["type"] for one in seen}


def test_facts_come_in_the_order_of_the_books_and_again_to_a_page_that_comes_back(
    client: TestClient, platform: Platform
) -> None:
    with client.websocket_connect(WIRE) as socket:
        before = receive(socket, "heartbeat")["seq"]
        run_id = start_run(client, platform)
        live = facts(until(socket, "notice"))
    with client.websocket_connect(f"{WIRE}?since={before}") as socket:
        again = facts(until(socket, "notice"))
    with client.websocket_connect(WIRE) as socket:
        socket.send_json({"type": "resume", "seq": before})
        asked = facts(until(socket, "notice"))
    with client.websocket_connect(f"{WIRE}?since={live[-2]['seq']}") as socket:
        rest = facts(until(socket, "notice"))

    numbers = [one["seq"] for one in live]
    assert numbers == sorted(numbers)
    written = [one.sequence for one in events_since(platform.database, platform.user_id, before)]
    assert sorted({one["seq"] for one in live if one["type"] == "run_update"} | {numbers[-1]})[-1] == written[-1]
    assert {one["run_id"] for one in live if one["type"] == "run_update"} == {run_id}
    assert [(one["type"], one["seq"]) for one in again] == [(one["type"], one["seq"]) for one in live]
    assert again == asked
    assert rest == again[-2:]  # two messages of one event: who has not the last has none for certain
    assert live[-1]["topic"] == "approval" and live[-1]["link"].startswith("/approvals/")


def test_an_order_tells_its_whole_life(client: TestClient, platform: Platform, proposal_id: str) -> None:
    with client.websocket_connect(WIRE) as socket:
        assert client.post(f"/api/workflow/approve/{proposal_id}", json={}).status_code == 200
        pass_minutes(platform, 13)
        seen = until(socket, "notice", "position_update")
        while seen[-1]["type"] != "balance_update":
            seen.append(next_message(socket))
    balance, marked = seen[-1], next(one for one in seen if one["type"] == "position_update")

    orders = [one for one in seen if one["type"] == "order.status"]
    assert [one["status"] for one in orders][:3] == ["STAGED", "SUBMITTED", "WORKING"]
    assert orders[-1]["status"] == "FILLED" and float(orders[-1]["fill_price"]) > 0
    assert {one["fill_price"] for one in orders[:-1]} == {None}
    (order,) = client.get("/api/orders").json()["items"][-1:]
    assert {one["trade_id"] for one in orders} == {order["client_order_id"]}
    assert "fill" in {one.get("topic") for one in seen}
    assert float(balance["buying_power"]) > 0
    (held,) = client.get("/api/positions?open=true").json()["items"]
    assert marked["position_id"] == held["id"] and marked["run_id"] == held["run_id"]
    assert marked["quantity"] == held["quantity"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ("[" * 60_000, "malformed"),
        ("[]", "malformed"),
        ("null", "malformed"),
        ('{"type": 7}', "malformed"),
        ('{"type": "drop_tables"}', "unknown_type"),
        ('{"type": "quote_update"}', "unknown_type"),
        ('{"type": "subscribe_quotes"}', "invalid_input"),
        ('{"type": "subscribe_quotes", "symbols": "SPY"}', "invalid_input"),
        ('{"type": "subscribe_quotes", "symbols": [1]}', "invalid_input"),
        ('{"type": "subscribe_quotes", "symbols": [], "batch": 1}', "invalid_input"),
        (json.dumps({"type": "subscribe_quotes", "symbols": ["GOOG"] * (SYMBOLS_MAX + 1)}), "too_many_symbols"),
        ('{"type": "resume"}', "invalid_input"),
        ('{"type": "resume", "seq": -1}', "invalid_input"),
        ('{"type": "resume", "seq": true}', "invalid_input"),
        ("x" * (FRAME_BYTES_MAX + 1), "too_large"),
    ],
)
def test_a_bad_message_is_refused_and_the_page_stays(client: TestClient, sent: str, code: str) -> None:
    with client.websocket_connect(WIRE) as socket:
        socket.send_text(sent)
        refused = receive(socket, "error")
        socket.send_json({"type": "ping"})
        receive(socket, "pong")

    assert refused["code"] == code
    assert refused["message"]


def test_a_page_that_goes_on_sending_nonsense_is_closed(client: TestClient) -> None:
    with client.websocket_connect(WIRE) as socket:
        for _ in range(ERRORS_MAX):
            socket.send_bytes(b"\x00")
        with pytest.raises(WebSocketDisconnect) as ended:
            until(socket, "resync")

    assert ended.value.code == 1008


def test_a_page_that_floods_is_held_back(client: TestClient) -> None:
    with client.websocket_connect(WIRE) as socket:
        for _ in range(4 * MESSAGES_A_SECOND_MAX):
            socket.send_json({"type": "ping"})

        assert receive(socket, "error")["code"] == "rate_limited"


def test_a_number_of_other_books_has_the_page_reload(client: TestClient, platform: Platform) -> None:
    with client.websocket_connect(f"{WIRE}?since=999999") as socket:
        told = receive(socket, "resync")

    assert told["reason"] == "unknown_seq" and told["seq"] == last_sequence(platform.database)


@pytest.mark.parametrize("since", ["", "-1", "1e9", "9" * 40, "١", "%00"])
def test_a_number_that_is_none_is_taken_as_no_number(client: TestClient, since: str) -> None:
    with client.websocket_connect(f"{WIRE}?since={since}") as socket:
        receive(socket, "heartbeat")
        socket.send_json({"type": "ping"})
        seen = until(socket, "pong")

    assert facts(seen) == [] and "resync" not in {one["type"] for one in seen}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"host": "evil.example"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_foreign_page_gets_no_socket(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(WIRE, headers=headers):
        pass


def test_our_own_page_gets_a_socket(client: TestClient) -> None:
    with client.websocket_connect(WIRE, headers={"origin": ORIGIN, "sec-fetch-site": "same-origin"}) as socket:
        receive(socket, "heartbeat")


def test_no_message_may_be_sent_that_the_table_does_not_know() -> None:
    assert {(Direction.IN, name) for name in MESSAGES} <= BY_NAME.keys()


def test_what_belongs_to_another_person_is_not_told(client: TestClient, platform: Platform) -> None:
    live = client.app.state.live  # type: ignore[attr-defined]  # the application is a FastAPI
    with client.websocket_connect(WIRE) as socket:
        before = receive(socket, "heartbeat")["seq"]
        (page,) = live.pages
        page.user = UserId("somebody-else")
        start_run(client, platform)
        socket.send_json({"type": "ping"})
        seen = until(socket, "pong")
        socket.send_json({"type": "resume", "seq": before})
        socket.send_json({"type": "ping"})
        seen += until(socket, "pong")

    assert facts(seen) == []
