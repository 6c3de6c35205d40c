"""Speed of the simulation: trading days a second with fifty positions that are watched minute by minute."""

from datetime import date, timedelta

from thetaloom.cli.bench_figures import Figure, timed

SYMBOLS = ("SPY", "QQQ", "DIA", "XLE", "XLF", "GLD", "TLT", "AAPL", "MSFT", "NVDA")
STRATEGIES = 5  # each trades every symbol: fifty positions
LOOK_MINUTES = (5, 1)


def simulation() -> list[Figure]:
    """A simulated trading day with fifty open positions on one core, the market moving every so many minutes."""
    return [_day(minutes) for minutes in LOOK_MINUTES]


def _day(minutes: int) -> Figure:
    from thetaloom.domain.values.ids import StrategyId
    from thetaloom.engine.commands import StartRun
    from thetaloom.testing.simulation.faults import Faults
    from thetaloom.testing.simulation.market import Listed
    from thetaloom.testing.simulation.runner import silence
    from thetaloom.testing.simulation.scene import Scene
    from thetaloom.testing.simulation.storage import folder
    from thetaloom.testing.simulation.strategies import held_condors
    from thetaloom.testing.simulation.world import BEFORE_CLOSE, USER, World

    limits = ("max_trades_per_day", "max_positions", "max_positions_per_symbol", "max_orders_per_minute")
    scene = Scene(
        seed=1,
        first_on=date(2026, 1, 6),
        sessions=2,
        minutes=minutes,
        faults=Faults(),
        strategies=tuple(held_condors(number, SYMBOLS) for number in range(STRATEGIES)),
        listed=tuple(
            Listed(symbol=symbol, spot=600.0, step=5, strikes_each_side=8, iv=0.25, half_width=0.02)
            for symbol in SYMBOLS
        ),
        limits=tuple((limit, "100") for limit in limits),
        crowd=False,
    )
    with folder() as where, silence():
        world = World(scene, where)
        for symbol in SYMBOLS:  # all of one symbol at once: the same legs, so that none would close another's
            for number in range(STRATEGIES):
                world.ask(StartRun(user_id=USER, symbol=symbol, strategy_id=StrategyId(f"held-condors-{number}")))
            world.play_until(world.clock.now() + timedelta(minutes=1))
        world.play_until(world.sessions[0].close_at)
        held = sum(one.is_held for one in world.read().runs)
        world.play_until(world.sessions[1].open_at)
        seconds = timed(lambda: world.play_until(world.sessions[1].close_at - BEFORE_CLOSE)) / 1000
        failed = "".join(f"; {failure.invariant}" for failure in world.failures)
        world.storage.remove()
    note = f"{held} positions, the market moves every {minutes} min, every law checked{failed}"
    return Figure(name=f"simulated trading day ({minutes} min)", figure=seconds, unit="s", bar=1, note=note)
