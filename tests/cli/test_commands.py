"""The commands on runs, approvals, orders, positions, halts, lineage, strategies and the database."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import typer

from tests.cli.conftest import Command
from tests.domain.strategy.samples import TRIDENT
from thetaloom.bootstrap import open_demo, write_pulse
from thetaloom.cli.app import COMMANDS, app
from thetaloom.cli.output import exit_code
from thetaloom.config import load_settings
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.errors import (
    BrokerUnavailable,
    ConfigError,
    InvalidInput,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    StaleVersionError,
    ThetaloomError,
)

DEMO = "goog-demo-put-credit-spread"


def answer(outcome: Any) -> Any:
    return json.loads(outcome.stdout)


def test_without_arguments_it_says_what_to_do_first(thetaloom: Command) -> None:
    outcome = thetaloom()

    assert outcome.exit_code == 0
    assert len(outcome.stdout.splitlines()) == 3
    assert "thetaloom demo" in outcome.stdout


def test_the_list_of_commands_names_each_with_its_line(thetaloom: Command) -> None:
    outcome = thetaloom("--help")

    assert all(f" {name} " in outcome.stdout for name in COMMANDS)


def test_each_command_and_each_of_its_options_has_help() -> None:
    root: Any = typer.main.get_command(app)
    context = root.make_context("thetaloom", [], resilient_parsing=True)
    waiting = [(name, root.get_command(context, name)) for name in COMMANDS]
    silent = []
    while waiting:
        path, command = waiting.pop()
        waiting += [(f"{path} {name}", verb) for name, verb in getattr(command, "commands", {}).items()]
        silent += [] if command.help else [path]
        silent += [f"{path} {each.name}" for each in command.params if not getattr(each, "help", "")]

    assert silent == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotAllowed("halted", "no"), 3),
        (BrokerUnavailable("no"), 4),
        (OutcomeUnknown("no"), 4),
        (InvalidInput("no"), 2),
        (NotFound("no"), 1),
        (ConfigError("no"), 1),
        (StaleVersionError("no"), 1),
    ],
)
def test_each_class_of_error_has_its_exit_code(error: ThetaloomError, code: int) -> None:
    assert exit_code(error) == code


def test_an_error_is_a_line_for_people_and_an_object_for_programs(home: Path, thetaloom: Command) -> None:
    spoken = thetaloom("run", "show", "run-nope")
    printed = thetaloom("run", "show", "run-nope", "--json")

    assert spoken.exit_code == printed.exit_code == 1
    assert "error:" in spoken.stderr
    assert spoken.stdout == printed.stderr == ""
    assert set(answer(printed)["error"]) == {"code", "message", "advice", "details"}
    assert answer(printed)["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("run", "nonsense"), ("run", "show"), ("run", "list", "--limit", "0"), ("price", "--nonsense")],
)
def test_a_mistake_in_the_words_is_a_usage_error(arguments: tuple[str, ...], home: Path, thetaloom: Command) -> None:
    outcome = thetaloom(*arguments)

    assert outcome.exit_code == 2
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "why", "x"),
        ("run", "cancel", "x"),
        ("run", "start", "SPY", "--strategy", "x"),
        ("approval", "show", "x"),
        ("approval", "approve", "x"),
        ("approval", "reject", "x", "--reason", "no"),
        ("order", "show", "x"),
        ("order", "cancel", "x"),
        ("position", "show", "x"),
        ("position", "close", "x"),
        ("position", "close", "x", "--quantity", "1", "--part", "put_1"),
        ("position", "targets", "x"),
        ("position", "targets", "x", "--replace"),
        ("strategy", "show", "x"),
        ("strategy", "export", "x"),
        ("strategy", "test", "x"),
        ("lineage", "show", "x"),
        ("lineage", "verify", "x"),
        ("lineage", "replay", "x"),
        ("lineage", "export", "x"),
        ("resume",),
    ],
)
def test_what_is_not_there_is_nottold(arguments: tuple[str, ...], home: Path, thetaloom: Command) -> None:
    outcome = thetaloom(*arguments, "--json")

    assert outcome.exit_code == 1
    assert answer(outcome)["error"]["code"] == "not_found"


def test_a_run_is_started_approved_and_followed_to_its_order(tradable_home: Path, thetaloom: Command) -> None:
    (started,) = answer(thetaloom("run", "start", "goog", "--json"))
    (waiting,) = answer(thetaloom("approval", "list", "--json"))["rows"]
    shown = answer(thetaloom("approval", "show", waiting["id"], "--json"))
    changed = thetaloom("approval", "approve", waiting["id"], "--hash", "0" * 64, "--json")
    approved = answer(thetaloom("approval", "approve", waiting["id"], "--hash", shown["content_hash"], "--json"))
    detail = answer(thetaloom("run", "show", started["id"], "--json"))
    (order,) = answer(thetaloom("order", "list", "--run", started["id"], "--json"))["rows"]

    assert started["status"] == "PENDING_APPROVAL"
    assert changed.exit_code == 3
    assert answer(changed)["error"]["code"] == "approval_content_changed"
    assert approved["status"] == "approved"
    assert detail["run"]["status"] == "EXECUTING"
    assert [step["step"] for step in detail["timeline"]][:3] == ["trigger", "resolve_symbol", "fetch_market"]
    assert order["status"] == "WORKING"

    canceled = answer(thetaloom("order", "cancel", order["client_order_id"], "--json"))
    why = answer(thetaloom("run", "why", started["id"], "--json"))

    assert canceled["status"] == "CANCELED"
    assert (why["status"], why["outcome"]) == ("COMPLETED", "canceled") or why["outcome"] == "unfilled"


def test_a_rejection_ends_the_run_and_keeps_its_words(tradable_home: Path, thetaloom: Command) -> None:
    (started,) = answer(thetaloom("run", "start", "GOOG", "--strategy", DEMO, "--json"))
    (waiting,) = answer(thetaloom("approval", "list", "--json"))["rows"]

    silent = thetaloom("approval", "reject", waiting["id"])
    empty = thetaloom("approval", "reject", waiting["id"], "--reason", " ", "--json")
    rejected = answer(thetaloom("approval", "reject", waiting["id"], "--reason", "too near earnings", "--json"))
    why = answer(thetaloom("run", "why", started["id"], "--json"))

    assert silent.exit_code == 2
    assert empty.exit_code == 2
    assert rejected["decision_note"] == "too near earnings"
    assert why["reason"] == "approval_rejected"
    assert why["text"]


def test_a_no_comes_with_every_check_its_number_and_the_distance_to_a_yes(home: Path, thetaloom: Command) -> None:
    (started,) = answer(thetaloom("run", "start", "GOOG", "--json"))  # the quotes just after the open are too wide

    why = answer(thetaloom("run", "why", started["id"], "--json"))
    spoken = thetaloom("run", "why", started["id"])

    assert why["outcome"] == "no_trade"
    assert why["reason"] == "bid_ask_too_wide"
    (no,) = [check for check in why["checks"] if check["answer"] == "deny"]
    assert no["value"] and no["limit"] and float(no["distance"]) < 0
    assert "too wide" in spoken.stdout or "width is above" in spoken.stdout


def test_an_unknown_symbol_is_a_run_without_a_trade(home: Path, thetaloom: Command) -> None:
    (started,) = answer(thetaloom("run", "start", "ZZZZ", "--strategy", DEMO, "--json"))

    assert started["why"]["reason"] == "unknown_symbol"


def test_halting_stops_new_risk_and_lifting_it_takes_two_steps(tradable_home: Path, thetaloom: Command) -> None:
    halted = thetaloom("halt", "--reason", "earnings", "--json")
    (started,) = answer(thetaloom("run", "start", "GOOG", "--json"))
    once = thetaloom("resume", "--json")
    twice = thetaloom("resume", "--confirm", "--json")
    wrong = thetaloom("halt", "--scope", "moon", "--json")

    assert answer(halted)["halts"] == {"all": "earnings"}
    assert started["reason"] == "halted"
    assert once.exit_code == 3
    assert twice.exit_code == 0
    assert answer(twice)["halts"] == {}
    assert wrong.exit_code == 2


def test_lineage_is_verified_replayed_counted_and_exported(tradable_home: Path, thetaloom: Command) -> None:
    (started,) = answer(thetaloom("run", "start", "GOOG", "--json"))

    verified = answer(thetaloom("lineage", "verify", "--json"))
    replayed = answer(thetaloom("lineage", "replay", started["id"], "--json"))
    counted = answer(thetaloom("lineage", "stats", "--json"))
    record = answer(thetaloom("lineage", "show", started["id"], "--step", "check_risk", "--json"))
    file = tradable_home / "lineage.json"
    exported = answer(thetaloom("lineage", "export", started["id"], "--out", file, "--json"))
    again = thetaloom("lineage", "export", started["id"], "--out", file)

    assert verified["verified"] and verified["records"] == started["seq"]
    assert replayed["identical"] and replayed["replayed"] == started["seq"]
    assert len(counted) == 13
    assert record["output"]["content"]["quantity"] == 1
    assert exported["records"] == started["seq"]
    assert len(json.loads(file.read_text())["blobs"]) == exported["blobs"] > 0
    assert again.exit_code == 2


@pytest.mark.parametrize("form", ["toml", "json"])
def test_a_strategy_goes_out_and_comes_back_the_same(form: str, home: Path, thetaloom: Command) -> None:
    file = home.parent / f"strategy.{form}"
    written = thetaloom("strategy", "export", DEMO, "--out", file, *(["--json"] if form == "json" else []))

    valid = answer(thetaloom("strategy", "validate", file, "--json"))
    loaded = answer(thetaloom("strategy", "import", file, "--json"))

    assert written.exit_code == 0
    assert valid == [{"file": str(file), "valid": True, "id": DEMO, "problems": {}}]
    assert loaded == [{"id": DEMO, "revision": 1}]  # nothing changed, so no new revision


def test_a_wrong_strategy_file_names_every_problem(home: Path, thetaloom: Command, tmp_path: Path) -> None:
    wrong, broken = tmp_path / "wrong.toml", tmp_path / "broken.toml"
    wrong.write_text('id = "X"\nlegz = 3\n')
    broken.write_text("id = ")

    outcome = thetaloom("strategy", "validate", wrong, broken, tmp_path / "absent.toml", "--json")
    loaded = thetaloom("strategy", "import", wrong)

    assert outcome.exit_code == 1
    first, second, third = answer(outcome)
    assert "legz" in first["problems"]
    assert "TOML" in second["problems"][""]
    assert "cannot be read" in third["problems"][""]
    assert loaded.exit_code == 2


def test_a_strategy_is_tried_on_each_expiration_of_a_chain(home: Path, thetaloom: Command) -> None:
    tried = answer(thetaloom("strategy", "test", DEMO, "--at", "2015-12-24T15:05:00Z", "--json"))
    spoken = thetaloom("strategy", "test", DEMO, "--at", "2015-12-24T15:05:00Z")

    answers = [line["verdict"]["answer"] for line in tried["expirations"]]
    assert answers.count("allow") == 1
    assert answers.count("deny") == len(answers) - 1
    assert all(line["verdict"]["reason"] for line in tried["expirations"] if line["verdict"]["answer"] != "allow")
    assert "712.5" in spoken.stdout


@pytest.mark.parametrize(("capital", "width"), [(24_999, 3), (25_000, 5)])
def test_a_trident_is_tried_with_a_capital_and_shows_its_targets(
    home: Path, thetaloom: Command, tmp_path: Path, capital: int, width: int
) -> None:
    file = tmp_path / "trident.toml"
    file.write_text(strategy_toml(parse_strategy(TRIDENT | {"drops": [], "symbols": ["SPY"]})))

    tried = answer(thetaloom("strategy", "test", file, "--market", "synthetic", "--capital", capital, "--json"))

    lines = [line for line in tried["expirations"] if line["verdict"]["answer"] == "allow"]
    assert lines
    for line in lines:
        credits = [Decimal(str(target["entry_credit"])) for target in line["targets"]]
        assert line["structure"] == "senex_trident"
        assert sum(credits) == Decimal(str(line["mid_price"]))
        assert Decimal(str(line["max_loss"])) == 200 * width - 100 * sum(credits)
        for target, credit, kept in zip(line["targets"], credits, ("0.6", "0.4", "0.5"), strict=True):
            limit = Decimal(str(target["limit_price"]))
            assert limit % Decimal("0.01") == 0
            assert abs(limit + credit * Decimal(kept)) <= Decimal("0.005")
    wrong = thetaloom("strategy", "test", file, "--market", "synthetic", "--capital", "much", "--json")
    assert wrong.exit_code != 0
    assert "capital" in wrong.output


def test_a_strategy_cannot_be_tried_where_there_is_no_chain(home: Path, thetaloom: Command) -> None:
    unknown = thetaloom("strategy", "test", DEMO, "--symbol", "ZZZZ", "--json")
    no_instant = thetaloom("strategy", "test", DEMO, "--at", "2015-12-24", "--json")

    assert unknown.exit_code == 4
    assert no_instant.exit_code == 2


def test_the_database_is_backed_up_and_restored(home: Path, thetaloom: Command, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    before = thetaloom("db", "upgrade", "--json")
    thetaloom("run", "start", "GOOG")

    made = thetaloom("db", "backup", copy, "--json")
    twice = thetaloom("db", "backup", copy, "--json")
    thetaloom("run", "start", "GOOG")
    asked = thetaloom("db", "restore", copy, "--json")
    restored = thetaloom("db", "restore", copy, "--confirm", "--json")

    assert answer(before)["before"] is None
    assert made.exit_code == restored.exit_code == 0
    assert copy.with_name("copy-paper-broker.db").exists()
    assert twice.exit_code == 1
    assert asked.exit_code == 3
    assert answer(thetaloom("run", "list", "--json"))["total"] == 1


def test_a_file_that_cannot_be_written_is_a_line_and_no_trace(home: Path, thetaloom: Command) -> None:
    thetaloom("db", "upgrade")

    outcome = thetaloom("db", "backup", "/nowhere/copy.db", "--json")

    assert outcome.exit_code == 1
    assert "/nowhere/copy.db" in answer(outcome)["error"]["message"]


def test_the_doctor_finds_a_new_home_well_and_a_halted_one_not(home: Path, thetaloom: Command) -> None:
    well = thetaloom("doctor", "--json")
    thetaloom("halt")
    halted = thetaloom("doctor", "--json")

    assert well.exit_code == 0, well.stdout
    assert {"python", "database", "calendar", "kernels", "market", "clock", "disk", "broker"} <= {
        finding["name"] for finding in answer(well)["findings"]
    }
    assert halted.exit_code == 1


@pytest.mark.parametrize(("market", "is_lacking"), [("recorded", True), ("synthetic", False)])
def test_the_doctor_names_the_files_that_hard_stops_lack(
    market: str, is_lacking: bool, home: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THETALOOM_MARKET", market)

    findings = {finding["name"]: finding for finding in answer(thetaloom("doctor", "--json"))["findings"]}

    assert ("history_files" in findings["market facts"]["found"]) is is_lacking
    assert ("events_file" in findings["market facts"]["found"]) is is_lacking
    assert bool(findings["market facts"]["advice"]) is is_lacking


def test_the_doctor_speaks_of_settings_that_are_wrong(
    home: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THETALOOM_SEED", "many")

    outcome = thetaloom("doctor")

    assert outcome.exit_code == 1
    assert "seed" in outcome.stdout


def test_settings_are_shown_with_secrets_as_stars(
    home: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THETALOOM_DATABASE_URL", "postgresql://me:planted-secret@localhost/db")

    outcome = thetaloom("config", "show", "--json")
    spoken = thetaloom("config", "show")

    assert answer(outcome)["database_url"] == "**********"
    assert "planted-secret" not in outcome.output + spoken.output


def test_books_that_agree_reconcile(home: Path, thetaloom: Command) -> None:
    dry = answer(thetaloom("reconcile", "--dry-run", "--json"))
    wet = answer(thetaloom("reconcile", "--json"))

    assert dry["drifts"] == wet["drifts"] == []
    assert dry["dry_run"] and not wet["dry_run"]


@pytest.mark.parametrize("noun", ["run", "approval", "order", "position"])
def test_an_empty_list_says_so(noun: str, home: Path, thetaloom: Command) -> None:
    spoken = thetaloom(noun, "list")
    printed = answer(thetaloom(noun, "list", "--json"))

    assert spoken.stdout.startswith("0 ")
    assert printed == {"rows": [], "total": 0, "limit": 50, "offset": 0}


def test_two_servers_on_one_database_are_refused(home: Path, thetaloom: Command) -> None:
    with open_demo(load_settings()) as platform:
        write_pulse(platform)  # this process stands for the other server

    outcome = thetaloom("up", "--port", free_port())

    assert outcome.exit_code == 3
    assert "another server" in outcome.stderr


def test_a_port_that_is_taken_is_named(home: Path, thetaloom: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        outcome = thetaloom("up", "--port", taken.getsockname()[1])

    assert outcome.exit_code == 4
    assert "--port" in outcome.stderr


@pytest.mark.slow
def test_a_server_fills_an_approved_order_and_stops_cleanly(tradable_home: Path, thetaloom: Command) -> None:
    port = free_port()
    command = [sys.executable, "-m", "thetaloom", "up", "--port", str(port), "--speed", "1000"]
    (started,) = answer(thetaloom("run", "start", "GOOG", "--json"))
    (waiting,) = answer(thetaloom("approval", "list", "--json"))["rows"]
    thetaloom("approval", "approve", waiting["id"])

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
            wait_until(lambda: answer(thetaloom("position", "list", "--json"))["total"] == 1)
        finally:
            server.send_signal(signal.SIGINT)
        said, complaints = server.communicate(timeout=30)

    assert server.returncode == 0, complaints
    assert f"http://127.0.0.1:{port}/" in said.decode()
    assert "stopped" in said.decode()
    why = answer(thetaloom("run", "why", started["id"], "--json"))
    assert why["status"] in {"MONITORING", "CLOSING", "COMPLETED"}
    assert answer(thetaloom("reconcile", "--json"))["drifts"] == []


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def wait_until(is_so: Any, seconds: int = 60) -> None:
    pause = threading.Event()
    for _ in range(seconds * 10):
        if is_so():
            return
        pause.wait(0.1)
    raise TimeoutError("it never came to pass")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_risk_limit_is_set_shown_and_refused_when_it_makes_no_sense(home: Path, thetaloom: Command) -> None:
    set_ = thetaloom("config", "limit", "max_positions", "7", "--json")
    shown = thetaloom("config", "limit", "--json")
    unknown = thetaloom("config", "limit", "max_nonsense", "7", "--json")
    no_number = thetaloom("config", "limit", "max_positions", "many", "--json")

    assert answer(set_)["max_positions"] == answer(shown)["max_positions"] == "7"
    assert unknown.exit_code == no_number.exit_code == 2
    assert answer(thetaloom("config", "limit", "--json"))["max_positions"] == "7"
