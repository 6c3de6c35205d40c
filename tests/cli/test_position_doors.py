"""Each command on positions, on a home that holds one: shown at any width, JSON as documented, slips told once."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.cli.conftest import TRADABLE
from thetaloom.bootstrap import open_demo, write_pulse
from thetaloom.cli import output
from thetaloom.cli.app import app
from thetaloom.config import load_settings
from thetaloom.marketdata.clocks import VirtualClock

READING = (
    "position list",
    "position show POSITION",
    "position targets POSITION",
    "position plan POSITION",
    "position chain POSITION",
    "alert list",
    "journal list",
    "journal show POSITION",
    "reconcile --dry-run",
    "order list",
    "order quality",
)


def ask(line: str, held: str = "") -> Result:
    """Run a command line; ``POSITION`` stands for the position held."""
    done = CliRunner().invoke(app, [held if word == "POSITION" else word for word in line.split()])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A home that holds a position, to copy from, and the position's id."""
    home = tmp_path_factory.mktemp("traded") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THETALOOM_HOME", str(home))
        patch.setenv("THETALOOM_MARKET", "recorded")
        with open_demo(load_settings(), start=TRADABLE) as platform:
            write_pulse(platform, alive=False)
        ask("run start GOOG")
        (waiting,) = json.loads(ask("approval list --json").stdout)["rows"]
        ask(f"approval approve {waiting['id']}")
        with open_demo(load_settings()) as platform:
            assert isinstance(platform.clock, VirtualClock)
            for _ in range(15):
                platform.clock.move_to(platform.clock.now() + timedelta(minutes=1))
                platform.engine.settle()
            write_pulse(platform, alive=False)
        (row,) = json.loads(ask("position list --json").stdout)["rows"]
        yield home, str(row["id"])


@pytest.fixture
def held(traded: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of the position held in a home of this test alone."""
    monkeypatch.setenv("THETALOOM_HOME", str(shutil.copytree(traded[0], tmp_path / "home")))
    monkeypatch.setenv("THETALOOM_MARKET", "recorded")
    return traded[1]


@pytest.mark.parametrize("width", [80, 120])
def test_what_is_held_is_readable_in_a_narrow_terminal(held: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "PIPED_WIDTH", width)

    for line in READING:
        shown = ask(line, held)

        assert shown.exit_code == 0, (line, shown.output)
        assert max(len(row.rstrip()) for row in shown.stdout.splitlines()) <= width, line
        if "alert" not in line and "reconcile" not in line and "order" not in line:
            assert "chain" in line or held in shown.stdout or line == "position targets POSITION", line
        if "list" in line and "journal" not in line and "alert" not in line:
            assert "2016-01-15" in shown.stdout, line  # no word is broken


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("position list --json", {"rows", "total", "limit", "offset"}),
        ("position targets POSITION --json", {"position", "targets"}),
        ("position plan POSITION --json", {"position", "shares", "as_of", "acts_first", "contracts", "turns", "radar"}),
        (
            "position chain POSITION --json",
            {"chain_id", "symbol", "is_open", "realized", "fees", "realized_pnl", "cash", "links"},
        ),
        ("alert list --json", {"rows", "total", "limit", "offset"}),
        ("journal list --json", {"rows", "total", "limit", "offset"}),
        ("order quality --json", {"summary", "orders"}),
        (
            "reconcile --dry-run --json",
            {"dry_run", "reports_applied", "orders_in_doubt", "drifts", "phases", "findings", "suspects"},
        ),
        ("position adjust POSITION --add whole --json", {"run", "proposal", "next"}),
        ("position roll POSITION --json", {"run", "proposal", "next"}),
    ],
)
def test_each_answers_programs_with_the_documented_fields(held: str, line: str, fields: set[str]) -> None:
    done = ask(line, held)

    assert (done.exit_code, fields - set(json.loads(done.stdout))) == (0, set())


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        *(
            (line, 1, "'none'")
            for line in (
                "position targets none --replace",
                "position roll none",
                "position adjust none --add whole",
                "position close none",
                "position adopt none strategy",
                "position ignore none",
                "position assign none POSITION",
                "journal show none",
                "journal note none text",
                "order resolve none",
                "order cancel none",
                "reconcile --position none",
                "reconcile --account none --dry-run",
            )
        ),
        *((f"position {verb} none", 1, "there is no position none") for verb in ("show", "targets", "plan", "chain")),
        ("resume", 1, "'all' is not halted"),
        ("position adjust POSITION", 2, "adds one spread or takes one off"),
        ("position adjust POSITION --add whole --take-off whole", 2, "adds one spread or takes one off"),
        ("position adjust POSITION --add fly", 2, "it has: whole"),
        ("position adjust POSITION --add whole --quantity 99999999999999999999", 2, "--quantity"),
        ("position adjust POSITION --take-off whole", 3, "nothing_left"),
        ("position roll POSITION --dte 99999999999999999999", 2, "--dte"),
        ("position roll POSITION --expiration 2015-13-01", 2, "--expiration"),
        ("position roll POSITION --expiration 2014-01-01", 2, "2014-01-01 is past"),
        ("position roll POSITION --quantity 99", 3, "more_than_held"),
        ("position roll POSITION --part fly", 2, "it has: whole"),
        ("position close POSITION --quantity 0", 2, "--quantity"),
        ("position close POSITION --part whole --quantity 99999999999999999999", 3, "more_than_held"),
        ("position adopt none strategy --price NaN", 2, "no price"),
        ("position adopt none strategy --price 1e9999", 2, "no price"),
        ("position adopt none strategy --price dear", 2, "no price"),
        ("reconcile --days-back 99999999999", 2, "--days-back"),
        ("journal list --offset 99999999999999999999", 2, "--offset"),
        ("order quality --since 2015-99-01", 2, "--since"),
        ("halt --scope none", 2, "no scope"),
    ],
)
def test_a_slip_is_told_in_one_clear_error(held: str, line: str, code: int, words: str) -> None:
    done = ask(line, held)

    assert (done.exit_code, words in done.stderr) == (code, True), done.output
    assert done.stderr.count("error:") + done.stderr.count("─ Error") == 1
    assert done.stdout == ""


def test_every_refusal_has_the_same_shape_for_programs(held: str) -> None:
    for line in ("position roll none", "position close POSITION --quantity 9", "position adjust POSITION", "resume"):
        error: dict[str, Any] = json.loads(ask(f"{line} --json", held).stdout)["error"]

        assert set(error) == {"code", "message", "advice", "details"} and error["advice"], line


def test_a_named_part_is_closed_whole_and_says_so(held: str) -> None:
    done = ask("position close POSITION --part whole --quantity 1", held)

    assert done.exit_code == 0 and f"{held} is being closed\n" in done.stdout
    assert json.loads(ask("position show POSITION --json", held).stdout)["status"] == "closing"


def test_a_note_replaces_the_one_before(held: str) -> None:
    for words in ("first", "second"):
        assert ask(f"journal note POSITION {words}", held).exit_code == 0

    assert json.loads(ask("journal show POSITION --json", held).stdout)["note"] == "second"


def test_a_halt_is_lifted_in_two_steps(held: str) -> None:
    assert ask("halt --note news").exit_code == 0

    first, second = ask("resume"), ask("resume --confirm")

    assert (first.exit_code, "thetaloom resume --confirm" in first.stderr) == (3, True)
    assert (second.exit_code, ask("resume").exit_code) == (0, 1)


def test_a_dry_run_changes_nothing(held: str) -> None:
    before = ask("position show POSITION --json", held).stdout

    found = json.loads(ask("reconcile --dry-run --symbol GOOG --verbose --json").stdout)

    assert (found["dry_run"], found["drifts"], len(found["phases"])) == (True, [], 7)
    assert ask("position show POSITION --json", held).stdout == before


def test_seeds_are_played_and_counted() -> None:
    done = ask("simulate --seeds 1 --processes 1 --json")
    found = json.loads(done.stdout)

    assert (done.exit_code, found["seeds"], found["failures"]) == (0, 1, [])
    assert found["days_per_s"] > 0


def test_a_scene_that_is_none_is_refused() -> None:
    done = ask("demo --scene flight")

    assert (done.exit_code, "--scene" in done.stderr) == (2, True)


def test_a_position_without_shares_sells_none(held: str) -> None:
    refused = ask("position sell-shares POSITION", held)

    assert refused.exit_code == 3 and "holds no shares" in " ".join(refused.output.split())
