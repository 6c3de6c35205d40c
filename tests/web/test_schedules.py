"""Schedules, scans, watchlists and symbols over REST and as pages."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, START
from thetaloom.bootstrap import Platform
from thetaloom.marketdata.clocks import VirtualClock

HOSTILE = "<script>alert(1)</script>"


def move(platform: Platform, at: datetime) -> None:
    """Let the clock pass from one due instant to the next."""
    assert isinstance(platform.clock, VirtualClock)
    platform.engine.settle()
    while (due := platform.engine.next_at) is not None and platform.clock.now() < due < at:
        platform.clock.move_to(due)
        platform.engine.settle()
    platform.clock.move_to(at)
    platform.engine.settle()


def added(client: TestClient, **changes: Any) -> dict[str, Any]:
    """A schedule every five minutes."""
    asked = {"strategy_id": DEMO, "symbols": ["GOOG"], "cron": "*/5 * * * *"} | changes
    answer = client.post("/api/schedules", json=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_schedule_is_added_fires_and_tells(platform: Platform, client: TestClient) -> None:
    schedule = added(client)
    assert schedule["next_due_at"] == "2015-12-24T14:55:00Z"
    upcoming = client.get(f"/api/schedules/{schedule['id']}/next").json()
    assert [at[11:16] for at in upcoming["due"]] == ["14:55", "15:00", "15:05", "15:10", "15:15"]

    move(platform, START + timedelta(minutes=5))

    (fired,) = client.get("/api/schedules/firings", params={"schedule": schedule["id"]}).json()["items"]
    assert (fired["status"], fired["late_seconds"], len(fired["run_ids"])) == ("done", 0.0, 1)
    run = client.get(f"/api/workflow/status/{fired['run_ids'][0]}").json()
    assert run["run"]["trigger"] == "schedule" if "run" in run else run["trigger"] == "schedule"
    listed = client.get("/api/schedules").json()
    assert listed["total"] == 1 and listed["looked_at"] is not None
    assert listed["items"][0]["last_due_at"] == "2015-12-24T14:55:00Z"


def test_the_early_close_of_the_day_ends_the_schedule_until_the_next_session(client: TestClient) -> None:
    schedule = added(client, cron="0 11-15 * * *")

    upcoming = client.get(f"/api/schedules/{schedule['id']}/next", params={"count": 3}).json()

    assert upcoming["due"] == ["2015-12-24T16:00:00Z", "2015-12-24T17:00:00Z", "2015-12-28T16:00:00Z"]
    whys = [one["why"] for one in upcoming["passed_over"]]
    assert whys == ["after the early close", "no session: weekend or holiday"]


def test_a_schedule_is_paused_resumed_and_removed(client: TestClient) -> None:
    at = f"/api/schedules/{added(client)['id']}"

    assert client.post(f"{at}/pause").json()["next_due_at"] is None
    assert client.get(f"{at}/next").json()["due"] == []
    assert client.post(f"{at}/resume").json()["paused_at"] is None
    assert client.delete(at).status_code == 200
    assert client.get(at).status_code == 404
    assert client.delete(at).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"cron": "99 * * * *"}, 422),
        ({"cron": "0 3 * * *"}, 422),
        ({"zone": "Nowhere"}, 422),
        ({"symbols": []}, 422),
        ({"symbols": ["GOOG"], "watchlist": "liquid"}, 422),
        ({"strategy_id": "nope"}, 404),
        ({"symbols": [], "watchlist": "nope"}, 404),
        ({"kind": "daily_cycle"}, 422),
        ({"window_from": "10:00"}, 422),
        ({"hours": "whenever"}, 422),
        ({"cron": "\u0000 * * * *"}, 422),
        ({"surprise": 1}, 422),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(client: TestClient, changes: dict[str, Any], status: int) -> None:
    asked = {"strategy_id": DEMO, "symbols": ["GOOG"], "cron": "*/5 * * * *"} | changes

    answer = client.post("/api/schedules", json=asked)

    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


def test_a_daily_cycle_has_its_own_times(client: TestClient) -> None:
    made = added(client, kind="daily_cycle", cron="")

    assert (made["cron"], made["window_from"], made["window_to"]) == ("*/15 10-14 * * 1-5", "10:00:00", "14:45:00")
    assert made["next_due_at"] == "2015-12-24T15:00:00Z"


def test_a_scan_ranks_every_pair_and_gives_each_no_a_reason(platform: Platform, client: TestClient) -> None:
    asked = client.post("/api/scans", json={"symbols": ["GOOG", "NOSUCH"]}).json()
    assert asked["status"] == "running"

    platform.engine.settle(100_000)

    scan = client.get(f"/api/scans/{asked['id']}").json()
    assert scan["status"] == "done"
    pairs = client.get(f"/api/scans/{asked['id']}/pairs", params={"limit": 1000}).json()
    assert pairs["total"] == scan["pairs"] > 40
    assert all(one["is_eligible"] or one["reason"] for one in pairs["items"])
    assert [one["rank"] for one in pairs["items"] if one["is_eligible"]] == list(range(1, scan["eligible"] + 1))
    scores = [float(one["score"]) for one in pairs["items"] if one["is_eligible"]]
    assert scores == sorted(scores, reverse=True)
    assert sum(row["pairs"] for row in scan["funnel"]) + scan["eligible"] == scan["pairs"]
    assert {"reason": "unknown_symbol", "pairs": 1} in scan["funnel"]
    assert scan["screens"][0]["symbol"] == "GOOG"
    one_reason = scan["funnel"][0]
    found = client.get(f"/api/scans/{asked['id']}/pairs", params={"reason": one_reason["reason"], "limit": 1000})
    assert found.json()["total"] == one_reason["pairs"]


def test_a_scheduled_scan_starts_its_best(platform: Platform, client: TestClient) -> None:
    schedule = added(client, kind="scan", best=2, cron="55 14 * * *", zone="UTC")

    move(platform, START + timedelta(minutes=5))
    platform.engine.settle(100_000)

    (fired,) = client.get("/api/schedules/firings", params={"schedule": schedule["id"]}).json()["items"]
    scan = client.get(f"/api/scans/{fired['scan_id']}").json()
    assert (fired["status"], scan["status"], scan["schedule_id"]) == ("done", "done", schedule["id"])
    assert len(fired["run_ids"]) == min(2, scan["eligible"])


def test_watchlists_are_kept_shown_and_limited(client: TestClient) -> None:
    twenty = [f"A{number}" for number in range(20)]

    assert client.put("/api/watchlists/mine", json={"symbols": [*twenty, "goog"]}).json()["symbols"][-1] == "GOOG"
    refused = client.put("/api/watchlists/mine", json={"symbols": [*twenty, "GOOG"], "in_digest": True})
    assert (refused.status_code, "21 symbols" in refused.json()["message"]) == (422, True)
    assert client.put("/api/watchlists/mine", json={"symbols": twenty, "in_digest": True}).status_code == 200
    assert [one["name"] for one in client.get("/api/watchlists").json()["items"]] == ["mine", "liquid"]
    assert client.delete("/api/watchlists/liquid").status_code == 404
    assert client.delete("/api/watchlists/mine").status_code == 200
    assert client.get("/api/watchlists/mine").status_code == 404
    assert client.put("/api/watchlists/No Name", json={"symbols": ["GOOG"]}).status_code == 422


def test_symbols_are_searched_looked_up_and_counted(client: TestClient) -> None:
    found = client.get("/api/symbols/search", params={"query": "spx"}).json()
    assert found["items"][0]["symbol"] == "SPX"
    assert found["items"][0]["roots"] == ["SPX", "SPXW"]
    shipped = client.get("/api/symbols/search", params={"query": "goog"}).json()
    assert [(one["symbol"], one["source"]) for one in shipped["items"]] == [("GOOG", "shipped"), ("GOOGL", "shipped")]

    batch = client.post("/api/symbols/batch", json={"symbols": ["goog", "SPY", "NOSUCH", " GOOG ", "spy"]}).json()

    assert [(one["symbol"], one["source"]) for one in batch["items"]] == [("GOOG", "recorded"), ("SPY", "shipped")]
    assert batch["missing"] == ["NOSUCH"]
    again = client.post("/api/symbols/batch", json={"symbols": ["GOOG"]}).json()
    assert again["items"][0]["conid"] == 208813720  # what the source does not say stays known
    stats = client.get("/api/symbols/cache/stats").json()
    assert (stats["hits"], stats["misses"], stats["lookups"], stats["hit_rate"]) == (1, 3, 4, 0.25)
    assert (stats["symbols"], stats["shipped"], stats["fresh"], stats["stale"]) == (51, 50, 1, 0)
    assert client.get("/api/symbols/search", params={"query": ""}).status_code == 422


def test_a_symbol_is_found_by_its_conid(client: TestClient) -> None:
    found = client.get("/api/symbols/conid/756733")

    assert (found.status_code, found.json()["symbol"], found.json()["kind"]) == (200, "SPY", "etf")
    unknown = client.get("/api/symbols/conid/424242")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    for wrong in ("none", "0", "-1", "1.5", str(2**63)):
        refused = client.get(f"/api/symbols/conid/{wrong}")
        assert refused.status_code == 422, wrong
        assert set(refused.json()) == {"code", "message", "advice", "details"}


@pytest.mark.parametrize(
    ("symbols", "told"),
    [
        ([], "symbols"),
        (["SPY", "no good", "$$$"], "'NO GOOD', '$$$' are no symbols"),
        (["THIRTEENCHARS"], "symbols"),
        ([1], "symbols"),
        (["GOOG"] * 501, "symbols"),
    ],
)
def test_a_batch_that_holds_no_symbols_is_refused_whole(client: TestClient, symbols: list[Any], told: str) -> None:
    before = client.get("/api/symbols/cache/stats").json()["lookups"]

    refused = client.post("/api/symbols/batch", json={"symbols": symbols})

    assert refused.status_code == 422
    assert told in str(refused.json())
    assert client.get("/api/symbols/cache/stats").json()["lookups"] == before


def test_the_pages_show_what_stands_and_take_forms(platform: Platform, browser: TestClient) -> None:
    assert 'class="empty"' in browser.get("/schedules").text
    form = {"kind": "start", "strategy": DEMO, "symbols": "goog", "cron": "*/5 * * * *", "window": "09:30-16:00"}
    answer = browser.post("/schedules", data=form)
    assert "The schedule stands" in answer.text
    assert "Thu 2015-12-24 09:55 EST" in answer.text
    move(platform, START + timedelta(minutes=5))
    text = browser.get("/schedules").text
    assert 'href="/runs/run-' in text
    schedule = text.split('id="sched-')[1].split('"')[0]
    assert "set aside" in browser.post(f"/schedules/sched-{schedule}/pause").text
    assert "goes on" in browser.post(f"/schedules/sched-{schedule}/resumption").text
    assert "removed" in browser.post(f"/schedules/sched-{schedule}/removal").text
    for wrong in ({"kind": "x"}, {"window": "now"}, {"symbols": HOSTILE}):
        refused = browser.post("/schedules", data=form | wrong)
        assert refused.status_code == 422
        assert "<script>alert" not in refused.text


def test_a_scan_is_asked_for_and_read_on_its_page(platform: Platform, browser: TestClient) -> None:
    assert "Nothing was scanned yet" in browser.get("/scans").text
    answer = browser.post("/scans", data={"symbols": "GOOG, NOSUCH", "best": "0"})
    assert "worked on" in answer.text
    platform.engine.settle(100_000)

    text = browser.get(str(answer.url)).text

    assert "unknown_symbol" in text or "unknown symbol" in text
    assert "Where the pairs went" in text
    assert "No pair is like that" in browser.get(f"{answer.url.path}?symbol=XYZ").text
    assert "kept" in browser.post("/scans/watchlists", data={"name": "mine", "symbols": "GOOG SPY"}).text
    assert "removed" in browser.post("/scans/watchlists/mine/removal").text
    assert browser.post("/scans", data={"symbols": HOSTILE}).status_code == 422
