"""To compare thousands of positions with the broker's books takes as long as there are positions, not their square."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from thetaloom.domain.book.elsewhere import FindingKind
from thetaloom.domain.book.positions import Position
from thetaloom.engine.reconcile import Reconciled, reconcile
from thetaloom.testing.watch_bench import WatchBench

SUM = Position.held.fget.__code__  # type: ignore[attr-defined]  # a property of the class has one


def sums_in(work: Callable[[], object]) -> int:
    """Count how often the contracts of a position are added up."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code is SUM

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("is_lost", [False, True], ids=["agreeing", "lost"])
def test_a_comparison_adds_each_position_up_as_often_however_many_there_are(tmp_path: Path, is_lost: bool) -> None:
    found: list[Reconciled] = []
    sums = []
    for positions in (10, 40):
        (folder := tmp_path / str(positions)).mkdir()
        world = WatchBench(folder, positions)
        if is_lost:
            world.desk_bench.broker.held.clear()
        reconcile(world.desk)
        world.clock.advance(seconds=10)
        sums.append(sums_in(lambda world=world: found.append(reconcile(world.desk))) / positions)  # type: ignore[misc]  # a default keeps this turn's world
        world.close()

    assert sums[0] == sums[1] > 0
    kinds = [one.kind for one in found[-1].findings]
    assert (set(kinds) == {FindingKind.CONTRACTS_DIFFER}) if is_lost else (kinds == [])
