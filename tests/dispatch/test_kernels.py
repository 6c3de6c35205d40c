"""Kernels are compiled once for a version, by a process of their own; runs wait for it, and for no failure of it."""

import sys
import threading
from pathlib import Path

import pytest

from thetaloom.dispatch.kernels import Kernels

SUCCEEDS, FAILS = (sys.executable, "-c", ""), (sys.executable, "-c", "raise SystemExit(3)")
LASTS = (sys.executable, "-c", "import threading; threading.Event().wait(60)")
TRIES = 600


def wait_for(kernels: Kernels) -> None:
    """Wait until its process has ended."""
    pause = threading.Event()
    for _ in range(TRIES):
        if kernels.is_ready():
            return
        pause.wait(0.05)
    raise AssertionError("the process does not end")


def test_the_kernels_of_a_version_are_compiled_once(tmp_path: Path) -> None:
    kernels = Kernels(tmp_path / "kernels", SUCCEEDS)
    kernels.start()
    wait_for(kernels)

    again = Kernels(tmp_path / "kernels", LASTS)
    again.start()

    assert again.is_ready()


@pytest.mark.parametrize("command", [FAILS, ("/nowhere/python",)])
def test_what_could_not_be_compiled_beforehand_holds_up_nothing(tmp_path: Path, command: tuple[str, ...]) -> None:
    kernels = Kernels(tmp_path, command)
    kernels.start()

    wait_for(kernels)

    assert not list(tmp_path.iterdir())


def test_runs_wait_while_kernels_are_compiled_and_a_server_that_stops_ends_that(tmp_path: Path) -> None:
    kernels = Kernels(tmp_path, LASTS)
    kernels.start()
    assert not kernels.is_ready()

    kernels.close()

    assert kernels.is_ready()
    assert not list(tmp_path.iterdir())
