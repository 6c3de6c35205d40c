"""The guard of price-based exits: no rule fires on a bad quote, and none waits long on a good one.

A rule that is met at the robust mark fires at once when quotes of high quality on all legs say so and the move of
the underlying explains it; on a later quote when the move of the underlying or the neighbors bear it out; and by the
deadline when nothing explains it and it still stands. Below the quality floor nothing fires, and a position that
stays there is told to be blind.

All is plain data: a state and an observation give the next state and a decision, the same on every replay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from thetaloom.domain.book.robust_mark import (
    LegMemory,
    Observation,
    RobustMark,
    read_mark,
    remember,
)
from thetaloom.domain.market.quote_quality import FLOOR_SCORE, HIGH_SCORE
from thetaloom.errors import InvalidInput

IMPLIED_WEIGHT = 0.75  # of the neighbors' price against the quotes, where nothing but time speaks for them
CONTRADICTED_SECONDS_MAX = 30.0  # between two looks at neighbors that contradict
COLD_SECONDS_MAX, COLD_UPDATES_MIN = 60.0, 3  # a rule that is met for so long, on so many quotes, waits no more
MetAt = Callable[[float], frozenset[int]]  # the rules that are met at a net price of closing


class GuardAnswer(StrEnum):
    """What to do about one rule."""

    HOLD = "hold"
    CONFIRM = "confirm"  # met, and not yet believed; look again soon
    FIRE = "fire"
    BLOCKED = "blocked"  # met on quotes that are no evidence


class Witness(StrEnum):
    """Why a rule fired, or what it waits for."""

    SPOT = "spot"  # the underlying's move explains the mark
    SPOT_REPEATED = "spot_repeated"  # it explains it on a later quote, where the quotes alone are not of high quality
    NEIGHBORS = "neighbors"
    DEADLINE = "deadline"
    QUALITY = "quality"
    CONTRADICTED = "contradicted"  # by the neighbors


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRule:
    """How price-based exits are guarded."""

    deadline_seconds: float = 2.0
    blind_after_seconds: float = 15.0
    updates_min: int = 2  # distinct quotes beyond the threshold before anything but the spot is believed

    def __post_init__(self) -> None:
        if not 0 < self.deadline_seconds <= self.blind_after_seconds:
            raise InvalidInput("a guard's deadline_seconds is above 0 and not above blind_after_seconds")
        if self.updates_min < 1:
            raise InvalidInput("a guard's updates_min is at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """One rule that is met, since when, and what has been seen of it."""

    rule: int  # index among the strategy's exits
    since: datetime  # first seen on quotes above the floor
    updates: int  # distinct quotes seen while met, the first included
    quotes_at: tuple[datetime | None, ...]  # of each leg when it began
    away_since: datetime | None = None  # since when looks have found it not met, or quotes below the floor


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardState:
    """What the guard remembers of one position."""

    legs: tuple[LegMemory, ...]
    beyond: tuple[Beyond, ...] = ()
    bad_since: datetime | None = None  # since when a leg is below the floor
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGuard:
    """The guard's answer for one rule that is met."""

    rule: int
    answer: GuardAnswer
    witness: Witness
    look_again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardDecision:
    """The answers for all rules that are met, with the mark they rest on."""

    mark: RobustMark
    rules: tuple[RuleGuard, ...] = ()
    is_blind: bool = False  # bad quotes for longer than the rule allows: nobody watches the price
    blind_at: datetime | None = None  # when it will be, if the quotes stay bad

    @property
    def fires(self) -> frozenset[int]:
        """The rules that may close the position now."""
        return frozenset(one.rule for one in self.rules if one.answer is GuardAnswer.FIRE)

    @property
    def wants_neighbors(self) -> bool:
        """Whether a rule is about to fire, so that the neighbors' quotes are worth their cost."""
        return any(one.witness is not Witness.QUALITY for one in self.rules)

    @property
    def look_again_at(self) -> datetime | None:
        """When to look again though no quote comes."""
        asked = (*(one.look_again_at for one in self.rules), self.blind_at)
        return min((at for at in asked if at is not None), default=None)


def new_guard(legs: int) -> GuardState:
    """Return the state of a position that nobody has looked at yet."""
    return GuardState(legs=(LegMemory(),) * legs)


def observe(state: GuardState, seen: Observation, met_at: MetAt, rule: GuardRule) -> tuple[GuardState, GuardDecision]:
    """Take in one observation; ``met_at`` tells which price-based rules are met at a net price of closing.

    Where the decision ``wants_neighbors`` and the observation has none, call again, from the same state, with them.
    """
    news_at = min((one.since for one in state.beyond), default=seen.now)
    is_late = (seen.now - news_at).total_seconds() >= rule.deadline_seconds
    mark = read_mark(state.legs, seen, news_at=news_at, is_late=is_late)
    met = met_at(mark.quoted) if mark.quoted is not None else frozenset()
    is_bad = mark.own_quality < FLOOR_SCORE
    beyond = _tracked(state, seen, mark, met, rule)
    if is_bad:
        judged = [_blocked(index, Witness.QUALITY) for index in sorted(met | _met_by(mark.prior, met_at))]
    else:
        judged = [_judge(one, state, seen, mark, met_at, rule) for one in beyond if one.rule in met]
    is_bad = is_bad or any(one.answer is GuardAnswer.BLOCKED for one in judged)
    bad_since = (state.bad_since or seen.now) if is_bad else None
    blind_at = None if bad_since is None else bad_since + timedelta(seconds=rule.blind_after_seconds)
    is_blind = blind_at is not None and seen.now >= blind_at
    decision = GuardDecision(mark=mark, rules=tuple(judged), is_blind=is_blind, blind_at=None if is_blind else blind_at)
    after = GuardState(
        legs=remember(state.legs, seen, mark, rule.deadline_seconds),
        beyond=beyond,
        bad_since=bad_since,
        observed_at=seen.now,
    )
    return after, decision


def _tracked(
    state: GuardState, seen: Observation, mark: RobustMark, met: frozenset[int], rule: GuardRule
) -> tuple[Beyond, ...]:
    # A mark that flickers about the threshold keeps its clock; one that is away for a whole deadline loses it. Where
    # quotes come once a minute nobody has seen it away between two of them.
    grace = timedelta(seconds=rule.deadline_seconds)
    stays = {one.rule: one for one in state.beyond if one.away_since is None or seen.now - one.away_since <= grace}
    if mark.own_quality < FLOOR_SCORE:  # starts no clock
        met = frozenset()
    before = {
        index: replace(one, away_since=None if index in met else one.away_since or seen.now)
        for index, one in stays.items()
    }
    is_new = any(view.is_new for view in mark.legs)
    quotes_at = tuple(leg.sighting.quoted_at for leg in seen.legs)
    for index in met:
        known = before.get(index)
        if known is None:
            before[index] = Beyond(rule=index, since=seen.now, updates=1, quotes_at=quotes_at)
        else:
            before[index] = replace(known, updates=known.updates + is_new)
    return tuple(before[index] for index in sorted(before))


def _judge(
    one: Beyond, state: GuardState, seen: Observation, mark: RobustMark, met_at: MetAt, rule: GuardRule
) -> RuleGuard:
    by_neighbors = _is_met(one, met_at, mark.implied) and not mark.is_off_parity
    if mark.is_contradicted and not by_neighbors:
        # The legs' next quotes bring another look by themselves, the neighbors' don't. What stays so is asked about
        # less and less often.
        bad_seconds = 0.0 if state.bad_since is None else (seen.now - state.bad_since).total_seconds()
        pause = min(CONTRADICTED_SECONDS_MAX, max(rule.deadline_seconds / 2, bad_seconds))
        return _blocked(one.rule, Witness.CONTRADICTED, seen.now + timedelta(seconds=pause))
    witness = _witness(one, state, seen, mark, met_at, rule)
    if witness is not None:
        return RuleGuard(rule=one.rule, answer=GuardAnswer.FIRE, witness=witness)
    deadline = one.since + timedelta(seconds=rule.deadline_seconds)
    again = deadline if deadline > seen.now else None  # past it, only another quote can tell more
    return RuleGuard(rule=one.rule, answer=GuardAnswer.CONFIRM, witness=Witness.DEADLINE, look_again_at=again)


def _witness(
    one: Beyond, state: GuardState, seen: Observation, mark: RobustMark, met_at: MetAt, rule: GuardRule
) -> Witness | None:
    by_band = _is_met(one, met_at, mark.low) and _is_met(one, met_at, mark.high)
    elapsed = (seen.now - one.since).total_seconds()
    # A guard that knows no usual width wants the whole bid-ask beyond, and yet not for good.
    is_waived = elapsed >= COLD_SECONDS_MAX and one.updates >= COLD_UPDATES_MIN
    if not by_band and not is_waived and any(view.is_cold for view in mark.legs):
        return None
    by_spot = _is_settled(state.legs, seen, rule) and _is_met(one, met_at, mark.prior)
    by_neighbors = _is_met(one, met_at, mark.implied)
    is_explained = mark.own_quality >= HIGH_SCORE and all(view.is_explained for view in mark.legs)
    if is_explained and (by_spot or by_neighbors):
        return Witness.SPOT
    if one.updates < rule.updates_min:
        return None
    half_way = elapsed >= rule.deadline_seconds / 2
    if half_way and (by_spot or by_neighbors):
        return Witness.SPOT_REPEATED if by_spot else Witness.NEIGHBORS
    stands = (by_band or is_waived) and _stands_alone(one, seen, mark, met_at)
    return Witness.DEADLINE if stands and elapsed >= rule.deadline_seconds else None


def _is_met(one: Beyond, met_at: MetAt, net: float | None) -> bool:
    return net is not None and one.rule in met_at(net)


def _is_settled(legs: Sequence[LegMemory], seen: Observation, rule: GuardRule) -> bool:
    # A prior that itself jumped a moment ago is no second witness.
    return all(
        leg.known_since is not None and (seen.now - leg.known_since).total_seconds() >= rule.deadline_seconds
        for leg in legs
    )


def _stands_alone(one: Beyond, seen: Observation, mark: RobustMark, met_at: MetAt) -> bool:
    # No leg that nothing explains is still the same old quote, and the neighbors' price is not clearly on this side.
    if mark.implied is not None and mark.quoted is not None:
        between = mark.quoted + IMPLIED_WEIGHT * (mark.implied - mark.quoted)
        if not _is_met(one, met_at, between):
            return False
    for view, leg, began in zip(mark.legs, seen.legs, one.quotes_at, strict=True):
        has_moved = began is None or (leg.sighting.quoted_at is not None and leg.sighting.quoted_at > began)
        if not (view.is_explained or has_moved):
            return False
    return True


def _met_by(net: float | None, met_at: MetAt) -> frozenset[int]:
    return frozenset() if net is None else met_at(net)


def _blocked(index: int, witness: Witness, again: datetime | None = None) -> RuleGuard:
    return RuleGuard(rule=index, answer=GuardAnswer.BLOCKED, witness=witness, look_again_at=again)
