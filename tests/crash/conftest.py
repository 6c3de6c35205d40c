"""The nursery of this test process, and homes for worlds that leave nothing behind."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.nursery import Nursery

MEMORY = Path("/dev/shm")  # a process is killed here, never the machine: nothing has to reach a disk


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Children that may be killed."""
    started = Nursery()
    yield started
    started.close()


@pytest.fixture
def new_home() -> Iterator[Callable[[], str]]:
    """Make a folder of its own for each world of a test."""
    made: list[str] = []

    def make() -> str:
        made.append(tempfile.mkdtemp(prefix="thetaloom-crash-", dir=MEMORY if MEMORY.is_dir() else None))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
