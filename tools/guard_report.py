"""Make the figures of ``docs/concepts/quote-guard.md``: every guard on one curve.

``python -m tools.guard_report`` runs 50,000 anomaly minutes and 7,000 minutes of true moves, prints the tables and
writes the picture. The seeds are its own: no constant was chosen on them.
"""

import argparse
import io
import math
import re
import time
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice, zip_longest
from pathlib import Path

from thetaloom.testing.anomalies import TrueMove, make_minute
from thetaloom.testing.guard_trial import Score, Tally, contenders, scores, tally
from thetaloom.testing.spoilers import Anomaly
from tools.guard_recorded import recorded_table

FIRST_SEED = 1_000_000
FOLDER = Path(__file__).parent.parent / "docs" / "concepts"
BATCH = 10

Batch = tuple[Anomaly | TrueMove, int, int]  # kind, first seed, count


def main() -> None:
    """Run the trial and write the picture beside the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=50_000, help="anomaly minutes in all")
    parser.add_argument("--moves", type=int, default=7_000, help="minutes of true moves in all")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so long and report what was run")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    each, moves = -(-given.minutes // len(Anomaly)), -(-given.moves // len(TrueMove))
    batches = [_batches(kind, each) for kind in Anomaly] + [_batches(kind, moves) for kind in TrueMove]
    # One batch of every kind after the other, so that a run which is cut short has seen all of them.
    plan = [batch for row in zip_longest(*batches) for batch in row if batch is not None]
    tallies = _all_of(plan, given.workers, time.monotonic() + given.seconds)
    found = scores(tallies)
    print("\n".join(_table(found)))
    print()
    print("\n".join(_by_kind(tallies)))
    print()
    print("\n".join(recorded_table()))
    for form in ("svg", "png"):
        (given.folder / f"quote-guard.{form}").write_bytes(draw(found, form))


def _all_of(plan: list[Batch], workers: int, ends_at: float) -> list[list[Tally]]:
    found, begun, left = list[list[Tally]](), list[Future[list[Tally]]](), iter(plan)
    with ProcessPoolExecutor(workers) as pool:
        while True:
            more = islice(left, 2 * workers - len(begun)) if time.monotonic() < ends_at else ()
            begun += [pool.submit(_run, batch) for batch in more]
            if not begun:
                return found
            found.append(begun.pop(0).result())


def draw(found: list[Score], form: str) -> bytes:
    """Return the curve as picture: the same scores give the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "quote-guard", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 5.2), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        for axes, name in zip(figure.subplots(1, 2, sharey=True), ("p50", "p99"), strict=True):
            for family in dict.fromkeys(one.family for one in found):
                rows = [one for one in found if one.family == family]
                late = [one.delay_p50 if name == "p50" else one.delay_p99 for one in rows]
                axes.plot(late, [one.false_per_1000 for one in rows], "o-", label=family, markersize=5)
            axes.axvline(2.0, color="grey", linewidth=0.8, linestyle=":")
            axes.set_xlabel(f"delay on true moves, {name}, seconds (60 = missed)")
            axes.set_xscale("symlog", linthresh=1.0)
            axes.set_xlim(-0.1, 70)
        figure.axes[0].set_ylabel("false exits per 1,000 anomaly minutes")
        figure.axes[0].set_yscale("symlog", linthresh=1.0)
        figure.axes[0].set_ylim(-0.1, 1000)
        figure.axes[0].legend(frameon=False)
        written = io.BytesIO()
        figure.savefig(written, format=form, metadata={"Date": None} if form == "svg" else {"Software": None})
    found_bytes = written.getvalue()
    return _without_metadata(found_bytes) if form == "svg" else found_bytes


def _without_metadata(picture: bytes) -> bytes:
    """Leave out what names hosts and says nothing about the picture."""
    return re.sub(rb"\s*<metadata>.*?</metadata>|<!--.*?-->", b"", picture, flags=re.DOTALL)


def _batches(kind: Anomaly | TrueMove, count: int) -> list[Batch]:
    return [(kind, FIRST_SEED + first, min(BATCH, count - first)) for first in range(0, count, BATCH)]


def _run(batch: Batch) -> list[Tally]:
    kind, first, count = batch
    guards = contenders()
    return [tally(make_minute(kind, seed), guards) for seed in range(first, first + count)]


def _table(found: list[Score]) -> list[str]:
    rows = ["| Guard | Setting | False exits per 1,000 | Delay p50 | Delay p99 | Missed | Later than 2 s |"]
    rows.append("|---|---|---|---|---|---|---|")
    rows += [
        f"| {one.family} | {one.setting} | {one.false_per_1000:.2f} | {one.delay_p50:.2f} s | {one.delay_p99:.2f} s "
        f"| {one.missed_share:.1%} | {one.late_share:.1%} |"
        for one in found
    ]
    return rows


def _by_kind(tallies: list[list[Tally]]) -> list[str]:
    flat = list(chain.from_iterable(tallies))
    rows = ["| Kind | Minutes | Naive | Ours without neighbors | Ours |", "|---|---|---|---|---|"]
    for kind in (*Anomaly, *TrueMove):
        own = [one for one in flat if one.kind == kind.value]
        if not own:
            continue
        cells = []
        for place in (0, -2, -1):
            if isinstance(kind, Anomaly):
                cells.append(str(sum(one.fired[place] is not None for one in own)))
            else:
                late = sorted(one.delay(place) for one in own)
                cells.append(f"{late[len(late) // 2]:.2f} / {late[int(0.99 * (len(late) - 1))]:.2f} s")
        rows.append(f"| {kind.value} | {len(own):,} | {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    main()
