"""Kill -9 at each commit, by either database, loses nothing and doubles nothing."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.crash.kills import check_kills, play_undisturbed, points_of
from tests.crash.nursery import Nursery
from tests.crash.world import MADE, Phase, World, at

PARTS = 12  # so that several test processes share the work
PHASES: tuple[Phase, Phase] = ("before", "after")
SYMBOLS = ("SPY", "QQQ", "IWM")
SEEDS = 12 if "TESTS_ALL_KILLS" in os.environ else 3
LATE = "2015-12-24T16:46:00+00:00"  # as much happens as in the whole day, and it is over sooner


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_any_commit_of_the_recorded_day_changes_nothing(
    nursery: Nursery, new_home: Callable[[], str], part: int
) -> None:
    undisturbed = play_undisturbed(nursery, World(home="", start=LATE), new_home())
    points = points_of(undisturbed)
    assert len(points) > 30

    for number in points[part::PARTS]:
        # After a commit nothing is kept until before the next one: only the last has an after of its own.
        for phase in PHASES if number == undisturbed["commits"] else PHASES[:1]:
            assert check_kills(nursery, World(home=new_home(), start=LATE), [(number, phase)]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_random_kills_of_a_seeds_world_change_nothing(nursery: Nursery, new_home: Callable[[], str], seed: int) -> None:
    chance = np.random.default_rng(seed)
    if seed % 6 == 0:
        scene: dict[str, Any] = {"start": at(f"15:{int(chance.integers(60)):02}").isoformat()}
    else:
        scene = MADE | {"symbol": SYMBOLS[seed % len(SYMBOLS)]}
    commits = play_undisturbed(nursery, World(home="", seed=seed, **scene), new_home())["commits"]

    def some_kill() -> tuple[int, Phase]:
        return int(chance.integers(1, commits + 1)), PHASES[int(chance.integers(2))]

    kills = [some_kill() for _ in range(1 + seed % 2)]  # every other world is killed again while it recovers
    assert check_kills(nursery, World(home=new_home(), seed=seed, **scene), kills) >= 1
