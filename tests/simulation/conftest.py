"""Worlds for tests: made in memory, taken down afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

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
