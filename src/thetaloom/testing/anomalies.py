"""Minutes in which quotes lie, and minutes in which the market really moves: seeded, with the truth beside them.

In a minute of an anomaly the clean mark never comes nearer to the rule's threshold than half of the structure's own
bid-ask width and a tick, so that an exit is false. In a minute of a true move it ends beyond; it has crossed when
fair value and clean mid are beyond and stay there for two seconds.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from thetaloom.testing.anomaly_world import (
    STEP_SECONDS,
    STEPS,
    Floats,
    Generator,
    Tape,
    Weather,
    WeatherOf,
    World,
    calm,
    make_world,
    seconds,
)
from thetaloom.testing.spoilers import MOVING, QUIET_STEPS, SPOILERS, Anomaly, tear

CROSSING_WIDTHS_MIN = 3.0  # a true move carries the mark by at least so many widths of the structure
STAYS_STEPS = 8  # beyond for so long is no touch
TRIES_MAX = 200


class TrueMove(StrEnum):
    """How a market really moves."""

    TREND = "trend"
    GAP = "gap"
    VOL_SHOCK = "vol_shock"
    FAST_CRASH = "fast_crash"
    SLOW_BLEED = "slow_bleed"
    PIN = "pin"
    RAGGED_CRASH = "ragged_crash"  # a fast crash whose quotes are bad now and then


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One minute with what the feed showed, one rule, and the truth."""

    kind: Anomaly | TrueMove
    world: World
    tape: Tape
    threshold: float  # net price of closing
    falls_to: bool  # met at or below the threshold, as a stop is; else at or above, as a target is
    crossed_at: float | None  # second from which fair value and clean mid are beyond; None in an anomaly

    def is_met(self, net: float) -> bool:
        """Say whether the rule is met at this net price."""
        return net <= self.threshold if self.falls_to else net >= self.threshold


def make_minute(kind: Anomaly | TrueMove, seed: int) -> Minute:
    """Return the minute of this kind and seed; always the same one."""
    ordinal = [*Anomaly, *TrueMove].index(kind)
    numbers = np.random.default_rng((seed, ordinal))
    return _anomaly(kind, numbers) if isinstance(kind, Anomaly) else _true_move(kind, numbers)


def _anomaly(kind: Anomaly, numbers: Generator) -> Minute:
    world = make_world(numbers, _Moving() if kind in MOVING else WeatherOf())
    falls_to = bool(numbers.random() < 0.75)
    tape = SPOILERS[kind](numbers, world, world.clean.copy(), falls_to)
    net = world.net_mid(world.clean)
    tick = 0.05 if float(np.max(world.clean.ask[:, : len(world.ratios)])) >= 3.0 else 0.01
    margin = float(np.max(world.net_width(world.clean))) / 2 + tick
    margin += float(numbers.random() ** 2) * 0.3 * float(np.sum(np.abs(world.fair[0, : len(world.ratios)])))
    threshold = float(np.min(net)) - margin if falls_to else float(np.max(net)) + margin
    return Minute(kind=kind, world=world, tape=tape, threshold=threshold, falls_to=falls_to, crossed_at=None)


def _true_move(kind: TrueMove, numbers: Generator) -> Minute:
    for _ in range(TRIES_MAX):
        world = make_world(numbers, _True(kind))
        clean, fair = world.net_mid(world.clean), world.net(world.fair)
        before, after = float(np.mean(clean[:20])), float(np.mean(clean[-20:]))
        if abs(after - before) < CROSSING_WIDTHS_MIN * float(world.net_width(world.clean)[0]):
            continue
        falls_to = after < before
        threshold = before + float(numbers.uniform(0.3, 0.7)) * (after - before)
        sign = 1.0 if falls_to else -1.0
        is_beyond = (sign * (clean - threshold) <= 0) & (sign * (fair - threshold) <= 0)
        beyond = np.flatnonzero([is_beyond[step : step + STAYS_STEPS].all() for step in range(STEPS)])
        stays = bool(np.all(sign * (clean[-20:] - threshold) <= 0))
        if not len(beyond) or beyond[0] < QUIET_STEPS // 2 or beyond[0] > STEPS - 40 or not stays:
            continue
        tape = world.clean.copy()
        if kind is TrueMove.RAGGED_CRASH:
            tear(numbers, world, tape)
        crossed_at = float(beyond[0] * STEP_SECONDS)
        return Minute(kind=kind, world=world, tape=tape, threshold=threshold, falls_to=falls_to, crossed_at=crossed_at)
    raise RuntimeError(f"no minute of {kind} in {TRIES_MAX} tries")


class _Moving(WeatherOf):
    """A market that moves, so that old quotes differ from new ones."""

    def __call__(self, numbers: Generator, iv: float) -> Weather:
        base, size = calm(numbers, iv), float(numbers.uniform(0.002, 0.012)) * float(numbers.choice([-1.0, 1.0]))
        begins = int(numbers.integers(QUIET_STEPS, STEPS - 80))
        lasts = int(numbers.integers(1, 60))
        return Weather(
            spot=base.spot * (1.0 + size * _ramp(begins, lasts)), volatility=base.volatility, width=base.width
        )


class _True(WeatherOf):
    """A market that moves for good."""

    def __init__(self, kind: TrueMove) -> None:
        self._kind = kind

    def __call__(self, numbers: Generator, iv: float) -> Weather:
        base, sign = calm(numbers, iv), float(numbers.choice([-1.0, 1.0]))
        begins = int(numbers.integers(QUIET_STEPS, STEPS // 2))
        spot, volatility, width = base.spot, base.volatility, base.width
        if self._kind is TrueMove.TREND:
            spot = spot * (1.0 + sign * numbers.uniform(0.005, 0.03) * _ramp(40, STEPS - 60))
        elif self._kind is TrueMove.GAP:
            spot = spot * (1.0 + sign * numbers.uniform(0.007, 0.03) * _ramp(begins, 1))
        elif self._kind is TrueMove.VOL_SHOCK:
            volatility = volatility * (1.0 + numbers.uniform(0.2, 1.0) * _ramp(begins, int(numbers.integers(2, 14))))
        elif self._kind is TrueMove.SLOW_BLEED:
            spot = spot * (1.0 + sign * numbers.uniform(0.002, 0.008) * _ramp(20, STEPS - 40))
            volatility = volatility * (1.0 + numbers.uniform(0.0, 0.08) * _ramp(20, STEPS - 40))
        elif self._kind is TrueMove.PIN:
            swing = numbers.uniform(0.0005, 0.002) * np.sin(seconds() * numbers.uniform(0.2, 1.0))
            spot = spot * (1.0 + swing + sign * numbers.uniform(0.003, 0.01) * _ramp(begins, 80))
        else:
            lasts = int(numbers.integers(12, 80))
            spot = spot * (1.0 - numbers.uniform(0.02, 0.08) * _ramp(begins, lasts))
            volatility = volatility * (1.0 + numbers.uniform(0.1, 0.6) * _ramp(begins, lasts))
            width = width * (1.0 + numbers.uniform(0.5, 5.0) * _ramp(begins, 8))
        return Weather(spot=spot, volatility=volatility, width=width)


def _ramp(begins: int, lasts: int) -> Floats:
    return np.clip((np.arange(STEPS) - begins + 1) / lasts, 0.0, 1.0)
