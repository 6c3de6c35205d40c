"""Lineage over many runs as pages, and the report of a run as a file."""

import re
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import StepName


@pytest.fixture
def run_id(client: TestClient, proposal_id: str) -> str:
    """The id of a run that has come as far as its proposal."""
    return str(client.get("/api/workflow/pending").json()["items"][0]["run_id"])


def test_why_not_is_answered_with_the_runs_that_looked(browser: TestClient, run_id: str) -> None:
    page = browser.get("/lineage", params={"symbol": " goog ", "at": "2015-12-24T09:51", "minutes": "30"})

    assert page.status_code == 200
    assert "Why not GOOG?" in page.text
    assert f'<a href="/runs/{run_id}">run {run_id}</a>' in page.text


def test_where_nothing_looked_the_nearest_look_is_shown(browser: TestClient, run_id: str) -> None:
    page = browser.get("/lineage?symbol=GOOG&at=2015-12-23T10:31").text

    assert "Nothing looked at GOOG" in page
    assert "The look after" in page and f"run {run_id}" in page
    assert "Nothing did within 90 days" in browser.get("/lineage?symbol=ZZZZ").text


@pytest.mark.parametrize("query", ["at=noon", "at=0001-01-01T00:00", "at=9999-12-31T23:59", "minutes=-1", "minutes=x"])
def test_what_is_no_moment_is_said_to_be_none(browser: TestClient, query: str) -> None:
    assert browser.get(f"/lineage?symbol=GOOG&{query}").status_code == 422


def test_recent_executions_lead_to_their_runs_and_last_records(browser: TestClient, run_id: str) -> None:
    page = browser.get("/lineage").text

    assert f'<a href="/runs/{run_id}">' in page
    last = re.search(rf'/lineage/{run_id}/\d+">request_approval', page)
    assert last is not None
    assert browser.get(last.group().split('"')[0]).status_code == 200
    assert "No run fits" in browser.get("/lineage?strategy=nothing").text


def test_each_step_is_counted_and_one_is_shown_in_full(browser: TestClient, run_id: str) -> None:
    all_steps = browser.get("/lineage/steps").text
    one = browser.get("/lineage/steps", params={"step": "evaluate", "days": 1, "strategy": DEMO}).text

    assert all(f">{step.value}</a>" in all_steps for step in StepName)
    assert '<h2 id="one">evaluate</h2>' in one and "By strategy" in one
    assert "100.0%" in one


@pytest.mark.parametrize("query", ["days=0", "days=366", "days=x", "step=dance", "strategy=%00"])
def test_statistics_take_1_to_365_days_of_known_steps(browser: TestClient, query: str) -> None:
    assert browser.get(f"/lineage/steps?{query}").status_code == 422
