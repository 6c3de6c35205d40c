"""The listed calls or puts of one expiration that a leg may choose from, with the market they stand in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import Floats, OptionChain, from_date, to_strike
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.quotes import PRICE_DIGITS
from thetaloom.domain.strategy.strategies import LegRule, Metric, Side
from thetaloom.domain.values.instruments import ExerciseStyle, Right
from thetaloom.domain.values.reasons import Verdict

EXERCISE_REACH = 0.02  # of delta: about as far as the right to exercise early moves that of an option near the money


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
    readings: Mapping[Metric, Decimal] = field(default_factory=dict)  # what is known of the market
    table_width: Decimal | Verdict | None = None  # what the strategy's width table says, if it has one
    relaxed: bool = False


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


def listed_deltas(listed: Listed, wish: float) -> Floats:
    """Return the feed's delta where it makes sense, else our own from the mid; NaN without a usable quote.

    Our own of American contracts are exact near the wish, where one of them may be chosen, and European elsewhere.
    """
    chain, usable = listed.market.chain, listed.usable
    feed = chain.delta[listed.indices]
    # Feeds write 0 for "not known" as well as for "far out", so a zero is worked out anew.
    sane = (feed > 0) & (feed <= 1) if listed.right is Right.CALL else (feed < 0) & (feed >= -1)
    deltas = np.where(sane & usable, feed, np.nan)
    # Half of a lone ask is no price: it would make far options look volatile and near.
    gaps = usable & ~sane & (chain.bid[listed.indices] > 0)
    if gaps.any():
        deltas[gaps] = _own_deltas(listed, gaps, wish)
    return deltas


def _own_deltas(listed: Listed, places: NDArray[np.bool_], wish: float) -> Floats:
    # Compiled code; whoever never selects by delta need not load it.
    from thetaloom.maths.american_chain import chain_american_greeks, chain_american_volatility
    from thetaloom.maths.black_scholes import chain_greeks
    from thetaloom.maths.implied_volatility import chain_implied_volatility

    market, indices = listed.market, listed.indices[places]
    strikes, mids = listed.strikes[places], (market.chain.bid[indices] + market.chain.ask[indices]) / 2
    shared: dict[str, Any] = {
        "spot": float(market.spot),
        "years": market.expiration.years,
        "is_call": listed.right is Right.CALL,
    }
    shared |= {"rate": market.rate, "dividend_yield": market.dividend_yield}
    iv, _ = chain_implied_volatility(mids, strikes=strikes, **shared)
    european = chain_greeks(iv=iv, strikes=strikes, **shared).delta
    style = market.chain.contract(int(indices[0])).exercise_style
    apart = np.abs(np.abs(european) - abs(wish))
    if style is ExerciseStyle.EUROPEAN or np.isnan(apart).all():
        return european
    reach = EXERCISE_REACH
    while True:
        near = np.flatnonzero(apart <= np.nanmin(apart) + 2 * reach)
        iv, _ = chain_american_volatility(mids[near], strikes=strikes[near], **shared)
        american = chain_american_greeks(iv=iv, strikes=strikes[near], **shared).delta
        moved = np.abs(american - european[near])
        known = np.isfinite(moved)
        # No strike left out can lie nearer to the wish if none moved by more than half of what was looked at.
        if not known.any() or moved[known].max() <= reach or len(near) == np.isfinite(apart).sum():
            break
        reach *= 2
    deltas = european.copy()
    deltas[near] = american
    return deltas
