"""Webhooks: who is believed, what is answered, and that nothing secret is kept."""

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.confluence import Stance
from thetaloom.domain.run.signal_records import SignalScore
from thetaloom.domain.run.signal_sources import SellMeaning, SignalSource, SourceAuth
from thetaloom.domain.values.ids import RunId, SignalId, StrategyId
from thetaloom.domain.values.money import Money
from thetaloom.engine.commands import SaveSignalSource
from thetaloom.store.source_secrets import FOLDER

SECRET = "a-very-shared-secret"
BUY = {"ticker": "NASDAQ:GOOG", "action": "buy", "interval": "5", "timestamp": "2015-12-24T14:50:30Z"}


def add(platform: Platform, name: str = "tv", auth: SourceAuth = SourceAuth.UNSIGNED, **changes: Any) -> None:
    """Add a source, and write its secret where it has one."""
    given = {"name": name, "user_id": platform.user_id, "auth": auth, "strategy_id": StrategyId(DEMO)}
    source = SignalSource(**(given | {"saved_at": platform.clock.now()} | changes))
    platform.engine.handle(SaveSignalSource(source=source))
    if auth is not SourceAuth.UNSIGNED:
        platform.source_secrets.put(name, SECRET)


def sign(body: bytes, secret: str = SECRET) -> str:
    """Return the signature of a body."""
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def test_a_signal_is_written_down_and_answered_then_started(platform: Platform, client: TestClient) -> None:
    add(platform)

    answer = client.post("/webhook/tv", json={**BUY, "close": 750})

    told = answer.json()
    assert (answer.status_code, told["status"]) == (202, "accepted")
    assert told["received"]["symbol"] == "GOOG" and told["received"]["timeframe"] == "5m"
    assert told["ignored"] == ["close"] and told["request_id"] and told["processing_time_ms"] > 0
    platform.engine.settle()
    story = client.get(f"/api/signals/{told['signal_id']}").json()
    assert [one["stage"] for one in story["trail"]] == ["received", "accepted", "started"]
    assert story["judged"]["confidence"]["parts"][0] == {"name": "base", "points": "50", "why": ""}
    run = client.get(f"/api/workflow/status/{story['signal']['run_id']}").json()["run"]
    assert (run["trigger"], run["signal_id"]) == ("signal", told["signal_id"])


def test_a_signal_ends_as_a_closed_paper_position(platform: Platform, client: TestClient) -> None:
    add(platform)
    signal = client.post("/webhook/tv", json=BUY).json()["signal_id"]
    platform.engine.settle()
    proposal = client.get("/api/workflow/pending").json()["items"][0]["id"]
    assert client.post(f"/api/workflow/approve/{proposal}", json={}).status_code == 200

    pass_minutes(platform, 60)
    close = client.post("/webhook/tv", json={"ticker": "GOOG", "action": "close"})
    pass_minutes(platform, 30)

    assert close.status_code == 202
    story = client.get(f"/api/signals/{signal}").json()
    assert (story["signal"]["stage"], story["trail"][-1]["facts"]["outcome"]) == ("finished", "closed")


def test_a_copy_is_answered_with_the_first(platform: Platform, client: TestClient) -> None:
    add(platform)
    first = client.post("/webhook/tv", json=BUY).json()

    again = client.post("/webhook/tv", json=BUY)

    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert again.json()["signal_id"] == first["signal_id"]


def test_what_is_not_understood_lists_each_problem_and_what_was_understood(
    platform: Platform, client: TestClient
) -> None:
    add(platform)

    answer = client.post("/webhook/tv", json={"ticker": "GOOG", "action": "sell", "interval": "7", "price": "x"})

    told = answer.json()
    assert answer.status_code == 400 and set(told) == {"code", "message", "advice", "details"}
    assert told["code"] == "signal_not_understood"
    problems = [(one["field"], one["code"]) for one in told["details"]["problems"]]
    assert problems == [("action", "ambiguous_sell"), ("interval", "unknown_word"), ("price", "not_a_number")]
    assert told["details"]["understood"] == {"symbol": "GOOG"}
    assert client.get("/api/signals").json()["total"] == 0


def test_a_rule_that_refuses_says_why_and_leaves_the_signal(platform: Platform, client: TestClient) -> None:
    add(platform)
    client.post("/webhook/tv", json=BUY)

    answer = client.post("/webhook/tv", json={**BUY, "interval": "15"})

    assert (answer.status_code, answer.json()["code"]) == (409, "signal_cooldown")
    signal = answer.json()["details"]["signal_id"]
    assert client.get("/api/signals?stage=refused").json()["items"][0]["id"] == signal


@pytest.mark.parametrize("header", ["X-Signature", "X-Webhook-Signature"])
@pytest.mark.parametrize("prefix", ["sha256=", ""])
def test_a_signed_message_is_believed(platform: Platform, client: TestClient, header: str, prefix: str) -> None:
    add(platform, "signed", SourceAuth.HMAC)
    body = json.dumps(BUY).encode()

    answer = client.post("/webhook/signed", content=body, headers={header: prefix + sign(body)})

    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "signature_missing"),
        ({"X-Signature": ""}, "signature_missing"),
        ({"X-Signature": "sha256=" + "0" * 64}, "signature_wrong"),
        ({"X-Signature": "sha256=" + sign(json.dumps(BUY).encode(), "another-secret-here")}, "signature_wrong"),
        ({"X-Signature": "sha256=" + sign(json.dumps(BUY, indent=1).encode())}, "signature_wrong"),
        ({"X-Signature": "sha1=" + "0" * 40}, "signature_wrong"),
    ],
)
def test_an_unproved_message_is_refused_and_leaves_nothing(
    platform: Platform, client: TestClient, headers: dict[str, str], code: str
) -> None:
    add(platform, "signed", SourceAuth.HMAC)

    answer = client.post("/webhook/signed", content=json.dumps(BUY).encode(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert client.get("/api/signals").json()["total"] == 0


def test_the_secret_in_the_body_proves_and_is_kept_nowhere(platform: Platform, client: TestClient) -> None:
    add(platform, "body", SourceAuth.BODY)

    wrong = client.post("/webhook/body", json={**BUY, "secret": SECRET + "x"})
    right = client.post("/webhook/body", json={**BUY, "secret": SECRET, "comment": f"it is {SECRET}"})
    text = client.post("/webhook/body", content=f"buy QQQ secret={SECRET}")
    unread = client.post("/webhook/body", json={"secret": SECRET, "action": SECRET})

    assert (wrong.status_code, wrong.json()["code"]) == (401, "secret_wrong")
    assert (right.status_code, text.status_code, unread.status_code) == (202, 202, 400)
    platform.engine.settle()
    pages = [client.get(path).text for path in ("/api/signals", "/api/signals/sources", "/signals")]
    assert not [said for said in (right.text, text.text, unread.text, *pages) if SECRET in said]
    database = platform.settings.home_folder.glob("thetaloom.db*")
    assert not [path for path in database if SECRET.encode() in path.read_bytes()]


def test_only_known_sources_and_addresses_may_send(platform: Platform, client: TestClient) -> None:
    add(platform, "far", addresses=("52.89.214.238", "10.0.0.0/8"))
    add(platform, "off", enabled=False)

    answers = [client.post(f"/webhook/{name}", json=BUY) for name in ("far", "off", "nobody", "../x", "a b")]

    assert [one.status_code for one in answers] == [403, 404, 404, 404, 404]
    assert answers[0].json()["code"] == "foreign_address"


def test_without_a_name_the_body_says_the_source_or_the_default_is_meant(
    platform: Platform, client: TestClient
) -> None:
    add(platform, "tv")
    before = client.post("/webhook", json=BUY)
    add(platform, "default", sell=SellMeaning.BEARISH)

    named = client.post("/webhook", json={**BUY, "source": "TV"})
    default = client.post("/webhook", content="SELL GOOG 1h")

    assert (before.status_code, named.status_code, default.status_code) == (404, 202, 202)
    listed = client.get("/api/signals").json()["items"]
    assert sorted((one["source"], one["direction"]) for one in listed) == [("default", "bearish"), ("tv", "bullish")]


def test_a_large_body_is_refused_unread(platform: Platform, client: TestClient) -> None:
    add(platform)

    answer = client.post("/webhook/tv", content=b"BUY GOOG " + b"x" * 65_536)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_the_pages_show_signals_and_escape_what_came(platform: Platform, client: TestClient) -> None:
    add(platform)
    empty = client.get("/signals")
    sent = {**BUY, "indicator": "ORB", "type": "<script>alert(1)</script>", "level": 740, "price": 750}
    signal = client.post("/webhook/tv", json=sent).json()["signal_id"]
    platform.engine.settle()

    listed, shown = client.get("/signals?symbol=goog&stage=started"), client.get(f"/signals/{signal}")

    assert "No signal yet" in empty.text and signal in listed.text
    assert (shown.status_code, client.get("/signals/none").status_code) == (200, 404)
    assert "&lt;script&gt;" in shown.text and "<script>alert" not in shown.text
    assert "Confidence" in shown.text and "no other source has spoken" in shown.text


def test_a_file_of_a_secret_is_its_owners_alone(platform: Platform) -> None:
    add(platform, "signed", SourceAuth.HMAC)

    path = platform.settings.home_folder / FOLDER / "signed.secret"

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_source_shows_how_often_it_was_right(platform: Platform, client: TestClient) -> None:
    add(platform, "tv", weighs_by_record=True)
    add(platform, "mtf")
    with platform.store.unit_of_work() as uow:
        for number in range(20):
            score = SignalScore(
                run_id=RunId(f"r{number}"),
                source="tv",
                user_id=platform.user_id,
                signal_id=SignalId("s"),
                stance=Stance.AGREES,
                is_own=number < 2,
                pnl=Money("12.50"),
                is_right=number < 15,
                judged_at=platform.clock.now(),
            )
            uow.signals.add_score(score)
        uow.commit()

    sources = {one["name"]: one for one in client.get("/api/signals/sources").json()}
    page = client.get("/signals").text

    assert sources["tv"]["weighs_by_record"] is True and sources["mtf"]["weighs_by_record"] is False
    assert sources["tv"]["record"] == {
        "judged": 20,
        "right": 15,
        "recent_judged": 20,
        "recent_right": 15,
        "lifetime": "0.7500",
        "recent": "0.7500",
        "credibility": "0.7500",
        "started": 2,
        "pnl": "25.00",
    }
    unknown = {name: entry for name, entry in sources["mtf"]["record"].items() if entry is None}
    assert set(unknown) == {"lifetime", "recent", "credibility"} and sources["mtf"]["record"]["judged"] == 0
    assert "75.0 % of 20" in page and "not judged" in page and "1.0 by record" in page
