"""Guards of price-based exits run over minutes of anomalies and of true moves: when, if ever, each would have fired.

The baselines are the published rules of other platforms, made anew: ignore a mark whose bid-ask is too wide (Option
Alpha), fire when the condition held in two of three checks (WhisperTrades), fire after N hits in a row (Option
Omega). They look at the net mid, as those do, and as often as their interval says.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np

from thetaloom.domain.book.mark_guard import GuardDecision, GuardRule, GuardState, new_guard, observe
from thetaloom.domain.book.robust_mark import SPOTS_KEPT, GuardLeg, Observation, SpotSeen
from thetaloom.domain.market.quote_quality import Sighting
from thetaloom.testing.anomalies import Minute
from thetaloom.testing.anomaly_world import DIVIDEND_YIELD, RATE, STEP_SECONDS, STEPS
from thetaloom.testing.spoilers import Anomaly

MINUTE_AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
WARM_SECONDS = 40
MISSED_SECONDS, LATE_SECONDS = 60.0, 2.0
CALM_LOOK_STEPS = 4  # nothing met: once a second
AGE_SECONDS_MAX = 30.0

FiredAt = Callable[[Minute], float | None]  # the second at which it fires; None = never


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One guard with its parameter."""

    family: str
    setting: str
    fired_at: FiredAt


def contenders() -> tuple[Contender, ...]:
    """Return the naive mid, every baseline at its parameters, and ours with and without neighbors."""
    found = [Contender(family="naive mid", setting="", fired_at=lambda minute: _hits(minute, 1, 1))]
    for share in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8):
        found.append(Contender(family="width", setting=f"≤ {share:.0%}", fired_at=_width_guard(share)))
    for steps in (1, 4, 20, 40):
        name = f"every {steps * STEP_SECONDS:g} s"
        found.append(Contender(family="2 of 3", setting=name, fired_at=_of_three(steps)))
    for hits in (2, 3, 5, 10, 20):
        found.append(Contender(family="N hits", setting=f"{hits} at 1 s", fired_at=_n_hits(hits)))
    found.append(Contender(family="ours", setting="no neighbors", fired_at=lambda minute: guarded(minute, False)))
    found.append(Contender(family="ours", setting="", fired_at=lambda minute: guarded(minute, True)))
    return tuple(found)


def guarded(minute: Minute, with_neighbors: bool = True, rule: GuardRule | None = None) -> float | None:
    """Return the second at which our guard fires: it looks once a second, and at every step while the mid is beyond.

    It has watched for half a minute before, save at an opening rotation, which meets it right after a restart.
    """
    met = met_steps(minute)
    state = new_guard(len(minute.world.ratios))
    if minute.kind is not Anomaly.OPEN_ROTATION:
        state = _warmed(state, minute)
    again: datetime | None = None
    for step in range(STEPS):
        now = MINUTE_AT + timedelta(seconds=step * STEP_SECONDS)
        if not (met[step] or step % CALM_LOOK_STEPS == 0 or (again is not None and now >= again)):
            continue
        state, decision = look(state, minute, step, rule or GuardRule(), with_neighbors=with_neighbors)
        again = decision.look_again_at
        if decision.fires:
            return step * STEP_SECONDS
    return None


_WARMED: list[tuple[Minute, GuardState]] = []  # of the last minute: two contenders begin it alike


def _warmed(state: GuardState, minute: Minute) -> GuardState:
    if not _WARMED or _WARMED[0][0] is not minute:
        _WARMED[:] = [(minute, _watched(state, minute))]
    return _WARMED[0][1]


def _watched(state: GuardState, minute: Minute) -> GuardState:
    first = observation(minute, 0)
    for ago in range(WARM_SECONDS, 0, -1):
        now = MINUTE_AT - timedelta(seconds=ago)
        legs = tuple(replace(leg, sighting=replace(leg.sighting, quoted_at=now)) for leg in first.legs)
        state, _ = observe(state, replace(first, now=now, legs=legs), lambda _: frozenset(), GuardRule())
    return state


def look(
    state: GuardState, minute: Minute, step: int, rule: GuardRule, *, with_neighbors: bool = True
) -> tuple[GuardState, GuardDecision]:
    """Have the guard look at one step of a minute, and again with the neighbors where it wants them."""

    def met_at(net: float) -> frozenset[int]:
        return frozenset({0}) if minute.is_met(net) else frozenset()

    after, decision = observe(state, observation(minute, step), met_at, rule)
    if with_neighbors and decision.wants_neighbors:
        return observe(state, observation(minute, step, with_neighbors=True), met_at, rule)
    return after, decision


def observation(minute: Minute, step: int, *, with_neighbors: bool = False) -> Observation:
    """Return what the feed shows of the position at one step."""
    world = minute.world
    legs = tuple(
        GuardLeg(
            ratio=ratio,
            is_american=world.is_american,
            years=world.years,
            sighting=sighting(minute, step, place),
            neighbors=tuple(sighting(minute, step, one) for one in world.neighbors[place]) if with_neighbors else None,
        )
        for place, ratio in enumerate(world.ratios)
    )
    return Observation(
        now=MINUTE_AT + timedelta(seconds=step * STEP_SECONDS),
        spot=float(minute.tape.spot[step]),
        rate=RATE,
        dividend_yield=DIVIDEND_YIELD,
        age_seconds_max=AGE_SECONDS_MAX,
        legs=legs,
        spots=_spots(minute, step),
    )


def _spots(minute: Minute, step: int) -> tuple[SpotSeen, ...]:
    path = minute.tape.spot
    return tuple(
        SpotSeen(at=MINUTE_AT + timedelta(seconds=one * STEP_SECONDS), spot=float(path[one]))
        for one in range(max(0, step - SPOTS_KEPT + 1), step + 1)
        if one == 0 or path[one] != path[one - 1]
    )


def sighting(minute: Minute, step: int, place: int) -> Sighting:
    """Return one contract's quote at one step."""
    listed, tape = minute.world.contracts[place], minute.tape
    bid, ask = float(tape.bid[step, place]), float(tape.ask[step, place])
    return Sighting(
        is_call=listed.is_call,
        strike=listed.strike,
        bid=bid if bid == bid else None,
        ask=ask if ask == ask else None,
        quoted_at=MINUTE_AT + timedelta(seconds=float(tape.quoted[step, place])),
    )


def met_steps(minute: Minute) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return at which steps the net mid is beyond the threshold; an unknown mid is not."""
    net = minute.world.net_mid(minute.tape)
    with np.errstate(invalid="ignore"):
        return np.asarray(net <= minute.threshold if minute.falls_to else net >= minute.threshold)


def _hits(minute: Minute, count: int, interval: int) -> float | None:
    run = 0
    met = met_steps(minute)
    for step in range(0, STEPS, interval):
        run = run + 1 if met[step] else 0
        if run == count:
            return step * STEP_SECONDS
    return None


def _n_hits(count: int) -> FiredAt:
    return lambda minute: _hits(minute, count, round(1 / STEP_SECONDS))


def _of_three(interval: int) -> FiredAt:
    def fired_at(minute: Minute) -> float | None:
        met = met_steps(minute)[::interval]
        for check in range(1, len(met)):
            if int(met[max(0, check - 2) : check + 1].sum()) >= 2:
                return check * interval * STEP_SECONDS
        return None

    return fired_at


def _width_guard(share: float) -> FiredAt:
    def fired_at(minute: Minute) -> float | None:
        tape, legs = minute.tape, len(minute.world.ratios)
        gross = np.abs((tape.bid + tape.ask)[:, :legs] / 2) @ np.abs(np.array(minute.world.ratios, dtype=np.float64))
        narrow = minute.world.net_width(tape) <= share * gross
        fires = np.flatnonzero(met_steps(minute) & narrow)
        return float(fires[0] * STEP_SECONDS) if len(fires) else None

    return fired_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """When each guard fired in one minute, in the order of the contenders."""

    kind: str
    crossed_at: float | None
    fired: tuple[float | None, ...]

    def delay(self, place: int) -> float:
        """Return how long after the crossing a guard fired; a minute when it never did, zero when it was early."""
        at = self.fired[place]
        return MISSED_SECONDS if at is None else max(0.0, at - (self.crossed_at or 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One guard's point on the curve."""

    family: str
    setting: str
    false_per_1000: float
    delay_p50: float
    delay_p99: float
    missed_share: float
    late_share: float  # more than two seconds


def tally(minute: Minute, guards: Sequence[Contender]) -> Tally:
    """Run all guards over one minute."""
    fired = tuple(guard.fired_at(minute) for guard in guards)
    return Tally(kind=minute.kind.value, crossed_at=minute.crossed_at, fired=fired)


def scores(tallies: Iterable[Sequence[Tally]]) -> list[Score]:
    """Return each contender's false exits and delays over all minutes."""
    flat = list(chain.from_iterable(tallies))
    lies = [one for one in flat if one.crossed_at is None]
    moves = [one for one in flat if one.crossed_at is not None]
    found = []
    for place, guard in enumerate(contenders()):
        false = sum(one.fired[place] is not None for one in lies)
        delays = np.array([one.delay(place) for one in moves])
        found.append(
            Score(
                family=guard.family,
                setting=guard.setting,
                false_per_1000=1000 * false / len(lies),
                delay_p50=float(np.percentile(delays, 50)),
                delay_p99=float(np.percentile(delays, 99)),
                missed_share=float(np.mean(delays >= MISSED_SECONDS)),
                late_share=float(np.mean(delays > LATE_SECONDS)),
            )
        )
    return found
