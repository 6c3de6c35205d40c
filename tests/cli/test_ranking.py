"""Ranking strategies and starting the best of them, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Command = Callable[..., Result]


def answer(result: Result) -> Any:
    """Return what a command printed as JSON."""
    return json.loads(result.stdout)


@pytest.fixture
def synthetic_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new home on the synthetic market."""
    monkeypatch.setenv("THETALOOM_MARKET", "synthetic")
    return home


def test_a_ranking_has_every_strategy_in_order_with_its_reasons(synthetic_home: Path, thetaloom: Command) -> None:
    listed = answer(thetaloom("strategy", "list", "--json"))
    ranking = answer(thetaloom("strategy", "rank", "spy", "--json"))
    spoken = thetaloom("strategy", "rank", "SPY")

    entries = ranking["strategies"]
    assert ranking["kind"] == "auto"
    assert ranking["best"] == entries[0]["strategy"]
    assert {entry["strategy"] for entry in entries} == {one["id"] for one in listed}
    eligible = [float(entry["score"]) for entry in entries if entry["eligible"]]
    assert eligible == sorted(eligible, reverse=True)
    assert all(entry["blocking"] for entry in entries if not entry["eligible"])
    assert all(entry["reason"] for entry in entries if not entry["eligible"])
    assert ranking["title"] in spoken.stdout
    assert entries[0]["score_reasons"][0] in spoken.stdout


def test_the_same_moment_gives_the_same_ranking(synthetic_home: Path, thetaloom: Command) -> None:
    first, second = (thetaloom("strategy", "rank", "QQQ", "--json").stdout for _ in range(2))

    assert first == second


def test_a_forced_ranking_judges_one_strategy_and_says_so(synthetic_home: Path, thetaloom: Command) -> None:
    ranking = answer(thetaloom("strategy", "rank", "SPY", "--force", "short-put-vertical", "--json"))
    unknown = thetaloom("strategy", "rank", "SPY", "--force", "nosuch", "--json")

    assert [entry["strategy"] for entry in ranking["strategies"]] == ["short-put-vertical"]
    assert ranking["kind"] == "forced"
    assert unknown.exit_code == 1


def test_without_a_strategy_the_best_is_started(synthetic_home: Path, thetaloom: Command) -> None:
    started = answer(thetaloom("run", "start", "SPY", "--json"))

    (ranking,) = started["rankings"]
    (run,) = started["runs"]
    assert ranking["kind"] == "auto"
    assert run["strategy_id"] == ranking["best"]


def test_a_symbol_that_one_strategy_names_needs_no_ranking(tradable_home: Path, thetaloom: Command) -> None:
    (run,) = answer(thetaloom("run", "start", "GOOG", "--json"))

    assert run["strategy_id"] == "goog-demo-put-credit-spread"


def test_where_nothing_can_be_entered_no_run_starts_and_the_nearest_are_explained(
    synthetic_home: Path, thetaloom: Command
) -> None:
    for one in answer(thetaloom("strategy", "list", "--json")):
        document = thetaloom("strategy", "export", one["id"]).stdout.replace("active = true", "active = false")
        changed = synthetic_home.parent / "changed.toml"
        changed.write_text(document, encoding="utf-8")
        assert thetaloom("strategy", "import", changed).exit_code == 0

    refused = thetaloom("run", "start", "SPY", "--json")
    spoken = thetaloom("run", "start", "SPY")

    assert (refused.exit_code, spoken.exit_code) == (3, 3)
    said: dict[str, Any] = answer(refused)
    assert said["runs"] == []
    assert said["rankings"][0]["kind"] == "no_trade"
    assert "no trade" in spoken.stdout
    assert answer(thetaloom("run", "list", "--json"))["rows"] == []


def test_a_no_says_what_would_change_it(home: Path, thetaloom: Command) -> None:
    (run,) = answer(thetaloom("run", "start", "GOOG", "--json"))
    why = answer(thetaloom("run", "why", run["id"], "--json"))
    spoken = thetaloom("run", "why", run["id"])

    assert why["outcome"] == "no_trade"
    first = why["blocking"][0]
    assert first["reason"] == why["reason"]
    assert " must fall by " in first["change"]
    assert first["change"] in spoken.stdout
    assert why["score"]["reasons"][0].endswith("to start with")
