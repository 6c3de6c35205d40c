"""Suggestions and executions over the live wire: the same as over REST, answered on the socket."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO
from tests.web.test_live import WIRE, facts, receive, until
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.people import Role, Scope
from thetaloom.store.people import add_person, make_token

WISH = {"type": "generate_suggestion", "symbol": "GOOG", "strategy": DEMO}


def test_a_suggestion_is_asked_for_and_executed_on_the_wire(client: TestClient, platform: Platform) -> None:
    with client.websocket_connect(WIRE) as socket:
        socket.send_json(WISH)
        suggestion = receive(socket, "suggestion_update")["suggestion"]
        socket.send_json({"type": "execute_order", "suggestion_id": suggestion["id"]})
        decided = receive(socket, "suggestion_update")["suggestion"]
        platform.engine.settle()
        sent = receive(socket, "order.status")

    assert suggestion["underlying_symbol"] == "GOOG" and suggestion["status"] == "pending"
    assert (decided["id"], decided["status"]) == (suggestion["id"], "approved")
    assert sent["run_id"] == suggestion["run_id"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({**WISH, "symbol": 7}, "invalid_input"),
        ({**WISH, "strategy": "no-such"}, "not_found"),
        ({"type": "execute_order"}, "invalid_input"),
        ({"type": "execute_order", "suggestion_id": "prop-none"}, "not_found"),
        ({"type": "execute_order", "suggestion_id": "prop-none", "custom_credit": "much"}, "invalid_input"),
        ({"type": "execute_order", "suggestion_id": "prop-none", "custom_credit": True}, "invalid_input"),
        ({"type": "execute_order", "suggestion_id": "prop-none", "custom_credit": "NaN"}, "invalid_input"),
    ],
)
def test_a_wish_that_cannot_be_done_is_an_error_on_the_wire(
    client: TestClient, message: dict[str, Any], code: str
) -> None:
    with client.websocket_connect(WIRE) as socket:
        socket.send_json(message)

        assert receive(socket, "error")["code"] == code


@pytest.mark.parametrize(
    ("role", "scopes", "wish", "code"),
    [
        (Role.VIEWER, tuple(Scope), WISH, "role_too_low"),
        (Role.TRADER, tuple(Scope), {"type": "execute_order", "suggestion_id": "x"}, "role_too_low"),
        (Role.ADMIN, (Scope.READ,), WISH, "scope_missing"),
    ],
)
def test_a_wish_needs_its_role_and_scope(
    client: TestClient, platform: Platform, role: Role, scopes: tuple[Scope, ...], wish: dict[str, Any], code: str
) -> None:
    database, now = platform.database, platform.wall.now()
    anna = add_person(database, "anna", role, "local", now)
    headers = {"authorization": f"Bearer {make_token(database, anna, 'wire', scopes, None, now).token}"}
    with client.websocket_connect(WIRE, headers=headers) as socket:
        socket.send_json(wish)

        assert receive(socket, "error")["code"] == code


def test_a_stranger_executes_nothing_and_hears_nothing_of_what_is_not_theirs(
    client: TestClient, platform: Platform, proposal_id: str
) -> None:
    database, now = platform.database, platform.wall.now()
    stranger = add_person(database, "bert", Role.APPROVER, None, now)
    token = make_token(database, stranger, "wire", tuple(Scope), None, now).token
    with client.websocket_connect(WIRE, headers={"authorization": f"Bearer {token}"}) as socket:
        socket.send_json({"type": "execute_order", "suggestion_id": proposal_id})
        refused = until(socket, "error")
        socket.send_json({"type": "resume", "seq": 0})
        socket.send_json({"type": "ping"})
        told = refused + until(socket, "pong")

    assert refused[-1]["code"] == "not_found"
    assert facts(told) == []
    assert client.get(f"/api/suggestions/{proposal_id}").json()["status"] == "pending"
