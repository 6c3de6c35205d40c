"""The forward, and the carry it implies, read from put–call parity: what the market itself says of rates and dividends.

Of European options a call less the put of the same strike is the discounted distance of forward and strike,
whatever the model. American options are first relieved of what early exercise is worth, at the volatility of their own
mids and the carry found so far; that is repeated until the carry stands still.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from thetaloom.domain.market.chain import STRIKE_SCALE, Floats, OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.values.instruments import ExerciseStyle

PAIRS_MIN, PAIRS_MAX = 3, 24
PAIRS_FOR_DISCOUNT = 8
REACH, REACH_PER_ROOT_YEAR = 0.02, 0.25  # how far from the spot a strike may lie, as a logarithm
HUBER = 1.5  # half-spreads; a pair that misses by more counts less
ROUNDS = 12
EXERCISE_ROUNDS_MAX = 8
CARRY_SETTLED = 1e-6
PLACES = 10
WIDTH_MIN = 0.01
DISCOUNT_ERROR_MAX = 0.002
CARRY_MAX = 2.0  # a year; a carry beyond is a stale chain, not a market


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedForward:
    """The forward of one expiration with what follows from it at the rate it was asked for."""

    forward: float
    carry: float  # ln(forward / spot) / years: rate less dividends and borrow
    dividend_yield: float  # rate - carry: dividends and the cost of borrowing the stock together
    discount: float | None  # exp(-rate × years) as the slope over strikes tells it; None where too unsure
    pairs_used: int
    residual: float  # dollars; the median distance of a pair from parity
    model: str


def implied_forward(chain: OptionChain, expiration: Expiration, rate: float) -> ImpliedForward | None:
    """Return the forward of ``expiration``; ``None`` when too few near strikes have quotes on both sides.

    ``discount`` is fitted for European options alone; ``rate`` discounts everywhere else.
    """
    pairs = _near_pairs(chain, expiration)
    if pairs is None or expiration.years <= 0:
        return None
    if _is_american(chain, expiration):
        return _american_forward(pairs, expiration.years, rate)
    return _fitted(pairs, pairs.calls - pairs.puts, expiration.years, rate, "put-call parity, European")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    spot: float
    strikes: Floats
    calls: Floats  # mids
    puts: Floats
    widths: Floats  # half of both bid-ask widths together


def _near_pairs(chain: OptionChain, expiration: Expiration) -> _Pairs | None:
    if chain.spot is None or chain.spot <= 0:
        return None
    spot = float(chain.spot)
    mask = (chain.expires_on == from_date(expiration.expires_on)) & (chain.root == expiration.root)
    mask &= (chain.bid > 0) & (chain.ask >= chain.bid)
    calls, puts = np.flatnonzero(mask & chain.is_call), np.flatnonzero(mask & ~chain.is_call)
    if len(calls) and chain.contract(int(calls[0])).is_adjusted:
        return None
    strikes, at_call, at_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    distance = np.abs(np.log(np.maximum(strikes, 1) / STRIKE_SCALE / spot))
    near = np.argsort(distance, kind="stable")[:PAIRS_MAX]
    near = np.sort(near[distance[near] <= REACH + REACH_PER_ROOT_YEAR * math.sqrt(max(0.0, expiration.years))])
    if len(near) < PAIRS_MIN:
        return None
    call, put = calls[at_call[near]], puts[at_put[near]]
    mids = chain.mids()
    widths = (chain.ask[call] - chain.bid[call] + chain.ask[put] - chain.bid[put]) / 2
    return _Pairs(
        spot=spot,
        strikes=strikes[near] / STRIKE_SCALE,
        calls=mids[call],
        puts=mids[put],
        widths=np.maximum(widths, WIDTH_MIN),
    )


def _is_american(chain: OptionChain, expiration: Expiration) -> bool:
    listed = (chain.expires_on == from_date(expiration.expires_on)) & (chain.root == expiration.root)
    return chain.contract(int(np.flatnonzero(listed)[0])).exercise_style is ExerciseStyle.AMERICAN


def _fitted(pairs: _Pairs, difference: Floats, years: float, rate: float, model: str) -> ImpliedForward | None:
    discount = math.exp(-rate * years)
    forwards = pairs.strikes + difference / discount
    widths = pairs.widths / discount
    forward = _robust_mean(forwards, widths)
    if not 0 < forward < math.inf:
        return None
    carry = math.log(forward / pairs.spot) / years
    if abs(carry) > CARRY_MAX and abs(forward / pairs.spot - 1) > 0.02:
        return None
    return ImpliedForward(
        forward=round(forward, PLACES),
        carry=round(carry, PLACES),
        dividend_yield=round(rate - carry, PLACES),
        discount=_slope(pairs.strikes - forward, difference, pairs.widths),
        pairs_used=len(forwards),
        residual=round(float(np.median(np.abs(forwards - forward))) * discount, PLACES),
        model=model,
    )


def _robust_mean(found: Floats, widths: Floats) -> float:
    order = np.argsort(found)
    weights = 1 / widths[order] ** 2
    middle = float(found[order][np.searchsorted(np.cumsum(weights), weights.sum() / 2)])
    for _ in range(ROUNDS):
        misses = np.abs(found - middle) / widths
        weight = 1 / widths**2 * np.minimum(1.0, HUBER / np.maximum(misses, 1e-12))
        middle = float((weight * found).sum() / weight.sum())
    return middle


def _slope(distance: Floats, difference: Floats, widths: Floats) -> float | None:
    # call - put = discount × (forward - strike): a line whose slope is the discount.
    if len(distance) < PAIRS_FOR_DISCOUNT:
        return None
    weight = 1 / widths**2
    mean_x = (weight * distance).sum() / weight.sum()
    mean_y = (weight * difference).sum() / weight.sum()
    spread = (weight * (distance - mean_x) ** 2).sum()
    slope = (weight * (distance - mean_x) * (difference - mean_y)).sum() / spread
    misses = difference - mean_y - slope * (distance - mean_x)
    error = math.sqrt((weight * misses**2).sum() / (len(distance) - 2) / spread)
    return round(-float(slope), PLACES) if error <= DISCOUNT_ERROR_MAX else None


def _american_forward(pairs: _Pairs, years: float, rate: float) -> ImpliedForward | None:
    model = "put-call parity, early exercise taken off (Andersen-Lake-Offengenden, continuous yield)"
    found = _fitted(pairs, pairs.calls - pairs.puts, years, rate, model)
    for _ in range(EXERCISE_ROUNDS_MAX):
        if found is None:
            return None
        calls = pairs.calls - _exercise_worth(pairs, True, pairs.calls, years, rate, found.dividend_yield)
        puts = pairs.puts - _exercise_worth(pairs, False, pairs.puts, years, rate, found.dividend_yield)
        is_known = np.isfinite(calls) & np.isfinite(puts)
        if is_known.sum() < PAIRS_MIN:
            return None
        kept = _Pairs(
            spot=pairs.spot,
            strikes=pairs.strikes[is_known],
            calls=calls[is_known],
            puts=puts[is_known],
            widths=pairs.widths[is_known],
        )
        better = _fitted(kept, kept.calls - kept.puts, years, rate, model)
        settled = better is not None and abs(better.carry - found.carry) < CARRY_SETTLED
        found = better
        if settled:
            break
    if found is None:
        return None
    return ImpliedForward(**{name: getattr(found, name) for name in found.__slots__} | {"discount": None})


def _exercise_worth(
    pairs: _Pairs, is_call: bool, mids: Floats, years: float, rate: float, dividend_yield: float
) -> Floats:
    from thetaloom.maths.american_chain import chain_american_greeks, chain_american_volatility  # compiles on first use
    from thetaloom.maths.black_scholes import chain_greeks

    terms: dict[str, Any] = {"spot": pairs.spot, "strikes": pairs.strikes, "years": years, "is_call": is_call}
    terms |= {"rate": rate, "dividend_yield": dividend_yield}
    iv, _ = chain_american_volatility(mids, **terms)
    worth: Floats = chain_american_greeks(iv=iv, **terms).price - chain_greeks(iv=iv, **terms).price
    return worth
