"""What goes wrong with quotes, one function each: they take a clean tape and return it spoiled.

Whatever has a direction is turned toward the rule, so that a mark that believes it is beyond the threshold.
"""

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from thetaloom.testing.anomaly_world import STEP_SECONDS, STEPS, Floats, Generator, Tape, World, seconds

QUIET_STEPS = 60  # an anomaly begins after the first quarter of a minute, save at the open


class Anomaly(StrEnum):
    """What is wrong with the quotes while nothing is wrong with the market."""

    CROSSED = "crossed"
    LOCKED = "locked"
    STUB = "stub"
    ZERO_BID = "zero_bid"
    ONE_SIDED = "one_sided"
    STALE_LEG = "stale_leg"
    LATE_LEGS = "late_legs"
    WIDE = "wide"
    FLASH = "flash"
    WRONG_DECIMAL = "wrong_decimal"
    SWAPPED = "swapped"
    OPEN_ROTATION = "open_rotation"
    HALT = "halt"
    JUMP_WITHOUT_SPOT = "jump_without_spot"
    SPOT_SPIKE = "spot_spike"
    BAD_NEIGHBORS = "bad_neighbors"
    OLD_BURST = "old_burst"
    SINGLE_STRIKE_SPIKE = "single_strike_spike"
    LAST_ECHO = "last_echo"


def _window(numbers: Generator, shortest: float = 0.25, longest: float = 10.0) -> slice:
    lasts = float(np.exp(numbers.uniform(np.log(shortest), np.log(longest))))
    steps = max(1, round(lasts / STEP_SECONDS))
    begins = int(numbers.integers(QUIET_STEPS, STEPS - 1))
    return slice(begins, min(STEPS, begins + steps))


def _leg(numbers: Generator, world: World) -> int:
    return int(numbers.integers(0, len(world.ratios)))


def _toward(world: World, leg: int, falls_to: bool) -> float:
    # The sign of a change of this leg's price that brings the rule nearer.
    return (-1.0 if falls_to else 1.0) * (1.0 if world.ratios[leg] > 0 else -1.0)


def _renew(numbers: Generator, tape: Tape, when: slice, leg: int) -> None:
    # Bad quotes are as lively as good ones: new stamps, at times of their own, the first at once.
    steps = np.arange(when.start, when.stop)
    renewed = numbers.random(len(steps)) < 0.6
    renewed[:1] = True
    last = np.maximum.accumulate(np.where(renewed, steps, 0))
    tape.quoted[when, leg] = last * STEP_SECONDS
    # What puts it right is a new quote too.
    tape.quoted[when.stop :, leg] = np.maximum(tape.quoted[when.stop :, leg], when.stop * STEP_SECONDS)


def _set(numbers: Generator, tape: Tape, when: slice, leg: int, bid: Floats | float, ask: Floats | float) -> None:
    tape.bid[when, leg], tape.ask[when, leg] = np.round(bid, 4), np.round(ask, 4)
    _renew(numbers, tape, when, leg)


def _crossed(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    up = _toward(world, leg, falls_to) > 0
    bid, ask = tape.bid[when, leg], tape.ask[when, leg]
    far = float(numbers.uniform(1.1, 4.0))
    _set(numbers, tape, when, leg, ask * far + 0.05 if up else bid, ask if up else np.maximum(0.01, bid / far - 0.05))
    tape.ask[when, leg] = np.minimum(tape.ask[when, leg], tape.bid[when, leg] - 0.01)
    return tape


def _locked(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    shift = _toward(world, leg, falls_to) * numbers.uniform(0.05, 0.6)
    at = np.maximum(0.01, (tape.bid[when, leg] + tape.ask[when, leg]) / 2 * (1.0 + shift))
    _set(numbers, tape, when, leg, at, at)
    return tape


def _stub(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    ask = max(5.0, float(tape.ask[when.start, leg]) * float(numbers.uniform(3.0, 20.0)))
    _set(numbers, tape, when, leg, float(numbers.choice([0.0, 0.01, 0.05])), ask)
    return tape


def _zero_bid(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    _set(numbers, tape, when, leg, 0.0, tape.ask[when, leg] * numbers.uniform(1.0, 1.5))
    return tape


def _one_sided(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    keep_bid = bool(numbers.random() < 0.5)
    bid = tape.bid[when, leg] if keep_bid else np.nan
    _set(numbers, tape, when, leg, bid, np.nan if keep_bid else tape.ask[when, leg])
    return tape


def _stale_leg(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    leg, begins = _leg(numbers, world), int(numbers.integers(QUIET_STEPS // 2, QUIET_STEPS))
    for column in (tape.bid, tape.ask, tape.quoted):
        column[begins:, leg] = column[begins, leg]
    return tape


def _late_legs(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    for contract in range(len(world.contracts)):
        late = int(numbers.integers(0, 12))  # up to three seconds
        for column in (tape.bid, tape.ask, tape.quoted):
            column[late:, contract] = column[: STEPS - late, contract].copy()
            column[:late, contract] = column[0, contract]
    return tape


def _wide(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    mid = (tape.bid[when, leg] + tape.ask[when, leg]) / 2
    half = np.maximum(0.05, tape.ask[when, leg] - mid) * numbers.uniform(3.0, 20.0)
    lean = _toward(world, leg, falls_to) * numbers.uniform(0.0, 0.9) * half
    _set(numbers, tape, when, leg, np.maximum(0.0, mid + lean - half), np.maximum(0.01, mid + lean + half))
    return tape


def _flash(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers, 0.2, 10.0), _leg(numbers, world)
    factor = float(np.exp(_toward(world, leg, falls_to) * numbers.uniform(0.1, 1.2)))
    _shift(numbers, tape, when, leg, factor)
    return tape


def _shift(numbers: Generator, tape: Tape, when: slice, leg: int, factor: float) -> None:
    mid, half = (tape.bid[when, leg] + tape.ask[when, leg]) / 2, (tape.ask[when, leg] - tape.bid[when, leg]) / 2
    _set(numbers, tape, when, leg, np.maximum(0.01, mid * factor - half), np.maximum(0.02, mid * factor + half))


def _wrong_decimal(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    factor = float(numbers.choice([10.0, 100.0])) ** _toward(world, leg, falls_to)
    bid, ask = tape.bid[when, leg] * factor, tape.ask[when, leg] * factor
    _set(numbers, tape, when, leg, bid, np.maximum(0.01, ask))
    return tape


def _swapped(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    factor = float(np.exp(_toward(world, leg, falls_to) * numbers.uniform(0.0, 0.5)))
    _set(numbers, tape, when, leg, tape.ask[when, leg] * factor, tape.bid[when, leg] * factor)
    return tape


def _open_rotation(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    until = int(numbers.integers(20, 120))
    size = (until, len(world.contracts))
    fading = np.linspace(1.0, 0.1, until)[:, None]
    mid = (tape.bid[:until] + tape.ask[:until]) / 2
    half = np.maximum(0.05, tape.ask[:until] - mid) * (1.0 + numbers.uniform(2.0, 15.0) * fading)
    lean = np.cumsum(numbers.normal(0.0, 0.15, size), axis=0).clip(-0.8, 0.8) * half
    tape.bid[:until] = np.round(np.maximum(0.0, mid + lean - half), 2)
    tape.ask[:until] = np.round(mid + lean + half, 2) + 0.01
    silent = numbers.random(size) < 0.2 * fading
    tape.bid[:until][silent] = np.nan
    return tape


def _halt(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    begins = int(numbers.integers(QUIET_STEPS, STEPS - 60))
    tape.spot[begins:] = tape.spot[begins]
    tape.quoted[begins:] = begins * STEP_SECONDS
    pulled = numbers.random(len(world.contracts)) < 0.7
    tape.bid[begins:] = np.where(pulled, 0.0, tape.bid[begins])
    tape.ask[begins:] = np.where(pulled, tape.ask[begins] * numbers.uniform(1.2, 5.0), tape.ask[begins])
    return tape


def _jump_without_spot(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, legs = _window(numbers, 0.5, 20.0), range(len(world.ratios))
    for leg in legs:  # all legs at once, each to its worse side
        _shift(numbers, tape, when, leg, float(np.exp(_toward(world, leg, falls_to) * numbers.uniform(0.05, 0.5))))
    return tape


def _spot_spike(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when = _window(numbers, 0.25, 5.0)
    tape.spot[when] *= 1.0 + float(numbers.choice([-1.0, 1.0])) * float(numbers.uniform(0.01, 0.05))
    if numbers.random() < 0.5:  # while the quotes are wide, so that the spot is most of what is known
        for leg in range(len(world.ratios)):
            half = (tape.ask[when, leg] - tape.bid[when, leg]) * float(numbers.uniform(1.0, 5.0))
            bid, ask = np.maximum(0.01, tape.bid[when, leg] - half), tape.ask[when, leg] + half
            _set(numbers, tape, when, leg, bid, ask)
    return tape


def _bad_neighbors(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers), _leg(numbers, world)
    factor = float(np.exp(_toward(world, leg, falls_to) * numbers.uniform(0.1, 1.0)))
    around = [one for one in world.neighbors[leg] if one >= len(world.ratios)]
    for one in [leg, *numbers.choice(around, size=min(2, len(around)), replace=False)]:
        _shift(numbers, tape, when, int(one), factor)
    return tape


def _old_burst(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, old = _window(numbers, 0.25, 4.0), int(numbers.integers(20, QUIET_STEPS))
    before = slice(when.start - old, when.stop - old)
    told = bool(numbers.random() < 0.5)  # half of the feeds stamp what they send with the time of sending
    source = tape.copy()
    for contract in range(len(world.contracts)):
        tape.bid[when, contract], tape.ask[when, contract] = source.bid[before, contract], source.ask[before, contract]
        tape.quoted[when, contract] = source.quoted[before, contract]
        if not told:
            _renew(numbers, tape, when, contract)
    return tape


def _single_strike_spike(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    when, leg = _window(numbers, 1.0, 30.0), _leg(numbers, world)
    fades = np.linspace(0.2, 1.0, when.stop - when.start)
    factor = np.exp(_toward(world, leg, falls_to) * numbers.uniform(0.1, 0.8) * fades)
    bid, ask = tape.bid[when, leg], tape.ask[when, leg]
    _set(numbers, tape, when, leg, np.maximum(0.01, bid * factor), np.maximum(0.02, ask * factor))
    return tape


def _last_echo(numbers: Generator, world: World, tape: Tape, falls_to: bool) -> Tape:
    leg, begins = _leg(numbers, world), int(numbers.integers(QUIET_STEPS // 2, QUIET_STEPS))
    last = round(float(tape.bid[begins, leg] + tape.ask[begins, leg]) / 2, 2)
    _set(numbers, tape, slice(begins, STEPS), leg, max(0.01, last - 0.01), last + 0.02)
    return tape


def tear(numbers: Generator, world: World, tape: Tape) -> None:
    """Spoil single quotes of every leg, here and there: crossed, stubs, or with one side only."""
    for leg in range(len(world.ratios)):
        bad = numbers.random(STEPS) < 0.12
        kind = numbers.integers(0, 3, STEPS)
        crossed, stub, single = bad & (kind == 0), bad & (kind == 1), bad & (kind == 2)
        tape.bid[crossed, leg] = tape.ask[crossed, leg] * 1.2 + 0.02
        tape.bid[stub, leg], tape.ask[stub, leg] = 0.01, tape.ask[stub, leg] * 5 + 5
        tape.bid[single, leg] = np.nan
        tape.quoted[bad, leg] = seconds()[bad]
        np.maximum.accumulate(tape.quoted[:, leg], out=tape.quoted[:, leg])


MOVING = frozenset({Anomaly.STALE_LEG, Anomaly.LATE_LEGS, Anomaly.OLD_BURST, Anomaly.LAST_ECHO})
SPOILERS: dict[Anomaly, Callable[[Generator, World, Tape, bool], Tape]] = {
    Anomaly.CROSSED: _crossed,
    Anomaly.LOCKED: _locked,
    Anomaly.STUB: _stub,
    Anomaly.ZERO_BID: _zero_bid,
    Anomaly.ONE_SIDED: _one_sided,
    Anomaly.STALE_LEG: _stale_leg,
    Anomaly.LATE_LEGS: _late_legs,
    Anomaly.WIDE: _wide,
    Anomaly.FLASH: _flash,
    Anomaly.WRONG_DECIMAL: _wrong_decimal,
    Anomaly.SWAPPED: _swapped,
    Anomaly.OPEN_ROTATION: _open_rotation,
    Anomaly.HALT: _halt,
    Anomaly.JUMP_WITHOUT_SPOT: _jump_without_spot,
    Anomaly.SPOT_SPIKE: _spot_spike,
    Anomaly.BAD_NEIGHBORS: _bad_neighbors,
    Anomaly.OLD_BURST: _old_burst,
    Anomaly.SINGLE_STRIKE_SPIKE: _single_strike_spike,
    Anomaly.LAST_ECHO: _last_echo,
}
