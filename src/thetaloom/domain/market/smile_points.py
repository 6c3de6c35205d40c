"""The points that a smile is fitted to: out-of-the-money contracts with a market, as volatilities."""

from typing import Any

import numpy as np

from thetaloom.domain.market.chain import STRIKE_SCALE, OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.forwards import implied_forward
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.market.surface import Smile, SmilePoint, fit_surface
from thetaloom.domain.values.instruments import ExerciseStyle

HALF_WIDTH_MIN = 0.005  # dollars; half the least tick
WIDTH_SHARE_MAX = 1.0  # of the mid; a quote whose width exceeds it says too little


def chain_surface(chain: OptionChain, expirations: tuple[Expiration, ...], rates: RateCurve) -> dict[Expiration, Smile]:
    """Return the smiles of a chain by expiration; where roots share a date, the one with more quotes stands."""
    slices: dict[float, tuple[Expiration, float, list[SmilePoint]]] = {}
    for one in expirations:
        points, forward = smile_points(chain, one, rates.at(one.years))
        kept = slices.get(one.years)
        if points and (kept is None or len(points) > len(kept[2])):
            slices[one.years] = (one, forward, points)
    smiles = fit_surface([(years, forward, points) for years, (_, forward, points) in slices.items()])
    return {slices[smile.years][0]: smile for smile in smiles}


def smile_points(chain: OptionChain, expiration: Expiration, rate: float) -> tuple[list[SmilePoint], float]:
    """Return the points of one expiration with its forward; no points where parity gives no forward."""
    implied = implied_forward(chain, expiration, rate)
    if implied is None or chain.spot is None:
        return [], 0.0
    strikes = chain.strike / STRIKE_SCALE
    is_out = np.where(chain.is_call, strikes >= implied.forward, strikes < implied.forward)
    mask = (chain.expires_on == from_date(expiration.expires_on)) & (chain.root == expiration.root)
    has_market = (chain.bid > 0) & (chain.ask > chain.bid) & (chain.ask - chain.bid <= WIDTH_SHARE_MAX * chain.mids())
    at = np.flatnonzero(mask & is_out & has_market)
    if not len(at):
        return [], implied.forward
    from thetaloom.maths.american_chain import chain_american_greeks, chain_american_volatility  # compiles on first use
    from thetaloom.maths.black_scholes import chain_greeks
    from thetaloom.maths.implied_volatility import chain_implied_volatility

    is_american = chain.contract(int(at[0])).exercise_style is ExerciseStyle.AMERICAN
    imply, greeks = (
        (chain_american_volatility, chain_american_greeks) if is_american else (chain_implied_volatility, chain_greeks)
    )
    terms: dict[str, Any] = {
        "spot": float(chain.spot),
        "strikes": strikes[at],
        "years": expiration.years,
        "is_call": chain.is_call[at],
        "rate": rate,
        "dividend_yield": implied.dividend_yield,
    }
    iv, _ = imply(chain.mids()[at], **terms)
    vega = 100 * greeks(iv=iv, **terms).vega
    half = np.maximum((chain.ask - chain.bid)[at] / 2, HALF_WIDTH_MIN)
    known = np.flatnonzero(np.isfinite(iv) & (vega > 0) & (half / np.maximum(vega, 1e-12) < iv))
    return [
        SmilePoint(strike=float(strikes[at[i]]), iv=float(iv[i]), iv_half_width=float(half[i] / vega[i])) for i in known
    ], implied.forward
