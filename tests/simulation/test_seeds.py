"""Six seeds on every run of the suite; ten thousand a night by ``make nightly``."""

import pytest

from thetaloom.testing.simulation.runner import play_seed

SEEDS, SHARE = 6, 2


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, SHARE))
def test_every_law_holds_in_every_world(first: int) -> None:
    for seed in range(first, first + SHARE):
        played = play_seed(seed)

        assert played.failures == (), "\n".join(played.history)
        assert played.commits > 0
