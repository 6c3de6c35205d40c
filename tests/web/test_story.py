"""The ten views of lineage: each step by the view of its kind, each value from the evidence, and the proof."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.ids import RunId
from thetaloom.store.queries.lineage import StepRecord
from thetaloom.store.queries.run_evidence import run_evidence
from thetaloom.store.schema import evidence, lineage
from thetaloom.web.pages.market_step_views import given_of
from thetaloom.web.pages.shown import decimal_of, json_tokens, risk_reward
from thetaloom.web.pages.step_views import order_of, strategy_in, view_of

KINDS = {
    StepName.TRIGGER: "strategy",
    StepName.RESOLVE_SYMBOL: "market",
    StepName.FETCH_MARKET: "market",
    StepName.COMPUTE_INDICATORS: "indicators",
    StepName.SELECT_STRUCTURE: "structure",
    StepName.EVALUATE: "signal",
    StepName.CHECK_RISK: "risk",
    StepName.REQUEST_APPROVAL: "proposal",
    StepName.SUBMIT_ORDER: "order",
    StepName.MANAGE_POSITION: "portfolio",
    StepName.CLOSE_POSITION: "order",
}


@pytest.fixture
def traded(platform: Platform, client: TestClient, proposal_id: str) -> str:
    """The id of a run that was approved, filled, closed by hand and completed."""
    run = str(client.get("/api/workflow/pending").json()["items"][0]["run_id"])
    assert client.post(f"/api/workflow/approve/{proposal_id}").status_code == 200
    pass_minutes(platform, 20)
    held = client.get("/api/positions").json()["items"]
    assert client.post(f"/api/positions/{held[0]['id']}/close").status_code == 200
    pass_minutes(platform, 20)
    return run


def leaves(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for name, entry in content.items():
            yield repr(name)
            yield from leaves(entry)
    elif isinstance(content, list):
        for entry in content:
            yield from leaves(entry)
    else:
        yield repr(content)


def test_each_step_of_a_traded_run_has_its_own_view_and_shows_only_what_was_recorded(
    platform: Platform, browser: TestClient, traded: str
) -> None:
    found = run_evidence(platform.database, platform.user_id, RunId(traded))
    steps: list[StepRecord] = list(found.steps.values())
    recorded = {leaf for one in steps for side in (one.input, one.output) if side for leaf in leaves(side.content)}
    seen = set()

    for one in steps:
        walk = [other for other in steps if order_of(other) == order_of(one)]
        shown = view_of(one, strategy_in(steps), walk)
        page = browser.get(f"/runs/{traded}/steps/{one.record.seq}")

        seen.add(one.record.step)
        assert shown.kind == KINDS[one.record.step], one.record
        assert page.status_code == 200 and f"step-{shown.kind}" in page.text
        for fact in shown.every_fact():
            parts = fact.raw if isinstance(fact.raw, list) else [fact.raw]
            assert all(repr(part) in recorded or part in {None, ""} for part in parts), fact
        assert all(decimal_of(card.raw) is None or card.text in page.text.replace("&#39;", "'") for card in shown.cards)
    assert seen == set(KINDS)
    assert browser.get(f"/runs/{traded}/steps/{len(steps) + 99}").status_code == 404
    assert browser.get(f"/runs/{traded}/steps/0").status_code == 422


def test_the_story_joins_all_steps_and_proves_them(platform: Platform, browser: TestClient, traded: str) -> None:
    page = browser.get(f"/runs/{traded}/story").text
    verified = browser.post(f"/runs/{traded}/story/verification").text
    replayed = browser.post(f"/runs/{traded}/story/replay").text

    assert all(
        f">{title}</b>" in page for title in ("Start", "Read the market", "Evaluate", "Place the order", "Close")
    )
    assert "out</span> GOOG: Alphabet" in page and f'href="/runs/{traded}/steps/1"' in page
    assert "The chain is intact" in verified and "Equal to the byte" in replayed


def test_a_strategy_and_then_one_of_its_runs_is_chosen(browser: TestClient, proposal_id: str) -> None:
    page = browser.get("/lineage/story", params={"strategy": DEMO}).text

    assert "GOOG 2015-12-24" in page
    run = page.partition('<option value="run-')[2].partition('"')[0]
    told = browser.get("/lineage/story", params={"run": f"run-{run}"}, follow_redirects=False)
    assert told.status_code == 303 and told.headers["location"] == f"/runs/run-{run}/story"
    assert "has no run yet" in browser.get("/lineage/story", params={"strategy": "nobody"}).text
    assert browser.get("/runs/nobody/story").status_code == 404


def test_a_broken_chain_is_said_to_be_broken_and_its_step_shown_as_it_is(
    platform: Platform, browser: TestClient, client: TestClient, proposal_id: str
) -> None:
    run = client.get("/api/workflow/pending").json()["items"][0]["run_id"]
    with platform.database.begin() as connection:
        wanted = select(lineage.c.output_digest).where(lineage.c.run_id == run, lineage.c.step == StepName.EVALUATE)
        digest, hostile = connection.scalar(wanted), b'{"<script>": "<img src=x>"}'
        altered = update(evidence).where(evidence.c.digest == digest)
        connection.execute(altered.values(content=hostile, is_compressed=False))
        connection.execute(update(lineage).where(lineage.c.seq == 2).values(status=StepStatus.FAILED, error="<b>no"))

    story, verified = browser.get(f"/runs/{run}/story"), browser.post(f"/runs/{run}/story/verification").text
    failed = browser.get(f"/runs/{run}/steps/2").text

    assert story.status_code == 200 and "What it decided is gone" in story.text
    assert "The chain is not intact" in verified
    assert "step-generic" in failed and "&lt;b&gt;no" in failed and "<b>no" not in failed


def test_a_step_without_what_its_view_needs_is_shown_as_it_was_recorded(
    platform: Platform, client: TestClient, proposal_id: str
) -> None:
    run = client.get("/api/workflow/pending").json()["items"][0]["run_id"]
    steps = list(run_evidence(platform.database, platform.user_id, RunId(run)).steps.values())

    for one in steps:
        bare = StepRecord(record=one.record, input=one.input, output=None)
        assert view_of(bare).kind in {"generic", "strategy"}
        assert given_of(bare) == given_of(one)


def test_reward_is_held_against_risk_only_where_both_are_known() -> None:
    found = risk_reward(decimal_of("885"), decimal_of("115"))

    assert found is not None and found.text == "0.13 gained for each 1 at risk"
    assert found.risk_width + found.reward_width == 200 and found.risk_width == 177
    assert risk_reward(None, decimal_of("115")) is None
    assert risk_reward(decimal_of("0"), decimal_of("1")) is None
    assert decimal_of("NaN") is None and decimal_of(True) is None


def test_colored_json_is_the_same_text() -> None:
    text = json.dumps({"a": [1, -2.5e3, True, None, 'q"\\', "é: 1"], "b": {"c": "x"}}, indent=2, ensure_ascii=False)
    tokens = json_tokens(text)

    assert "".join(piece for _, piece in tokens) == text
    assert ("key", '"a"') in tokens and ("number", "-2500.0") in tokens and ("word", "true") in tokens
