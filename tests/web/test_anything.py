"""Whatever is sent, the server answers in its own words and never breaks."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, DEMO, ORIGIN, START, open_home
from thetaloom.web.app import create_app

WORDS = st.text(max_size=20) | st.sampled_from(["GOOG", DEMO, "all", "\x00", "../..", "%00", "‮", "run-x", "1", "-1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    *("symbols", "strategy_ids", "force", "reason", "note", "content_hash", "scope", "dry_run", "toml", "id", "legs"),
    *("quantity", "part", "dte", "expiration", "strikes", "add", "take_off", "strategy_id", "price", "token"),
    *("days_back", "position_id", "account_id"),
)
BODIES = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4) | JSON
ROUTES = st.sampled_from(
    [
        ("POST", "/api/strategies"),
        ("PUT", "/api/strategies/{}"),
        ("DELETE", "/api/strategies/{}"),
        ("POST", "/api/strategies/validate"),
        ("POST", "/api/strategies/validate?symbol={}&dte={}"),
        ("POST", "/api/strategies/{}/test?symbol={}&dte=30"),
        ("POST", "/api/workflow/start"),
        ("POST", "/api/workflow/approve/{}"),
        ("POST", "/api/workflow/reject/{}"),
        ("GET", "/api/workflow/status/{}"),
        ("GET", "/api/workflow/list?symbol={}&strategy={}"),
        ("POST", "/api/positions/{}/close"),
        ("POST", "/api/positions/{}/roll"),
        ("POST", "/api/positions/{}/adjust"),
        ("GET", "/api/positions/{}/chain"),
        ("POST", "/api/positions/{}/targets"),
        ("GET", "/api/findings?standing={}"),
        ("POST", "/api/findings/{}/adopt"),
        ("POST", "/api/findings/{}/assign"),
        ("POST", "/api/findings/{}/ignore"),
        ("GET", "/api/exit-signals?symbol={}&position={}"),
        ("GET", "/api/journal?symbol={}"),
        ("GET", "/api/journal/{}"),
        ("POST", "/api/journal/{}/note"),
        ("GET", "/api/orders/quality?since={}&run={}"),
        ("POST", "/api/refresh-positions"),
        ("GET", "/api/pending-orders?offset={}"),
        ("POST", "/api/orders/{}/cancel"),
        ("GET", "/api/order-status/{}"),
        ("POST", "/api/sync-positions"),
        ("GET", "/api/lineage/execution/{}/step/{}"),
        ("GET", "/api/lineage/strategy/{}/recent"),
        ("POST", "/api/lineage/replay/{}"),
        ("POST", "/api/halt"),
        ("POST", "/api/resume"),
        ("GET", "/runs/{}"),
        ("GET", "/runs?status={}&symbol={}"),
        ("GET", "/approvals/{}?notice={}"),
        ("GET", "/lineage/{}/{}"),
        ("GET", "/strategies/{}"),
    ]
)


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of one platform for all examples: nothing that is sent may break it for the next."""
    home: Path = tmp_path_factory.mktemp("anything")
    platform = open_home(home, START)
    yield TestClient(create_app(platform), base_url=ORIGIN, headers=BEARER, raise_server_exceptions=False)
    platform.close()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROUTES, WORDS, BODIES, st.booleans())
def test_no_request_breaks_the_server(
    shared_client: TestClient, route: tuple[str, str], word: str, body: object, as_page: bool
) -> None:
    method, template = route
    path = template.replace("{}", quote(word, safe=""))
    headers = {"content-type": "application/json", "accept": "text/html" if as_page else "application/json"}

    answer = shared_client.request(method, path, content=json.dumps(body).encode(), headers=headers)

    assert answer.status_code < 500, f"{method} {path} {body!r}: {answer.text[:500]}"
    if answer.status_code >= 400 and path.startswith("/api/"):
        assert set(answer.json()) == {"code", "message", "advice", "details"}
