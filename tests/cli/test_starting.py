"""The commands on schedules, watchlists, scans and symbols."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command

DEMO = "goog-demo-put-credit-spread"


def told(thetaloom: Command, *words: Any) -> Any:
    """What a command says as JSON."""
    result = thetaloom(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_schedule_is_added_listed_shown_and_taken_out(tradable_home: Path, thetaloom: Command) -> None:
    asked = ("--cron", "*/15 10-14 * * 1-5", "--strategy", DEMO, "--symbol", "goog", "--window", "10:00-12:30")

    added = told(thetaloom, "schedule", "add", *asked)

    schedule = added["schedule"]["id"]
    assert added["next"][:2] == ["2015-12-24T15:15:00Z", "2015-12-24T15:30:00Z"]
    assert len(added["next"]) == 5
    (row,) = told(thetaloom, "schedule", "list")["rows"]
    assert (row["id"], row["symbols"], row["window_from"]) == (schedule, ["GOOG"], "10:00:00")
    (upcoming,) = told(thetaloom, "schedule", "next", "--count", "12")
    assert upcoming["next"][-1] == "2015-12-28T15:15:00Z"  # the half-day ends at 13:00, the window before
    assert {one["why"] for one in upcoming["passed_over"]} >= {"outside of the window 10:00 to 12:30"}
    assert told(thetaloom, "schedule", "pause", schedule)["next_due_at"] is None
    assert told(thetaloom, "schedule", "next", schedule)[0]["next"] == []
    assert told(thetaloom, "schedule", "resume", schedule)["next_due_at"] == "2015-12-24T15:15:00Z"
    assert told(thetaloom, "schedule", "show", schedule)["firings"]["total"] == 0
    for words in (("list",), ("next",), ("show", schedule), ("pause", schedule), ("next",), ("resume", schedule)):
        assert thetaloom("schedule", *words).exit_code == 0
    assert told(thetaloom, "schedule", "remove", schedule) == {"removed": schedule}
    assert thetaloom("schedule", "show", schedule).exit_code != 0


def test_a_schedule_that_makes_no_sense_is_refused_with_a_good_one(tradable_home: Path, thetaloom: Command) -> None:
    wrong = thetaloom("schedule", "add", "--cron", "99 * * * *", "--strategy", DEMO, "--symbol", "GOOG")
    window = thetaloom("schedule", "add", "--cron", "0 11 * * *", "--window", "ten", "--symbol", "GOOG")

    assert (wrong.exit_code, "a good one" in wrong.stderr) == (2, True)
    assert (window.exit_code, "10:00-14:45" in window.stderr) == (2, True)


def test_watchlists_are_kept_imported_and_taken_out(tradable_home: Path, thetaloom: Command, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("Symbol,Name\nGOOG,Alphabet\nspy,\nno good\n")

    imported = told(thetaloom, "watchlist", "import", "mine", file)
    grown = told(thetaloom, "watchlist", "add", "mine", "qqq", "GOOG", "--digest")
    shrunk = told(thetaloom, "watchlist", "drop", "mine", "SPY")

    assert imported["symbols"] == ["GOOG", "SPY"]
    assert imported["refused"] == [{"line": 4, "text": "no good"}]
    assert (grown["symbols"], grown["in_digest"]) == (["GOOG", "SPY", "QQQ"], True)
    assert (shrunk["symbols"], shrunk["in_digest"]) == (["GOOG", "QQQ"], True)
    assert [one["name"] for one in told(thetaloom, "watchlist", "list")] == ["mine", "liquid"]
    assert told(thetaloom, "watchlist", "show", "liquid")["symbols"][0] == "SPY"
    assert thetaloom("watchlist", "drop", "mine", "TSLA").exit_code == 2
    assert thetaloom("watchlist", "import", "mine", tmp_path / "none.csv").exit_code == 1
    assert thetaloom("watchlist", "list").exit_code == 0
    assert told(thetaloom, "watchlist", "remove", "mine") == {"removed": "mine"}


def test_a_scan_runs_to_its_end_and_is_read_again(tradable_home: Path, thetaloom: Command) -> None:
    done = told(thetaloom, "scan", "run", "goog", "nosuch", "--best", "1")

    scan = done["scan"]
    assert (scan["status"], scan["pairs"]) == ("done", done["pairs"]["total"])
    assert len(scan["run_ids"]) == min(1, scan["eligible"])
    reason = scan["funnel"][0]
    only = told(thetaloom, "scan", "show", scan["id"], "--reason", reason["reason"], "--limit", "1000")
    assert only["pairs"]["total"] == reason["pairs"]
    assert told(thetaloom, "scan", "list")["rows"][0]["id"] == scan["id"]
    shown = thetaloom("scan", "show", scan["id"])
    assert "funnel" in shown.stdout and "GOOG" in shown.stdout
    assert thetaloom("scan", "list").exit_code == 0
    assert thetaloom("scan", "run", "GOOG", "--watchlist", "liquid").exit_code == 2


def test_symbols_are_searched_shown_and_counted(tradable_home: Path, thetaloom: Command) -> None:
    assert [one["symbol"] for one in told(thetaloom, "symbol", "search", "SPXW")] == ["SPX"]
    (goog,) = told(thetaloom, "symbol", "show", "goog")
    told(thetaloom, "symbol", "show", "goog")
    stats = told(thetaloom, "symbol", "stats")

    assert (goog["symbol"], goog["source"], goog["warning"]) == ("GOOG", "recorded", "")
    assert (stats["hits"], stats["misses"], stats["hit_rate"]) == (1, 1, 0.5)
    assert thetaloom("symbol", "show", "NOSUCH").exit_code == 1
    assert thetaloom("symbol", "conid", "1").exit_code == 1
    assert thetaloom("symbol", "search", "spy").exit_code == 0
    assert thetaloom("symbol", "stats").exit_code == 0
