"""Play many seeds: one after another, or over the machine's cores, each process a share of them."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

import structlog

from thetaloom.testing.simulation.scene import Scene
from thetaloom.testing.simulation.storage import folder
from thetaloom.testing.simulation.world import Failure, World

SEEDS_AT_ONCE = 10  # that a process is given; what is under way when somebody interrupts is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How a world went."""

    seed: int
    days: int
    commits: int
    deaths: int
    digest: str
    failures: tuple[Failure, ...]
    history: tuple[str, ...]


def play_scene(scene: Scene) -> Played:
    """Play one world from its first open to its end."""
    with folder() as where, silence():
        world = World(scene, where)
        failures = world.play()
    return Played(
        seed=scene.seed,
        days=scene.sessions,
        commits=world.commits,
        deaths=world.deaths,
        digest=world.history.digest,
        failures=tuple(failures),
        history=tuple(world.history.lines),
    )


def play_seed(seed: int) -> Played:
    """Play the world of a seed; the same seed always plays the same."""
    return play_scene(Scene.of_seed(seed))


def play_seeds(
    seeds: range, *, processes: int | None = None, each: Callable[[Played], None] = lambda played: None
) -> tuple[list[Played], float]:
    """Play all seeds and hand each on as it ends, its history cut off; return them in order, and the seconds taken."""
    began = time.perf_counter()
    count = min(processes or os.cpu_count() or 1, len(seeds))
    found = []
    for played in _in_one(seeds) if count <= 1 else _in_many(seeds, count):
        each(played)
        found.append(played)
    return sorted(found, key=lambda played: played.seed), time.perf_counter() - began


def _in_one(seeds: Iterable[int]) -> Iterator[Played]:
    return (_without_history(play_seed(seed)) for seed in seeds)


def _in_many(seeds: range, count: int) -> Iterator[Played]:
    shares = [seeds[first : first + SEEDS_AT_ONCE] for first in range(0, len(seeds), SEEDS_AT_ONCE)]
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(_play_share, share) for share in shares]):
                yield from done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _play_share(seeds: range) -> list[Played]:
    return list(_in_one(seeds))


def _without_history(played: Played) -> Played:
    return Played(
        seed=played.seed,
        days=played.days,
        commits=played.commits,
        deaths=played.deaths,
        digest=played.digest,
        failures=played.failures,
        history=played.history[-40:] if played.failures else (),
    )


@contextmanager
def silence() -> Iterator[None]:
    """Keep the platform's log quiet: what it warns of is what the simulation does to it."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)
