"""How a leg finds its strike among the listed ones of one expiration, and why it was that one."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import Floats, OptionChain, from_date, to_strike
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import atm_straddle
from thetaloom.domain.market.quotes import PRICE_DIGITS
from thetaloom.domain.strategy.strategies import EXACT_UNLESS_ALLOWED, LegRule, SelectBy, Side, Unit
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import HUNDRED
from thetaloom.domain.values.reasons import Reason, Verdict, denied, unknown

DISTANCE_DIGITS = 9  # float noise beyond must not decide between two strikes equally near
MISS_DIGITS = 6
SHOWN_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The strike found for a leg."""

    index: int  # of the contract in the chain
    strike: Decimal
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What the strikes of one expiration are judged by."""

    chain: OptionChain
    expiration: Expiration
    spot: Decimal
    rate: float
    dividend_yield: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The listed calls or puts of one expiration, strikes ascending."""

    market: Market
    right: Right
    indices: NDArray[np.intp]
    strikes: Floats  # dollars
    usable: NDArray[np.bool_]  # whether the quote may be traded on

    def __len__(self) -> int:
        return len(self.indices)

    def strike(self, at: int) -> Decimal:
        """Return the exact strike at a place of the listing."""
        return to_strike(self.market.chain.strike[self.indices[at]])

    def pick(self, at: int, because: str) -> Pick:
        """Return the pick of the strike at a place of the listing."""
        return Pick(index=int(self.indices[at]), strike=self.strike(at), because=f"{self.strike(at)} {because}")

    def mask_beyond(self, strike: Decimal) -> NDArray[np.bool_]:
        """Say which strikes lie away from the money as seen from ``strike``."""
        limit = float(strike)
        return self.strikes > limit if self.right is Right.CALL else self.strikes < limit

    @property
    def word(self) -> str:
        """The word for its contracts."""
        return "calls" if self.right is Right.CALL else "puts"


def list_side(market: Market, leg: LegRule) -> Listed:
    """Return the contracts that ``leg`` may choose from."""
    chain, expiration = market.chain, market.expiration
    indices = np.flatnonzero(chain.expires_on == from_date(expiration.expires_on))
    fits = (chain.is_call[indices] == (leg.right is Right.CALL)) & (chain.root[indices] == expiration.root)
    indices = indices[fits]
    indices = indices[np.argsort(chain.strike[indices], kind="stable")]
    bid, ask = np.round(chain.bid[indices], PRICE_DIGITS), np.round(chain.ask[indices], PRICE_DIGITS)
    # A NaN fails every comparison. What we sell needs a bid; what we buy may have a bid of zero.
    usable = (bid >= 0) & (ask > 0) & (bid <= ask) & (ask < np.inf)
    if leg.side is Side.SELL:
        usable &= bid > 0
    return Listed(market=market, right=leg.right, indices=indices, strikes=chain.strike[indices] / 1000, usable=usable)


def pick_strike(leg: LegRule, listed: Listed, picked: Mapping[str, Pick]) -> Pick | Verdict:
    """Find the strike of ``leg``; ``picked`` holds the legs that it may be measured from."""
    if len(listed) == 0:
        return denied(Reason.NO_STRIKE, listed=0, right=listed.word)
    match leg.strike.by:
        case SelectBy.DELTA:
            return _by_delta(leg, listed)
        case SelectBy.ATM:
            return _by_atm(leg, listed)
        case SelectBy.STRIKE:
            return _nearest(leg, listed, leg.strike.distance, "the strike of the rule")
        case SelectBy.WIDTH:
            return _by_width(leg, listed, picked[leg.strike.of or ""])
        case SelectBy.PREMIUM:
            return _by_premium(leg, listed)
        case SelectBy.EXPECTED_MOVE:
            return _by_expected_move(leg, listed)


def listed_deltas(listed: Listed) -> Floats:
    """Return the feed's delta where it makes sense, else our own from the mid; NaN without a usable quote."""
    chain, usable = listed.market.chain, listed.usable
    feed = chain.delta[listed.indices]
    # Feeds write 0 for "not known" as well as for "far out", so a zero is worked out anew.
    sane = (feed > 0) & (feed <= 1) if listed.right is Right.CALL else (feed < 0) & (feed >= -1)
    deltas = np.where(sane & usable, feed, np.nan)
    # Half of a lone ask is no price: it would make far options look volatile and near.
    gaps = usable & ~sane & (chain.bid[listed.indices] > 0)
    if gaps.any():
        deltas[gaps] = _own_deltas(listed, gaps)
    return deltas


def _own_deltas(listed: Listed, places: NDArray[np.bool_]) -> Floats:
    # Compiled code; whoever never selects by delta need not load it.
    from thetaloom.maths.black_scholes import chain_greeks
    from thetaloom.maths.implied_volatility import chain_implied_volatility

    market, indices = listed.market, listed.indices[places]
    spot, years, strikes = float(market.spot), market.expiration.years, listed.strikes[places]
    is_call = listed.right is Right.CALL
    mids = (market.chain.bid[indices] + market.chain.ask[indices]) / 2
    carry = (market.rate, market.dividend_yield)
    iv, _ = chain_implied_volatility(mids, spot, strikes, years, is_call, *carry)
    return chain_greeks(spot, strikes, years, is_call, iv, *carry).delta


def _by_delta(leg: LegRule, listed: Listed) -> Pick | Verdict:
    deltas = listed_deltas(listed)
    at = _argmin(listed, np.abs(deltas - float(leg.strike.distance)))
    if at is None:
        return unknown(Reason.NO_QUOTE, wished_delta=leg.strike.distance, listed=len(listed), with_delta=0)
    delta = _decimal(deltas[at])
    refusal = _too_far(leg, listed.strike(at), leg.strike.distance, delta, abs(delta - leg.strike.distance))
    missing = int(np.isnan(deltas).sum())
    without = f" ({missing} without a usable quote)" if missing else ""
    return refusal or listed.pick(
        at,
        f"has delta {delta:.3f}, nearest to {leg.strike.distance} of {len(listed)} listed {listed.word}{without}",
    )


def _by_premium(leg: LegRule, listed: Listed) -> Pick | Verdict:
    chain, wished = listed.market.chain, leg.strike.distance
    mids = (chain.bid[listed.indices] + chain.ask[listed.indices]) / 2
    candidates = listed.usable & listed.mask_beyond(listed.market.spot)
    at = _argmin(listed, np.where(candidates, np.abs(mids - float(wished)), np.nan))
    if at is None:
        return denied(Reason.NO_STRIKE, wished_premium=wished, listed=len(listed), out_of_the_money_with_quote=0)
    mid = _decimal(mids[at])
    refusal = _too_far(leg, listed.strike(at), wished, mid, abs(mid - wished))
    count = int(candidates.sum())
    return refusal or listed.pick(
        at, f"has mid {_short(mid)}, nearest to {wished} of {count} quoted {listed.word} out of the money"
    )


def _by_atm(leg: LegRule, listed: Listed) -> Pick | Verdict:
    spot, distance = listed.market.spot, leg.strike.distance
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
    return _nearest(leg, listed, base + step, f"{distance:+} {leg.strike.unit} from {origin}")


def _by_width(leg: LegRule, listed: Listed, origin: Pick) -> Pick | Verdict:
    width, is_call = leg.strike.distance, listed.right is Right.CALL
    beyond = listed.mask_beyond(origin.strike)
    places = np.flatnonzero(beyond) if is_call else np.flatnonzero(beyond)[::-1]
    way = f"{'above' if is_call else 'below'} {origin.strike} of {leg.strike.of}"
    if leg.strike.unit is Unit.STRIKES:
        if len(places) < width:
            return denied(Reason.NO_STRIKE, wished_strikes=width, listed_beyond=len(places), origin=origin.strike)
        return listed.pick(int(places[int(width) - 1]), f"is {width} listed strikes {way}")
    wished = origin.strike + (width if is_call else -width)
    return _nearest(leg, listed, wished, f"{width} dollars {way}", among=beyond)


def _by_expected_move(leg: LegRule, listed: Listed) -> Pick | Verdict:
    market, percent = listed.market, leg.strike.distance
    straddle = atm_straddle(market.chain, market.expiration.expires_on, market.expiration.root)
    if straddle is None or straddle <= 0:
        return unknown(Reason.NO_QUOTE, needed="both quotes of the straddle at the money", spot=market.spot)
    move = Decimal(straddle) * percent / HUNDRED
    is_call = listed.right is Right.CALL
    wished = market.spot + (move if is_call else -move)
    why = f"spot {market.spot} {'plus' if is_call else 'less'} {percent} % of the straddle's {_short(straddle)}"
    return _nearest(leg, listed, wished, why, among=listed.mask_beyond(market.spot))


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
    miss = abs(strike - wished)
    if leg.strike.unit is Unit.PERCENT:
        miss = miss * HUNDRED / listed.market.spot
    refusal = _too_far(leg, strike, wished, strike, miss)
    if refusal:
        return refusal
    return listed.pick(at, f"is {'' if miss == 0 else f'nearest to {_short(wished)}, '}{why}")


def _argmin(listed: Listed, distances: Floats) -> int | None:
    rounded = np.round(distances, DISTANCE_DIGITS)
    if np.isnan(rounded).all():
        return None
    ties = np.flatnonzero(rounded == np.nanmin(rounded))
    # Of two as near the one further out of the money.
    return int(ties[-1] if listed.right is Right.CALL else ties[0])


def _too_far(leg: LegRule, strike: Decimal, wished: Decimal, nearest: Decimal, miss: Decimal) -> Verdict | None:
    limit = leg.strike.miss_max
    if limit is None and leg.strike.by in EXACT_UNLESS_ALLOWED:
        limit = Decimal(0)
    if limit is None or miss <= limit:
        return None
    return denied(
        Reason.SELECTION_TOO_FAR,
        wished=_short(wished),
        nearest=_short(nearest),
        strike=strike,
        miss=_short(miss),
        limit=limit,
        unit="percent of spot" if leg.strike.unit is Unit.PERCENT else leg.strike.unit.value,
    )


def _decimal(number: float) -> Decimal:
    return Decimal(f"{number:.{MISS_DIGITS}f}")


def _short(number: Decimal) -> str:
    text = f"{number:.{SHOWN_DIGITS}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
