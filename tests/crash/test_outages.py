"""A disk that is full, a database that somebody holds: one clear error, nothing half-done."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, func, literal_column, select

from tests.crash.kills import books_in, finished, play, play_undisturbed
from tests.crash.nursery import Nursery
from tests.crash.world import MADE, World, differences, open_world, play_on
from thetaloom.errors import StoreUnavailable
from thetaloom.store import database as databases

QUICK: dict[str, Any] = MADE | {"symbol": "GOOG", "seed": 2}


def check_goes_on(nursery: Nursery, world: World, other_home: str) -> None:
    """Play on after the cause is gone and hold it against the undisturbed world."""
    undisturbed = play_undisturbed(nursery, world, other_home)
    found = finished(play(nursery, world), str(world))
    assert differences(books_in(undisturbed), books_in(found)) == []


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on(nursery: Nursery, new_home: Callable[[], str]) -> None:
    world = World(home=new_home(), **QUICK)
    platform = open_world(world)
    pages = platform.database.first(select(literal_column("page_count")).select_from(func.pragma_page_count()))
    event.listen(platform.database._writing, "begin", lambda one: one.exec_driver_sql(f"PRAGMA max_page_count={pages}"))

    with pytest.raises(StoreUnavailable, match="full"):
        play_on(platform, world)
    platform.close()

    check_goes_on(nursery, world, new_home())


def test_a_database_held_by_another_program_is_one_clear_error_and_the_run_goes_on(
    nursery: Nursery, new_home: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_SECONDS", 0.2)
    world = World(home=new_home(), **QUICK)
    platform = open_world(world)
    other = sqlite3.connect(platform.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="another program holds the database"):
        play_on(platform, world)
    other.execute("ROLLBACK")
    other.close()
    platform.close()

    check_goes_on(nursery, world, new_home())
