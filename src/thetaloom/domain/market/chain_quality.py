"""What a chain's quotes are worth: how many can be traded on, and how many contradict each other.

Parity pairs are calls and puts of one strike near the spot; their difference should lie on a straight line over the
strikes. Vertical arbitrage is two neighboring strikes at which buying one and selling the other pays at once.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import STRIKE_SCALE, Floats, OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.rates import RateCurve

NEAR_SPOT = 0.05  # of the spot; pairs farther out say little of parity
PAIRS_MIN = 3
DISCOUNT_REACH = 0.25  # how far from 1 a discount may lie
CENT_NOISE = 1e-9
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainQuality:
    """Counts over one chain; of parity and verticals only contracts quoted on both sides count."""

    contracts: int
    two_sided: int  # a bid above zero and an ask not below it
    one_sided: int  # an ask, and no bid above zero; or a bid and no ask
    unquoted: int  # neither side
    crossed: int
    stale: int  # quoted longer ago than the limit
    parity_pairs: int
    parity_pairs_inside: int  # whose distance from the line is at most half of both bid-ask widths together
    vertical_pairs: int
    vertical_arbitrages: int

    @property
    def parity_share(self) -> float | None:
        """The share of parity pairs inside half of their widths; unknown without any."""
        return self.parity_pairs_inside / self.parity_pairs if self.parity_pairs else None


def chain_quality(
    chain: OptionChain, expirations: tuple[Expiration, ...], rates: RateCurve, *, age_max: timedelta
) -> ChainQuality:
    """Count what a chain's quotes are worth; parity is looked at in ``expirations`` alone."""
    bid, ask = np.nan_to_num(chain.bid), np.nan_to_num(chain.ask)
    has_bid, has_ask = bid > 0, ask > 0
    two_sided, crossed = has_bid & (ask >= bid), has_bid & has_ask & (bid > ask)
    age = (chain.as_of.timestamp() * 1_000_000) - chain.quoted_at
    near, mids = _near_spot(chain, two_sided), chain.mids()
    pairs = [_parity(chain, one, rates.at(one.years), near, mids) for one in expirations]
    verticals = _verticals(chain, two_sided)
    return ChainQuality(
        contracts=len(chain),
        two_sided=int(two_sided.sum()),
        one_sided=int((has_bid != has_ask).sum()),
        unquoted=int((~has_bid & ~has_ask).sum()),
        crossed=int(crossed.sum()),
        stale=int((age > age_max / MICROSECOND).sum()),
        parity_pairs=sum(count for count, _ in pairs),
        parity_pairs_inside=sum(inside for _, inside in pairs),
        vertical_pairs=verticals[0],
        vertical_arbitrages=verticals[1],
    )


def _near_spot(chain: OptionChain, usable: NDArray[np.bool_]) -> NDArray[np.intp]:
    if chain.spot is None or chain.spot <= 0:
        return np.array([], np.intp)
    spot = float(chain.spot)
    return np.flatnonzero(usable & (np.abs(chain.strike / STRIKE_SCALE - spot) <= NEAR_SPOT * spot))


def _parity(chain: OptionChain, one: Expiration, rate: float, near: NDArray[np.intp], mids: Floats) -> tuple[int, int]:
    # A chain has many expirations, and each looks at the contracts near the spot alone.
    if chain.spot is None or not near.size:
        return 0, 0
    spot = float(chain.spot)
    listed = near[(chain.expires_on[near] == from_date(one.expires_on)) & (chain.root[near] == one.root)]
    calls, puts = listed[chain.is_call[listed]], listed[~chain.is_call[listed]]
    _, at_call, at_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    if len(at_call) < PAIRS_MIN:
        return 0, 0
    call, put = calls[at_call], puts[at_put]
    widths = chain.ask[call] - chain.bid[call] + chain.ask[put] - chain.bid[put]
    allowed = widths / 2 + CENT_NOISE
    difference, at = mids[call] - mids[put], chain.strike[call] / STRIKE_SCALE
    # The discount is the market's own where it shows, else our rate's; American pairs may lie on a slope of 1.
    shown = -float(np.polyfit(at - spot, difference, 1)[0])
    slopes = [math.exp(-rate * one.years), 1.0, *([shown] if abs(shown - 1) <= DISCOUNT_REACH else [])]
    misses = [np.abs(level - np.median(level)) for level in (difference + slope * at for slope in slopes)]
    best: Floats = min(misses, key=lambda miss: float(np.median(miss)))
    return len(call), int((best <= allowed).sum())


def _verticals(chain: OptionChain, usable: NDArray[np.bool_]) -> tuple[int, int]:
    at = np.flatnonzero(usable)
    at = at[np.lexsort((chain.strike[at], chain.is_call[at], chain.expires_on[at], chain.root[at]))]
    low, high = at[:-1], at[1:]
    same = (chain.is_call[low] == chain.is_call[high]) & (chain.expires_on[low] == chain.expires_on[high])
    same &= chain.root[low] == chain.root[high]
    low, high = low[same], high[same]
    # The lower call, and the higher put, is worth more; whoever is paid for buying it takes no risk.
    dear, cheap = np.where(chain.is_call[low], low, high), np.where(chain.is_call[low], high, low)
    return len(low), int((chain.bid[cheap] > chain.ask[dear] + CENT_NOISE).sum())
