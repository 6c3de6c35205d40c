"""`thetaloom broker`: what there is, what keeps the contract, and what a package of somebody else's gets."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from thetaloom.broker_parts import SHIPPED, installed_brokers
from thetaloom.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "docs" / "how-to" / "add-a-broker.md"
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^\$ thetaloom (.*)$", re.MULTILINE)
# One line that forgets what was sent: a second submission becomes a second order.
SENDS_TWICE = ("if self._book.sent(order.client_order_id) is not None:", "if False:")


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, words)
    return found.exit_code, found.stdout


def certificate(*words: str) -> tuple[int, dict[str, str]]:
    code, text = run("broker", "certify", *words, "--json")
    return code, {one["number"]: one["outcome"] for one in json.loads(text)["scenarios"]}


def install(folder: Path, page: str) -> None:
    """Lay the files of the recipe out, with what an installer would write beside them."""
    for name, text in FILE.findall(page):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    written = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    written.mkdir()
    (written / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [line for group, entries in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in entries.items()))]
    (written / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """A folder in which packages are found, as in an environment."""
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in [one for one in sys.modules if one.partition(".")[0] == "acme"]:
        del sys.modules[name]


def test_the_brokers_that_ship_are_listed_with_what_they_need() -> None:
    code, text = run("broker", "list", "--json")

    listed = {one["name"]: one for one in json.loads(text)}

    assert code == 0 and set(SHIPPED) <= set(listed) and set(SHIPPED) <= set(installed_brokers())
    assert all(one["is_usable"] and one["is_certifiable"] and one["problem"] == "" for one in listed.values())
    assert {one["name"] for one in listed["tastytrade"]["fields"] if one["is_secret"]} >= {"client-secret"}


def test_listing_brokers_imports_no_sdk() -> None:
    script = (
        "import sys; from thetaloom.broker_parts import installed_brokers; installed_brokers(); print(*sys.modules)"
    )

    loaded = subprocess_words(["-c", script])

    assert loaded.isdisjoint({"tastytrade", "alpaca", "ib_async", "ibind"})


def subprocess_words(arguments: Sequence[str]) -> set[str]:
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_what_ships_is_what_the_package_declares() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["thetaloom.brokers"]

    assert declared == SHIPPED


def test_one_group_is_certified_alone() -> None:
    code, outcomes = certificate("scripted", "--only", "UNK-04")

    assert code == 0 and set(outcomes.values()) <= {"passed", "left out"}
    assert outcomes["UNK-046"] == "passed" and all(number.startswith("UNK-04") for number in outcomes)


def test_a_broker_or_a_scenario_that_is_not_there_is_refused_with_words() -> None:
    assert run("broker", "certify", "nobody")[0] != 0
    assert run("broker", "certify", "paper", "--only", "no such words")[0] != 0


def test_the_recipe_makes_a_broker_that_is_listed_and_certified(package: Path) -> None:
    page = RECIPE.read_text()
    install(package, page)

    assert COMMANDS.findall(page) == ["broker list", "broker certify acme"]
    listed = {one["name"]: one for one in json.loads(run("broker", "list", "--json")[1])}
    code, outcomes = certificate("acme", "--only", "restart")

    assert "to practise" not in run("broker", "list", "acme")[1]  # nobody wrote a server of it
    assert (listed["acme"]["package"], listed["acme"]["is_certifiable"]) == ("thetaloom-acme", True)
    assert code == 0 and outcomes["RST-004"] == "passed" and "failed" not in outcomes.values()


def test_a_broker_that_sends_twice_fails_by_the_number_of_the_scenario(package: Path) -> None:
    page = RECIPE.read_text()
    assert page.count(SENDS_TWICE[0]) == 1
    install(package, page.replace(*SENDS_TWICE))

    code, outcomes = certificate("acme", "--only", "IDS-00")

    assert code == 1 and outcomes["IDS-001"] == outcomes["IDS-003"] == "failed"


def test_a_plugin_that_cannot_be_loaded_is_listed_with_its_problem(package: Path) -> None:
    page = RECIPE.read_text()
    install(
        package, page.replace("from dataclasses import dataclass\n\nfrom acme", "import not_installed\n\nfrom acme")
    )

    listed = {one["name"]: one for one in json.loads(run("broker", "list", "--json")[1])}

    assert not listed["acme"]["is_usable"] and "not_installed" in listed["acme"]["problem"]
    assert "acme" not in installed_brokers()


def test_a_listed_broker_tells_the_commands_that_connect_it() -> None:
    code, text = run("broker", "list", "tastytrade")

    lines = [line.strip() for line in text.splitlines() if line.startswith("  thetaloom") or "doctor" in line]
    assert code == 0 and "thetaloom broker simulate tastytrade" in text
    assert lines == [
        "thetaloom secret set tastytrade client-secret",
        "thetaloom secret set tastytrade refresh-token",
        "THETALOOM_BROKER=tastytrade thetaloom doctor",
        "thetaloom up --broker tastytrade",
    ]
