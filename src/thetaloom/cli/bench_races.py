"""Races for one approval, as many as a minute takes or all of them: no proposal may ever lead to two orders."""

import shutil
import time
from collections import Counter
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory

from thetaloom.cli.bench_figures import Figure

MEMORY = Path("/dev/shm")
RACES = 10_000
SECONDS_MAX = 50.0
PLAYS_ALL: ContextVar[bool] = ContextVar("PLAYS_ALL", default=False)  # however long they take


def approval_races() -> list[Figure]:
    """Approvals raced by second presses, second devices, deaths, rejections, cancels and halts."""
    from thetaloom.store.database import open_database
    from thetaloom.store.upgrading import upgrade
    from thetaloom.testing.approval_races import RaceBench, races_of
    from thetaloom.testing.simulation.runner import silence

    memory = MEMORY if MEMORY.is_dir() else None  # nobody pulls the plug here: a commit need not wait for a disk
    ends, began = [], time.perf_counter()
    with TemporaryDirectory(prefix="thetaloom-bench-", dir=memory) as home, silence():
        empty = open_database(Path(home, "empty.db"))
        upgrade(empty)
        empty.close()
        bench = RaceBench(Path(shutil.copy(empty.path, Path(home, "races.db"))))
        for race in races_of(RACES):
            ends.append(bench.run(race))
            if not PLAYS_ALL.get() and time.perf_counter() - began > SECONDS_MAX:
                break
        bench.close()
    seconds = time.perf_counter() - began
    twice = sum(end.submits > 1 or end.orders > 1 for end in ends)
    faults = Counter(end.fault for end in ends if end.fault)
    killed = sum(end.was_killed for end in ends)
    note = f"of {RACES:,}, in {seconds:.0f} s; {killed:,} processes killed"
    other = "; ".join(f"{fault}: {count}" for fault, count in faults.items())
    return [
        Figure(name="races for an approval, played", figure=len(ends), unit="races", note=note),
        Figure(name="approvals with two orders", figure=twice, unit="races", bar=0, note=f"of {len(ends):,} played"),
        Figure(name="races that ended wrongly", figure=sum(faults.values()), unit="races", bar=0, note=other),
    ]
