from collections.abc import Callable

import numpy as np
import pytest

from thetaloom.domain.market.bars import Bars

BarsOf = Callable[..., Bars]


@pytest.fixture
def bars_of() -> BarsOf:
    """Make bars that wander from 100, the same for the same seed; ``drift`` is per bar."""

    def make(seed: int, count: int = 300, *, drift: float = 0.0, deviation: float = 0.012) -> Bars:
        rng = np.random.Generator(np.random.PCG64(seed))
        closes = 100 * np.exp(np.cumsum(rng.normal(drift, deviation, count)))
        highs = closes * (1 + np.abs(rng.normal(0, 0.006, count)))
        lows = closes * (1 - np.abs(rng.normal(0, 0.006, count)))
        return Bars(
            days=tuple(range(16436, 16436 + count)),
            highs=tuple(np.round(highs, 4).tolist()),
            lows=tuple(np.round(lows, 4).tolist()),
            closes=tuple(np.clip(np.round(closes, 4), np.round(lows, 4), np.round(highs, 4)).tolist()),
            volumes=tuple(rng.integers(1, 1000, count).astype(float).tolist()),
        )

    return make
