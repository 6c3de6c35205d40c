"""The same kills with both books in one PostgreSQL database."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from tests.crash.kills import books_in, finished, play
from tests.crash.nursery import Nursery
from tests.crash.test_kills import PHASES
from tests.crash.world import MADE, World, differences
from thetaloom.store.database import Database
from thetaloom.store.schema import meta
from thetaloom.store.upgrading import INSTALLATION_ID

KILLS = 12
QUICK: dict[str, Any] = MADE | {"symbol": "GOOG", "seed": 2}


@pytest.mark.slow
@pytest.mark.postgres
def test_kills_on_postgresql_change_nothing(
    nursery: Nursery, new_home: Callable[[], str], postgres_database: Database
) -> None:
    undisturbed = finished(play(nursery, World(home=new_home(), **QUICK)), "on SQLite")
    with postgres_database.begin() as connection:  # the ids of runs and orders follow from it
        connection.execute(update(meta).where(meta.c.name == INSTALLATION_ID).values(content="crash"))
    chance = np.random.default_rng(7)
    world = World(home=new_home(), database_url=postgres_database.url.render_as_string(hide_password=False), **QUICK)

    hits = 0
    for _ in range(KILLS):
        kill_at, phase = int(chance.integers(1, undisturbed["commits"] // KILLS * 2)), PHASES[int(chance.integers(2))]
        ended = play(nursery, world, kill_at, phase)
        assert ended.was_killed or not ended.error, f"kill {phase} {kill_at}: {ended.error}"
        hits += ended.was_killed
    found = finished(play(nursery, world), "on PostgreSQL")

    assert hits >= KILLS // 2
    differing = differences(books_in(undisturbed), books_in(found))
    assert not differing, "\n".join(differing[:20])
