"""A death at each commit boundary of a small world, one at a time: whatever was half done is done once."""

from dataclasses import replace
from datetime import date

import pytest

from thetaloom.testing.simulation.faults import Faults
from thetaloom.testing.simulation.runner import play_scene
from thetaloom.testing.simulation.scene import Phase, Scene

SMALL = Scene(seed=5, first_on=date(2026, 1, 6), sessions=1, minutes=30, faults=Faults())
KILLS = 6  # spread over the world; the fork-and-kill tests of tests/crash take every boundary of theirs


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["before", "after"])
def test_no_law_breaks_wherever_the_process_dies(phase: Phase) -> None:
    undisturbed = play_scene(SMALL)
    step = max(undisturbed.commits // KILLS, 1)

    for number in range(1, undisturbed.commits, step):
        played = play_scene(replace(SMALL, kill_at=(number, phase)))

        assert played.failures == (), f"killed {phase} commit {number}\n" + "\n".join(played.history)
        assert played.deaths == 1
