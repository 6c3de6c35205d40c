"""Two people with books of their own: neither by any address nor by any list does one see a byte of the other's."""

import hmac
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, DEMO, ORIGIN, START, open_home, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.people import Role, Scope
from thetaloom.engine.commands import SaveSignalSource
from thetaloom.store.people import add_person, make_token
from thetaloom.web.app import create_app
from thetaloom.web.pages import ROUTERS as PAGES
from thetaloom.web.pages.filters import money

MARK = "xyzzy"  # in everything that the first one ever names or writes
SAID_BACK_MAX = 4  # the name that was asked for, in a refusal
SHARED = {"/api/reasons", "/reasons", "/api", "/api/strategies/schema", "/login", "/welcome"}


@pytest.fixture(scope="module")
def lived(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on which the first one has lived: everything is there, and everything is marked."""
    home = shutil.copytree(prepared_home, tmp_path_factory.mktemp("lived") / "home")
    platform = open_home(home, START)
    platform.engine.start()
    with TestClient(create_app(platform), base_url=ORIGIN, headers=BEARER) as client:
        live(platform, client)
    yield platform
    platform.close()


@pytest.fixture(scope="module")
def ids(lived: Platform) -> Mapping[str, str]:
    """What the first one's things are called, by the names that addresses have for them."""
    with TestClient(create_app(lived), base_url=ORIGIN, headers=BEARER) as client:

        def first(path: str, key: str = "id") -> str:
            answer = client.get(path).json()
            return str((answer["items"] if isinstance(answer, dict) else answer)[0][key])

        return {
            "run_id": first("/api/workflow/list"),
            "proposal_id": first("/api/workflow/list"),
            "suggestion_id": first("/api/suggestions"),
            "strategy": DEMO,
            "position_id": first("/api/positions"),
            "order_id": first("/api/orders", "client_order_id"),
            "schedule_id": first("/api/schedules"),
            "scan_id": first("/api/scans"),
            "signal_id": first("/api/signals"),
            "finding_id": "none",
            "strategy_id": f"{MARK}-strategy",
            "prompt_id": f"{MARK}-prompt",
            "name": f"{MARK}-name",
            "step": "8",
            "seq": "8",
            "timeframe": "1d",
            "conid": "1",
            "symbol": "GOOG",
            "source": f"{MARK}-source",
            "token_id": "tests",
            "session_id": "a-session-of-the-tests",
            "user": "local",
        }


@pytest.fixture(scope="module")
def stranger(lived: Platform) -> Iterator[TestClient]:
    """Somebody with every right but to administer, on books of their own."""
    now = lived.wall.now()
    bob = add_person(lived.database, "bob", Role.APPROVER, None, now)
    token = make_token(lived.database, bob, "all", Scope, None, now).token
    headers = {"authorization": f"Bearer {token}"}
    with TestClient(create_app(lived), base_url=ORIGIN, headers=headers, follow_redirects=False) as made:
        yield made


def live(platform: Platform, client: TestClient) -> None:
    """Have one of everything, each with the mark."""
    started = client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    platform.engine.settle()
    (waiting,) = client.get("/api/workflow/pending").json()["items"]
    approved = client.post(f"/api/workflow/approve/{waiting['id']}", json={"note": MARK})
    pass_minutes(platform, 13)
    (held,) = client.get("/api/positions").json()["items"]
    source = SignalSource(
        name=f"{MARK}-source",
        user_id=platform.user_id,
        auth=SourceAuth.HMAC,
        strategy_id=StrategyId(DEMO),
        saved_at=platform.clock.now(),
    )
    platform.engine.handle(SaveSignalSource(source=source))
    platform.source_secrets.put(source.name, "a-secret-of-this-test")
    body = json.dumps({"symbol": "GOOG", "action": "buy", "id": MARK}).encode()
    signature = hmac.new(b"a-secret-of-this-test", body, sha256).hexdigest()
    strategy = client.get(f"/api/strategies/{DEMO}").json()["strategy"] | {"id": f"{MARK}-strategy", "name": MARK}
    prompt = {"id": f"{MARK}-prompt", "name": MARK, "text": f"{MARK} {{{{ symbol }}}}"}
    every = {"strategy_id": DEMO, "symbols": ["GOOG"], "cron": "*/15 10-14 * * mon-fri"}
    url = f"json://{MARK}@127.0.0.1:9/x"
    answers = {
        "start": started,
        "approve": approved,
        "note": client.post(f"/api/journal/{held['id']}/note", json={"note": MARK}),
        "signal": client.post(f"/webhook/{source.name}", content=body, headers={"X-Signature": f"sha256={signature}"}),
        "strategy": client.post("/api/strategies", json=strategy),
        "prompt": client.post("/api/prompts", json=prompt),
        "schedule": client.post("/api/schedules", json=every),
        "watchlist": client.put(f"/api/watchlists/{MARK}-name", json={"symbols": ["GOOG"]}),
        "destination": client.put(f"/api/notifications/destinations/{MARK}-name", json={"url": url}),
        "scan": client.post("/api/scans", json={"symbols": ["GOOG"]}),
        "halt": client.post("/api/halt", json={"scope": f"strategy:{MARK}-strategy", "note": MARK}),
    }
    assert {name: answer.text for name, answer in answers.items() if answer.status_code >= 300} == {}
    platform.engine.settle()


def routes(app: Any) -> list[tuple[str, str]]:
    """Every route of the application with the names of its parts."""
    described = app.openapi()["paths"].items()
    api = [(method.upper(), path) for path, methods in described for method in methods]
    pages = [
        (method, route.path)
        for router in PAGES
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
    return sorted(set(api + pages))


def test_a_stranger_sees_nothing_by_any_address(lived: Platform, stranger: TestClient, ids: Mapping[str, str]) -> None:
    own = [ids[name] for name in ("run_id", "position_id", "order_id", "schedule_id", "scan_id", "signal_id")]
    cash = lived.broker.account().cash
    own += [MARK, str(cash), money(cash)]
    with TestClient(create_app(lived), base_url=ORIGIN, headers=BEARER) as owner:
        assert money(cash) in owner.get("/").text
    seen, shown = [], []
    for method, path in routes(stranger.app):
        if method != "GET" or path in SHARED:
            continue
        address = path.format_map(ids)
        for accept in ("application/json", "text/html"):
            answer = stranger.get(address, headers={"accept": accept})
            seen.append(answer.status_code)
            if answer.status_code not in {200, 303, 308, 403, 404, 409, 422}:
                shown.append((address, answer.status_code))
            if answer.status_code == 200 and [one for one in own if one in answer.text]:
                shown.append((address, 200))
            if len(re.findall(MARK, answer.text)) > SAID_BACK_MAX:
                shown.append((address, answer.status_code))

    assert shown == []
    assert {200, 403, 404, 409} <= set(seen)


def test_a_stranger_changes_nothing_by_any_address(
    lived: Platform, stranger: TestClient, ids: Mapping[str, str]
) -> None:
    before = rows_of(lived)
    body = {"reason": "x", "note": "x", "text": "x", "symbols": ["GOOG"], "strategy_ids": [ids["strategy_id"]]}
    for method, path in routes(stranger.app):
        if method == "GET" or path in {"/login", "/welcome", "/webhook", "/webhook/{source}"}:
            continue
        address = path.format_map(ids)
        is_form = not path.startswith("/api/")
        answer = stranger.request(method, address, data=body if is_form else None, json=None if is_form else body)

        assert answer.status_code < 500, f"{method} {address}: {answer.text[:300]}"
    lived.engine.settle()

    assert before - rows_of(lived) == set()


def rows_of(platform: Platform) -> set[str]:
    """Every row of the database in words; what merely beats is left out."""
    beats = ("_pulse", "counters", "postman", "browser_sessions", "meta")
    with platform.database.connect() as connection:
        dumped = connection.connection.driver_connection.iterdump()  # type: ignore[union-attr]  # SQLite's own
        return {line for line in dumped if line.startswith("INSERT") and not any(one in line[:40] for one in beats)}
