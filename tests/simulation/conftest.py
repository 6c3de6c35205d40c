"""Worlds for tests: made in memory, taken down afterwards."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from thetaloom.store.database import open_database
from thetaloom.testing.desk import DeskBench
from thetaloom.testing.simulation.scene import Scene
from thetaloom.testing.simulation.storage import folder
from thetaloom.testing.simulation.world import World


@pytest.fixture
def new_world() -> Iterator[Callable[[Scene], World]]:
    """Make a world of a scene."""
    with ExitStack() as stack:

        def make(scene: Scene) -> World:
            world = World(scene, stack.enter_context(folder()))
            stack.callback(world.storage.remove)
            return world

        yield make


@pytest.fixture
def lite(sqlite_template: Path) -> Iterator[DeskBench]:
    """A desk with a scripted broker."""
    with folder() as where:
        database = open_database(Path(shutil.copy(sqlite_template, where)))
        yield DeskBench(database)
        database.close()
