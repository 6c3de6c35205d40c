"""How long the engine's turns last while those outside take their time, as figures beside their bars."""

from pathlib import Path
from tempfile import TemporaryDirectory

from thetaloom.cli.bench_figures import Figure

TURN_MILLISECONDS_MAX = 250.0  # several answers are waited for in a turn, each for a moment
EXIT_MILLISECONDS_MAX = 500.0
SLOW_SECONDS, HANGS_SECONDS = 0.3, 3600.0


def live_turns() -> list[Figure]:
    """The worst turn, and an exit, while all of market and broker takes 300 ms, and while it never answers."""
    return [
        figure
        for name, seconds in (("answers in 300 ms", SLOW_SECONDS), ("hangs", HANGS_SECONDS))
        for figure in _measured(name, seconds)
    ]


def _measured(name: str, seconds: float) -> list[Figure]:
    from thetaloom.cli.up import leave_out_of_collections
    from thetaloom.store.database import open_database
    from thetaloom.store.upgrading import upgrade
    from thetaloom.testing.simulation.runner import silence
    from thetaloom.testing.slow_outside import measure_turns

    with TemporaryDirectory(prefix="thetaloom-bench-") as home, silence():
        found = []
        for kind in ("swift", "slow"):
            database = open_database(f"sqlite:///{Path(home) / kind}.db")
            upgrade(database)
            leave_out_of_collections()  # as the server does
            found.append(measure_turns(database, 0.0 if kind == "swift" else seconds))
            database.close()
    swift, turns = found
    note = f"{turns.asked} slow requests of market and broker, {turns.asked_here} on its thread"
    return [
        Figure(
            name=f"worst turn, outside {name}",
            figure=turns.worst,
            unit="ms",
            bar=TURN_MILLISECONDS_MAX,
            note=note,
            peer=f"{swift.worst:.0f} ms where all answer at once",
        ),
        Figure(
            name=f"quote to exit order, outside {name}",
            figure=turns.exit,
            unit="ms",
            bar=EXIT_MILLISECONDS_MAX,
            note="until the order is on its way, whose answer takes as long as all others",
        ),
    ]
