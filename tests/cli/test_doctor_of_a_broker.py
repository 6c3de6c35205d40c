"""What ``doctor`` says of a broker before there are keys, and ``broker list`` of one."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def new_home(home: Path) -> Path:
    """A home that nothing was ever written to, for tastytrade."""
    home.mkdir()
    (home / "config.toml").write_text('broker = "tastytrade"\nmarket = "broker"\n')
    return home


def findings(thetaloom: Command) -> dict[str, dict[str, str]]:
    """What doctor found, by name."""
    told = thetaloom("doctor", "--json")
    assert told.exit_code == 1
    return {one["name"]: one for one in json.loads(told.stdout)["findings"]}


@pytest.fixture(autouse=True)
def own_market(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The market of the file alone."""
    monkeypatch.delenv("THETALOOM_MARKET")


def test_a_broker_without_its_secrets_is_explained_in_a_home_that_is_new(new_home: Path, thetaloom: Command) -> None:
    found = findings(thetaloom)

    setup = found["broker setup"]
    assert not setup["is_well"]
    assert "0 of 2 secrets kept" in setup["found"]
    for secret in ("client-secret", "refresh-token"):
        assert f"`thetaloom secret set tastytrade {secret}`: " in setup["advice"]
    assert ".." not in setup["advice"]
    assert "broker" not in found  # the same no, told once


def test_the_gates_are_gone_through_before_there_are_keys(new_home: Path, thetaloom: Command) -> None:
    found = findings(thetaloom)
    assert found["gate: mode"]["found"] == found["gate: allow_live"]["found"] == "shut; paper mode does not need it"
    assert all(found[f"gate: {name}"]["is_well"] for name in ("mode", "allow_live", "account", "session"))

    settings = (new_home / "config.toml").read_text()
    (new_home / "config.toml").write_text(f'{settings}mode = "live"\n')
    half = findings(thetaloom)
    (new_home / "config.toml").write_text(f'{settings}mode = "live"\nallow_live = true\n')
    live = findings(thetaloom)

    assert "allow_live = true" in half["gate: allow_live"]["advice"]
    assert {name: one["found"] for name, one in half.items() if name.startswith("gate: ")} == {
        "gate: mode": "open",
        "gate: allow_live": "shut",
        "gate: account": "not known until the sign-in at the broker works",
        "gate: session": "not known until the sign-in at the broker works",
    }
    assert live["gate: mode"]["found"] == live["gate: allow_live"]["found"] == "open"
    assert not any(live[f"gate: {name}"]["is_well"] for name in ("account", "session"))


def test_a_simulator_that_does_not_run_is_the_brokers_no_and_the_gates_are_told(
    new_home: Path, thetaloom: Command
) -> None:
    (new_home / "config.toml").write_text(
        'broker = "ibkr"\nmarket = "broker"\nbroker_options = { simulator_url = "http://127.0.0.1:9" }\n'
    )

    found = findings(thetaloom)

    assert "database" not in found and not found["broker"]["is_well"]
    assert "broker simulate" in found["broker"]["advice"]
    assert found["gate: mode"]["found"] == "shut; paper mode does not need it"
    assert found["gate: session"]["found"] == "not known until the sign-in at the broker works"


def test_one_broker_is_listed_with_every_secret_and_option(home: Path, thetaloom: Command) -> None:
    told = thetaloom("broker", "list", "tastytrade")

    assert told.exit_code == 0
    (listed,) = json.loads(thetaloom("broker", "list", "tastytrade", "--json").stdout)
    assert len(listed["fields"]) >= 8
    assert all(field["name"] in told.output for field in listed["fields"])
    assert thetaloom("broker", "list", "nobody").exit_code != 0
