"""The trading page while there is no proposal yet, or no longer only the one that is shown."""

from datetime import timedelta

from starlette.testclient import TestClient

from tests.web.conftest import DEMO
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import RejectProposal, StartRun
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.queries.proposals import list_proposals

ASKS_AGAIN = {"hx-request": "true", "hx-target": "looking"}


def started(platform: Platform) -> WorkflowRun:
    """A run that has begun and not found anything yet."""
    command = StartRun(user_id=platform.user_id, symbol="GOOG", strategy_id=StrategyId(DEMO))
    run = platform.engine.handle(command)
    assert isinstance(run, WorkflowRun)
    return run


def test_a_run_that_goes_on_is_shown_and_asked_after_until_it_has_come_to_something(
    platform: Platform, browser: TestClient
) -> None:
    run = started(platform)
    path = f"/trading/?run={run.id}"
    before, again = browser.get(path), browser.get(path, headers=ASKS_AGAIN)
    platform.engine.settle()
    told, after = browser.get(path, headers=ASKS_AGAIN), browser.get(path)

    assert "Looking for a trade on GOOG" in before.text and 'hx-trigger="every 2s' in before.text
    assert "hx-refresh" not in again.headers and "Looking for a trade" in again.text
    assert (told.headers["hx-refresh"], told.text) == ("true", "")
    assert 'id="approve"' in after.text and "Looking for a trade" not in after.text


def test_what_waits_is_shown_first_without_being_asked_for(platform: Platform, browser: TestClient) -> None:
    started(platform)
    platform.engine.settle()
    text, of_another = browser.get("/trading/").text, browser.get("/trading/?symbol=SPY").text

    assert 'id="approve"' in text and "A proposal waits" not in text
    assert 'id="approve"' not in of_another


def test_a_proposal_of_another_door_is_pointed_at_and_does_not_take_the_place_of_the_shown_one(
    platform: Platform, browser: TestClient
) -> None:
    started(platform)
    platform.engine.settle()
    (first,) = list_proposals(platform.database, platform.user_id).rows
    assert isinstance(platform.clock, VirtualClock)
    platform.engine.handle(
        RejectProposal(user_id=platform.user_id, by=platform.user_id, proposal_id=first.id, note="not now")
    )
    platform.clock.move_to(platform.clock.now() + timedelta(minutes=10))
    started(platform)
    platform.engine.settle()
    second = list_proposals(platform.database, platform.user_id).rows[0]
    text = browser.get(f"/trading/?proposal={first.id}").text
    of_the_second = browser.get(f"/trading/?proposal={second.id}").text

    assert second.id != first.id
    assert f'A proposal waits: <a href="/trading/?proposal={second.id}">' in text
    assert 'data-open="no"' in text and 'id="approve"' not in text
    assert "A proposal waits" not in of_the_second and 'data-open="yes"' in of_the_second


def test_a_proposal_whose_time_is_over_waits_no_more(platform: Platform, browser: TestClient) -> None:
    started(platform)
    platform.engine.settle()
    assert isinstance(platform.clock, VirtualClock)
    platform.clock.move_to(platform.clock.now() + timedelta(hours=2))

    assert 'id="approve"' not in browser.get("/trading/").text


def test_a_no_offers_another_try_and_what_may_be_entered(browser: TestClient) -> None:
    text = browser.post("/trading/proposals", data={"symbol": "GOOG", "strategy_id": "iron-condor-45dte"}).text

    assert 'name="strategy_id" value="iron-condor-45dte"' in text and "Try again with the quotes of now" in text
    assert 'href="/rank?symbol=GOOG"' in text
