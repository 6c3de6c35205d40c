"""``simulate``: the whole platform under one seed after another, with everything going wrong that can."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from thetaloom.cli.output import EXIT_FAILED, JsonOption, console, emit, say
from thetaloom.errors import InvalidInput

if TYPE_CHECKING:
    from thetaloom.testing.simulation.runner import Played

LAST_LINES = 40


def simulate(
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many seeds to play.")] = 100,
    first: Annotated[int, typer.Option("--from", min=0, help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Play this seed alone.")] = None,
    processes: Annotated[int, typer.Option(min=0, help="How many at once; 0: as many as there are cores.")] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print all that happened; needs --seed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play whole trading days under a seed, with a broker that lies and a process that dies, and check every law.

    A failure is printed as seed@commit; the same seed at the same commit fails the same way. Exit code 1 on failures.
    """
    if verbose and seed is None:
        raise InvalidInput("--verbose prints one history", advice="Name the seed: --seed 17 --verbose.")
    found, seconds = _one(seed) if seed is not None else _many(range(first, first + seeds), processes, as_json=as_json)
    commit = _commit()
    days = sum(played.days for played in found)
    failures = [_failure(played, commit, one) for played in found for one in played.failures]
    if as_json:
        emit({"seeds": len(found), "failures": failures, "days_per_s": round(days / seconds, 2)})
    else:
        _print(found, commit, verbose=verbose)
        deaths, commits = sum(played.deaths for played in found), sum(played.commits for played in found)
        count = sum(bool(played.failures) for played in found)
        verdict = f"[red]{count} failed[/]" if count else "[green]every law held[/]"
        say(
            f"{len(found):,} seeds, {days:,} trading days, {commits:,} commits, {deaths:,} deaths of the process,"
            f" {days / seconds:.1f} days/s: {verdict}"
        )
    if failures:
        raise typer.Exit(EXIT_FAILED)


def _one(seed: int) -> "tuple[list[Played], float]":
    import time

    from thetaloom.testing.simulation.runner import play_seed

    began = time.perf_counter()
    played = play_seed(seed)
    return [played], time.perf_counter() - began


def _many(seeds: range, processes: int, *, as_json: bool) -> "tuple[list[Played], float]":
    from thetaloom.testing.simulation.runner import play_seeds

    printer = console(stderr=True)
    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[failed]}"))
    with Progress(*columns, TimeRemainingColumn(), console=printer, disable=as_json or not printer.is_terminal) as bar:
        task, failed = bar.add_task("seeds", total=len(seeds), failed=""), 0

        def each(played: "Played") -> None:
            nonlocal failed
            failed += bool(played.failures)
            bar.update(task, advance=1, failed=f"[red]{failed} failed[/]" if failed else "")

        return play_seeds(seeds, processes=processes or None, each=each)


def _failure(played: "Played", commit: str, failure: Any) -> dict[str, Any]:
    return {"seed": played.seed, "commit": commit, "invariant": failure.invariant, "message": failure.message}


def _print(found: "list[Played]", commit: str, *, verbose: bool) -> None:
    for played in found:
        if verbose:
            say(escape("\n".join(played.history)))
        if not played.failures:
            continue
        say(f"[bold red]{played.seed}@{commit}[/]  again: thetaloom simulate --seed {played.seed} --verbose")
        for failure in played.failures:
            say(f"  [red]{escape(failure.invariant)}[/]: {escape(failure.message)}")
        if not verbose:
            say(escape("\n".join(f"    {line}" for line in played.history[-LAST_LINES:])))


def _commit() -> str:
    asked = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"
