"""Twenty processes that approve one proposal at once make one order."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.kills import finished, play, play_undisturbed
from tests.crash.nursery import Nursery
from tests.crash.world import MADE, World, approve_pending, differences, only_run, open_world, plain, play_on

PROCESSES = 20
QUICK: dict[str, Any] = MADE | {"symbol": "GOOG", "seed": 2}


def play_until_proposed(world: dict[str, Any]) -> None:
    """Play until the proposal waits, and leave it to others."""
    platform = open_world(World(**world))
    platform.engine.start()
    play_on(platform, World(**world), approves=False)
    platform.close()


def approve_at_the_signal(world: dict[str, Any], signal: str) -> None:
    """Get ready, wait until the pipe opens, approve, and do what is due, as a command in a terminal does."""
    platform = open_world(World(**world))
    run_id = only_run(platform.database)
    assert run_id is not None
    os.close(os.open(signal, os.O_RDONLY))
    approve_pending(platform, run_id)
    platform.engine.start()
    platform.engine.settle()
    platform.close()


def test_approvals_raced_by_twenty_processes_make_one_order(nursery: Nursery, new_home: Callable[[], str]) -> None:
    world = World(home=new_home(), **QUICK)
    undisturbed = play_undisturbed(nursery, world, new_home())
    assert not nursery.run(f"{__name__}:play_until_proposed", world=plain(world)).error
    signal = Path(world.home, "signal")
    os.mkfifo(signal)

    racers = [
        nursery.start(f"{__name__}:approve_at_the_signal", world=plain(world), signal=str(signal))
        for _ in range(PROCESSES)
    ]
    gate = os.open(signal, os.O_RDWR)
    ended = [nursery.wait(racer) for racer in racers]
    os.close(gate)

    assert [racer.error for racer in ended if racer.error] == []
    found = finished(play(nursery, world), str(world))
    for books in ("ours", "theirs"):
        assert differences(undisturbed[books]["orders"], found[books]["orders"]) == []
