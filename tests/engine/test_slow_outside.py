"""Whoever outside takes their time, or never answers: an exit is decided and ordered meanwhile."""

import math

import pytest

from thetaloom.store.database import Database
from thetaloom.testing.slow_outside import measure_turns


@pytest.mark.parametrize("seconds", [0.05, 3600.0])
def test_an_exit_is_ordered_while_market_and_broker_keep_one_waiting(sqlite_database: Database, seconds: float) -> None:
    found = measure_turns(sqlite_database, seconds)

    assert math.isfinite(found.exit)
    assert found.asked > 0
    assert found.asked_here == 0
