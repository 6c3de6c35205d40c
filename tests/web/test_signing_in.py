"""The doors for people: the link of the first start, a name and a password, and what a session is worth."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, ORIGIN, SESSION
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.people import Role, Scope
from thetaloom.store.people import (
    add_person,
    disable,
    enable,
    invite,
    make_token,
    revoke_token,
    set_password,
    set_role,
)
from thetaloom.store.queries.people import person_of_session, person_of_token
from thetaloom.web.app import create_app
from thetaloom.web.asking import COOKIE, CSRF_HEADER
from thetaloom.web.pages.signing_in import own_path
from thetaloom.web.passwords import hash_password

PASSWORD = "four plain words here"
AS_BROWSER = {"accept": "text/html", "origin": ORIGIN, "sec-fetch-site": "same-origin"}


@pytest.fixture
def visitor(platform: Platform) -> Iterator[TestClient]:
    """A browser of nobody, which keeps its cookies."""
    with TestClient(create_app(platform), base_url=ORIGIN, headers=AS_BROWSER, follow_redirects=False) as made:
        yield made


@pytest.fixture
def named(platform: Platform) -> Platform:
    """A platform whose first user has a password."""
    set_password(platform.database, platform.user_id, hash_password(PASSWORD), platform.wall.now(), keep=SESSION)
    return platform


def test_the_first_link_lets_choose_a_name_and_a_password_once(platform: Platform, visitor: TestClient) -> None:
    key = invite(platform.database, platform.user_id, platform.wall.now())
    chosen = {"key": key, "name": "ada", "password": PASSWORD, "again": PASSWORD}

    shown = visitor.get("/welcome", params={"key": key})
    begun = visitor.post("/welcome", data=chosen)
    inside = visitor.get("/")
    again = TestClient(visitor.app, base_url=ORIGIN, headers=AS_BROWSER).post("/welcome", data=chosen)

    assert (shown.status_code, begun.status_code, begun.headers["location"]) == (200, 303, "/trading/")
    assert inside.status_code == 200
    assert again.status_code == 404 and "does not work" in again.text
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert visitor.get("/welcome", params={"key": key}).status_code == 404


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"password": "short", "again": "short"}, "10 to 200 signs"),
        ({"password": "ada-ada-ada", "again": "ada-ada-ada", "name": "ada-ada-ada"}, "is the name"),
        ({"again": "another password"}, "not the same"),
        ({"name": "a b"}, "is no name"),
        ({"name": ""}, "is no name"),
        ({"name": "<script>"}, "is no name"),
        ({"name": "anna"}, "is called anna already"),
        ({"name": "ANNA"}, "is called ANNA already"),
    ],
)
def test_a_poor_choice_is_told_and_leaves_the_link_good(
    platform: Platform, visitor: TestClient, changed: dict[str, str], told: str
) -> None:
    add_person(platform.database, "anna", Role.VIEWER, None, platform.wall.now())
    key = invite(platform.database, platform.user_id, platform.wall.now())
    chosen = {"key": key, "name": "ada", "password": PASSWORD, "again": PASSWORD}

    refused = visitor.post("/welcome", data=chosen | changed)

    assert refused.status_code == 422 and told in refused.text
    assert "set-cookie" not in refused.headers
    assert visitor.post("/welcome", data=chosen).status_code == 303


def test_a_link_is_void_after_its_days_and_after_a_newer_one(platform: Platform, visitor: TestClient) -> None:
    now = platform.wall.now()
    old = invite(platform.database, platform.user_id, now - timedelta(days=8))
    assert visitor.get("/welcome", params={"key": old}).status_code == 404

    first = invite(platform.database, platform.user_id, now)
    second = invite(platform.database, platform.user_id, now)

    assert visitor.get("/welcome", params={"key": first}).status_code == 404
    assert visitor.get("/welcome", params={"key": second}).status_code == 200


def test_a_name_and_a_password_open_a_new_session_and_lead_back(named: Platform, visitor: TestClient) -> None:
    visitor.cookies.set(COOKIE, "planted-by-somebody")
    asked = visitor.get("/runs?symbol=GOOG")
    assert asked.headers["location"] == "/login?next=/runs%3Fsymbol%3DGOOG"
    shown = visitor.get(asked.headers["location"])
    assert 'name="next" value="/runs?symbol=GOOG"' in shown.text

    opened = visitor.post("/login", data={"name": "LOCAL", "password": PASSWORD, "next": "/runs?symbol=GOOG"})

    assert (opened.status_code, opened.headers["location"]) == (303, "/runs?symbol=GOOG")
    secret = re.search(rf"{COOKIE}=([^;]+)", opened.headers["set-cookie"])
    assert secret is not None and secret[1] != "planted-by-somebody"
    assert person_of_session(named.database, "planted-by-somebody", named.wall.now()) is None
    assert person_of_session(named.database, secret[1], named.wall.now()) is not None


@pytest.mark.parametrize("name", ["local", "nobody", "anna", "off", "", "x" * 150, "local' OR 1=1 --"])
def test_every_refusal_to_sign_in_reads_the_same(named: Platform, visitor: TestClient, name: str) -> None:
    now = named.wall.now()
    add_person(named.database, "anna", Role.VIEWER, None, now)  # who has no password yet
    off = add_person(named.database, "off", Role.VIEWER, None, now)
    set_password(named.database, off, hash_password("not the right one"), now)
    disable(named.database, off, now)

    refused = visitor.post("/login", data={"name": name, "password": "not the right one", "next": "/"})

    assert refused.status_code == 401
    assert "That name and password do not belong together." in refused.text
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "runs",
        "/\t/x",
        "//[",
        "/\r\nSet-Cookie: x=y",
    ],
)
def test_signing_in_never_leads_to_another_server(named: Platform, visitor: TestClient, wanted: str) -> None:
    answer = visitor.post("/login", data={"name": "local", "password": PASSWORD, "next": wanted})

    assert (answer.status_code, answer.headers["location"]) == (303, "/trading/")
    assert own_path(wanted) == ""


def test_signing_out_ends_the_session_for_good(named: Platform, visitor: TestClient) -> None:
    visitor.post("/login", data={"name": "local", "password": PASSWORD})
    secret = visitor.cookies[COOKIE]
    (csrf,) = set(re.findall(r'name="csrf" value="([0-9a-f]{64})"', visitor.get("/").text))

    assert visitor.post("/logout").status_code == 403
    answer = visitor.post("/logout", data={"csrf": csrf})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert person_of_session(named.database, secret, named.wall.now()) is None


def test_a_session_ends_when_it_rests_and_when_it_is_old(named: Platform, visitor: TestClient) -> None:
    visitor.post("/login", data={"name": "local", "password": PASSWORD})
    secret, now = visitor.cookies[COOKIE], named.wall.now()

    assert person_of_session(named.database, secret, now + timedelta(hours=11)) is not None
    assert person_of_session(named.database, secret, now + timedelta(hours=13)) is None
    assert person_of_session(named.database, secret, now + timedelta(days=31)) is None


def test_a_person_who_is_disabled_or_lowered_is_so_at_once(platform: Platform, visitor: TestClient) -> None:
    now, database = platform.wall.now(), platform.database
    anna = add_person(database, "anna", Role.APPROVER, "local", now)
    bearer = {"authorization": f"Bearer {make_token(database, anna, 'x', Scope, None, now).token}", "accept": "*/*"}
    assert visitor.post("/api/workflow/approve/none", headers=bearer).status_code == 404

    set_role(database, anna, Role.TRADER)
    assert visitor.post("/api/workflow/approve/none", headers=bearer).status_code == 403
    disable(database, anna, now)
    assert visitor.get("/api/halts", headers=bearer).status_code == 401
    enable(database, anna)
    assert visitor.get("/api/halts", headers=bearer).status_code == 200


def test_a_token_counts_until_it_is_revoked_or_over(platform: Platform) -> None:
    now, database = platform.wall.now(), platform.database
    made = make_token(database, platform.user_id, "robot", [Scope.READ], 2, now)

    assert person_of_token(database, made.token, now) is not None
    assert person_of_token(database, made.token, now + timedelta(days=3)) is None
    for wrong in (made.token[:-1], made.token + "x", f"thl_{made.id}_", "thl__", "thl", "", "x" * 300, "thl_\x00_a"):
        assert person_of_token(database, wrong, now) is None
    revoke_token(database, made.id, now)
    assert person_of_token(database, made.token, now) is None


def test_no_secret_is_kept_in_the_database(named: Platform, visitor: TestClient) -> None:
    key = invite(named.database, named.user_id, named.wall.now())
    visitor.post("/login", data={"name": "local", "password": PASSWORD})
    token = make_token(named.database, named.user_id, "robot", [Scope.READ], None, named.wall.now()).token
    with named.database.connect() as connection:
        kept = str(list(connection.connection.driver_connection.iterdump()))  # type: ignore[union-attr]  # SQLite's

    assert "argon2id" in kept and "robot" in kept
    for secret in (key, visitor.cookies[COOKIE], token.split("_", 2)[2], PASSWORD):
        assert secret not in kept


@pytest.mark.parametrize("sent", [{}, {"csrf": "0" * 64}, {"csrf": ""}])
def test_a_change_by_cookie_without_the_mark_of_its_pages_is_refused(
    browser: TestClient, platform: Platform, sent: dict[str, str]
) -> None:
    del browser.headers[CSRF_HEADER]

    refused = browser.post("/halts", data={"scope": "all", **sent})
    as_json = browser.post("/api/halt", json={"note": "x"}, headers={"accept": "application/json"})

    assert refused.status_code == 403 and "csrf_missing" in refused.text
    assert as_json.json()["code"] == "csrf_missing"
    assert browser.get("/api/halts").json()["halted"] is False


def test_every_form_carries_the_mark(browser: TestClient, proposal_id: str) -> None:
    del browser.headers[CSRF_HEADER]
    for path in ("/", f"/approvals/{proposal_id}", "/schedules", "/scans", "/prompts", "/reconcile", "/notifications"):
        text = browser.get(path).text
        forms = re.findall(r'<form[^>]*method="post"[^>]*>(.{0,130})', text)

        assert forms and all(re.match(r'<input type="hidden" name="csrf" value="[0-9a-f]{64}">', one) for one in forms)


def test_a_token_is_asked_before_a_cookie(browser: TestClient) -> None:
    refused = browser.get("/api/halts", headers={"authorization": "Bearer thl_wrong_one", "accept": "*/*"})

    assert refused.status_code == 401
    assert browser.get("/api/halts", headers=BEARER).status_code == 200
    assert (
        browser.get("/api/halts", headers={"authorization": "Basic bG9jYWw6eA==", "accept": "*/*"}).status_code == 401
    )
