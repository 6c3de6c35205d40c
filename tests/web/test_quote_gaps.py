"""The page of a position shows when there were no quotes, where that lies in its life, and why."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.book.line_gaps import LineGap
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.line_watch import keep_gap
from thetaloom.store.queries.quote_gaps import QuoteGap
from thetaloom.web.pages.gaps import ROWS_MAX, WIDTH, gaps_shown


@pytest.fixture
def position(platform: Platform, client: TestClient, proposal_id: str) -> Position:
    """A position held for a quarter of an hour."""
    client.post(f"/api/workflow/approve/{proposal_id}")
    pass_minutes(platform, 15)
    found = client.get("/api/positions", params={"open": True}).json()["items"][0]["id"]
    with platform.store.reading() as uow:
        held = uow.positions.get(PositionId(found))
    assert held is not None
    return held


def test_a_gap_stands_on_the_page_in_the_story_and_in_the_lineage(
    platform: Platform, browser: TestClient, position: Position
) -> None:
    assert "none so far" in browser.get(f"/runs/{position.run_id}").text
    began = position.opened_at + timedelta(minutes=2)
    gap = LineGap(
        connection="broker quotes",
        source="<b>broker</b>",
        began_at=began,
        ended_at=began + timedelta(seconds=75),
        reason="silent for 30 s",
    )
    keep_gap(platform.desk, position.run_id, gap, platform.clock.now())

    page = browser.get(f"/positions/{position.id}").text

    assert 'id="gaps"' in page
    assert "1 min 15 s" in page
    assert "silent for 30 s" in page
    assert "&lt;b&gt;broker&lt;/b&gt;" in page
    held = (platform.clock.now() - position.opened_at).total_seconds()
    x, width = map(float, re.findall(r'class="gap-mark" x="([\d.]+)" y="0" width="([\d.]+)"', page)[0])
    assert [x, width] == pytest.approx([600 * 120 / held, 600 * 75 / held], abs=0.1)
    step = re.search(rf"/runs/{position.run_id}/steps/\d+", page)
    assert step is not None
    assert "connection lost" in browser.get(step.group()).text
    assert "nothing was heard over broker quotes for 75 s" in browser.get(f"/runs/{position.run_id}/story").text
    assert "nothing was heard over broker quotes for 75 s" in page


def test_many_gaps_are_cut_to_the_newest_and_none_leaves_the_strip(position: Position) -> None:
    now = position.opened_at + timedelta(days=40)
    gaps = [
        QuoteGap(
            what="feed",
            source="x",
            began_at=position.opened_at + timedelta(hours=hours),
            ended_at=None if hours == 959 else position.opened_at + timedelta(hours=hours, seconds=1),
            reason="",
        )
        for hours in range(900, 960)
    ]

    shown = gaps_shown(position, gaps, now)

    assert shown is not None
    assert (len(shown.rows), shown.count) == (ROWS_MAX, 60)
    assert shown.rows[0].length == "no end told so far"
    assert shown.text == "60 times, 59 s in all, 1 with no end told so far"
    assert all(mark.x >= 0 and mark.x + mark.width <= WIDTH for mark in shown.marks)
    assert gaps_shown(position, [], now) is None
