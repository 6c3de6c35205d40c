"""Our own volatility and greeks of a whole chain beside the feed's: how far they differ, and where most.

European contracts are held to Black–Scholes–Merton, American ones to their exercise boundary, both at the yield
that put–call parity of their expiration implies. Greeks are compared twice: at our own volatility, and at the
feed's, which leaves only the difference of the models.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import STRIKE_SCALE, Floats, OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.forwards import ImpliedForward, implied_forward
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.values.instruments import ExerciseStyle
from thetaloom.errors import InvalidInput

MEASURES = ("iv", "delta", "gamma", "theta", "vega")
WORST = 5
CLEAR_WIDTH = 1.0  # vol points that the bid-ask width may span
PLACES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNumbers:
    """What the feed says of each contract, in our units; NaN or ``None`` where it says nothing."""

    iv: Floats
    delta: Floats | None = None
    gamma: Floats | None = None
    theta: Floats | None = None  # per calendar day
    vega: Floats | None = None  # per 0.01 of volatility


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One contract with both numbers."""

    contract: str
    ours: float
    feed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far one measure differs over all contracts that have it on both sides."""

    measure: str
    count: int
    median: float
    p99: float
    largest: float
    worst: tuple[Mismatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCheck:
    """The comparison of one chain."""

    contracts: int
    with_market: int  # two-sided quote, not crossed
    with_our_iv: int
    with_feed_iv: int
    forwards: dict[str, ImpliedForward | None]  # by expiration and root
    at_own_iv: tuple[Difference, ...]
    clear_own_iv: tuple[Difference, ...]  # of contracts whose bid-ask width pins our volatility to CLEAR_WIDTH
    at_feed_iv: tuple[Difference, ...]


def check_feed(
    chain: OptionChain, expirations: tuple[Expiration, ...], rates: RateCurve, feed: FeedNumbers
) -> FeedCheck:
    """Compare; expirations without a forward of their own take the yield of the nearest that has one."""
    if chain.spot is None:
        raise InvalidInput(f"{chain.underlying}: a chain without a spot cannot be checked")
    forwards = {one: implied_forward(chain, one, rates.at(one.years)) for one in expirations}
    ours = {name: np.full(len(chain), np.nan) for name in MEASURES}
    theirs = {name: np.full(len(chain), np.nan) for name in MEASURES[1:]}
    for one in expirations:
        _compute(chain, one, rates.at(one.years), _yield_of(one, forwards), feed.iv, ours, theirs)
    bid_and_ask = (chain.bid > 0) & (chain.ask >= chain.bid)
    return FeedCheck(
        contracts=len(chain),
        with_market=int(bid_and_ask.sum()),
        with_our_iv=int(np.isfinite(ours["iv"]).sum()),
        with_feed_iv=int((feed.iv > 0).sum()),
        forwards={f"{one.expires_on} {one.root}": forward for one, forward in forwards.items()},
        at_own_iv=_differences(chain, ours, feed, bid_and_ask),
        clear_own_iv=_differences(
            chain, ours, feed, bid_and_ask & (chain.ask - chain.bid <= CLEAR_WIDTH * ours["vega"])
        ),
        at_feed_iv=_differences(chain, theirs, feed, np.ones(len(chain), dtype=np.bool_)),
    )


def _yield_of(wanted: Expiration, forwards: dict[Expiration, ImpliedForward | None]) -> float:
    known = [(abs(one.years - wanted.years), one.root, found) for one, found in forwards.items() if found is not None]
    if not known:
        return 0.0
    return min(known, key=lambda entry: entry[:2])[2].dividend_yield


def _compute(
    chain: OptionChain,
    one: Expiration,
    rate: float,
    dividend_yield: float,
    feed_iv: Floats,
    ours: dict[str, Floats],
    theirs: dict[str, Floats],
) -> None:
    from thetaloom.maths.american_chain import chain_american_greeks, chain_american_volatility  # compiles on first use
    from thetaloom.maths.black_scholes import chain_greeks
    from thetaloom.maths.implied_volatility import chain_implied_volatility

    at = np.flatnonzero((chain.expires_on == from_date(one.expires_on)) & (chain.root == one.root))
    is_american = chain.contract(int(at[0])).exercise_style is ExerciseStyle.AMERICAN
    terms: dict[str, Any] = {
        "spot": float(chain.spot or 0),
        "strikes": chain.strike[at] / STRIKE_SCALE,
        "years": one.years,
        "is_call": chain.is_call[at],
        "rate": rate,
        "dividend_yield": dividend_yield,
    }
    mids = np.where(chain.bid[at] > 0, chain.mids()[at], np.nan)
    imply, greeks = (
        (chain_american_volatility, chain_american_greeks) if is_american else (chain_implied_volatility, chain_greeks)
    )
    iv, _ = imply(mids, **terms)
    ours["iv"][at] = iv
    known_feed = np.where(feed_iv[at] > 0, feed_iv[at], np.nan)
    for target, level in ((ours, iv), (theirs, known_feed)):
        found = greeks(iv=level, **terms)
        for name in MEASURES[1:]:
            target[name][at] = np.where(np.isfinite(level), getattr(found, name), np.nan)


def _differences(
    chain: OptionChain, ours: dict[str, Floats], feed: FeedNumbers, wanted: NDArray[np.bool_]
) -> tuple[Difference, ...]:
    found = []
    for name, mine in ours.items():
        given: Floats | None = getattr(feed, name)
        if given is None:
            continue
        apart = np.abs(mine - given)
        known = np.flatnonzero(np.isfinite(apart) & (feed.iv > 0) & wanted)
        if not len(known):
            continue
        worst = known[np.argsort(-apart[known], kind="stable")[:WORST]]
        found.append(
            Difference(
                measure=name,
                count=len(known),
                median=round(float(np.median(apart[known])), PLACES),
                p99=round(float(np.quantile(apart[known], 0.99)), PLACES),
                largest=round(float(apart[known].max()), PLACES),
                worst=tuple(
                    Mismatch(
                        contract=chain.contract(int(index)).notation,
                        ours=round(float(mine[index]), PLACES),
                        feed=round(float(given[index]), PLACES),
                    )
                    for index in worst
                ),
            )
        )
    return tuple(found)
