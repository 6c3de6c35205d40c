"""Price walks against each other in a simulator of fills, as ``thetaloom bench`` measures them.

The simulator knows nothing of any walk. Each order meets a net quote with a drifting mid, and a reservation place that
is hidden from the walk: the part of the half-spread that must be given up. Takers come at random moments, and between
two of them nothing fills; one that comes trades when the limit gives what is asked. Every walk meets the same markets.
Two models of the reservation: ``middling`` (beta 2, 3) and ``stubborn`` (half of the orders near mid, half near natural
or beyond); our numbers were chosen by the first alone.

Peers, as published, and what is assumed. Option Alpha's Normal, Fast and Patient: 4 prices for 10 s, 3 for 5, 5 for 20,
from mid to natural, the last for two minutes; the spacing is assumed even, the quotes those of the start, as their help
says of the final price. WhisperTrades: its numbers are not published; assumed 7 prices for 8 s from a quarter better
than mid, and 9 for 15 s from the near side, the last for two minutes. thetagang (its PR#334): midpoint, moved once half
way to the new midpoint, here after 10 s, then left working. Each peer is met at its own length, by a walk of ours that
is given exactly that time, and like the peers' never goes beyond the natural price of the start. So that all fill
alike, what is left unfilled pays natural at the end, or what is asked there beyond it; how many filled by themselves
stands beside.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from thetaloom.cli.bench_figures import Figure
from thetaloom.domain.book.price_walk import walk_limit
from thetaloom.domain.book.walk_plan import WalkSituation, plan_walk, settled_walk
from thetaloom.domain.strategy.strategies import OrderPreset, OrderRule
from thetaloom.domain.values.money import CENT, Price
from thetaloom.domain.values.ticks import PENNIES

ORDERS = 1500
SEED = 20_261_121
TAKERS_PER_SECOND = 0.12
SAVING_BAR = 15.0  # percent of the half-spread paid, at no lower rate of fills
LESSONS = 40  # past fills of the same walk that the adaptive one is given
ADAPTIVE = settled_walk(OrderRule(preset=OrderPreset.ADAPTIVE))

Quote = tuple[float, float]  # mid and half-spread
Walk = Callable[[Sequence[Quote]], list[float]]  # the limit of each second, from quotes up to that second alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What one order met: a quote for each second, when takers come, and where they give way."""

    quotes: tuple[Quote, ...]
    takers: frozenset[int]
    place: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Which orders filled by themselves, and the part of the half-spread on arrival that each gave up."""

    filled: np.ndarray[Any, np.dtype[np.bool_]]
    paid: np.ndarray[Any, np.dtype[np.float64]]  # in the end, where it did not fill
    places: tuple[float, ...]  # of the fills at their moment


def walks() -> list[Figure]:
    """Half-spread paid by our adaptive walk against six peers, on two models of fills."""
    return [
        figure
        for number, model in enumerate((middling, stubborn))
        for name, seconds, peer in PEERS
        for figure in _against(name, seconds, peer, model, seed=SEED + number)
    ]


def middling(numbers: np.random.Generator) -> float:
    """Draw a reservation that mostly lies before the middle of the way."""
    return float(numbers.beta(2, 3))


def stubborn(numbers: np.random.Generator) -> float:
    """Draw a reservation near mid, or near natural, or a little beyond."""
    near = numbers.random() < 0.5
    return float(numbers.uniform(0.0, 0.2) if near else numbers.uniform(0.75, 1.05))


def markets(model: Callable[[np.random.Generator], float], seconds: int, count: int, seed: int) -> list[Met]:
    """Return what ``count`` orders meet; one in ten meets a stressed market that moves and widens."""
    numbers = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        stressed = numbers.random() < 0.1
        half = float(numbers.uniform(0.04, 0.30)) * (2 if stressed else 1)
        moves = numbers.normal(0, half * (0.06 if stressed else 0.015), seconds)
        mid = float(numbers.uniform(1.0, 4.0)) + np.cumsum(moves) - moves[0]
        breath = half * np.clip(1 + 0.1 * np.sin(np.arange(seconds) / 17 + numbers.uniform(0, 6)), 0.5, 2)
        takers = np.flatnonzero(numbers.random(seconds) < TAKERS_PER_SECOND)
        quotes = tuple(zip(np.round(mid, 3).tolist(), np.round(breath, 3).tolist(), strict=True))
        found.append(Met(quotes=quotes, takers=frozenset(takers.tolist()), place=model(numbers)))
    return found


def outcome(walk: Walk, met: Sequence[Met]) -> Outcome:
    """Let a walk meet every market."""
    filled, paid, places = np.zeros(len(met), dtype=np.bool_), np.zeros(len(met)), []
    for index, one in enumerate(met):
        limits = walk(one.quotes)
        (arrival_mid, arrival_half), (last_mid, last_half) = one.quotes[0], one.quotes[-1]
        paid[index] = (arrival_mid - last_mid + last_half * max(1.0, one.place)) / arrival_half
        for second in sorted(one.takers):
            mid, half = one.quotes[second]
            if limits[second] <= mid - half * one.place + 1e-9:
                filled[index] = True
                paid[index] = (arrival_mid - limits[second]) / arrival_half
                places.append((mid - limits[second]) / half)
                break
    return Outcome(filled=filled, paid=paid, places=tuple(places))


def adaptive(seconds: int, past: Sequence[float] = ()) -> Walk:
    """Return our adaptive walk with ``seconds`` to live, by the very functions that the engine calls."""
    rule = OrderRule(preset=OrderPreset.ADAPTIVE)
    places = tuple(Decimal(f"{place:.4f}") for place in past)
    situation = WalkSituation(time_left=timedelta(seconds=seconds), places=places)

    def limits(quotes: Sequence[Quote]) -> list[float]:
        plan = plan_walk(rule, situation, half_spread=Price(f"{quotes[0][1]:.3f}"))
        floor = Price(f"{quotes[0][0] - quotes[0][1]:.3f}")  # what was approved on arrival: natural
        found: list[float] = []
        for second, (mid, half) in enumerate(quotes):
            step = second // plan.interval_seconds
            if second % plan.interval_seconds or step > len(plan.places):
                found.append(found[-1])
                continue
            live, way = Price(f"{mid:.3f}"), Price(f"{half:.3f}")
            limit = walk_limit(
                ADAPTIVE, step, mid=live, natural=live - way, floor=floor, ticks=PENNIES, places=plan.places
            )
            found.append(float(limit))
        return found

    return limits


def even_peer(prices: int, pause: int, *, first: float = 0.0) -> Walk:
    """Return a peer's walk over the quotes of its start: ``prices`` from ``first`` to natural, evenly spaced."""

    def limits(quotes: Sequence[Quote]) -> list[float]:
        mid, half = quotes[0]
        steps = [first + (1 - first) * step / (prices - 1) for step in range(prices)]
        places = [steps[min(second // pause, prices - 1)] for second in range(len(quotes))]
        return [math.ceil((mid - half * place) / float(CENT) - 1e-9) * float(CENT) for place in places]

    return limits


def thetagang(quotes: Sequence[Quote]) -> list[float]:
    """Midpoint, moved once half way to the new midpoint unless that asks for more, then left."""
    mid = quotes[0][0]
    halfway = min(mid, (mid + quotes[10][0]) / 2)
    limits = [mid if second < 10 else halfway for second in range(len(quotes))]
    return [math.ceil(limit / float(CENT) - 1e-9) * float(CENT) for limit in limits]


PEERS: tuple[tuple[str, int, Walk], ...] = (
    ("Option Alpha Normal", 150, even_peer(4, 10)),
    ("Option Alpha Fast", 130, even_peer(3, 5)),
    ("Option Alpha Patient", 200, even_peer(5, 20)),
    ("WhisperTrades Normal (assumed)", 168, even_peer(7, 8, first=-0.25)),
    ("WhisperTrades Patient (assumed)", 240, even_peer(9, 15, first=-1.0)),
    ("thetagang", 300, thetagang),
)


def compare(
    seconds: int, peer: Walk, model: Callable[[np.random.Generator], float], *, seed: int, count: int = ORDERS
) -> tuple[Outcome, Outcome]:
    """Return the outcomes of ours and the peer in the same markets; ours has learned from markets of another seed."""
    lessons = markets(model, seconds, LESSONS, seed + 100)
    past = outcome(adaptive(seconds), lessons).places
    met = markets(model, seconds, count, seed)
    return outcome(adaptive(seconds, past), met), outcome(peer, met)


def _against(
    name: str, seconds: int, peer: Walk, model: Callable[[np.random.Generator], float], *, seed: int
) -> list[Figure]:
    ours, theirs = compare(seconds, peer, model, seed=seed)
    saved, base = theirs.paid - ours.paid, float(theirs.paid.mean())
    share = 100 * float(saved.mean()) / base
    error = 196 * float(saved.std(ddof=1)) / math.sqrt(len(saved)) / base
    note = (
        f"{model.__name__} fills, all orders filled in the end: paid {ours.paid.mean():.3f} half-spreads,"
        f" saved {share:.1f} % ± {error:.1f}; {_said(ours)}"
    )
    return [
        Figure(
            name=f"half-spread paid beside {name}",
            figure=100 - share,
            unit="%",
            bar=100 - SAVING_BAR,
            note=note,
            peer=f"paid {base:.3f}; {_said(theirs)}",
        ),
    ]


def _said(found: Outcome) -> str:
    return f"{100 * found.filled.mean():.1f} % filled by themselves, the worst in the end for {found.paid.max():.2f}"
