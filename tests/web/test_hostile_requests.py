"""Requests that nobody sends by accident: every parameter and every body is refused in words, and nothing is lost."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import COOKIES, CSRF, ORIGIN
from tests.web.test_isolation import routes, rows_of
from thetaloom.bootstrap import Platform
from thetaloom.web.app import create_app
from thetaloom.web.permissions import NEEDED

WORDS = (
    "' OR '1'='1' --",
    '"; DROP TABLE runs; --',
    "{{7*7}}${7*7}<%= 7*7 %>",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%00",
    "%ff%fe",
    "%ed%a0%80",
    "%0d%0aX-Planted:%20yes",
    "1e999999",
    "9" * 5000,
    "-1",
    "NaN",
)
FIELDS = [
    "note",
    "reason",
    "text",
    "symbols",
    "symbol",
    "strategy_id",
    "strategy",
    "name",
    "url",
    "quantity",
    "price",
    "credit",
    "shown_credit",
    "scope",
    "cron",
    "zone",
    "watchlist",
    "rate",
    "days",
    "quiet",
    "window",
    "id",
    "do",
    "code",
    "password",
    "again",
    "books",
    "role",
    "theme",
    "content_hash",
    "chosen",
    "decision",
    "confirmed",
]
FORMS = (
    b"",
    b"&" * 2000,
    b"x=1&" * 5000,
    b"%",
    b"\xff=\xff",
    *("&".join(f"{field}={word}" for field in FIELDS).encode() for word in WORDS[4:]),
)
TURNS = 4  # of the bodies, at each door others
AS_BROWSER = {"accept": "text/html", "origin": ORIGIN, "sec-fetch-site": "same-origin"}
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"[" * 10_000,
    b'{"a":' * 10_000,
    b"1e999999",
    b'{"quantity": 1e999999, "price": 1e999999, "custom_credit": 1e999999, "net_price": 1e999999}',
    b'{"quantity": ' + b"9" * 5000 + b"}",
    b'{"note": "\\u0000", "reason": "\\u0000", "text": "\\u0000", "symbols": ["\\u0000"], "name": "\\u0000"}',
    b'{"note": "\\ud800", "reason": "\\ud800", "text": "\\ud800", "symbols": ["\\ud800"], "name": "\\ud800"}',
    b'{"note": "\xff"}',
    b"\x00",
)
HARMLESS = {"/logout"}  # which ends the session, as it should


@pytest.fixture
def quiet(platform: Platform) -> Iterator[TestClient]:
    """A person's browser which tells of an error as a server would, and follows nothing."""
    app = create_app(platform)
    given: dict[str, Any] = {"headers": AS_BROWSER | CSRF, "cookies": COOKIES, "follow_redirects": False}
    with TestClient(app, base_url=ORIGIN, raise_server_exceptions=False, **given) as made:
        yield made


def asked_for(app: Any) -> dict[str, list[str]]:
    """The parameters of each address; of pages, those that all tables know."""
    paths = app.openapi()["paths"]
    known = {
        path: [one["name"] for one in methods["get"].get("parameters", ()) if one["in"] == "query"]
        for path, methods in paths.items()
        if "get" in methods
    }
    pages = ["sort", "q", "page", "format", "symbol", "status", "strategy", "notice", "next", "key", "run", "proposal"]
    return {path: known.get(path, pages) for method, path in routes(app) if method == "GET"}


def test_no_parameter_and_no_part_of_a_path_reaches_the_database_as_anything_but_a_word(
    platform: Platform, quiet: TestClient, proposal_id: str
) -> None:
    before, faults = rows_of(platform), []
    for number, (path, names) in enumerate(sorted(asked_for(quiet.app).items())):
        for turn in range(5 if "{" in path else 2):
            word = WORDS[(number + turn) % len(WORDS)]
            address = "/".join(word if part.startswith("{") else part for part in path.split("/"))
            query = "&".join(f"{name}={WORDS[(number + turn + at) % len(WORDS)]}" for at, name in enumerate(names))
            for asked in (address, f"{address}?{query}"):
                answer = quiet.get(asked)
                if answer.status_code >= 500 or "x-planted" in answer.headers or "root:x:0" in answer.text:
                    faults.append((asked[:200], answer.status_code, answer.text[:200]))
    assert faults == []
    assert rows_of(platform) == before


def test_no_body_breaks_a_door(platform: Platform, quiet: TestClient, proposal_id: str) -> None:
    faults = []
    for number, (method, path) in enumerate(sorted(NEEDED)):
        if method in {"GET", "WS"} or path in HARMLESS:
            continue
        address, is_form = path.replace("{}", proposal_id), not path.startswith(("/api/", "/webhook"))
        bodies = FORMS if is_form else BODIES
        for body in [bodies[(number + turn) % len(bodies)] for turn in range(TURNS)]:
            kind = "application/x-www-form-urlencoded" if is_form else "application/json"
            answer = quiet.request(method, address, content=body, headers={"content-type": kind})
            if answer.status_code >= 500:
                faults.append((method, path, body[:60], answer.status_code, answer.text[-300:]))

    assert faults == []
