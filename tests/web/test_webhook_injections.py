"""Three hundred hostile texts through the webhook: no order, no page and no line of the log is another for them."""

import json
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from tests.web.test_signals_api import add
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.signal_sources import SourceAuth
from thetaloom.testing.injections import INJECTIONS

BATCH = 75
GOOD = {"ticker": "GOOG", "action": "buy"}
ORDER = (
    "symbol",
    "strategy_id",
    "quantity",
    "legs",
    "limit_price",
    "limit_floor",
    "max_loss",
    "max_profit",
    "net_delta",
)
HARMLESS = "a harmless text"


class Outline(HTMLParser):
    """The elements of a page with the names of their attributes, without its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(" ".join([tag, *(name for name, _ in attrs)]))


def observed(text: str, number: int) -> dict[str, object]:
    """A message of an indicator that is kept as evidence, with a text wherever it may carry one."""
    return {
        "indicator": "ORB",
        "action": "observe",
        "direction": "bullish",
        "symbol": "GOOG",
        "type": text,
        "body_size": text,
        "emas": {"news": text},
        "id": f"observed {number}",
        "comment": text,
        "template": text,
    }


@pytest.mark.parametrize("first", range(0, 300, BATCH))
def test_no_text_is_taken_for_a_field(
    platform: Platform, client: TestClient, capfd: pytest.CaptureFixture[str], first: int
) -> None:
    add(platform, "tv", SourceAuth.UNSIGNED, cooldown_seconds=0)
    capfd.readouterr()

    for text in INJECTIONS[first : first + BATCH]:
        for field in ("ticker", "strategy", "action", "interval", "price"):
            answer = client.post("/webhook/tv", content=json.dumps({**GOOD, field: text}).encode())
            assert answer.status_code == 400, (field, text, answer.text)

    platform.engine.settle()
    assert client.get("/api/signals").json()["total"] == client.get("/api/workflow/list").json()["total"] == 0
    lines = capfd.readouterr().err
    assert not [text for text in INJECTIONS if len(text) > 8 and text in lines]


@pytest.mark.parametrize("first", range(0, 300, BATCH))
def test_no_text_alters_a_page(platform: Platform, client: TestClient, first: int) -> None:
    add(platform, "tv", SourceAuth.UNSIGNED, cooldown_seconds=0)
    plain = client.post("/webhook/tv", json=observed(HARMLESS, -1)).json()["signal_id"]
    wanted = Outline(client.get(f"/signals/{plain}").text).elements
    assert HARMLESS in client.get(f"/signals/{plain}").text and len(wanted) > 20

    for number, text in enumerate(INJECTIONS[first : first + BATCH]):
        answer = client.post("/webhook/tv", content=json.dumps(observed(text or HARMLESS, number)).encode())
        told = answer.json()
        if answer.status_code == 400:  # broken letters and unfilled placeholders are told, and kept nowhere
            assert told["code"] == "signal_not_understood"
            continue
        page = client.get(f"/signals/{told['signal_id']}")
        assert (page.status_code, Outline(page.text).elements) == (200, wanted), text

    listed = client.get("/signals").text
    assert not [text for text in INJECTIONS if "<" in text and text in listed]


def test_no_text_beside_a_signal_alters_its_order(platform: Platform, client: TestClient) -> None:
    add(platform, "tv", SourceAuth.UNSIGNED, cooldown_seconds=0)
    proposals = []

    for extra in ({}, {f"comment {number}": text for number, text in enumerate(INJECTIONS)}):
        more = {"comment": INJECTIONS[0], "news": INJECTIONS[1], "template": INJECTIONS[2], **extra} if extra else {}
        answer = client.post(
            "/webhook/tv", content=json.dumps({**GOOD, "interval": "1h" if extra else "5m", **more}).encode()
        )
        assert answer.status_code == 202, answer.text
        platform.engine.settle()
        (proposal,) = client.get("/api/workflow/pending").json()["items"]
        proposals.append({name: proposal[name] for name in ORDER if name in proposal})
        assert client.post(f"/api/workflow/reject/{proposal['id']}", json={"reason": "enough"}).status_code == 200
        platform.engine.settle()

    assert proposals[0] == proposals[1] and len(proposals[0]) > 4
