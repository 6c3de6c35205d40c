"""A position's mark that one bad quote does not move: quotes weighed by quality, with volatility's memory as prior.

Each leg remembers the volatility at which it was last quoted well. That volatility at today's spot is the prior; a
quote of high quality replaces it altogether, one of low quality counts for little, and the estimate never lies
outside the leg's own bid and ask. Net prices are those of closing what is held, credit positive, per share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from thetaloom.domain.market.quote_neighbors import SILENCE, Corroboration, hear_neighbors
from thetaloom.domain.market.quote_quality import (
    FLOOR_SCORE,
    HIGH_SCORE,
    Flaw,
    QuoteScore,
    Sighting,
    Surroundings,
    WidthHistory,
    score_quote,
    tick_of,
)

SPOTS_KEPT = 24
SPOT_SETTLES_SECONDS = 10.0  # a spot that stood still for longer contradicts nobody
VOLATILITY_MEMORY_SECONDS = 10.0
NEWS_SPREADS = timedelta(seconds=0.75)  # over the strikes of one expiration
WIDTH_EVERY_SECONDS = 1.0  # a burst of quotes is one reading
LITTLE, LITTLE_SHARE = 0.05, 0.01  # dollars, and of all legs
COLD_READINGS = 30  # so many say what is usual; until then the whole bid-ask has to be beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotSeen:
    """A spot and when it was first seen."""

    at: datetime
    spot: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLeg:
    """One leg as held with its quote, and its neighbors' quotes where they were asked for."""

    ratio: int  # signed; bought is positive
    is_american: bool
    years: float
    sighting: Sighting
    neighbors: tuple[Sighting, ...] | None = None  # None = not asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that is seen of a position's prices at one moment."""

    now: datetime
    spot: float | None
    rate: float
    dividend_yield: float
    age_seconds_max: float
    legs: tuple[GuardLeg, ...]
    spots: tuple[SpotSeen, ...] = ()  # the latest, in order, so that a quote can be read at the spot of its moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMemory:
    """What is remembered of one leg: its usual width, and the price and volatility of its last good quotes."""

    width: WidthHistory = field(default_factory=WidthHistory)
    width_at: datetime | None = None
    newest_at: datetime | None = None  # of all quotes seen
    volatility: float | None = None
    mid: float | None = None  # with the spot of that moment, where no volatility can be had
    spot: float | None = None
    known_since: datetime | None = None  # since when the prior follows the quotes without a jump
    read_at: datetime | None = None
    apart_since: datetime | None = None  # since when good quotes have been away from the prior


@dataclass(frozen=True, slots=True, kw_only=True)
class LegView:
    """One leg judged: score, prior, estimate within its bid and ask, and what its neighbors imply."""

    score: QuoteScore  # with what the neighbors say
    own_score: float  # without it
    quoted: float | None  # the estimate by the own score
    estimate: float | None
    half_band: float
    prior: float | None
    is_cold: bool  # too little was seen of it to say what is usual
    is_explained: bool  # its mid is where the prior says, within half its usual width
    is_new: bool  # a quote not seen before
    heard: Corroboration


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustMark:
    """The net price of closing one structure: estimate, band, prior and neighbors' price; ``None`` is unknown."""

    estimate: float | None
    quoted: float | None  # what rules are held against; neighbors confirm it or contradict it, but don't change it
    low: float | None
    high: float | None
    prior: float | None
    implied: float | None  # by the neighbors
    quality: float  # of the worst leg, with what the neighbors say
    own_quality: float  # without it
    legs: tuple[LegView, ...]

    @property
    def is_contradicted(self) -> bool:
        """Whether a neighbor contradicts a leg."""
        return any(view.heard.deductions for view in self.legs)

    @property
    def is_off_parity(self) -> bool:
        """Whether no leg that has parity to answer for keeps it: the options and the spot tell of different times."""
        known = [view.heard.parity_holds for view in self.legs if view.heard.parity_holds is not None]
        return bool(known) and not any(known)


def read_mark(
    memories: Sequence[LegMemory],
    seen: Observation,
    *,
    news_at: datetime | None = None,
    is_late: bool = False,
) -> RobustMark:
    """Judge every leg and add up the marks.

    Of a leg whose quote nothing explains, neighbors are heard that were quoted since the news, ``news_at``; when it
    ``is_late`` and none of them was, all are.
    """
    views = tuple(_view(leg, memory, seen, news_at, is_late) for leg, memory in zip(seen.legs, memories, strict=True))
    estimate = _net(seen, [view.estimate for view in views])
    quoted = _net(seen, [view.quoted for view in views])
    half = sum(abs(leg.ratio) * view.half_band for leg, view in zip(seen.legs, views, strict=True))
    return RobustMark(
        estimate=estimate,
        quoted=quoted,
        low=None if quoted is None else round(quoted - half, 6),
        high=None if quoted is None else round(quoted + half, 6),
        prior=_net(seen, [view.prior for view in views]),
        implied=_net(seen, _implied(seen, views)),
        quality=min((view.score.score for view in views), default=0.0),
        own_quality=min((view.own_score for view in views), default=0.0),
        legs=views,
    )


def remember(
    memories: Sequence[LegMemory], seen: Observation, mark: RobustMark, settle_seconds: float
) -> tuple[LegMemory, ...]:
    """Return the memories after this look; a jump is taken up only after it stood for ``settle_seconds``."""
    return tuple(
        _remembered(memory, leg, view, seen, settle_seconds)
        for memory, leg, view in zip(memories, seen.legs, mark.legs, strict=True)
    )


def with_spot(spots: tuple[SpotSeen, ...], at: datetime, spot: float | None) -> tuple[SpotSeen, ...]:
    """Return the latest spots with this one, if it is another than the last."""
    if spot is None or (spots and spots[-1].spot == spot):
        return spots
    return (*spots[1 - SPOTS_KEPT :], SpotSeen(at=at, spot=spot))


def _view(
    leg: GuardLeg,
    memory: LegMemory,
    seen: Observation,
    news_at: datetime | None,
    is_late: bool,
) -> LegView:
    around = _around(leg, memory, seen)
    own = score_quote(leg.sighting, memory.width, around)
    score, prior, mid = own, _prior(leg, memory, seen), leg.sighting.mid
    is_explained = mid is not None and prior is not None and abs(mid - prior) <= _tolerance(leg, memory, mid)
    is_cold, heard = memory.width.readings < COLD_READINGS, SILENCE
    if leg.neighbors is not None and own.score > 0:
        heard = _hear(leg, around, seen.spots, None if is_explained else news_at, is_late)
        score = own.less(heard.deductions)
    quoted, half_band = _weigh(leg.sighting, mid, prior, own)
    guess = heard.implied if heard.deductions and heard.implied is not None else prior
    return LegView(
        score=score,
        own_score=own.score,
        quoted=quoted,
        estimate=_weigh(leg.sighting, mid, guess, score)[0],
        half_band=leg.sighting.half_width if is_cold else half_band,
        prior=prior,
        is_cold=is_cold,
        is_explained=is_explained,
        is_new=_is_new(leg.sighting, memory),
        heard=heard,
    )


def _hear(
    leg: GuardLeg, around: Surroundings, spots: Sequence[SpotSeen], news_at: datetime | None, is_late: bool
) -> Corroboration:
    near, live, spot_at = leg.neighbors or (), _is_live(spots, around.now), _SpotAt(spots, around.spot)
    quoted_at, heard_from = leg.sighting.quoted_at, None
    if news_at is not None and quoted_at is not None:
        heard_from = max(news_at, quoted_at - NEWS_SPREADS)
    heard = hear_neighbors(leg.sighting, near, around, spot_at, spot_is_live=live, heard_from=heard_from)
    if heard_from is not None and heard.implied is None and is_late:
        return hear_neighbors(leg.sighting, near, around, spot_at, spot_is_live=live)
    return heard


def _around(leg: GuardLeg, memory: LegMemory, seen: Observation) -> Surroundings:
    return Surroundings(
        now=seen.now,
        age_seconds_max=seen.age_seconds_max,
        spot=seen.spot,
        years=leg.years,
        rate=seen.rate,
        dividend_yield=seen.dividend_yield,
        is_american=leg.is_american,
        to_sell=leg.ratio > 0,  # what was bought is sold to close
        newest_at=memory.newest_at,
    )


def _is_live(spots: Sequence[SpotSeen], now: datetime) -> bool:
    # A feed whose spot died must not make parity contradict every option for good.
    return bool(spots) and (now - spots[-1].at).total_seconds() <= SPOT_SETTLES_SECONDS


class _SpotAt:
    """The spot as it was seen at an instant; before the first that is kept, that one."""

    def __init__(self, spots: Sequence[SpotSeen], latest: float | None) -> None:
        self._spots, self._latest = spots, latest

    def __call__(self, at: datetime) -> float | None:
        for known in reversed(self._spots):
            if known.at <= at:
                return known.spot
        return self._spots[0].spot if self._spots else self._latest


def _weigh(sighting: Sighting, mid: float | None, prior: float | None, score: QuoteScore) -> tuple[float | None, float]:
    # The weight of the quote is 1 from the high score on, and 0 at the floor.
    if mid is None:
        return None, 0.0
    weight = min(1.0, max(0.0, (score.score - FLOOR_SCORE) / (HIGH_SCORE - FLOOR_SCORE)))
    bid, ask = sighting.bid or 0.0, sighting.ask or 0.0
    low, high = min(bid, ask), max(bid, ask)
    guess = mid if prior is None else prior + weight * (mid - prior)
    band = 1.0 if score.has(Flaw.WIDE) else 1.0 - weight
    return min(max(guess, low), high), band * (high - low) / 2


def _implied(seen: Observation, views: Sequence[LegView]) -> list[float | None]:
    # Where next to nothing is paid, the neighbors have no bids, and nothing depends on them.
    gross = sum(abs(leg.ratio) * (leg.sighting.mid or 0.0) for leg in seen.legs)
    little = max(LITTLE, LITTLE_SHARE * gross)
    return [
        view.quoted
        if view.heard.implied is None and max(leg.sighting.ask or little, view.prior or 0.0) <= little
        else view.heard.implied
        for leg, view in zip(seen.legs, views, strict=True)
    ]


def _prior(leg: GuardLeg, memory: LegMemory, seen: Observation) -> float | None:
    from thetaloom.maths.black_scholes import bsm_price  # compiles on first use

    one, spot = leg.sighting, seen.spot
    if spot is None:
        return None
    if memory.volatility is not None:
        price = bsm_price(one.is_call, spot, one.strike, leg.years, seen.rate, seen.dividend_yield, memory.volatility)
        return price if math.isfinite(price) else None
    if memory.mid is None or memory.spot is None:
        return None
    # No volatility means that it trades at what exercise brings, and that moves with the spot one to one.
    return max(0.0, memory.mid + (spot - memory.spot if one.is_call else memory.spot - spot))


def _tolerance(leg: GuardLeg, memory: LegMemory, mid: float) -> float:
    usual = memory.width.usual_half_width(mid)
    half = leg.sighting.half_width
    return (half if usual is None else min(half, usual)) + tick_of(mid)


def _is_new(sighting: Sighting, memory: LegMemory) -> bool:
    at = sighting.quoted_at
    return at is not None and (memory.newest_at is None or at > memory.newest_at)


def _remembered(memory: LegMemory, leg: GuardLeg, view: LegView, seen: Observation, settle_seconds: float) -> LegMemory:
    if not view.is_new:
        return memory
    width, width_at = memory.width, memory.width_at
    if width_at is None or (seen.now - width_at).total_seconds() >= WIDTH_EVERY_SECONDS:
        width, width_at = width.seen(leg.sighting), seen.now
    memory = replace(memory, newest_at=leg.sighting.quoted_at, width=width, width_at=width_at)
    if view.score.score < HIGH_SCORE:
        return memory
    if memory.known_since is not None and view.is_explained:
        return _followed(memory, leg, seen)
    if memory.known_since is not None and not _has_stood(memory, seen, settle_seconds):
        if memory.apart_since is not None:
            return memory
        return replace(memory, apart_since=seen.now)
    return replace(_followed(replace(memory, volatility=None), leg, seen), known_since=seen.now)


def _has_stood(memory: LegMemory, seen: Observation, settle_seconds: float) -> bool:
    since = memory.apart_since
    return since is not None and (seen.now - since).total_seconds() >= settle_seconds


def _followed(memory: LegMemory, leg: GuardLeg, seen: Observation) -> LegMemory:
    from thetaloom.maths.implied_volatility import OK, bsm_implied_volatility  # compiles on first use

    mid, one, spot = leg.sighting.mid, leg.sighting, seen.spot
    if one.quoted_at is not None:  # what was quoted a moment ago was quoted at the spot of that moment
        spot = _SpotAt(seen.spots, spot)(one.quoted_at)
    volatility = memory.volatility
    if mid is not None and spot is not None:
        terms = (one.strike, leg.years, seen.rate, seen.dividend_yield)
        iv, status = bsm_implied_volatility(one.is_call, mid, spot, *terms)
        if status != OK:
            volatility = None
        elif volatility is None or memory.read_at is None:
            volatility = iv
        else:
            elapsed = (seen.now - memory.read_at).total_seconds()
            volatility += (1.0 - math.exp(-max(elapsed, 0.0) / VOLATILITY_MEMORY_SECONDS)) * (iv - volatility)
    return replace(memory, mid=mid, spot=spot, read_at=seen.now, apart_since=None, volatility=volatility)


def _net(seen: Observation, prices: Sequence[float | None]) -> float | None:
    total = 0.0
    for leg, price in zip(seen.legs, prices, strict=True):
        if price is None:
            return None
        total += leg.ratio * price
    return round(total, 6)
