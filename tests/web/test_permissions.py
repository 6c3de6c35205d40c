"""Who may ask for what: every route of the application, without anybody, with each role and with each scope."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, COOKIES, ORIGIN
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.people import SCOPES, Role, Scope
from thetaloom.errors import InvariantError
from thetaloom.store.people import add_person, make_token, set_role
from thetaloom.web import permissions
from thetaloom.web.app import create_app
from thetaloom.web.asking import CSRF_HEADER, csrf_of
from thetaloom.web.permissions import NEEDED

CLOSED = sorted((method, path, role) for (method, path), role in NEEDED.items() if role and method != "WS")
OPEN = sorted((method, path) for (method, path), role in NEEDED.items() if role is None)


@pytest.fixture
def visitor(platform: Platform) -> Iterator[TestClient]:
    """Somebody who shows nothing."""
    with TestClient(create_app(platform), base_url=ORIGIN, follow_redirects=False) as made:
        yield made


@pytest.fixture
def anna(platform: Platform) -> UserId:
    """Another person on the first one's books."""
    return add_person(platform.database, "anna", Role.VIEWER, "local", platform.wall.now())


def test_nobody_is_answered_by_any_route_that_is_not_open(visitor: TestClient) -> None:
    for method, path, _ in CLOSED:
        answer = visitor.request(method, path.replace("{}", "x"))

        assert answer.status_code == 401, f"{method} {path}"
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_browser_of_nobody_is_sent_to_sign_in(visitor: TestClient) -> None:
    pages = [path for method, path, _ in CLOSED if method == "GET" and not path.startswith(("/api/", "/metrics"))]
    for path in pages:
        address = path.replace("{}", "x")
        answer = visitor.get(address, headers={"accept": "text/html"})

        assert answer.status_code == 303, path
        assert answer.headers["location"] == ("/login" if address == "/" else f"/login?next={address}")


def test_open_doors_ask_for_nobody(visitor: TestClient) -> None:
    answers = {(method, path): visitor.request(method, path.replace("{}", "x")) for method, path in OPEN}

    assert answers[("GET", "/healthz")].status_code == 200
    assert {answer.status_code for answer in answers.values()}.isdisjoint({303, 403})
    assert not [where for where, answer in answers.items() if "unauthenticated" in answer.text]
    assert {path for _, path in OPEN} == {
        *("/healthz", "/readyz", "/openapi.json", "/static/{}", "/webhook", "/webhook/{}", "/login", "/welcome"),
    }


@pytest.mark.parametrize("role", Role)
def test_each_role_is_refused_exactly_what_is_above_it(
    platform: Platform, visitor: TestClient, anna: UserId, role: Role
) -> None:
    set_role(platform.database, anna, role)
    made = make_token(platform.database, anna, "walk", Scope, None, platform.wall.now())
    for method, path, needed in CLOSED:
        if role.includes(needed):
            continue
        answer = visitor.request(method, path.replace("{}", "x"), headers={"authorization": f"Bearer {made.token}"})

        assert (answer.status_code, answer.json()["code"]) == (403, "role_too_low"), f"{method} {path}"
    assert visitor.get("/api/halts", headers={"authorization": f"Bearer {made.token}"}).status_code == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TRADER, Role.APPROVER])
def test_each_role_is_let_through_to_all_that_is_below_it(
    platform: Platform, visitor: TestClient, anna: UserId, role: Role
) -> None:
    set_role(platform.database, anna, role)
    made = make_token(platform.database, anna, "walk", Scope, None, platform.wall.now())
    changes = [(method, path) for method, path, needed in CLOSED if method != "GET" and role is needed]
    for method, path in changes:
        answer = visitor.request(method, path.replace("{}", "x"), headers={"authorization": f"Bearer {made.token}"})

        if permissions.needs_session(method, path.replace("{}", "x")):
            assert answer.json()["code"] == "session_needed"
        else:
            assert answer.status_code not in {401, 403}, f"{method} {path}: {answer.text}"


@pytest.mark.parametrize("scope", Scope)
def test_a_token_may_only_what_its_scope_says_whatever_its_person_may(
    platform: Platform, visitor: TestClient, scope: Scope
) -> None:
    made = make_token(platform.database, platform.user_id, "walk", [scope], None, platform.wall.now())
    bearer = {"authorization": f"Bearer {made.token}"}
    for method, path, needed in CLOSED:
        if needed is Role.VIEWER or SCOPES[needed] is scope:
            continue
        answer = visitor.request(method, path.replace("{}", "x"), headers=bearer)

        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), f"{method} {path}"
    assert visitor.get("/api/halts", headers=bearer).status_code == 200


def test_a_route_that_the_table_does_not_know_is_not_served() -> None:
    router = APIRouter()
    router.add_api_route("/api/new/{name}", lambda: None, methods=["DELETE"])

    with pytest.raises(InvariantError, match="DELETE /api/new/"):
        permissions.check((method, route.path) for route in router.routes for method in route.methods)  # type: ignore[attr-defined]  # a base class says nothing


@pytest.mark.parametrize("path", ["/api/halt\n", "/api/halt%0A", "/api//halt", "/api/halt/", "//api/halt", "/API/halt"])
def test_a_path_written_in_another_way_opens_nothing(visitor: TestClient, platform: Platform, path: str) -> None:
    before = platform.desk.halts
    answer = visitor.post(path.replace("\n", "%0A"), json={})

    assert answer.status_code in {401, 404}
    assert visitor.get("/api/halts", headers=BEARER).json() == {"halted": False, "halts": {}}
    assert before is platform.desk.halts


def test_messages_of_the_live_wire_have_roles_too() -> None:
    assert permissions.role_for_message("subscribe_quotes") is Role.VIEWER
    assert permissions.role_for_message("generate_suggestion") is Role.TRADER
    assert permissions.role_for_message("execute_order") is Role.APPROVER
    assert permissions.role_for_message("anything else") is Role.ADMIN


def test_no_change_of_a_session_is_taken_without_its_own_mark(platform: Platform) -> None:
    own = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
    marks: tuple[dict[str, str], ...] = ({}, {CSRF_HEADER: "wrong"}, {CSRF_HEADER: csrf_of("another session")})
    changes = [(method, path) for method, path, _ in CLOSED if method not in {"GET", "HEAD"}]
    with TestClient(create_app(platform), base_url=ORIGIN, headers=own, cookies=COOKIES) as made:
        answers = [
            (method, path, made.request(method, path.replace("{}", "x"), headers=mark))
            for method, path in changes
            for mark in marks
        ]

    assert len(changes) > 100
    assert [(method, path) for method, path, answer in answers if answer.status_code != 403] == []
    assert {answer.json()["code"] for _, _, answer in answers} == {"csrf_missing"}
