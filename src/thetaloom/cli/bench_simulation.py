"""Speed of the simulation: trading days a second with fifty positions that are watched minute by minute."""

from datetime import date, timedelta

from thetaloom.cli.bench_figures import Figure, timed

POSITIONS = 50
STRATEGIES = 10


def simulation() -> list[Figure]:
    """A simulated trading day with fifty open positions, one core, a look a minute."""
    from thetaloom.domain.values.ids import StrategyId
    from thetaloom.engine.commands import StartRun
    from thetaloom.testing.simulation.faults import Faults
    from thetaloom.testing.simulation.runner import silence
    from thetaloom.testing.simulation.scene import Scene
    from thetaloom.testing.simulation.storage import folder
    from thetaloom.testing.simulation.strategies import held_condors
    from thetaloom.testing.simulation.world import BEFORE_CLOSE, USER, World

    limits = ("max_trades_per_day", "max_positions", "max_positions_per_symbol")
    scene = Scene(
        seed=1,
        first_on=date(2026, 1, 6),
        sessions=2,
        minutes=1,
        faults=Faults(),
        strategies=tuple(held_condors(number) for number in range(STRATEGIES)),
        limits=tuple((limit, "100") for limit in limits),
        crowd=False,
    )
    with folder() as where, silence():
        world = World(scene, where)
        for number in range(POSITIONS):  # one a minute: more at once would look like a runaway, and be halted
            strategy = StrategyId(f"held-condors-{number % STRATEGIES}")
            world.ask(StartRun(user_id=USER, symbol=("SPY", "QQQ")[number % 2], strategy_id=strategy))
            world.play_until(world.clock.now() + timedelta(minutes=1))
        world.play_until(world.sessions[0].close_at)
        held = sum(one.is_held for one in world.read().runs)
        world.play_until(world.sessions[1].open_at)
        seconds = timed(lambda: world.play_until(world.sessions[1].close_at - BEFORE_CLOSE)) / 1000
        failed = "".join(f"; {failure.invariant}" for failure in world.failures)
        world.storage.remove()
    note = f"{held} positions, 385 looks, every law checked{failed}"
    return [Figure(name="simulated trading day", figure=seconds, unit="s", bar=1, note=note)]
