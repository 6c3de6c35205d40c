"""Every path of twelve events through the life of an order, and the laws that hold on each."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from tests.domain.book.order_model import STAGED, S, World, events, fair
from thetaloom.domain.book.orders import CLOSED, Effect

DEPTH = 12
ROUNDS_MAX = 8
ENTRY = World()
EXIT = World(order=replace(STAGED, effect=Effect.CLOSE))
EXACT = World(exact=True)


def fault_of(before: World, after: World) -> str:
    """Say which law an event breaks; empty when it keeps them all."""
    laws = {
        "sent again without proof of absence": not after.resent_unproven,
        "two orders arrived for one intent": after.broker.arrived <= 1,
        "a fill was lost": after.order.filled >= before.order.filled,
        "a fill was counted twice or not at all": after.order.filled == len(after.booked),
        "what was over is open again": before.order.status not in CLOSED
        or after.order.status in {before.order.status, S.FILLED},
        "less is reserved than can still fill": after.reserved >= after.may_fill,
        "an end without an explanation": after.order.is_open or bool(after.order.reason) or after.order.filled > 0,
        "in doubt after its end": after.order.is_open or after.order.unresolved_since is None,
    }
    return ", ".join(law for law, holds in laws.items() if not holds)


def explore(first: World, depth: int) -> tuple[set[World], int, list[str]]:
    """Walk all paths of ``depth`` events; return the worlds met, the number of paths, and what broke a law."""
    numbers, onward = {first: 0}, dict[int, list[int]]()  # each world has a number; from it, where its events lead
    worlds, faults = [first], list[str]()
    edge = Counter({0: 1})
    for _ in range(depth):
        following: Counter[int] = Counter()
        for number, ways in edge.items():
            if number not in onward:
                lawful, broken = _after(worlds[number])
                faults += broken
                for after in lawful:
                    if after not in numbers:
                        numbers[after] = len(worlds)
                        worlds.append(after)
                onward[number] = [numbers[after] for after in lawful]
            for after_number in onward[number]:
                following[after_number] += ways
        edge = following
    return set(numbers), edge.total(), faults


def _after(before: World) -> tuple[list[World], list[str]]:
    """Return the worlds that one event leads to, and what broke a law on the way to another."""
    lawful, faults = [], []
    for event, after in events(before):
        if fault := fault_of(before, after):
            faults.append(f"{event}: {fault}: {before} -> {after}")
        else:
            lawful.append(after)
    return lawful, faults


@pytest.mark.parametrize("first", [ENTRY, EXIT, EXACT], ids=["entry", "exit", "exact books"])
def test_all_paths_of_twelve_events_keep_the_laws_and_come_to_an_end(first: World) -> None:
    seen, paths, faults = explore(first, DEPTH)
    print(f"order model: {len(seen)} states, {paths} paths of {DEPTH} events")  # noqa: T201  # how much was checked

    assert faults == []
    assert len(seen) > 10_000 and paths > 10**10
    assert {world.order.status for world in seen} == set(S)
    assert [world for world in seen if not _ends(world)] == [], "worlds in which an order is never settled"


@pytest.mark.parametrize(
    ("first", "law"),
    [
        pytest.param(World(absence=timedelta(0)), "sent again", id="a quarantine too short"),
        pytest.param(World(broker=replace(ENTRY.broker, arrived=1)), "sent again", id="sent by somebody else"),
    ],
)
def test_the_laws_find_what_breaks_them(first: World, law: str) -> None:
    _, _, faults = explore(first, 7)

    assert any(law in fault for fault in faults)


def _ends(world: World) -> bool:
    """Say whether the order is over, with every fill booked, once nothing goes wrong any more."""
    for _ in range(ROUNDS_MAX):
        world = _one_round(world)
    books_agree = world.order.filled == world.broker.filled
    return not world.order.is_open and books_agree and world.may_fill == 0


_one_round = cache(fair)
