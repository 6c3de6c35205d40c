"""Schedules, watchlists, scans and symbols from the command line: what is printed, for programs too, and every no."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

DEMO = "goog-demo-put-credit-spread"
ADD = ("schedule", "add", "--strategy", DEMO, "--symbol", "GOOG")


def answer(thetaloom: Command, *arguments: Any) -> Any:
    """What a command prints for programs."""
    found = thetaloom(*arguments, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_a_schedule_is_added_listed_foretold_and_removed(tradable_home: Path, thetaloom: Command) -> None:
    added = answer(thetaloom, *ADD, "--cron", "0 11-15 * * *")
    assert added["next"][:3] == ["2015-12-24T16:00:00Z", "2015-12-24T17:00:00Z", "2015-12-28T16:00:00Z"]
    assert [one["why"] for one in added["passed_over"]][:2] == [
        "after the early close",
        "no session: weekend or holiday",
    ]
    name = added["schedule"]["id"]

    listed = answer(thetaloom, "schedule", "list")
    (foretold,) = answer(thetaloom, "schedule", "next", "--count", 2)

    assert [one["id"] for one in listed["rows"]] == [name]
    assert foretold["next"] == added["next"][:2]
    assert len(answer(thetaloom, "schedule", "next", name)[0]["next"]) == 5
    assert answer(thetaloom, "schedule", "pause", name)["paused_at"] is not None
    assert answer(thetaloom, "schedule", "next", name)[0]["next"] == []
    assert answer(thetaloom, "schedule", "resume", name)["paused_at"] is None
    assert answer(thetaloom, "schedule", "show", name)["firings"]["rows"] == []
    assert answer(thetaloom, "schedule", "remove", name) == {"removed": name}
    assert answer(thetaloom, "schedule", "next") == []


def test_a_watchlist_is_made_changed_and_removed(home: Path, thetaloom: Command, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("symbol,weight\niwm,1\nQQQ,2\nno symbol!,3\n")

    assert answer(thetaloom, "watchlist", "add", "mine", "spy", "qqq", "spy")["symbols"] == ["SPY", "QQQ"]
    imported = answer(thetaloom, "watchlist", "import", "mine", file)
    dropped = answer(thetaloom, "watchlist", "drop", "mine", "spy")

    assert imported["symbols"] == ["SPY", "QQQ", "IWM"]
    assert imported["refused"] == [{"line": 4, "text": "no symbol!,3"}]
    assert dropped["symbols"] == ["QQQ", "IWM"]
    assert [one["name"] for one in answer(thetaloom, "watchlist", "list")] == ["mine", "liquid"]
    assert answer(thetaloom, "watchlist", "remove", "mine") == {"removed": "mine"}


def test_symbols_are_searched_shown_and_counted(home: Path, thetaloom: Command) -> None:
    assert [one["symbol"] for one in answer(thetaloom, "symbol", "search", "spxw")] == ["SPX"]
    assert answer(thetaloom, "symbol", "search", "zzzz") == []
    assert answer(thetaloom, "symbol", "conid", 756733)["symbol"] == "SPY"

    shown = answer(thetaloom, "symbol", "show", "goog", "GOOG", "NOSUCH", "spy")

    assert [(one["symbol"], one["source"], one["warning"]) for one in shown] == [
        ("GOOG", "recorded", ""),
        ("SPY", "shipped", ""),
    ]
    told = thetaloom("symbol", "show", "goog", "NOSUCH")
    assert (told.exit_code, "nobody knows NOSUCH" in told.output) == (0, True)
    stats = answer(thetaloom, "symbol", "stats")
    assert (stats["hits"], stats["misses"], stats["lookups"], stats["hit_rate"]) == (1, 4, 5, 0.2)


def test_a_scan_tells_the_rank_or_the_reason_of_every_pair(tradable_home: Path, thetaloom: Command) -> None:
    found = answer(thetaloom, "scan", "run", "GOOG", "NOSUCH", "--strategy", DEMO)

    assert (found["scan"]["status"], found["scan"]["pairs"], found["pairs"]["total"]) == ("done", 2, 2)
    assert all(one["is_eligible"] or one["reason"] for one in found["pairs"]["rows"])
    assert {"reason": "unknown_symbol", "pairs": 1} in found["scan"]["funnel"]
    name = found["scan"]["id"]
    (out,) = answer(thetaloom, "scan", "show", name, "--reason", "unknown_symbol")["pairs"]["rows"]
    assert (out["symbol"], out["strategy_id"]) == ("NOSUCH", None)
    assert answer(thetaloom, "scan", "list")["rows"][0]["id"] == name
    printed = thetaloom("scan", "show", name).stdout
    assert "funnel" in printed and "unknown_symbol" in printed and "Communication" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("symbol", "search", ""), 2, "1 to 60 characters"),
        (("symbol", "show", "NOSUCH"), 1, "nobody knows NOSUCH"),
        (("symbol", "show", "bad one", "$$"), 2, "are no symbols"),
        (("symbol", "conid", "1"), 1, "no symbol has the conid 1"),
        (("symbol", "conid", "abc"), 2, "CONID"),
        (("symbol", "conid", str(10**30)), 2, "CONID"),
        (("symbol", "conid", "--", "-5"), 2, "CONID"),
        (("watchlist", "show", "nope"), 1, "nope"),
        (("watchlist", "add", "Not A Name", "SPY"), 2, "no name of a watchlist"),
        (("watchlist", "add", "mine", "no good"), 2, "no symbol"),
        (("watchlist", "remove", "nope"), 1, "nope"),
        (("watchlist", "import", "mine", "/nowhere/at/all.csv"), 1, "No such file"),
        (("watchlist", "import", "mine", "."), 1, "directory"),
        (("schedule", "next", "nope"), 1, "nope"),
        (("schedule", "next", "--count", "0"), 2, "count"),
        ((*ADD, "--cron", "99 * * * *"), 2, "a good one"),
        ((*ADD, "--cron", ""), 2, "a good one"),
        ((*ADD, "--cron", "0 10 * * *", "--zone", "Mars"), 2, "Mars"),
        ((*ADD, "--cron", "0 10 * * *", "--window", "14:00-10:00"), 2, "window"),
        ((*ADD, "--cron", "0 10 * * *", "--window", "noon"), 2, "window"),
        ((*ADD, "--cron", "0 10 * * *", "--hours", "never"), 2, "never"),
        (("schedule", "add", "--cron", "0 10 * * *", "--strategy", "nope", "--symbol", "GOOG"), 1, "nope"),
        (("schedule", "pause", "nope"), 1, "nope"),
        (("scan", "run"), 2, "symbols or a watchlist"),
        (("scan", "run", "GOOG", "--watchlist", "liquid"), 2, "one of the two"),
        (("scan", "run", "GOOG", "--strategy", "nope"), 1, "nope"),
        (("scan", "run", "GOOG", "--best", "21"), 2, "--best"),
        (("scan", "show", "nope"), 1, "nope"),
    ],
)
def test_bad_input_is_refused_with_its_exit_code(
    home: Path, thetaloom: Command, arguments: tuple[str, ...], code: int, told: str
) -> None:
    refused = thetaloom(*arguments)

    assert refused.exit_code == code, refused.output
    assert told in " ".join(refused.output.split())
    assert "Traceback" not in refused.output
