"""What the quotes of neighboring strikes, and of the other right, say of one quote.

Every neighbor is read at the spot of its own moment, so that quotes that come one after the other in a fast market
do not contradict each other. One bad neighbor convicts nobody: a quote is off the smile only when every pair of a
lower and a higher strike says so, and out of order only when more than half of the neighbors say so.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from statistics import median

from thetaloom.domain.market.quote_quality import (
    NEIGHBOR_POINTS,
    Deduction,
    Flaw,
    Sighting,
    Surroundings,
    tick_of,
)

NEIGHBOR_AGE_SECONDS_MAX = 15.0  # older ones are no witnesses
QUOTE_LIVES_SECONDS = 1.0
NEIGHBOR_HALF_SHARE = 0.5  # how much of the neighbors' half widths a quote may lie off the smile by
YIELD_SLACK = 0.01  # a year; dividends and borrowing that parity does not know
NEIGHBORS_A_SIDE = 2

SpotAt = Callable[[datetime], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corroboration:
    """What the neighbors say: a price they imply, whether parity was seen to hold, and what contradicts the quote."""

    implied: float | None = None
    parity_holds: bool | None = None  # None = the other right is not quoted well
    deductions: tuple[Deduction, ...] = ()

    @property
    def supports(self) -> bool:
        """Whether there is a price from the smile, and nothing contradicts."""
        return self.implied is not None and not self.deductions


SILENCE = Corroboration()


def hear_neighbors(
    sighting: Sighting,
    neighbors: Sequence[Sighting],
    around: Surroundings,
    spot_at: SpotAt,
    *,
    spot_is_live: bool = True,
    heard_from: datetime | None = None,
) -> Corroboration:
    """Hold a quote against its neighbors of the same expiration; what can't be judged is unknown.

    Parity needs a spot that is known to be live; the smile only needs the same spot on all sides. Who was quoted
    before ``heard_from`` has not heard the news yet, and says nothing.
    """
    if sighting.mid is None or around.spot is None:
        return SILENCE
    sound = [one for one in neighbors if one.is_sound and _is_fresh(one, around, heard_from)]
    alike = [one for one in sound if one.is_call == sighting.is_call and one.strike != sighting.strike]
    implied, is_off, is_split = _smile(sighting, alike, around, spot_at)
    parity_holds = _parity(sighting, sound, around, spot_at) if spot_is_live else None
    if (is_off or is_split) and (parity_holds is False or (is_off and is_split and parity_holds is None)):
        implied = None  # who contradicts a quote, or each other, is no witness for it unless parity is
    found = [Flaw.OFF_SMILE] if is_off else []
    if parity_holds is False:
        found.append(Flaw.PARITY)
    if _is_out_of_order(sighting, alike, around, spot_at):
        found.append(Flaw.MONOTONICITY)
    if _is_concave(sighting, alike, around, spot_at):
        found.append(Flaw.CONVEXITY)
    deductions = tuple(Deduction(flaw=flaw, points=NEIGHBOR_POINTS) for flaw in found)
    return Corroboration(implied=implied, parity_holds=parity_holds, deductions=deductions)


def pick_neighbors(strikes: Iterable[float], strike: float) -> tuple[float, ...]:
    """Return the strikes next to ``strike`` on both sides, nearest first, for whoever fetches their quotes."""
    below = sorted((one for one in strikes if one < strike), reverse=True)[:NEIGHBORS_A_SIDE]
    above = sorted(one for one in strikes if one > strike)[:NEIGHBORS_A_SIDE]
    return (*below, *above)


def _is_fresh(one: Sighting, around: Surroundings, heard_from: datetime | None) -> bool:
    at = one.quoted_at
    if at is None or (around.now - at).total_seconds() > NEIGHBOR_AGE_SECONDS_MAX:
        return False
    return heard_from is None or at >= heard_from


def _smile(
    sighting: Sighting, alike: list[Sighting], around: Surroundings, spot_at: SpotAt
) -> tuple[float | None, bool, bool]:
    from thetaloom.maths.black_scholes import bsm_price  # compiles on first use

    mid, spot = sighting.mid, around.spot
    below = _with_volatility([one for one in alike if one.strike < sighting.strike], around, spot_at)
    above = _with_volatility([one for one in alike if one.strike > sighting.strike], around, spot_at)
    if not below or not above or mid is None or spot is None:
        return None, False, False
    # A living quote follows the spot within a second; an older one answers for the spot of today.
    is_old = sighting.quoted_at is None or (around.now - sighting.quoted_at).total_seconds() > QUOTE_LIVES_SECONDS
    then = spot if is_old else _spot_of(sighting, around, spot_at)
    prices, halves = [], []
    for (low, low_iv), (high, high_iv) in product(below, above):
        share = math.log(sighting.strike / low.strike) / math.log(high.strike / low.strike)
        iv = low_iv + share * (high_iv - low_iv)
        terms = (sighting.strike, around.years, around.rate, around.dividend_yield, iv)
        prices.append((bsm_price(sighting.is_call, then, *terms), bsm_price(sighting.is_call, spot, *terms)))
        halves.append((1 - share) * low.half_width + share * high.half_width)
    # A straight line lies above a smile, by four times as much over twice the distance.
    most = sighting.half_width + tick_of(mid)
    bend = min(max((prices[-1][0] - prices[0][0]) / 3, -most), most) if len(below) > 1 and len(above) > 1 else 0.0
    off = [
        abs(mid - price + bend) > most + NEIGHBOR_HALF_SHARE * half
        for (price, _), half in zip(prices, halves, strict=True)
    ]
    said = [now - bend for _, now in prices]
    # Where the pairs disagree, some of them are wrong, and the one that disagrees most with the quote may be right.
    agree = max(said) - min(said) <= 2 * most
    implied = median(said) if agree else max(said, key=lambda price: abs(price - mid))
    return max(0.0, implied), all(off), not agree


def _with_volatility(side: list[Sighting], around: Surroundings, spot_at: SpotAt) -> list[tuple[Sighting, float]]:
    from thetaloom.maths.implied_volatility import OK, bsm_implied_volatility  # compiles on first use

    found = []
    for one in side:
        mid = one.mid
        if mid is None:
            continue
        spot = _spot_of(one, around, spot_at)
        iv, status = bsm_implied_volatility(
            one.is_call, mid, spot, one.strike, around.years, around.rate, around.dividend_yield
        )
        if status == OK:
            found.append((one, iv))
    return found


def _spot_of(one: Sighting, around: Surroundings, spot_at: SpotAt) -> float:
    known = spot_at(one.quoted_at) if one.quoted_at is not None else None
    return known if known is not None else around.spot or 0.0


def _slack(one: Sighting, other: Sighting, around: Surroundings, spot_at: SpotAt) -> float:
    moved = abs(_spot_of(one, around, spot_at) - _spot_of(other, around, spot_at))
    return moved + tick_of(one.mid or 0.0)


def _parity(sighting: Sighting, sound: list[Sighting], around: Surroundings, spot_at: SpotAt) -> bool | None:
    twin = next((o for o in sound if o.is_call != sighting.is_call and o.strike == sighting.strike), None)
    if twin is None or sighting.mid is None or twin.mid is None:
        return None
    call, put = (sighting, twin) if sighting.is_call else (twin, sighting)
    spot = _spot_of(sighting, around, spot_at)
    apart = (call.mid or 0.0) - (put.mid or 0.0)
    carried = spot * math.exp(-around.dividend_yield * around.years)
    owed = sighting.strike * math.exp(-around.rate * around.years)
    low, high = carried - owed, carried - owed
    if around.is_american:  # early exercise widens parity to a band
        low, high = min(low, carried - sighting.strike), max(high, spot - owed)
    slack = sighting.half_width + twin.half_width + YIELD_SLACK * around.years * spot
    slack += _slack(sighting, twin, around, spot_at)
    return low - slack <= apart <= high + slack


def _is_out_of_order(sighting: Sighting, alike: list[Sighting], around: Surroundings, spot_at: SpotAt) -> bool:
    wrong = 0
    for one in alike:
        rich, poor = (sighting, one) if (sighting.strike < one.strike) == sighting.is_call else (one, sighting)
        slack = _slack(sighting, one, around, spot_at)
        apart = abs(sighting.strike - one.strike)
        crossed = (poor.bid or 0.0) > (rich.ask or math.inf) + slack
        too_far = (rich.bid or 0.0) - (poor.ask or math.inf) > apart + slack
        wrong += crossed or too_far
    return 2 * wrong > len(alike)


def _is_concave(sighting: Sighting, alike: list[Sighting], around: Surroundings, spot_at: SpotAt) -> bool:
    # Richer at its bid than the line between a lower and a higher strike at their asks.
    below = [one for one in alike if one.strike < sighting.strike]
    above = [one for one in alike if one.strike > sighting.strike]
    found = []
    for low, high in product(below, above):
        share = (sighting.strike - low.strike) / (high.strike - low.strike)
        line = (1 - share) * (low.ask or math.inf) + share * (high.ask or math.inf)
        slack = _slack(sighting, low, around, spot_at) + _slack(sighting, high, around, spot_at)
        found.append((sighting.bid or 0.0) > line + slack)
    return bool(found) and all(found)
