"""Numbers of the market that conditions and selection rest on; ``None`` where they cannot be known."""

from datetime import date

import numpy as np

from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.values.money import Price


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
    listed = np.flatnonzero((chain.expires_on == from_date(expires_on)) & (chain.root == root))
    calls = {int(chain.strike[index]): int(index) for index in listed if chain.is_call[index]}
    puts = {int(chain.strike[index]): int(index) for index in listed if not chain.is_call[index]}
    spot = chain.spot.scaleb(3)  # strikes count thousandths
    strikes = sorted(calls.keys() & puts.keys(), key=lambda strike: (abs(strike - spot), strike))
    return (calls[strikes[0]], puts[strikes[0]]) if strikes else None
