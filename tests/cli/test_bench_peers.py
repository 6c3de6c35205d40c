"""Figures of other libraries: measured on a Python of their own, and never needed for ours."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from thetaloom.cli import bench_peers
from thetaloom.cli.bench_peers import CHECKOUT, PeerAnswer, ask_peer, peer_text


@pytest.fixture
def peers() -> Iterator[Callable[[Path], None]]:
    """Set which Python the peers live in, for this test."""
    before = bench_peers.PEERS.get()
    yield lambda python: bench_peers.PEERS.set(python) and None
    bench_peers.PEERS.set(before)


@pytest.fixture
def scripts(tmp_path: Path, peers: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for scripts of this test, run on the Python of the tests."""
    peers(Path(sys.executable))
    monkeypatch.setattr(bench_peers, "SCRIPTS", tmp_path)
    return tmp_path


def test_a_peer_on_another_python_agrees_with_our_american_prices(peers: Callable[[Path], None]) -> None:
    from thetaloom.maths.american_trees import tree_prices

    peers(Path(sys.executable))  # which has QuantLib, for the tests
    options = [(True, 100.0, 95.0, 200, 0.03, 0.05, 0.3), (False, 100.0, 108.0, 90, 0.05, 0.01, 0.2)]

    answer = ask_peer("quantlib_american", options)

    rights, spots, strikes, days, rates, yields, ivs = zip(*options, strict=True)
    ours = tree_prices(spots, strikes, [day / 365 for day in days], rights, ivs, rates, yields)
    assert answer.problem == "" and answer.milliseconds > 0
    assert list(answer.answers) == pytest.approx(ours.tolist(), abs=5e-3)


def test_without_the_environment_a_peer_is_not_installed(tmp_path: Path, peers: Callable[[Path], None]) -> None:
    peers(tmp_path / "bin" / "python")

    assert peer_text("vollib", ask_peer("vollib_chain", [])) == "vollib: not installed"


def test_a_library_that_is_missing_is_not_installed(scripts: Path) -> None:
    (scripts / "other.py").write_text("import a_library_that_nobody_has\n")

    assert ask_peer("other", []).problem == "not installed"
    assert ask_peer("no_such_script", []).problem == "not installed"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("raise ValueError('too deep')", r"failed: ValueError: too deep"),
        ("print('hello')", r"gave no answer that can be read: .+"),
        ("print('{\"answers\": []}')", r"gave no answer that can be read: .+"),
        ("import sys; sys.exit(3)", r"failed: nothing"),
    ],
)
def test_a_peer_that_fails_says_how(scripts: Path, text: str, problem: str) -> None:
    (scripts / "other.py").write_text(text)

    assert re.fullmatch(problem, ask_peer("other", []).problem)


def test_a_sample_is_scaled_to_the_whole() -> None:
    assert peer_text("one", PeerAnswer(milliseconds=2.34), 10) == "one: 23.4 ms"
    assert peer_text("one", PeerAnswer(milliseconds=2.3456), 1000) == "one: 2,346 ms"


def test_the_bench_measures_ours_without_any_peer(thetaloom: Command, tmp_path: Path) -> None:
    outcome = thetaloom("bench", "--only", "payoffs", "--peers", tmp_path / "none", "--json")

    figures = json.loads(outcome.stdout)["figures"]
    assert [figure["name"] for figure in figures] == ["payoff + pop of a structure", "payoff picture"]
    assert all(figure["figure"] > 0 for figure in figures)
    assert figures[0]["peer"] == "optionlab: not installed"


def test_the_peers_are_pinned_by_hash_and_from_no_host() -> None:
    lock = (CHECKOUT / "tools" / "peers" / "requirements.txt").read_text()

    pins = re.findall(r"^[a-z0-9-]+==\S+", lock, re.MULTILINE)
    assert {"optionlab", "quantlib", "vollib"} <= {pin.partition("==")[0] for pin in pins}
    assert lock.count("--hash=sha256:") >= len(pins)
    assert "://" not in lock
