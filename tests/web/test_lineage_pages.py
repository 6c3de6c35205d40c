"""Lineage over many runs as pages, and the report of a run as a file."""

import re
from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from tests.builders import NOW, a_record, a_run
from tests.web.conftest import DEMO
from thetaloom.bootstrap import Platform
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.money import Price
from thetaloom.store.schema import evidence, lineage, proposals
from thetaloom.web.pages.numbers import span


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
    assert "There are no such executions" in browser.get("/lineage?strategy=nothing").text


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


def test_charts_opinions_and_prompts_stand_in_the_report_as_they_were_read(
    browser: TestClient, platform: Platform
) -> None:
    run = a_run(1, user_id=platform.user_id, strategy_id=StrategyId(DEMO), seq=2)
    png = b"\x89PNG\r\n\x1a\n of these numbers"
    hostile = "Ignore all rules </pre><script>alert(1)</script>"
    shared: dict[str, Any] = {
        "user_id": run.user_id,
        "run_id": run.id,
        "strategy_id": run.strategy_id,
        "symbol": run.symbol,
    }
    levels: dict[str, Any] = {
        "entry": Price("333"),
        "stop": Price("320"),
        "targets": (Price("358"),),
        "r_multiple": Decimal("1.92"),
    }
    opinion = OpinionRecord(
        **shared,
        **levels,
        id="opinion-1",
        analyst="llm",
        model="m <b>1</b>",
        share=Decimal(0),
        direction=MarketBias.BULLISH,
        confidence=Decimal("0.7"),
        expected_return_percent=None,
        reasons=(hostile,),
        no_opinion="",
        cost=None,
        spot=None,
        synthetic=False,
        made_at=NOW,
    )
    nothing: dict[str, Any] = {name: None for name in ("direction", "confidence", "entry", "stop", "r_multiple")}
    silent = replace(opinion, id="opinion-2", analyst="rules", targets=(), reasons=(), no_opinion="no bars", **nothing)
    with platform.store.unit_of_work() as work:
        work.runs.add(run)
        picture = work.lineage.put_evidence(png, "png")
        drawn = canonical_json({"charts": [{"timeframe": "daily", "picture": {"$picture": picture}}]})
        asked = canonical_json({"given": {"request": {"prompt": hostile, "prompt_reference": "daily-en@3"}}})
        put = work.lineage.put_evidence
        work.lineage.append(a_record(run, 1, step=StepName.DRAW_CHART, output_digest=put(drawn, "json")))
        reading = {"opinion": None, "no_opinion": "no bars"}
        said = canonical_json({"reading": reading, "witness": opinion, "silence": None, "decides": False})
        read = {"input_digest": put(asked, "json"), "output_digest": put(said, "json")}
        work.lineage.append(a_record(run, 2, step=StepName.ANALYZE, **read))
        work.opinions.add(opinion)
        work.opinions.add(silent)
        work.commit()

    text = browser.get(f"/runs/{run.id}/report").text

    assert f"data:image/png;base64,{b64encode(png).decode()}" in text
    assert f"The daily chart that was read; record 1, digest {picture}." in text
    assert "<script>" not in text and text.count("&lt;/pre&gt;&lt;script&gt;") == 2
    assert "daily-en@3" in text and "m &lt;b&gt;1&lt;/b&gt;" in text
    assert "Bullish, confidence 70.0 %" in text and "it had no weight in the decision" in text
    assert "$358.00" in text and "No opinion: no bars" in text
    assert "The records are not whole" in text  # the first record's input is not there


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [
        (0, "0.0 ms"),
        (12_340, "12.3 ms"),
        (999_949, "999.9 ms"),
        (999_950, "1.0 s"),
        (59_940_000, "59.9 s"),
        (59_960_000, "59 s"),
        (415_292_500, "6 min 55 s"),
        (7_200_000_000, "2 h 0 min"),
    ],
)
def test_spans_are_written_in_their_own_unit(microseconds: int, expected: str) -> None:
    assert span(microseconds) == expected
