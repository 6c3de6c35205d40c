"""The guard: who may ask, from where, and how much at once."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, ORIGIN
from thetaloom.web.security import BODY_BYTES_MAX

FOREIGN_HOSTS = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:8787",
    "evil.example@127.0.0.1",
    "192.168.1.7:8787",
    "[",
    "",
)
OWN_HOSTS = ("127.0.0.1:8787", "localhost", "LOCALHOST:1", "[::1]:8787", "127.8.9.1")


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_name_is_refused_on_every_kind_of_address(client: TestClient, host: str) -> None:
    for path in ("/", "/api/strategies", "/healthz", "/static/css/base.css", "/openapi.json"):
        answer = client.get(path, headers={"host": host})

        assert answer.status_code == 403
        assert answer.json()["code"] == "foreign_host"


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_a_loopback_name_is_ours(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8787"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
    ],
)
def test_a_change_asked_for_by_a_foreign_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answers = [
        client.post("/api/halt", json={}, headers=headers),
        client.post("/halts", data={"scope": "all"}, headers=headers),
        client.delete("/api/strategies/iron-condor-45dte", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert {answer.json()["code"] for answer in answers} == {"foreign_origin"}
    assert client.get("/api/halts").json() == {"halted": False, "halts": {}}


def test_a_read_from_a_link_on_a_foreign_site_is_served(client: TestClient) -> None:
    assert client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"origin": ORIGIN}, {"sec-fetch-site": "none"}])
def test_a_change_of_our_own_pages_and_of_programs_is_taken(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/sync-positions", json={"dry_run": True}, headers=headers).status_code == 200


def test_a_body_above_the_limit_is_refused_announced_or_not(client: TestClient) -> None:
    huge = b" " * (BODY_BYTES_MAX + 1)

    announced = client.post("/api/strategies/validate", content=huge, headers={"content-type": "application/json"})
    streamed = client.post("/api/strategies/validate", content=iter([huge]), headers={"content-type": "text/plain"})

    for answer in (announced, streamed):
        assert answer.status_code == 413
        assert answer.json()["code"] == "body_too_large"
        assert set(answer.json()) == {"code", "message", "advice", "details"}


@pytest.mark.parametrize("is_announced", [True, False])
def test_who_sends_far_too_much_hears_why_over_a_real_connection(address: str, is_announced: bool) -> None:
    parts = [b" " * BODY_BYTES_MAX] * 16
    body = b"".join(parts) if is_announced else iter(parts)
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)

    connection.request("POST", "/api/strategies/validate", body, BEARER, encode_chunked=not is_announced)

    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
    connection.close()


def test_a_body_at_the_limit_is_read(client: TestClient) -> None:
    body = b'{"toml": "' + b"#" * (BODY_BYTES_MAX - 12) + b'"}'

    answer = client.post("/api/strategies/validate", content=body, headers={"content-type": "application/json"})

    assert len(body) == BODY_BYTES_MAX
    assert answer.status_code == 200


def test_a_length_that_is_no_number_is_refused(client: TestClient) -> None:
    answer = client.post("/api/halt", content=b"{}", headers={"content-length": "-1"})

    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/", "/api/strategies", "/nowhere", "/static/css/base.css", "/healthz"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert (headers.get("cache-control") == "no-store") == (not path.startswith("/static/"))


def test_https_is_asked_for_ever_after_where_it_is_there(client: TestClient) -> None:
    assert "strict-transport-security" not in client.get("/healthz").headers
    assert client.get("https://127.0.0.1:8787/healthz").headers["strict-transport-security"] == "max-age=31536000"
