"""One simulated TWS for each test, on a fresh account, and the adapter connected to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr.rig import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A market with two quoted puts, a TWS over it, and no connection yet."""
    made = Bench(tmp_path)
    made.quote_spread()
    yield made
    made.close()
    assert made.server.faults == []


@pytest.fixture
def calendar_now() -> object:
    """The instant at which tests begin."""
    return b.NOW
