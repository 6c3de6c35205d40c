"""Secrets of every kind, and a trade with errors on the way: no page, answer, row or line of the log holds one."""

import hmac
import json
from hashlib import sha256

import pyotp
import pytest
import structlog
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, ORIGIN, TOKEN, pass_minutes
from tests.web.test_isolation import routes
from tests.web.test_planted_text import AS_BROWSER, ids_of
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.people import Scope
from thetaloom.engine.commands import SaveSignalSource
from thetaloom.store.people import invite, make_token, open_session, set_password
from thetaloom.store.vault import put_credential
from thetaloom.web.app import create_app
from thetaloom.web.asking import COOKIE, CSRF_HEADER, csrf_of
from thetaloom.web.passwords import hash_password

PLANTED = "hush-hush"  # within each secret that is chosen here
CREDENTIAL, WEBHOOK, URL_PASSWORD = f"credential-{PLANTED}", f"webhook-{PLANTED}", f"url-{PLANTED}"
PASSWORD, WRONG = f"four plain words {PLANTED}", f"a wrong {PLANTED} word"


@pytest.fixture
def secrets(platform: Platform) -> set[str]:
    """Every secret that is somewhere now."""
    now, database, user = platform.wall.now(), platform.database, platform.user_id
    put_credential(database, platform.vault, user, "ibkr", "key", CREDENTIAL, now)
    set_password(database, user, hash_password(PASSWORD), now)
    token = make_token(database, user, "robot", [Scope.READ], None, now).token
    source = SignalSource(
        name="tv", user_id=user, auth=SourceAuth.HMAC, strategy_id=StrategyId(DEMO), saved_at=platform.clock.now()
    )
    platform.engine.handle(SaveSignalSource(source=source))
    platform.source_secrets.put("tv", WEBHOOK)
    return {PLANTED, token.split("_", 2)[2], invite(database, user, now), TOKEN.split("_", 2)[2]}


def live(platform: Platform, browser: TestClient) -> None:
    """Trade, and have everything go wrong that a secret takes part in."""
    started = browser.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    platform.engine.settle()
    waiting = browser.get("/api/workflow/pending").json()["items"][0]["id"]
    approved = browser.post(f"/api/workflow/approve/{waiting}", json={"note": "good"})
    pass_minutes(platform, 13)
    url = f"json://user:{URL_PASSWORD}@127.0.0.1:9/{PLANTED}"
    added = browser.put("/api/notifications/destinations/phone", json={"url": url})
    assert {answer.status_code for answer in (started, approved, added)} == {200}
    failed = browser.post("/api/notifications/destinations/phone/test")
    assert failed.json()["status"] != "SENT", failed.text
    sent = json.dumps({"symbol": "GOOG", "action": "buy", "id": "1"}).encode()
    signature = hmac.new(WEBHOOK.encode(), sent, sha256).hexdigest()
    for given in (signature, "0" * 64, WEBHOOK):
        browser.post("/webhook/tv", content=sent, headers={"X-Signature": f"sha256={given}"})
    for name, password in (("local", WRONG), (WRONG, WRONG), ("local", PASSWORD)):
        browser.post("/login", data={"name": name[:20], "password": password, "code": WRONG}, follow_redirects=False)
    browser.post("/account/password", data={"old": WRONG, "password": WRONG, "again": PASSWORD})
    browser.post("/api/halt", content=b'{"note": ', headers={"content-type": "application/json"})
    browser.get("/api/halts", headers={"authorization": f"Bearer thl_{PLANTED}_{PLANTED}"})
    platform.engine.settle()


def test_no_secret_is_shown_recorded_or_logged(
    platform: Platform, secrets: set[str], capfd: pytest.CaptureFixture[str]
) -> None:
    app = create_app(platform)
    session = open_session(platform.database, platform.user_id, "tests", platform.wall.now())
    headers, cookies = AS_BROWSER | {CSRF_HEADER: csrf_of(session)}, {COOKIE: session}
    held, browser = secrets | {session}, TestClient(app, base_url=ORIGIN, headers=headers, cookies=cookies)
    seed = browser.post("/account/second-factor").text.partition('class="secret">')[2].partition("<")[0]
    code = pyotp.TOTP(seed).at(platform.wall.now())
    assert browser.post("/account/second-factor/confirmation", data={"code": code}).status_code == 200
    held.add(seed)
    with structlog.testing.capture_logs() as logged:
        live(platform, browser)
        browser = TestClient(app, base_url=ORIGIN, headers=headers, cookies=cookies, follow_redirects=False)
        ids, shown = ids_of_everything(browser), {}
        for method, path in routes(app):
            if method == "GET":
                address = path.format_map(ids)
                answer = browser.get(address)
                shown[address] = answer.text + str(answer.headers)
    with platform.database.connect() as connection:
        kept = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]  # SQLite's

    out = capfd.readouterr()
    words = {"the database": kept, "the log": str(logged), "the output": out.out + out.err, **shown}
    assert [(where, secret) for where, text in words.items() for secret in held if secret in text] == []
    assert len(shown) > 100 and "argon2id" in kept


def ids_of_everything(browser: TestClient) -> dict[str, str]:
    """What things are called; without one of its own a strategy is that of the demonstration."""
    return ids_of(browser) | {"strategy": DEMO, "strategy_id": DEMO}
