"""Play a replayed market: the clock jumps from one change to the next, and the engine does all there is to do."""

from collections.abc import Callable
from datetime import datetime

from thetaloom.engine.engine import Engine
from thetaloom.ports.clock import MovableClock
from thetaloom.ports.market_data import ReplayedMarket


def play(
    engine: Engine,
    clock: MovableClock,
    market: ReplayedMarket,
    *,
    until: Callable[[], bool],
    stop_at: datetime,
    each_turn: Callable[[], None] = lambda: None,
) -> None:
    """Run until ``until`` says so, nothing is left to come, or the clock would pass ``stop_at``."""
    engine.settle()
    each_turn()
    while not until():
        instants = (market.next_change(clock.now()), engine.next_at)
        ahead = [instant for instant in instants if instant is not None]
        if not ahead or min(ahead) > stop_at:
            return
        clock.move_to(max(min(ahead), clock.now()))
        engine.settle()
        each_turn()
