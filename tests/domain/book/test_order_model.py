"""Every path of twelve events through the life of an order, and the laws that hold on each."""

from collections import Counter

from tests.domain.book.order_model import STAGED, S, World, events, fair

from thetaloom.domain.book.orders import CLOSED

DEPTH = 12
ROUNDS_MAX = 12


def check_step(before: World, event: str, after: World) -> None:
    """Hold one event against the laws."""
    told = f"{event}: {before} -> {after}"
    assert not after.resent_unproven, f"sent again without proof of absence; {told}"
    assert after.broker.arrived <= 1, f"two orders arrived for one intent; {told}"
    assert after.order.filled >= before.order.filled, f"a fill was lost; {told}"
    if before.order.status in CLOSED:
        assert after.order.status in {before.order.status, S.FILLED}, f"what was over is open again; {told}"
    assert after.order.filled == len(after.booked), f"a fill was counted twice or not at all; {told}"
    still = max(after.broker.may_fill, STAGED.quantity if after.sending else 0)
    assert after.reserved - after.order.filled >= still, f"less is reserved than can still fill; {told}"


def _lied(world: World) -> bool:
    return world.broker.filled > world.order.filled


def test_all_paths_of_twelve_events_keep_the_laws(capsys: object) -> None:
    edge: Counter[World] = Counter({World(): 1})
    seen = {World()}
    paths = 0
    for _ in range(DEPTH):
        following: Counter[World] = Counter()
        for world, ways in edge.items():
            for event, after in events(world):
                check_step(world, event, after)
                following[after] += ways
        paths += following.total()
        seen |= set(following)
        edge = following
        print(len(seen), len(edge), paths)
