"""The door of signals, by HTTP: each recorded form is taken, and each fault of a message is told for what it is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.test_signals_api import BUY, add, sign
from thetaloom.bootstrap import Platform
from thetaloom.config import Mode
from thetaloom.domain.run.signal_faults import Fault
from thetaloom.domain.run.signal_shapes import EVERY_SHAPE
from thetaloom.domain.run.signal_sources import SellMeaning, SourceAuth
from thetaloom.domain.values.ids import StrategyId
from thetaloom.web import webhooks

RECORDINGS = Path(__file__).parents[1] / "recordings" / "signals"
TOLD = {  # of each form: what it does, and what was understood of it
    "strat-engine": ("accepted", {"action": "open", "direction": "bullish", "confidence": "83.33", "timeframe": "15m"}),
    "saty-phase": ("accepted", {"action": "open", "direction": "bullish", "confidence": "72", "timeframe": "1h"}),
    "mtf-trend-dots": ("noted", {"action": "observe", "direction": "bullish"}),
    "ultimate-option": ("accepted", {"action": "open", "direction": "bullish", "confidence": "80.00"}),
    "orb-bhch": ("accepted", {"action": "open", "direction": "bullish", "price": "575.5", "level": "574.0"}),
    "context": ("noted", {"action": "observe", "symbol": "VIX"}),
    "tradingview": ("accepted", {"action": "open", "direction": "bullish", "price": "575.25", "timeframe": "5m"}),
    "text": ("accepted", {"action": "open", "direction": "bullish", "price": "575.20", "confidence": "80"}),
    "generic": ("accepted", {"action": "open", "direction": "bearish", "quantity": "2", "strike": "570"}),
}
# What is sent beside a good message, or alone, and the one fault that it has.
FAULTS: dict[Fault, list[bytes | dict[str, Any]]] = {
    Fault.EMPTY: [b"", b" \r\n", b"\xef\xbb\xbf"],
    Fault.NOT_TEXT: [
        b'{"ticker":"\xff\xfe"}', '{"a":1}'.encode("utf-16"), b'{"ticker":"\\ud800","action":"buy"}'
    ],
    Fault.NOT_JSON: [b'{"ticker":', b'{"a":1} x', b'{"a":NaN}', b'{"price":-Infinity}', b'{"a":"\x00"}', b"{'a':1}"],
    Fault.NOT_AN_OBJECT: [b"[1]", b'"BUY GOOG"', b"null", b"true", b"17", b"-1.5e3"],
    Fault.REPEATED_KEY: [b'{"ticker":"GOOG","ticker":"SPY"}', b'{"a":{"b":1,"B":1}}', b'{"aB":1,"a_b":1}'],
    Fault.TOO_DEEP: [b'{"a":' * 13 + b"1" + b"}" * 13, b"[" * 30_000, b'{"a":' * 10_000],
    Fault.TOO_MANY: [{f"k{number}": number for number in range(1001)}],
    Fault.MISSING: [{"ticker": None}, {"ticker": " "}, {"action": ""}, {"journal": {}, "signal": {"side": "LONG"}}],
    Fault.PLACEHOLDER: [{"ticker": "{{ticker}}"}, {"price": "{{close}}"}],
    Fault.CONFLICT: [{"symbol": "SPY"}, {"qty": 1, "size": 2}],
    Fault.UNKNOWN_WORD: [{"action": "shove"}, {"action": True}, {"interval": "7"}, {"interval": "1M"}, {"tif": 5}],
    Fault.WRONG_TYPE: [
        {"ticker": ["GOOG"]}, {"ticker": {"a": "GOOG"}}, {"action": {}}, {"id": []}, {"id": {"a": 1}}, {"price": [1]},
        {"stop": [1, 2]}, {"source": {"name": "tv"}}, {"strategy": {"id": 1}}, {"timestamp": [1]},
    ],
    Fault.NOT_AN_ID: [{"id": 1.5}, {"id": True}, {"id": "a\nb"}, {"id": "x" * 201}, {"alert_id": "\x00"}],
    Fault.NOT_A_NUMBER: [
        {"price": "x"}, {"price": "NaN"}, {"price": "Infinity"}, {"price": "١٢"}, {"price": "1_0"}, {"price": "1,5"},
        {"price": True}, {"strike": "0x10"}, {"sl": "-"}, {"vix": "high", "action": None},
        {"score": "strong", "action": None, "signal": {"action": "buy"}},
    ],
    Fault.OUT_OF_RANGE: [
        {"price": 0}, {"price": -1}, {"quantity": 1.5}, {"quantity": 10_001}, {"confidence": "101%"}, {"tp": -5},
        b'{"price":' + b"9" * 5000 + b"}", b'{"price":1e999999999}', {"vix": -5, "action": None},
        {"score": 11, "action": None, "signal": {"action": "buy"}},
        {"alignment_score": 101, "timeframes": {}, "action": None, "bias": "bullish"},
        {"journal": {}, "signal": {"side": "LONG", "confidence": 7}},
    ],
    Fault.NOT_A_SYMBOL: [
        {"ticker": 5}, {"ticker": "GO\x00OG"}, {"ticker": "NASDAQ:"}, {"ticker": "ＧＯＯＧ"}, {"ticker": "A B"},
    ],
    Fault.NOT_A_DATE: [{"expiration": "soon"}, {"expiry": "2026-13-01"}],
    Fault.EXPIRED: [{"expiration": "2015-12-23"}],
    Fault.NOT_A_TIME: [
        {"timestamp": "noon"}, {"timestamp": -5}, {"timestamp": False}, {"time": "0001-01-01T00:00+14:00"},
    ],
    Fault.NO_ZONE: [{"timestamp": "2015-12-24T14:50:30"}],
    Fault.AMBIGUOUS_SELL: [{"action": "sell"}, {"action": "S"}],
    Fault.AMBIGUOUS_SHORT: [{"action": "short", "type": "put"}],
    Fault.CONTRADICTION: [{"action": "short", "direction": "up"}],
    Fault.AMBIGUOUS_SCALE: [{"confidence": 0.8}, {"confidence": 8}],
    Fault.UNKNOWN_TEXT: [b"BUY symbol=GOOG now please"],
    Fault.STRATEGY_NOT_FOUND: [{"strategy": "nobody"}],
}  # fmt: skip
ELSEWHERE = {Fault.NO_STRATEGY, Fault.REPLAYABLE}  # of other sources; below
CASES = [(fault, sent) for fault, several in FAULTS.items() for sent in several]


def recorded(shape: str) -> bytes:
    """A recorded message, as if it had been sent on the day of the tests' market."""
    (path,) = RECORDINGS.glob(f"{shape}.*")
    text = re.sub(r"2026-01-05T15:\d\d:\d\d", "2015-12-24T14:50:30", path.read_text())
    return text.replace("1767627000", "1450968630").encode()


def codes(answer: Any) -> list[str]:
    """The codes of the problems that an answer lists."""
    return [one["code"] for one in answer.json()["details"]["problems"]]


def test_every_fault_has_a_message_that_has_it() -> None:
    assert set(FAULTS) | ELSEWHERE == set(Fault) and set(TOLD) == set(EVERY_SHAPE)


@pytest.mark.parametrize("shape", TOLD)
def test_each_form_comes_in_by_both_doors_as_one_signal(platform: Platform, client: TestClient, shape: str) -> None:
    body = recorded(shape)
    add(platform, "tv", SourceAuth.BODY if b"secret" in body else SourceAuth.UNSIGNED)
    platform.source_secrets.put("tv", "a-secret-of-tradingview")
    named = body + b" source=tv" if shape == "text" else json.dumps({**json.loads(body), "source": "tv"}).encode()

    first, again = client.post("/webhook/tv", content=body), client.post("/webhook", content=named)

    status, received = TOLD[shape]
    assert (first.status_code, first.json()["status"]) == (202, status), first.text
    assert first.json()["received"].items() >= received.items()
    assert (again.status_code, again.json()["signal_id"]) == (200, first.json()["signal_id"]), again.text
    shown = client.get(f"/api/signals/{first.json()['signal_id']}").json()
    assert (shown["signal"]["shape"], shown["signal"]["repeats"]) == (shape, 1)
    assert [one["stage"] for one in shown["trail"]] == ["received", status]


def test_each_fault_of_a_message_is_told_as_what_it_is_and_leaves_nothing(
    platform: Platform, client: TestClient
) -> None:
    add(platform)
    good = {"ticker": "GOOG", "action": "buy"}

    for fault, sent in CASES:
        body = sent if isinstance(sent, bytes) else json.dumps({**good, **sent}).encode()
        answer = client.post("/webhook/tv", content=body)

        assert (answer.status_code, codes(answer)) == (400, [fault.value]), (fault, sent, answer.text)
        told = answer.json()
        assert set(told) == {"code", "message", "advice", "details"}
        assert set(told["details"]) == {"status", "request_id", "problems", "understood", "ignored"}
        assert len(answer.content) < 3000
    assert client.get("/api/signals").json()["total"] == 0


def test_all_that_is_wrong_is_told_at_once_with_what_was_understood(platform: Platform, client: TestClient) -> None:
    add(platform)
    sent = {
        "ticker": 5,
        "action": "buy",
        "interval": [5],
        "price": "x",
        "quantity": 0,
        "tif": "soon",
        "id": 2.5,
        "tf": 5,
    }

    answer = client.post("/webhook/tv", json=sent)

    listed = {one["field"]: one["code"] for one in answer.json()["details"]["problems"]}
    assert listed == {
        "ticker": "not_a_symbol",
        "interval": "wrong_type",
        "price": "not_a_number",
        "quantity": "out_of_range",
        "tif": "unknown_word",
        "id": "not_an_id",
    }
    assert answer.json()["details"]["understood"] == {"action": "open", "direction": "bullish"}


def test_what_only_other_sources_can_be_told(platform: Platform, client: TestClient) -> None:
    add(platform, "bare", strategy_id=None)
    add(platform, "signed", SourceAuth.HMAC)
    body = json.dumps({"ticker": "GOOG", "action": "buy"}).encode()

    unnamed = client.post("/webhook/bare", content=body)
    signed = client.post("/webhook/signed", content=body, headers={"X-Signature": sign(body)})

    assert (codes(unnamed), codes(signed)) == ([Fault.NO_STRATEGY], [Fault.REPLAYABLE])


def test_a_mapped_object_is_read_and_no_fault(platform: Platform, client: TestClient) -> None:
    add(platform, mapping={"strategy.order_action": "action", "bar.close": "price"})

    answer = client.post(
        "/webhook/tv", json={"ticker": "GOOG", "strategy": {"order_action": "buy"}, "bar": {"close": 7}}
    )

    assert answer.status_code == 202, answer.text
    assert answer.json()["received"]["price"] == "7"


@pytest.mark.parametrize("ticker", ["NASDAQ:GOOG", "goog", "GOOG.US", "CBOE_DLY:GOOG", " GOOG "])
def test_a_symbol_may_carry_its_exchange(platform: Platform, client: TestClient, ticker: str) -> None:
    add(platform)

    assert client.post("/webhook/tv", json={**BUY, "ticker": ticker}).json()["received"]["symbol"] == "GOOG"


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", "x/y", ""]
)
def test_the_type_that_a_sender_claims_makes_no_difference(
    platform: Platform, client: TestClient, content_type: str
) -> None:
    add(platform)

    answer = client.post("/webhook/tv", content=json.dumps(BUY), headers={"content-type": content_type})

    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("name", ["TV", "x" * 300, "%00", "tv%00", "%2e%2e", "a%2fb", "ß", "' OR 1=1 --"])
def test_a_name_that_no_source_can_have_is_not_found(platform: Platform, client: TestClient, name: str) -> None:
    add(platform)

    answer = client.post(f"/webhook/{name}", json=BUY)

    assert answer.status_code == 404 and answer.json()["code"] in ("unknown_source", "not_found")


def test_a_secret_that_is_missing_here_believes_nobody(platform: Platform, client: TestClient) -> None:
    add(platform, "signed", SourceAuth.HMAC)
    (platform.source_secrets.folder / "signed.secret").unlink()

    answer = client.post("/webhook/signed", json=BUY, headers={"X-Signature": sign(b"", "")})

    assert (answer.status_code, answer.json()["code"]) == (401, webhooks.NO_SECRET.code)


def test_an_unsigned_source_is_not_taken_in_live_mode(platform: Platform) -> None:
    add(platform)
    with platform.store.reading() as uow:
        source = uow.signals.source(platform.user_id, "tv")
    assert source is not None

    assert webhooks.prove(source, None, b"{}", {}, None, Mode.LIVE) == webhooks.UNSIGNED_LIVE


def test_a_replayed_message_is_a_copy_within_its_window_and_too_old_after_it(
    platform: Platform, client: TestClient
) -> None:
    add(platform, "signed", SourceAuth.HMAC, cooldown_seconds=0)
    body = json.dumps(BUY).encode()
    late = json.dumps({**BUY, "interval": "15", "timestamp": "2015-12-24T14:45:59Z"}).encode()

    sent = [(one, {"X-Signature": sign(one)}) for one in (body, body, late)]
    answers = [client.post("/webhook/signed", content=one, headers=headers) for one, headers in sent]

    assert [one.status_code for one in answers] == [202, 200, 409], answers[2].text
    assert answers[2].json()["code"] == "signal_too_old"


def test_a_queued_signal_says_when_it_is_due(platform: Platform, client: TestClient) -> None:
    add(platform, queues=True, sell=SellMeaning.BEARISH, strategy_id=StrategyId("goog-demo-put-credit-spread"))
    clock: Any = platform.clock
    clock.move_to(clock.now().replace(hour=20))  # of a half-day

    answer = client.post("/webhook/tv", json={"ticker": "GOOG", "action": "buy", "confidence": "80%"})

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.json()["due_at"] == "2015-12-28T14:30:00Z"
    assert client.get("/api/signals?stage=queued").json()["total"] == 1
