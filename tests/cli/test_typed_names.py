"""Names and secrets as people type them: a slip is refused with what there is, and nothing of it is kept."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from thetaloom.bootstrap import read_pulse
from thetaloom.cli.app import app
from thetaloom.config import load_settings
from thetaloom.store.database import open_database


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that nobody used, with no settings."""
    folder = tmp_path / "home"
    monkeypatch.setenv("THETALOOM_HOME", str(folder))
    return folder


def typed(*words: Any, stdin: str | bytes | None = None) -> Result:
    """What a command says."""
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


@pytest.mark.parametrize(
    ("broker", "name", "said"),
    [
        ("alpaka", "key-id", "is none of alpaca"),
        ("alpaca", "keyid", "its secrets are key-id, secret-key"),
        ("ibkr", "password", "it takes no secrets"),
        ("paper", "key-id", "paper is always there"),
    ],
)
def test_a_secret_that_nobody_asks_for_is_not_kept(new_home: Path, broker: str, name: str, said: str) -> None:
    refused = typed("secret", "set", broker, name, stdin="geheim\n")

    assert refused.exit_code == 2 and said in refused.stderr and "geheim" not in refused.output
    assert json.loads(typed("secret", "list", "--json").stdout) == []


@pytest.mark.parametrize("secret", ["", "\n", "a" * 20_001, b"\xff\xfe\x00secret", b"before\x1b[31mafter"])
def test_what_is_no_text_or_too_long_is_no_secret(new_home: Path, secret: str | bytes) -> None:
    refused = typed("secret", "set", "alpaca", "key-id", stdin=secret)

    assert refused.exit_code == 2 and "a secret" in refused.stderr and refused.exception.__class__ is SystemExit
    assert json.loads(typed("secret", "list", "--json").stdout) == []


def test_a_home_that_was_given_secrets_and_looked_at_has_chosen_no_market_yet(new_home: Path) -> None:
    assert typed("secret", "set", "alpaca", "key-id", stdin="PK\n").exit_code == 0
    assert typed("secret", "set", "alpaca", "secret-key", stdin="sk\n").exit_code == 0
    for look in (("strategy", "list"), ("position", "list"), ("config", "limit", "max_positions", "10"), ("doctor",)):
        assert typed(*look).exit_code == 0, look

    database = open_database(load_settings().database)
    pulse = read_pulse(database)
    database.close()

    assert pulse is None


@pytest.mark.parametrize(
    "words",
    [
        ("up", "--market", "nowhere"),
        ("data", "record", "SPY", "--market", "nowhere", "--out", "unused"),
        ("data", "sources", "SPY", "--market", "nowhere"),
    ],
)
def test_a_market_that_is_none_is_refused_with_those_that_there_are(new_home: Path, words: tuple[str, ...]) -> None:
    refused = typed(*words)

    assert refused.exit_code == 2 and "nowhere" in refused.stderr and "synthetic, recorded, cboe" in refused.stderr
    assert not new_home.exists()


@pytest.mark.parametrize(
    "words", [("broker", "simulate", "nobody"), ("broker", "list", "nobody"), ("broker", "simulate", "paper")]
)
def test_a_broker_that_nobody_connects_to_is_refused(new_home: Path, words: tuple[str, ...]) -> None:
    refused = typed(*words)

    assert refused.exit_code == 2
    assert ("paper is always there" if words[-1] == "paper" else "alpaca, ibkr, tastytrade") in refused.stderr


def test_a_port_that_is_taken_is_told_with_what_to_do(new_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = typed("broker", "simulate", "alpaca", "--port", port)

    assert refused.exit_code == 4 and f"127.0.0.1:{port}" in refused.stderr and "--port" in refused.stderr


def test_a_wrong_code_for_real_money_is_told_as_wrong(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THETALOOM_BROKER", "alpaca")

    first, wrong = (typed("broker", "allow-live", "PA1", *code) for code in ((), ("--code", "yes")))

    assert (first.exit_code, wrong.exit_code) == (3, 3)
    assert "that is not the code" in wrong.stderr and "that is not the code" not in first.stderr
