"""Numbers of the market that conditions and selection rest on; ``None`` where they cannot be known."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import numpy as np

from thetaloom.domain.market.chain import STRIKE_SCALE, Floats, OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.values.calendar import DAYS_PER_YEAR
from thetaloom.domain.values.money import Price

SESSIONS_PER_YEAR = 252
IV_DAYS = 30  # the life that the volatility index looks at
FLOAT_PLACES = 10  # what is stored must be the same to the byte on every replay


def atm_straddle(chain: OptionChain, expires_on: date, root: str) -> Price | None:
    """Return the mid of the straddle nearest to spot: the market's expected move until ``expires_on``.

    The strike is the one nearest to spot (the lower of two as near) of those listed as call and as put; when
    either of its two quotes has a side missing or is crossed, the answer is unknown, not the next strike's.
    """
    found = _atm_pair(chain, expires_on, root)
    if found is None:
        return None
    total = Price(0)
    for index in found:
        quote = chain.quote(index)
        if quote.bid is None or quote.ask is None or quote.bid > quote.ask:
            return None
        total += (quote.bid + quote.ask) / 2
    return total


def _atm_pair(chain: OptionChain, expires_on: date, root: str) -> tuple[int, int] | None:
    if chain.spot is None:
        return None
    listed = (chain.expires_on == from_date(expires_on)) & (chain.root == root)
    calls, puts = np.flatnonzero(listed & chain.is_call), np.flatnonzero(listed & ~chain.is_call)
    strikes, at_call, at_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    if not len(strikes):
        return None
    nearest = int(np.argmin(np.abs(strikes - float(chain.spot * STRIKE_SCALE))))  # the first, lower, of equals
    return int(calls[at_call[nearest]]), int(puts[at_put[nearest]])


def atm_iv(
    chain: OptionChain,
    expirations: Sequence[Expiration],
    rate: float,
    dividend_yield: float,
    target_days: int = IV_DAYS,
    reach: float = 2.0,
) -> float | None:
    """Return the at-the-money volatility for a life of ``target_days``, 0.20 = 20 %.

    Between the expirations on either side total variance is interpolated in a straight line over time. With one
    side only, its volatility is taken where its life is within a factor of ``reach`` of the target, by default
    between half and twice of it; else it is unknown.
    """

    def iv_of(expiration: Expiration) -> float | None:
        return iv_at_the_money(chain, expiration, rate, dividend_yield)

    return iv_at_life(expirations, target_days / DAYS_PER_YEAR, iv_of, reach)


def iv_at_life(
    expirations: Sequence[Expiration],
    target: float,
    iv_of: Callable[[Expiration], float | None],
    reach: float = 2.0,
) -> float | None:
    """Return the volatility for a life of ``target`` years from that of the nearest known expirations."""
    usable = sorted((one for one in expirations if one.years > 0), key=lambda one: (one.years, one.root))
    below = _first_known([one for one in reversed(usable) if one.years <= target], iv_of)
    above = _first_known([one for one in usable if one.years > target], iv_of)
    if below is not None and above is not None:
        (years, iv), (years_above, iv_above) = below, above
        weight = (target - years) / (years_above - years)
        variance = (1 - weight) * iv * iv * years + weight * iv_above * iv_above * years_above
        return round(math.sqrt(variance / target), FLOAT_PLACES)
    years, iv = below or above or (0.0, 0.0)
    return round(iv, FLOAT_PLACES) if target / reach <= years <= target * reach else None


def put_call_ratio(chain: OptionChain) -> float | None:
    """Return the open interest of puts over that of calls."""
    return _ratio(chain, chain.open_interest)


def put_call_volume_ratio(chain: OptionChain) -> float | None:
    """Return the volume of puts over that of calls, of this session so far."""
    return _ratio(chain, chain.volume)


def _ratio(chain: OptionChain, counts: Floats) -> float | None:
    is_known = ~np.isnan(counts)
    puts = float(counts[is_known & ~chain.is_call].sum())
    calls = float(counts[is_known & chain.is_call].sum())
    return round(puts / calls, FLOAT_PLACES) if calls > 0 else None


def historical_volatility(closes: Floats | Sequence[float], window: int = 30) -> float | None:
    """Return the volatility of the last ``window`` daily log returns, annualized over 252 sessions, 0.20 = 20 %."""
    prices = np.asarray(closes, dtype=np.float64)[-(window + 1) :]
    if window < 2 or len(prices) < window + 1 or not _are_prices(prices):
        return None
    return round(float(np.diff(np.log(prices)).std(ddof=1)) * math.sqrt(SESSIONS_PER_YEAR), FLOAT_PLACES)


def _first_known(
    expirations: Iterable[Expiration], iv_of: Callable[[Expiration], float | None]
) -> tuple[float, float] | None:
    for expiration in expirations:
        iv = iv_of(expiration)
        if iv is not None:
            return expiration.years, iv
    return None


def iv_at_the_money(chain: OptionChain, expiration: Expiration, rate: float, dividend_yield: float) -> float | None:
    """Return the mean volatility of call and put at the strike nearest to spot, 0.20 = 20 %."""
    found = _atm_pair(chain, expiration.expires_on, expiration.root)
    if found is None or chain.spot is None or chain.contract(found[0]).is_adjusted:
        return None
    from thetaloom.maths.implied_volatility import OK, bsm_implied_volatility  # compiles on first use

    ivs = []
    for index in found:
        price = (float(chain.bid[index]) + float(chain.ask[index])) / 2
        if not chain.bid[index] <= chain.ask[index]:
            return None
        iv, status = bsm_implied_volatility(
            bool(chain.is_call[index]),
            price,
            float(chain.spot),
            float(chain.strike[index]) / STRIKE_SCALE,
            expiration.years,
            rate,
            dividend_yield,
        )
        if status != OK:
            return None
        ivs.append(iv)
    # The mean of call and put: an error in rate or dividends moves the two apart, hardly their middle.
    return sum(ivs) / 2


def _are_prices(prices: Floats) -> bool:
    return bool(np.isfinite(prices).all() and (prices > 0).all())
