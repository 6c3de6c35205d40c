"""Kill a world, resume it, and hold what it ends with against the undisturbed world."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.crash.nursery import Ended, Nursery
from tests.crash.world import Phase, World, differences, plain

Kill = tuple[int, Phase]
HEARTBEATS = frozenset({"", "scheduler_pulse", "watch_pulse"})
EACH_OF_A_KIND = 24
_undisturbed: dict[World, dict[str, Any]] = {}


def play_undisturbed(nursery: Nursery, world: World, home: str) -> dict[str, Any]:
    """Return the account of the world when nobody kills it; played once a test process."""
    nameless = replace(world, home="")
    if nameless not in _undisturbed:
        _undisturbed[nameless] = finished(play(nursery, replace(world, home=home)), str(nameless))
    return _undisturbed[nameless]


def points_of(account: dict[str, Any]) -> list[int]:
    """Return the commits at which a kill tells something: the last, and of each kind the first, then one in 24.

    A kind is the tables that are written; of heartbeats alone, and of nothing written, only the first ones count.
    With ``TESTS_ALL_KILLS`` in the environment it is every commit.
    """
    seen: Counter[str] = Counter()
    points = []
    for number, kind in enumerate(account["kinds"], start=1):
        seen[kind] += 1
        is_news = seen[kind] == 1 or (kind not in HEARTBEATS and seen[kind] % EACH_OF_A_KIND == 0)
        if is_news or "TESTS_ALL_KILLS" in os.environ:
            points.append(number)
    last = len(account["kinds"])
    return points if points[-1] == last else [*points, last]


def check_kills(nursery: Nursery, world: World, kills: Sequence[Kill]) -> int:
    """Kill the world at each of ``kills``, every recovery at the next, resume, compare; return the kills that hit."""
    undisturbed = _undisturbed[replace(world, home="")]
    where = f"{replace(world, home='')} killed at {', '.join(f'{phase} {number}' for number, phase in kills)}"
    hits = 0
    for number, phase in kills:
        ended = play(nursery, world, kill_at=number, phase=phase)
        assert ended.was_killed or not ended.error, f"{where}: {ended.error}"
        hits += ended.was_killed
    found = finished(play(nursery, world), where)
    differing = differences(books_in(undisturbed), books_in(found))
    assert not differing, f"{where}:\n" + "\n".join(differing[:20])
    return hits


def play(nursery: Nursery, world: World, kill_at: int = 0, phase: Phase = "before") -> Ended:
    """Play a world in a child process."""
    return nursery.run("tests.crash.world:play_world", world=plain(world), kill_at=kill_at, phase=phase)


def finished(ended: Ended, where: str) -> dict[str, Any]:
    """Return the account of a world that ended, broke no law and is completed."""
    assert not ended.error, f"{where}: {ended.error}"
    account: dict[str, Any] = ended.answer
    assert not account["faults"], f"{where}: {account['faults']}"
    assert account["ours"]["run"]["status"] == "COMPLETED", f"{where}: {account['ours']['run']}"
    return account


def books_in(account: dict[str, Any]) -> dict[str, Any]:
    """Return what must not differ: everything, but for the commits it took."""
    return {"ours": account["ours"], "theirs": account["theirs"]}
