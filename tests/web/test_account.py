"""A person's own account, the people whom an admin looks after, the audit of changes, and the settings."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, ORIGIN, SESSION
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.people import Scope
from thetaloom.store.people import make_token, open_session, set_password
from thetaloom.store.queries.audit import list_audit
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.people import person_of_session, person_of_token
from thetaloom.web.app import create_app
from thetaloom.web.asking import COOKIE, CSRF_HEADER, csrf_of
from thetaloom.web.passwords import hash_password
from thetaloom.web.permissions import NEEDED

PASSWORD = "four plain words here"
NEW = "quite other words now"


@pytest.fixture
def named(platform: Platform) -> Platform:
    """A platform whose first user has a password."""
    set_password(platform.database, platform.user_id, hash_password(PASSWORD), platform.wall.now(), keep=SESSION)
    return platform


@pytest.fixture
def other(named: Platform) -> Iterator[TestClient]:
    """A second browser of the same person."""
    secret = open_session(named.database, named.user_id, "Other/1.0", named.wall.now())
    headers = {"accept": "text/html", "origin": ORIGIN, CSRF_HEADER: csrf_of(secret)}
    with TestClient(create_app(named), base_url=ORIGIN, headers=headers, cookies={COOKIE: secret}) as made:
        yield made


def test_a_changed_password_ends_the_other_sessions_alone(
    named: Platform, browser: TestClient, other: TestClient
) -> None:
    wrong = browser.post("/account/password", data={"old": "no", "password": NEW, "again": NEW})
    typed = browser.post("/account/password", data={"old": PASSWORD, "password": NEW, "again": "not so"})
    assert (wrong.status_code, typed.status_code) == (409, 422)
    assert other.get("/account").url.path == "/account"

    changed = browser.post("/account/password", data={"old": PASSWORD, "password": NEW, "again": NEW})

    assert "Every other browser is signed out." in changed.text
    assert other.get("/account").url.path == "/login"
    assert browser.get("/account").url.path == "/account"
    assert other.post("/login", data={"name": "local", "password": PASSWORD}).status_code == 401
    assert other.post("/login", data={"name": "local", "password": NEW}).url.path == "/trading/"


def test_a_session_is_ended_from_another(named: Platform, browser: TestClient, other: TestClient) -> None:
    shown = browser.get("/account").text
    assert "Other/1.0" in shown and "this one" in shown
    (session,) = re.findall(r"/account/sessions/([^/]+)/ending", shown)

    browser.post(f"/account/sessions/{session}/ending")

    assert other.get("/").url.path == "/login"
    assert browser.post("/account/sessions/none/ending").status_code == 404


def test_a_token_of_a_person_is_shown_once_and_may_not_make_another(platform: Platform, browser: TestClient) -> None:
    shown = browser.post("/account/tokens", data={"name": "robot", "days": "30", "scopes": ["read", "trade"]}).text
    (token,) = re.findall(r"thl_[0-9a-f]{16}_[\w-]+", shown)
    person = person_of_token(platform.database, token, platform.wall.now())
    assert person is not None and person.scopes == frozenset({Scope.READ, Scope.TRADE})
    assert token not in browser.get("/account").text

    by_token = browser.post(
        "/account/tokens", data={"name": "more", "scopes": ["admin"]}, headers=BEARER | {"accept": "*/*"}
    )
    browser.post(f"/account/tokens/{person.token_id}/revocation")

    assert (by_token.status_code, by_token.json()["code"]) == (403, "session_needed")
    assert person_of_token(platform.database, token, platform.wall.now()) is None
    for poor in ({"name": "x"}, {"name": "", "scopes": "read"}, {"name": "x", "scopes": "read", "days": "-1"}):
        assert browser.post("/account/tokens", data=poor).status_code == 422


def test_preferences_are_kept_and_money_is_blurred(browser: TestClient, proposal_id: str) -> None:
    assert '<body class="private">' not in browser.get("/account").text
    browser.post("/account/preferences", data={"theme": "light", "zone": "Europe/Berlin"})
    back = browser.post("/account/privacy", data={"private": "yes", "next": f"/approvals/{proposal_id}"})

    assert back.url.path == f"/approvals/{proposal_id}"
    assert '<body class="private">' in back.text and '<span class="money">' in back.text
    assert "CET" in back.text
    assert browser.post("/account/preferences", data={"zone": "../../etc/passwd"}).status_code == 422
    assert browser.post("/account/privacy", data={"private": "", "next": "//evil.example"}).url.path == "/account"
    assert '<option value="light" selected>' in browser.get("/account").text


def test_an_admin_adds_lowers_and_disables_people(platform: Platform, browser: TestClient) -> None:
    added = browser.post("/users", data={"name": "anna", "role": "approver", "books": "local"})
    (key,) = re.findall(r"/welcome\?key=([\w-]+)", added.text)
    with TestClient(create_app(platform), base_url=ORIGIN, headers={"accept": "text/html"}) as anna:
        begun = anna.post("/welcome", data={"key": key, "name": "anna", "password": PASSWORD, "again": PASSWORD})
        assert begun.url.path == "/trading/" and ">anna</span>" in begun.text
        assert anna.get("/users").status_code == 403

        browser.post("/users/anna/role", data={"role": "admin"})
        assert anna.get("/users").status_code == 200
        browser.post("/users/anna/disabling")
        assert anna.get("/users").url.path == "/login"
        browser.post("/users/anna/enabling")

    assert browser.post("/users", data={"name": "Anna", "role": "viewer"}).status_code == 409
    assert browser.post("/users", data={"name": "<b>", "role": "viewer"}).status_code == 422
    assert browser.post("/users/nobody/role", data={"role": "viewer"}).status_code == 404
    assert "/welcome?key=" in browser.post("/users/anna/link").text


def test_the_last_admin_stays_one(browser: TestClient) -> None:
    lowered = browser.post("/users/local/role", data={"role": "viewer"})
    disabled = browser.post("/users/local/disabling")

    assert (lowered.status_code, disabled.status_code) == (409, 409)
    assert "nobody would be left to administer" in lowered.text


def test_every_change_leaves_a_row_in_the_audit(platform: Platform, client: TestClient) -> None:
    walked = sorted((method, path) for (method, path), role in NEEDED.items() if role and method not in {"GET", "WS"})
    for method, path in walked:
        client.request(method, path.replace("{}", "some-id"), json={"planted_field": "planted secret"})

    rows = list_audit(platform.database, window=Window(limit=500)).rows

    assert [row.action for row in reversed(rows)] == [f"{method} {path}" for method, path in walked]
    assert all(row.user_id == "local" and row.token_id == "tests" and row.address for row in rows)
    assert {row.subject for row in rows} == {"", "some-id"}
    assert any(row.fields == ("planted_field",) for row in rows)
    assert not [row for row in rows if "planted secret" in str(row)]


def test_reading_leaves_no_row_and_a_refused_change_leaves_one(platform: Platform, client: TestClient) -> None:
    token = make_token(platform.database, platform.user_id, "poor", [Scope.READ], None, platform.wall.now())
    client.get("/api/halts")
    client.get("/nowhere")
    client.post("/api/halt", json={"note": "x"}, headers={"authorization": f"Bearer {token.token}"})
    client.post("/api/halt", content=b'{"a":' * 50_000, headers={"content-type": "application/json"})
    client.post("/login", data={"name": "planted", "password": "planted"})

    rows = list_audit(platform.database, window=Window(limit=500)).rows

    assert [(row.action, row.status, row.token_id) for row in rows] == [
        ("POST /login", 401, ""),
        ("POST /api/halt", rows[1].status, "tests"),
        ("POST /api/halt", 403, token.id),
    ]
    assert rows[1].status in {400, 413, 422}
    assert rows[0].fields == ("name", "password")


def test_the_audit_is_read_by_page_and_by_program(browser: TestClient, client: TestClient) -> None:
    browser.post("/halts", data={"scope": "all", "note": "planted words"})
    told = client.get("/api/audit").json()

    assert told["total"] == 1
    assert told["items"][0] | {"at": "", "id": 0} == {
        "id": 0,
        "at": "",
        "user_id": "local",
        "name": "local",
        "token_id": "",
        "address": "testclient",
        "action": "POST /halts",
        "subject": "",
        "status": 303,
        "fields": ["scope", "note"],
    }
    page = browser.get("/audit").text.partition("<main")[2]
    assert "POST /halts" in page and "scope, note" in page and "planted words" not in page
    assert "Nothing was changed yet." in browser.get("/audit?user=nobody").text


def test_the_settings_say_where_they_come_from_and_limits_are_set(platform: Platform, browser: TestClient) -> None:
    shown = browser.get("/settings").text
    assert "THETALOOM_SEED" in shown and "given at start" in shown and "default" in shown

    kept = browser.post("/settings/limits", data={"name": "max_orders_per_hour", "limit": "77"})

    assert "The limit holds from now on." in kept.text and "max_orders_per_hour: 77" in kept.text
    assert browser.post("/settings/limits", data={"name": "max_orders_per_hour", "limit": "lots"}).status_code == 422
    assert browser.post("/settings/limits", data={"name": "no_such", "limit": "1"}).status_code == 422


def test_a_session_of_another_person_is_never_ended_by_id(named: Platform, browser: TestClient) -> None:
    from thetaloom.domain.values.people import Role
    from thetaloom.store.people import add_person

    anna = add_person(named.database, "anna", Role.VIEWER, None, named.wall.now())
    secret = open_session(named.database, anna, "Anna/1.0", named.wall.now())
    met = person_of_session(named.database, secret, named.wall.now())
    token = make_token(named.database, anna, "hers", Scope, None, named.wall.now())
    assert met is not None

    assert browser.post(f"/account/sessions/{met.person.session_id}/ending").status_code == 404
    assert browser.post(f"/account/tokens/{token.id}/revocation").status_code == 404
    assert person_of_session(named.database, secret, named.wall.now()) is not None
    assert "Anna/1.0" not in browser.get("/account").text
