"""Prompts over REST and as pages: written, tried, compared and taken out, and never a way to run anything."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.domain.run.test_track_record import judged
from tests.web.conftest import DEMO
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import WorkflowRun

HOSTILE = "<script>alert(1)</script>"
TEXT = "{{ symbol }} stands at {{ current_price | round_decimal }}"


def a_wish(**changes: Any) -> dict[str, Any]:
    return {"id": "daily-mine", "text": TEXT, **changes}


def test_the_shipped_templates_are_there_in_both_languages(client: TestClient) -> None:
    every = client.get("/api/prompts").json()
    chinese = client.get("/api/prompts", params={"language": "zh", "kind": "system"}).json()

    assert every["total"] == 8 and all(one["is_default"] for one in every["items"])
    assert [one["id"] for one in chinese["items"]] == ["system-zh"]


def test_a_template_gets_versions_and_keeps_what_is_not_named(client: TestClient) -> None:
    made = client.post("/api/prompts", json=a_wish(name="Mine", tags=["a"], strategy_id=DEMO))
    same = client.put("/api/prompts/daily-mine", json={"text": TEXT})
    changed = client.put("/api/prompts/daily-mine", json={"text": TEXT + "."})

    assert made.status_code == 201 and made.headers["location"] == "/api/prompts/daily-mine"
    assert (same.json()["version"], changed.json()["version"]) == (1, 2)
    assert changed.json()["name"] == "Mine" and changed.json()["strategy_id"] == DEMO
    assert [one["text"] for one in changed.json()["versions"]] == [TEXT, TEXT + "."]
    assert client.get("/api/prompts/daily-mine@1").json()["text"] == TEXT
    assert client.post("/api/prompts", json=a_wish()).json()["code"] == "prompt_exists"


def test_a_template_of_one_strategy_can_be_made_to_serve_all(client: TestClient) -> None:
    client.post("/api/prompts", json=a_wish(strategy_id=DEMO))

    kept = client.put("/api/prompts/daily-mine", json={"text": TEXT}).json()
    freed = client.put("/api/prompts/daily-mine", json={"text": TEXT, "strategy_id": None, "name": None}).json()

    assert (kept["strategy_id"], freed["strategy_id"], freed["name"]) == (DEMO, None, "daily-mine")


def test_a_new_default_takes_the_place_of_the_one_before(client: TestClient) -> None:
    client.post("/api/prompts", json=a_wish(is_default=True))

    defaults = [one["id"] for one in client.get("/api/prompts").json()["items"] if one["is_default"]]

    assert "daily-mine" in defaults and "daily-en" not in defaults and "daily-zh" in defaults


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"text": "{{ symbol.__class__ }}"}, "line 1: __class__ cannot be reached"),
    ({"text": "a\n{{ cycler() }}"}, "line 2: a call is not allowed in a prompt"),
    ({"text": "{{ account_password }}"}, "the template reads account_password, which nothing supplies"),
    ({"text": "{% for"}, "line 1:"),
    ({"id": "Ā"}, "id: lower-case letters, digits and dashes"),
    ({"id": "Daily Mine"}, "id: lower-case letters, digits and dashes"),
    *(
        ({"id": word}, "id: any but compare, names,")
        for word in ("compare", "names", "performance", "render", "scores", "spent", "validate")
    ),
    ({"is_default": True, "strategy_id": DEMO}, "is_default: a default serves all strategies"),
    ({"tags": ["two words"]}, "tags: "),
)


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_what_is_wrong_with_a_template_is_said(client: TestClient, changes: dict[str, Any], message: str) -> None:
    answer = client.post("/api/prompts", json=a_wish(**changes))

    assert answer.status_code == 422 and answer.json()["message"].startswith(message)
    assert client.get("/api/prompts").json()["total"] == 8


def test_a_template_of_an_unknown_strategy_is_not_stored(client: TestClient) -> None:
    assert client.post("/api/prompts", json=a_wish(strategy_id="nobody")).status_code == 404


def test_templates_are_filled_in_without_being_stored(client: TestClient) -> None:
    shown = client.post("/api/prompts/render", json={"text": TEXT}).json()
    lacks = client.post(
        "/api/prompts/render", json={"text": "{{ symbol }} {{ atr }}", "values": {"symbol": "SPY"}}
    ).json()
    strict = client.post("/api/prompts/render", json={"text": "{{ atr }}", "values": {}, "strict": True})
    stored = client.post("/api/prompts/daily-en/render").json()

    assert shown["text"] == "XYZ stands at 182.40" and shown["reads"] == ["current_price", "symbol"]
    assert lacks["text"] == "SPY (unknown)" and lacks["missing"] == ["atr"]
    assert strict.status_code == 422
    assert stored["reference"] == "daily-en@1" and stored["missing"] == []
    assert client.post("/api/prompts/validate", json={"text": "{{ x }}"}).json()["valid"] is False
    assert client.post("/api/prompts/validate", json={"text": TEXT}).json() == {
        "valid": True,
        "error": "",
        "reads": ["current_price", "symbol"],
    }


def test_two_versions_are_compared(client: TestClient) -> None:
    client.post("/api/prompts", json=a_wish())
    client.put("/api/prompts/daily-mine", json={"text": TEXT + "!"})

    found = client.get("/api/prompts/compare", params={"one": "daily-mine@1", "other": "daily-mine"}).json()

    assert found["difference"][-2:] == [f"-{TEXT}", f"+{TEXT}!"]
    assert client.get("/api/prompts/compare", params={"one": "daily-mine@9", "other": "daily-mine"}).status_code == 404


def test_a_template_that_is_taken_out_keeps_its_versions(client: TestClient, platform: Platform) -> None:
    client.post("/api/prompts", json=a_wish())

    assert client.delete("/api/prompts/daily-mine").status_code == 204
    assert client.get("/api/prompts/daily-mine").status_code == 404
    again = client.post("/api/prompts", json=a_wish(text="{{ symbol }}"))
    assert again.json()["version"] == 2


def scored(platform: Platform, client: TestClient) -> None:
    client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    with platform.store.unit_of_work() as uow:
        found = client.get("/api/workflow/list").json()["items"][0]["id"]
        run = uow.runs.get(found)
        assert isinstance(run, WorkflowRun)
        for one in judged(60, right=0.7, confidence="0.7"):
            uow.scores.add(
                replace(one, run_id=run.id, user_id=platform.user_id, made_at=platform.clock.now(), prompt="daily-en@1")
            )
        uow.commit()


def test_the_record_of_a_prompt_is_told_with_its_intervals(client: TestClient, platform: Platform) -> None:
    scored(platform, client)

    (found,) = client.get("/api/prompts/performance", params={"prompt": "daily-en"}).json()
    scores = client.get("/api/prompts/scores", params={"limit": 5}).json()

    assert (found["prompt"], found["judged"]) == ("daily-en@1", 60)
    assert (
        Decimal(found["hit_rate"]["low"]) < Decimal(found["hit_rate"]["estimate"]) < Decimal(found["hit_rate"]["high"])
    )
    assert client.get("/api/prompts/performance", params={"prompt": "daily-zh"}).json() == []
    assert scores["total"] == 60 and scores["items"][0]["direction"] in ("bullish", "bearish")
    assert client.get("/api/prompts/spent").json()["calls"] == 0


def test_the_pages_show_templates_and_records_and_keep_text_as_text(
    browser: TestClient, client: TestClient, platform: Platform
) -> None:
    scored(platform, client)
    sent = browser.post("/prompts", data={"id": "daily-mine", "text": f"{HOSTILE}\r\n{TEXT}", "kind": "analysis"})
    page = browser.get("/prompts/daily-mine").text
    changed = browser.post("/prompts/daily-mine", data={"text": TEXT, "active": "true"})
    both = browser.get("/prompts/compare?one=daily-mine@1&other=daily-mine").text
    every = browser.get("/prompts").text

    assert sent.status_code == 200 and changed.status_code == 200 and "The prompt is saved." not in page
    assert HOSTILE not in page and "&lt;script&gt;" in page and "XYZ stands at 182.40" in page
    assert "<del>-&lt;script&gt;" in both
    assert "daily-mine" in every and "Edge over always bullish" in every and "60 of 60" in every
    assert browser.get("/prompts/daily-mine@1").status_code == 200
    assert browser.post("/prompts/daily-mine/removal").status_code == 200
    assert browser.get("/prompts/daily-mine").status_code == 404


def test_the_page_shows_bias_calibration_and_the_weight_beside_the_edge(
    browser: TestClient, client: TestClient, platform: Platform
) -> None:
    scored(platform, client)
    page = browser.get("/prompts").text

    assert "Bullish bias" in page and "Calibration of llm with m, daily-en@1" in page
    assert page.count('class="calibration-dot"') == 1  # all said 70 %
    assert (
        "said 70.0\u00a0%, came true 68.3\u00a0% (55.8 to 78.7) of 60" in page
        and "skill over the plain base rate" in page
    )
    assert "No strategy asks a language model." in page

    document = client.get(f"/api/strategies/{DEMO}").json()["strategy"]
    document["analysis"] = {"analyst": "llm"}
    assert client.put(f"/api/strategies/{DEMO}", json=document).status_code == 200
    assert f"{DEMO}</a>: 0, a witness that decides nothing" in browser.get("/prompts").text
    document["analysis"]["weight"] = 0.3
    assert client.put(f"/api/strategies/{DEMO}", json=document).status_code == 200
    assert f"{DEMO}</a>: 0.3, its opinion decides with that share" in browser.get("/prompts").text


def test_a_new_template_never_writes_over_one_there_is(browser: TestClient, client: TestClient) -> None:
    answer = browser.post("/prompts", data={"id": "daily-en", "text": "x", "kind": "analysis"})

    kept = client.get("/api/prompts/daily-en").json()
    assert answer.status_code == 409 and "there is a prompt daily-en already" in answer.text
    assert kept["version"] == 1 and kept["is_default"]


def test_a_page_with_a_wrong_template_says_what_is_wrong(browser: TestClient) -> None:
    answer = browser.post("/prompts", data={"id": "mine", "text": "{{ ''.__class__ }}", "kind": "analysis"})

    assert answer.status_code == 422 and "cannot be reached" in answer.text
