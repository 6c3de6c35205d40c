"""One minute of an options market, every quarter of a second: spot, smile, and quotes that come when they come.

The quotes are clean: made around fair prices, rounded outward to ticks, each contract at its own times. What goes
wrong with them is in ``anomalies``.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Generator = np.random.Generator

STEP_SECONDS: Final = 0.25
STEPS: Final = 240
SESSION_SECONDS: Final = 252 * 23_400.0
RATE: Final = 0.03
DIVIDEND_YIELD: Final = 0.01
NEIGHBORS_EACH_SIDE: Final = 2

# Legs as (right, ratio, place): the place counts strikes from the money, outward to the right's side or as signed.
STRUCTURES: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "short put": (("P", -1, -4),),
    "long call": (("C", 1, 1),),
    "put credit spread": (("P", -1, -4), ("P", 1, -8)),
    "call debit spread": (("C", 1, 0), ("C", -1, 5)),
    "short strangle": (("P", -1, -6), ("C", -1, 6)),
    "call butterfly": (("C", 1, -4), ("C", -2, 0), ("C", 1, 4)),
    "iron condor": (("P", 1, -9), ("P", -1, -5), ("C", -1, 5), ("C", 1, 9)),
    "iron butterfly": (("P", 1, -6), ("P", -1, 0), ("C", -1, 0), ("C", 1, 6)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One contract of the minute."""

    is_call: bool
    strike: float


@dataclass(slots=True, kw_only=True)
class Tape:
    """What a feed shows, per step and contract; NaN is "no such side"; ``quoted`` is in seconds of the minute."""

    spot: Floats
    bid: Floats
    ask: Floats
    quoted: Floats

    def copy(self) -> "Tape":
        """Return a tape that can be spoiled."""
        return Tape(spot=self.spot.copy(), bid=self.bid.copy(), ask=self.ask.copy(), quoted=self.quoted.copy())


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One position in one minute with its clean tape; the first contracts are the position's legs."""

    structure: str
    ratios: tuple[int, ...]
    contracts: tuple[Listed, ...]
    neighbors: tuple[tuple[int, ...], ...]  # of each leg: places among the contracts
    years: float
    is_american: bool
    fair: Floats  # per step and contract
    half: Floats  # half widths that market makers want
    intensity: Floats  # updates a second of each contract
    clean: Tape

    def net(self, prices: Floats) -> Floats:
        """Return the net price of closing one structure at these prices of all contracts."""
        return np.asarray(prices[:, : len(self.ratios)] @ np.array(self.ratios, dtype=np.float64))

    def net_mid(self, tape: Tape) -> Floats:
        """Return the net mid; NaN while a leg has not both sides."""
        return self.net((tape.bid + tape.ask) / 2)

    def net_width(self, tape: Tape) -> Floats:
        """Return what all legs' bid-ask widths come to."""
        legs = len(self.ratios)
        return np.asarray((tape.ask - tape.bid)[:, :legs] @ np.abs(np.array(self.ratios, dtype=np.float64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The way of the spot, as multiples of the first one, and of volatility and widths, per step."""

    spot: Floats
    volatility: Floats
    width: Floats


def calm(numbers: Generator, iv: float) -> Weather:
    """Return a minute in which nothing happens but noise."""
    noise = numbers.normal(0.0, iv * math.sqrt(STEP_SECONDS / SESSION_SECONDS), STEPS)
    wander = numbers.normal(0.0, 0.0004, STEPS)
    return Weather(spot=np.exp(np.cumsum(noise)), volatility=np.exp(np.cumsum(wander)), width=np.ones(STEPS))


def seconds() -> Floats:
    """Return the seconds of the steps."""
    return np.arange(STEPS, dtype=np.float64) * STEP_SECONDS


def make_world(numbers: Generator, weather_of: "WeatherOf", structure: str | None = None) -> World:
    """Return a position, its neighborhood and its clean quotes under the weather."""
    name = structure or str(numbers.choice(list(STRUCTURES)))
    spot = float(np.exp(numbers.uniform(math.log(40.0), math.log(6000.0))))
    iv, days = float(numbers.uniform(0.12, 0.6)), float(numbers.choice([0.2, 1.0, 3.0, 7.0, 14.0, 30.0, 45.0]))
    years = days / 365.0
    step = _strike_step(spot, iv * math.sqrt(years))
    legs = STRUCTURES[name]
    contracts, neighbors = _listed(legs, round(spot / step) * step, step)
    weather = weather_of(numbers, iv)
    fair = _fair(contracts, spot, iv, years, weather)
    tightness = float(np.exp(numbers.uniform(math.log(0.006), math.log(0.05))))
    half = _half_widths(fair, tightness, weather)
    # Each contract has a leaning of its own, which real smiles show to be less than half of its half width.
    fair = np.maximum(0.001, fair + numbers.uniform(-0.4, 0.4, len(contracts)) * half[0])
    intensity = np.exp(numbers.uniform(math.log(2.0), math.log(10.0), len(contracts)))
    world = World(
        structure=name,
        ratios=tuple(ratio for _, ratio, _ in legs),
        contracts=contracts,
        neighbors=neighbors,
        years=years,
        is_american=bool(numbers.random() < 0.5),
        fair=fair,
        half=half,
        intensity=intensity,
        clean=Tape(spot=np.round(spot * weather.spot, 2), bid=fair, ask=fair, quoted=fair),
    )
    return replace(world, clean=quoted_tape(numbers, world, fair, half))


def quoted_tape(numbers: Generator, world: World, fair: Floats, half: Floats) -> Tape:
    """Return quotes around ``fair``, each contract's renewed at its own times."""
    tick = np.where(fair[0] >= 3.0, 0.05, 0.01)
    bid = np.maximum(0.0, np.floor((fair - half) / tick + 1e-9) * tick)
    ask = np.maximum(tick, np.ceil((fair + half) / tick - 1e-9) * tick)
    renewed = numbers.random(fair.shape) < 1.0 - np.exp(-world.intensity * STEP_SECONDS)
    renewed[0] = True
    last = np.maximum.accumulate(np.where(renewed, np.arange(STEPS)[:, None], 0), axis=0)
    return Tape(
        spot=world.clean.spot,
        bid=np.round(np.take_along_axis(bid, last, axis=0), 4),
        ask=np.round(np.take_along_axis(ask, last, axis=0), 4),
        quoted=last * STEP_SECONDS,
    )


class WeatherOf:
    """Makes a weather of a seeded generator and a volatility; subclasses need only ``__call__``."""

    def __call__(self, numbers: Generator, iv: float) -> Weather:
        """Return the weather."""
        return calm(numbers, iv)


def _strike_step(spot: float, deviation: float) -> float:
    wanted = spot * deviation / 5
    return min((0.5, 1.0, 2.5, 5.0, 10.0, 25.0), key=lambda step: abs(math.log(step / wanted)))


def _listed(
    legs: tuple[tuple[str, int, int], ...], center: float, step: float
) -> tuple[tuple[Listed, ...], tuple[tuple[int, ...], ...]]:
    places: dict[Listed, int] = {}
    held = [Listed(is_call=right == "C", strike=center + place * step) for right, _, place in legs]
    for one in held:
        places.setdefault(one, len(places))
    reach = [n for n in range(-NEIGHBORS_EACH_SIDE, NEIGHBORS_EACH_SIDE + 1) if n]
    around = []
    for one in held:
        near = [Listed(is_call=one.is_call, strike=one.strike + n * step) for n in reach]
        near.append(Listed(is_call=not one.is_call, strike=one.strike))
        around.append(tuple(places.setdefault(other, len(places)) for other in near if other.strike > 0))
    return tuple(places), tuple(around)


def _fair(contracts: tuple[Listed, ...], spot: float, iv: float, years: float, weather: Weather) -> Floats:
    from thetaloom.maths.black_scholes import chain_greeks

    strikes = np.array([one.strike for one in contracts])
    calls = np.array([one.is_call for one in contracts])
    away = np.log(strikes / spot) / (iv * math.sqrt(years))
    smile = iv * (1.0 - 0.08 * away + 0.03 * away**2)
    paths = np.maximum(0.03, smile[None, :] * weather.volatility[:, None])
    spots = np.repeat(np.round(spot * weather.spot, 2), len(contracts))
    wide = (STEPS, len(contracts))
    greeks = chain_greeks(
        spots,
        np.broadcast_to(strikes, wide).ravel(),
        years,
        np.broadcast_to(calls, wide).ravel(),
        paths.ravel(),
        RATE,
        DIVIDEND_YIELD,
    )
    return np.asarray(greeks.price.reshape(wide))


def _half_widths(fair: Floats, tightness: float, weather: Weather) -> Floats:
    usual = np.maximum(tightness * np.sqrt(np.maximum(fair[0], 0.01)) * 0.5, 0.005)
    return np.asarray(usual[None, :] * weather.width[:, None])
