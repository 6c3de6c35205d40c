"""How a walk is planned: the presets, what a strategy's view gives by default, and the walk that adapts.

The presets follow what Option Alpha publishes of its SmartPricing (optionalpha.com/help/smartpricing): Normal tries
up to 4 prices for 10 seconds each, Fast 3 for 5, Patient 5 for 20, from mid toward the far side, and the last price
stands for two minutes. How the prices between are spaced is not published; even steps are assumed here. Ours replace
the order instead of canceling and sending anew, take the live mid at each step, never pass the approved floor, and rest
at the last price until the order's own time is up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from thetaloom.domain.strategy.strategies import OrderPreset, OrderRule
from thetaloom.domain.values.money import CENT, Price

PLACE_STEP = Decimal("0.0001")
HORIZON_SECONDS = 300
URGENT_SHARE = Decimal("0.25")  # of the horizon, where waiting costs more than the spread
OPENING = timedelta(minutes=15)  # quotes are still wide and narrow by themselves
OPENING_STRETCH = Decimal("1.5")
TIME_LEFT_SHARE = Decimal("0.75")  # the rest of the time belongs to the last limit
INTERVAL_MIN = 5
STEPS_ADAPTIVE = 12
HISTORY_WEIGHT = 20  # how many past fills count as much as the even walk
HISTORY_MAX = 50

_VIEW_DIRECTIONAL = OrderRule(start_offset=Price("0.03"), steps_max=6, reach=Decimal("0.6"), interval_seconds=600)
_VIEW_NEUTRAL = replace(_VIEW_DIRECTIONAL, start_offset=Price("0.01"), steps_max=4)
PRESETS: dict[OrderPreset, OrderRule] = {
    OrderPreset.NORMAL: OrderRule(start_offset=Price(0), steps_max=3, reach=Decimal(1), interval_seconds=10),
    OrderPreset.FAST: OrderRule(start_offset=Price(0), steps_max=2, reach=Decimal(1), interval_seconds=5),
    OrderPreset.PATIENT: OrderRule(start_offset=Price("0.01"), steps_max=4, reach=Decimal(1), interval_seconds=20),
    OrderPreset.ADAPTIVE: OrderRule(
        start_offset=Price("0.01"), steps_max=STEPS_ADAPTIVE, reach=Decimal(1), horizon_seconds=HORIZON_SECONDS
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkSituation:
    """What an adaptive walk looks at, as it was when the order was staged; the quotes are live at each step."""

    time_left: timedelta  # until the order gives up
    since_open: timedelta | None = None  # of the trading session; None = unknown
    urgent: bool = False
    places: tuple[Decimal, ...] = ()  # of past fills of such structures between mid (0) and natural (1), newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPlan:
    """The pause between two steps, and the place of each after the first; without places the steps are even."""

    interval_seconds: int
    places: tuple[Decimal, ...] = ()


def settled_walk(rule: OrderRule, *, directional: bool = False) -> OrderRule:
    """Return the rule with every number: its own, else the preset's, else those of the strategy's view."""
    usual = _VIEW_DIRECTIONAL if directional else _VIEW_NEUTRAL
    named = usual if rule.preset is None else PRESETS[rule.preset]
    offset = named.start_offset if rule.start_offset is None else rule.start_offset
    return replace(
        rule,
        start_offset=offset if rule.concession is None else -rule.concession,
        reach=named.reach if rule.reach is None else rule.reach,
        steps_max=named.steps_max if rule.steps_max is None else rule.steps_max,
        interval_seconds=named.interval_seconds if rule.interval_seconds is None else rule.interval_seconds,
        horizon_seconds=named.horizon_seconds if rule.horizon_seconds is None else rule.horizon_seconds,
    )


def plan_walk(rule: OrderRule, situation: WalkSituation, *, half_spread: Price) -> WalkPlan:
    """Return the steps of a settled rule; those of an adaptive one follow the situation.

    The time it takes is the horizon, a quarter of it when urgent, half as much again in the first minutes of the
    session, and never so long that nothing is left for the last limit. No step is planned
    for which the half-spread has no cent.
    The places run from mid to ``reach``: evenly as long as little is known, and the more fills there are, the more
    time is spent where such orders filled.
    """
    rule = settled_walk(rule)
    steps, reach = rule.steps_max or 0, rule.reach or Decimal(0)
    if rule.preset is not OrderPreset.ADAPTIVE:
        return WalkPlan(interval_seconds=rule.interval_seconds or INTERVAL_MIN)
    seconds = Decimal(rule.horizon_seconds or HORIZON_SECONDS)
    if situation.urgent:
        seconds *= URGENT_SHARE
    elif situation.since_open is not None and situation.since_open < OPENING:
        seconds *= OPENING_STRETCH
    seconds = min(seconds, int(situation.time_left.total_seconds()) * TIME_LEFT_SHARE)
    cents = int((half_spread * reach).ratio(Price(CENT)).to_integral_value()) + 1
    steps = max(1, min(steps, cents, int(seconds / INTERVAL_MIN))) if steps else 0
    interval = rule.interval_seconds or max(INTERVAL_MIN, int(seconds / max(steps, 1)))
    return WalkPlan(interval_seconds=interval, places=_places(steps, reach, situation.places[:HISTORY_MAX]))


def _places(steps: int, reach: Decimal, past: Sequence[Decimal]) -> tuple[Decimal, ...]:
    known = sorted(min(max(place, Decimal(0)), reach) for place in past)
    weight = Decimal(len(known)) / (len(known) + HISTORY_WEIGHT)
    found = []
    for step in range(1, steps + 1):
        even = Decimal(step) / steps
        place = reach * even
        if known and step < steps:  # the last limit is where the walk was allowed to go, whatever was seen
            place += weight * (_quantile(known, even) - place)
        found.append(place.quantize(PLACE_STEP, ROUND_HALF_EVEN))
    return tuple(found)


def _quantile(ordered: Sequence[Decimal], share: Decimal) -> Decimal:
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
