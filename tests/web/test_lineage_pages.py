"""Lineage over many runs as pages, and the report of a run as a file."""

import re
from html.parser import HTMLParser

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from tests.web.conftest import DEMO
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.store.schema import evidence, lineage, proposals


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


class Loads(HTMLParser):
    """Collects every address that a browser would ask for, and every element there is."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.elements: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, address in attrs:
            if name in {"src", "srcset", "href", "action", "data", "poster", "style"} and address is not None:
                self.asked.append(address)


def test_the_report_is_one_file_that_asks_for_nothing(browser: TestClient, run_id: str) -> None:
    answer = browser.get(f"/runs/{run_id}/report")
    over_rest = browser.get(f"/api/lineage/execution/{run_id}/report")
    loads = Loads()
    loads.feed(answer.text)

    assert over_rest.text == answer.text
    assert browser.get("/api/lineage/execution/none/report").status_code == 404
    assert answer.headers["content-disposition"] == f'attachment; filename="{run_id}.html"'
    assert [one for one in loads.asked if not one.startswith(("#record-", "data:image/png;base64,"))] == []
    assert not loads.elements & {"script", "link", "iframe", "object", "form", "base"}
    assert "url(" not in answer.text and "@import" not in answer.text
    assert "default-src &#39;none&#39;" in answer.text or "default-src 'none'" in answer.text


def test_every_source_of_a_number_is_a_record_of_the_report(browser: TestClient, run_id: str) -> None:
    text = browser.get(f"/runs/{run_id}/report").text

    named, there = set(re.findall(r'href="#(record-\d+)"', text)), set(re.findall(r'<tr id="(record-\d+)"', text))
    assert named and named <= there
    assert "nothing changed, missing, added or out of order" in text


def test_hostile_text_stays_text(browser: TestClient, platform: Platform, run_id: str, proposal_id: str) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'
    with platform.database.begin() as connection:
        connection.execute(update(proposals).values(reasons=(hostile,), decision_note=hostile, decided_by=hostile))
        connection.execute(update(proposals).values(structure_name=hostile, decided_at=platform.clock.now()))
        connection.execute(update(lineage).where(lineage.c.seq == 2).values(status=StepStatus.FAILED, error=hostile))

    text = browser.get(f"/runs/{run_id}/report").text
    loads = Loads()
    loads.feed(text)

    assert text.count("&lt;script&gt;alert(1)") >= 4
    assert "script" not in loads.elements and "x" not in loads.asked
    assert "{{ 7 * 7 }}" in text


def test_a_report_of_altered_evidence_is_written_and_says_so(
    browser: TestClient, platform: Platform, run_id: str
) -> None:
    with platform.database.begin() as connection:
        digest = connection.scalar(
            select(lineage.c.output_digest).where(lineage.c.run_id == run_id, lineage.c.step == StepName.EVALUATE)
        )
        connection.execute(
            update(evidence).where(evidence.c.digest == digest).values(content=b"{}", is_compressed=False)
        )

    answer = browser.get(f"/runs/{run_id}/report")

    assert answer.status_code == 200
    assert "The records are not whole" in answer.text
    assert "is gone or was altered" in answer.text
    assert browser.get("/lineage?symbol=GOOG&at=2015-12-24T09:51").status_code == 200
