"""How a leg finds its strike among the listed ones of one expiration, and why it was that one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.market.indicators import atm_straddle
from thetaloom.domain.strategy.listing import Listed, Pick, listed_deltas
from thetaloom.domain.strategy.strategies import (
    EXACT_UNLESS_ALLOWED,
    Guard,
    LegRule,
    Level,
    Metric,
    SelectBy,
    Side,
    Unit,
)
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import HUNDRED
from thetaloom.domain.values.reasons import Reason, Verdict, denied, unknown

DISTANCE_DIGITS = 9  # float noise beyond must not decide between two strikes equally near
MISS_DIGITS = 6
SHOWN_DIGITS = 4
LEVEL_METRICS = {Level.SUPPORT: Metric.SUPPORT, Level.RESISTANCE: Metric.RESISTANCE}
RELAXED_TIMES = 3  # how many times its miss_max a relaxed selection lets a strike miss


def pick_strike(
    leg: LegRule, listed: Listed, picked: Mapping[str, Pick], followers: Sequence[tuple[LegRule, Listed]] = ()
) -> Pick | Verdict:
    """Find the strike of ``leg``; ``picked`` holds the legs that it may be measured from.

    ``followers`` are the legs measured from it, each after what it is measured from: a net credit is theirs too.
    """
    if len(listed) == 0:
        return denied(Reason.NO_STRIKE, listed=0, right=listed.word)
    match leg.strike.by:
        case SelectBy.DELTA:
            return _by_delta(leg, listed)
        case SelectBy.ATM:
            return _by_atm(leg, listed)
        case SelectBy.STRIKE:
            return _nearest(leg, listed, leg.strike.distance, "the strike of the rule")
        case SelectBy.PREMIUM:
            return _by_premium(leg, listed)
        case SelectBy.EXPECTED_MOVE:
            return _by_expected_move(leg, listed)
        case SelectBy.OTM:
            return _by_otm(leg, listed)
        case SelectBy.NET_CREDIT:
            return _by_net_credit(leg, listed, picked, followers)
        case SelectBy.WIDTH | SelectBy.SAME:
            return _by_leg(leg, listed, picked[leg.strike.of or ""])


def _by_delta(leg: LegRule, listed: Listed) -> Pick | Verdict:
    deltas = listed_deltas(listed, float(leg.strike.distance))
    at = _argmin(listed, np.abs(deltas - float(leg.strike.distance)))
    if at is None:
        return unknown(Reason.NO_QUOTE, wished_delta=leg.strike.distance, listed=len(listed), with_delta=0)
    delta = _decimal(deltas[at])
    missing = int(np.isnan(deltas).sum())
    without = f" ({missing} without a usable quote)" if missing else ""
    why = f"has delta {delta:.3f}, nearest to {leg.strike.distance} of {len(listed)} listed {listed.word}{without}"
    return _within_limit(leg, listed, at, _Miss(leg.strike.distance, delta), why)


def _by_premium(leg: LegRule, listed: Listed) -> Pick | Verdict:
    chain, wished = listed.market.chain, leg.strike.distance
    mids = (chain.bid[listed.indices] + chain.ask[listed.indices]) / 2
    candidates = listed.usable & listed.mask_beyond(listed.market.spot)
    at = _argmin(listed, np.where(candidates, np.abs(mids - float(wished)), np.nan))
    if at is None:
        return denied(Reason.NO_STRIKE, wished_premium=wished, listed=len(listed), out_of_the_money_with_quote=0)
    mid = _decimal(mids[at])
    count = int(candidates.sum())
    why = f"has mid {_short(mid)}, nearest to {wished} of {count} quoted {listed.word} out of the money"
    return _within_limit(leg, listed, at, _Miss(wished, mid), why)


def _by_net_credit(
    leg: LegRule, listed: Listed, picked: Mapping[str, Pick], followers: Sequence[tuple[LegRule, Listed]]
) -> Pick | Verdict:
    wished = leg.strike.distance
    candidates = np.flatnonzero(listed.usable & listed.mask_beyond(listed.market.spot))
    best: tuple[Decimal, Decimal] | None = None
    for at in candidates[::-1] if listed.right is Right.CALL else candidates:  # the furthest out first
        net = _net_mid(leg, listed, int(at), picked, followers)
        if net is None:
            continue
        if net >= wished:
            with_whom = " with " + " and ".join(follower.name for follower, _ in followers) if followers else ""
            why = (
                f"brings {_short(net)} net at mid{with_whom}, at least {wished}; "
                f"the furthest out of {len(candidates)} quoted {listed.word} out of the money"
            )
            return _within_limit(leg, listed, int(at), _Miss(wished, net), why)
        if best is None or net > best[0]:
            best = (net, listed.strike(int(at)))
    if best is None:
        return denied(Reason.NO_STRIKE, wished_net_credit=wished, out_of_the_money_with_quotes=0, listed=len(listed))
    return denied(Reason.CREDIT_TOO_LOW, wished_net_credit=wished, best_net_credit=_short(best[0]), at_strike=best[1])


def _net_mid(
    leg: LegRule, listed: Listed, at: int, picked: Mapping[str, Pick], followers: Sequence[tuple[LegRule, Listed]]
) -> Decimal | None:
    net, picks = _brings(leg, listed, at), {**picked, leg.name: listed.pick(at, "")}
    for follower, beside in followers:
        found = pick_strike(follower, beside, picks)
        if not isinstance(found, Pick):
            return None
        place = int(np.flatnonzero(beside.indices == found.index)[0])
        if not beside.usable[place]:
            return None
        net += _brings(follower, beside, place)
        picks[follower.name] = found
    return net


def _brings(leg: LegRule, listed: Listed, at: int) -> Decimal:
    chain, index = listed.market.chain, listed.indices[at]
    mid = (_decimal(chain.bid[index]) + _decimal(chain.ask[index])) / 2
    return mid * (leg.ratio if leg.side is Side.SELL else -leg.ratio)


def _by_atm(leg: LegRule, listed: Listed) -> Pick | Verdict:
    spot, distance = listed.market.spot, leg.strike.distance
    if leg.strike.round_to is not None:  # the rounding takes the place of the listing
        step = spot * distance / HUNDRED if leg.strike.unit is Unit.PERCENT else distance
        return _wished(leg, listed, spot + step, f"{distance:+} {leg.strike.unit} from spot {spot}")
    # Of two as near the lower, as the straddle at the money has it.
    base_at = int(np.argmin(np.round(np.abs(listed.strikes - float(spot)), DISTANCE_DIGITS)))
    base = listed.strike(base_at)
    origin = f"{base}, the strike at the money (spot {spot})"
    if leg.strike.unit is Unit.STRIKES:
        at = base_at + int(distance)
        if not 0 <= at < len(listed):
            below, above = base_at, len(listed) - 1 - base_at
            return denied(Reason.NO_STRIKE, wished_strikes=distance, listed_below=below, listed_above=above)
        return listed.pick(at, f"is {distance:+} listed strikes from {origin}")
    step = base * distance / HUNDRED if leg.strike.unit is Unit.PERCENT else distance
    return _wished(leg, listed, base + step, f"{distance:+} {leg.strike.unit} from {origin}")


def _by_leg(leg: LegRule, listed: Listed, origin: Pick) -> Pick | Verdict:
    if leg.strike.by is SelectBy.SAME:
        return _nearest(leg, listed, origin.strike, f"the strike of {leg.strike.of}")
    width, is_call = leg.strike.distance, listed.right is Right.CALL
    if leg.strike.unit is Unit.TABLE:
        in_table = listed.market.table_width
        if not isinstance(in_table, Decimal):
            return in_table or unknown(Reason.SELECTION_UNKNOWN, needed="a width table")
        width = in_table
    beyond = listed.mask_beyond(origin.strike)
    places = np.flatnonzero(beyond) if is_call else np.flatnonzero(beyond)[::-1]
    way = f"{'above' if is_call else 'below'} {origin.strike} of {leg.strike.of}"
    if leg.strike.unit is Unit.STRIKES:
        if len(places) < width:
            return denied(Reason.NO_STRIKE, wished_strikes=width, listed_beyond=len(places), origin=origin.strike)
        return listed.pick(int(places[int(width) - 1]), f"is {width} listed strikes {way}")
    wished = origin.strike + (width if is_call else -width)
    by_table = " by the width table" if leg.strike.unit is Unit.TABLE else ""
    return _nearest(leg, listed, wished, f"{width} dollars {way}{by_table}", among=beyond)


def _by_expected_move(leg: LegRule, listed: Listed) -> Pick | Verdict:
    market, percent = listed.market, leg.strike.distance
    straddle = atm_straddle(market.chain, market.expiration.expires_on, market.expiration.root)
    if straddle is None or straddle <= 0:
        return unknown(Reason.NO_QUOTE, needed="both quotes of the straddle at the money", spot=market.spot)
    move = Decimal(straddle) * percent / HUNDRED
    is_call = listed.right is Right.CALL
    wished = market.spot + (move if is_call else -move)
    why = f"spot {market.spot} {'plus' if is_call else 'less'} {percent} % of the straddle's {_short(straddle)}"
    return _wished(leg, listed, wished, why, among=listed.mask_beyond(market.spot))


def _by_otm(leg: LegRule, listed: Listed) -> Pick | Verdict:
    spot, distance = listed.market.spot, leg.strike.distance
    step = spot * distance / HUNDRED if leg.strike.unit is Unit.PERCENT else distance
    unit = "%" if leg.strike.unit is Unit.PERCENT else leg.strike.unit.value
    wished = spot + (step if listed.right is Right.CALL else -step)
    way = "from" if distance == 0 else "out of the money from" if distance > 0 else "in the money from"
    why = f"{_short(abs(distance))} {unit} {way} spot {spot}"
    # What is meant to be out of the money never ends in it, however few strikes are listed.
    is_call, limit = listed.right is Right.CALL, float(spot)
    outside = listed.strikes >= limit if is_call is (distance > 0) else listed.strikes <= limit
    return _wished(leg, listed, wished, why, among=outside if distance else None)


def _wished(
    leg: LegRule, listed: Listed, wished: Decimal, why: str, among: NDArray[np.bool_] | None = None
) -> Pick | Verdict:
    """Pick the strike nearest to a wished price, rounded and kept away from a level first."""
    step = leg.strike.round_to
    if step is not None:
        rounded = (wished / step).to_integral_value(ROUND_HALF_EVEN) * step
        why = f"{why}, {_short(wished)} rounded to a multiple of {step}"
        wished = rounded
    if leg.guard is None:
        return _nearest(leg, listed, wished, why, among)
    kept = _kept_away(leg.guard, leg.strike.round_to, listed, wished)
    if isinstance(kept, Verdict):
        return kept
    if kept != wished:
        why = f"{why}, moved from {_short(wished)} to stay {leg.guard.buffer_percent} % off the {leg.guard.level}"
    return _nearest(leg, listed, kept, why, among)


def _kept_away(guard: Guard, step: Decimal | None, listed: Listed, wished: Decimal) -> Decimal | Verdict:
    is_call, spot = listed.right is Right.CALL, listed.market.spot
    level = listed.market.readings.get(LEVEL_METRICS[guard.level])
    if level is None:
        return unknown(Reason.SELECTION_UNKNOWN, needed=guard.level.value)
    bound = level * (HUNDRED - guard.buffer_percent if is_call else HUNDRED + guard.buffer_percent) / HUNDRED
    if wished <= bound if is_call else wished >= bound:
        return wished
    if step is not None:
        bound = (bound / step).to_integral_value(ROUND_FLOOR if is_call else ROUND_CEILING) * step
    if bound < spot if is_call else bound > spot:
        facts = {guard.level.value: _short(level), "strike_kept_at": _short(bound), "spot": spot}
        return denied(Reason.NO_STRIKE, why=f"spot is too near to {guard.level}", **facts)
    return bound


def _nearest(
    leg: LegRule, listed: Listed, wished: Decimal, why: str, among: NDArray[np.bool_] | None = None
) -> Pick | Verdict:
    if wished <= 0:
        return denied(Reason.NO_STRIKE, wished=_short(wished), why=why)
    distances = np.abs(listed.strikes - float(wished))
    at = _argmin(listed, distances if among is None else np.where(among, distances, np.nan))
    if at is None:
        return denied(Reason.NO_STRIKE, wished=_short(wished), listed=len(listed), listed_beyond=0)
    strike = listed.strike(at)
    percent_of = listed.market.spot if leg.strike.unit is Unit.PERCENT else None
    near = "" if strike == wished else f"nearest to {_short(wished)}, "
    return _within_limit(leg, listed, at, _Miss(wished, strike, percent_of), f"is {near}{why}")


def _argmin(listed: Listed, distances: Floats) -> int | None:
    rounded = np.round(distances, DISTANCE_DIGITS)
    if np.isnan(rounded).all():
        return None
    ties = np.flatnonzero(rounded == np.nanmin(rounded))
    # Of two as near the one further out of the money.
    return int(ties[-1] if listed.right is Right.CALL else ties[0])


@dataclass(frozen=True, slots=True)
class _Miss:
    wished: Decimal
    found: Decimal
    percent_of: Decimal | None = None  # what the rule counts percents of

    @property
    def size(self) -> Decimal:
        miss = abs(self.found - self.wished)
        return miss if self.percent_of is None else miss * HUNDRED / self.percent_of


def _within_limit(leg: LegRule, listed: Listed, at: int, miss: _Miss, because: str) -> Pick | Verdict:
    limit = leg.strike.miss_max
    if limit is None and leg.strike.by in EXACT_UNLESS_ALLOWED:
        limit = Decimal(0)
    if limit is None or miss.size <= limit:
        return listed.pick(at, because)
    unit = {Unit.PERCENT: "percent of spot", Unit.TABLE: "dollars", Unit.NONE: "dollars"}.get(
        leg.strike.unit, leg.strike.unit.value
    )
    wide = limit * RELAXED_TIMES if listed.market.relaxed else limit
    if miss.size <= wide:
        return listed.pick(
            at, f"{because}; relaxed: misses by {_short(miss.size)} {unit}, {wide} allowed in place of {limit}"
        )
    return denied(
        Reason.SELECTION_TOO_FAR,
        wished=_short(miss.wished),
        nearest=_short(miss.found),
        strike=listed.strike(at),
        miss=_short(miss.size),
        limit=wide,
        unit=unit,
    )


def _decimal(number: float) -> Decimal:
    return Decimal(f"{number:.{MISS_DIGITS}f}")


def _short(number: Decimal) -> str:
    text = f"{number:.{SHOWN_DIGITS}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
