"""A seed says all: two plays of it agree in every byte, in one process and in two."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from thetaloom.testing.simulation.faults import RATES, Faults
from thetaloom.testing.simulation.runner import play_scene, play_seed, play_seeds
from thetaloom.testing.simulation.scene import Scene

ROOT = Path(__file__).parents[2]
EVERYTHING = Scene(
    seed=4,
    first_on=date(2026, 1, 7),
    sessions=1,
    minutes=15,
    faults=Faults({f: high for f, (_, high) in RATES.items()}),
)


def test_a_seed_plays_the_same_twice() -> None:
    once, again = play_scene(EVERYTHING), play_scene(EVERYTHING)

    assert once.history == again.history
    assert once.digest == again.digest
    assert once.deaths > 0


def test_another_seed_is_another_world() -> None:
    assert play_seed(1).digest != play_seed(2).digest


@pytest.mark.slow
def test_a_seed_plays_the_same_in_processes_that_hash_differently() -> None:
    program = "import sys; from thetaloom.testing.simulation.runner import play_seed; print(play_seed(7).digest)"
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": number, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("1", "2")
    ]

    assert told[0] == told[1] == play_seed(7).digest + "\n"


def test_many_seeds_come_back_in_order() -> None:
    ended: list[int] = []

    found, seconds = play_seeds(range(11, 13), processes=1, each=lambda played: ended.append(played.seed))

    assert [played.seed for played in found] == ended == [11, 12]
    assert seconds > 0


@pytest.mark.slow
def test_the_command_tells_what_was_played() -> None:
    command = [sys.executable, "-m", "thetaloom", "simulate", "--seeds", "2", "--from", "5", "--json"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["seeds"] == 2 and told["failures"] == [] and told["days_per_s"] > 0
