from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from thetaloom.domain.market.chain import ARRAY_TYPES, SCALAR_NAMES, OptionChain
from thetaloom.domain.market.chain_quality import chain_quality
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.rates import RateCurve

Maker = Callable[..., tuple[OptionChain, Expiration]]
RATES = RateCurve.flat(0.04)
MINUTE = timedelta(minutes=1)


def changed(chain: OptionChain, **arrays: Any) -> OptionChain:
    fields: dict[str, Any] = {name: getattr(chain, name) for name in (*SCALAR_NAMES, *ARRAY_TYPES)}
    return OptionChain(**{**fields, **arrays})


def with_both_rights(chain: OptionChain) -> OptionChain:
    """Give every strike a call and a put in parity at the forward of the rate, with widths of ten cents."""
    strikes = np.repeat(np.arange(90, 111), 2)
    is_call = np.tile([True, False], 21)
    mids = np.where(is_call, np.maximum(0, 100.0 - strikes), np.maximum(0, strikes - 100.0)) + 3.0
    count = len(strikes)
    fields: dict[str, Any] = {name: np.resize(getattr(chain, name), count) for name in ARRAY_TYPES}
    fields |= {"strike": strikes * 1000, "is_call": is_call, "bid": mids - 0.05, "ask": mids + 0.05}
    fields |= {"quoted_at": np.full(count, int(chain.as_of.timestamp() * 1_000_000), dtype=np.int64)}
    return changed(chain, **fields)


def test_a_sound_chain_contradicts_nothing(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPY")
    chain = with_both_rights(chain)

    found = chain_quality(chain, (expiration,), RATES, age_max=MINUTE)

    assert (found.contracts, found.two_sided, found.parity_pairs, found.parity_pairs_inside) == (42, 42, 11, 11)
    assert (found.one_sided, found.unquoted, found.crossed, found.stale) == (0, 0, 0, 0)
    assert (found.vertical_pairs, found.vertical_arbitrages) == (40, 0)
    assert found.parity_share == 1.0


def test_each_kind_of_bad_quote_is_counted_once(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPY")
    chain = with_both_rights(chain)
    bid, ask, quoted_at = chain.bid.copy(), chain.ask.copy(), chain.quoted_at.copy()
    bid[0], bid[1], ask[1] = 0.0, np.nan, 0.0
    bid[2], ask[2] = ask[2], bid[2]
    quoted_at[3] -= 61_000_000

    found = chain_quality(changed(chain, bid=bid, ask=ask, quoted_at=quoted_at), (expiration,), RATES, age_max=MINUTE)

    assert (found.one_sided, found.unquoted, found.crossed, found.stale, found.two_sided) == (1, 1, 1, 1, 39)


@pytest.mark.parametrize(("at", "moved"), [(20, 2.0), (21, -2.0)])
def test_a_price_that_pays_at_once_breaks_parity_and_its_verticals(model_chain: Maker, at: int, moved: float) -> None:
    chain, expiration = model_chain("SPY")
    chain = with_both_rights(chain)
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[at] += moved
    ask[at] += moved

    found = chain_quality(changed(chain, bid=bid, ask=ask), (expiration,), RATES, age_max=MINUTE)

    assert found.vertical_arbitrages == 1
    assert found.parity_pairs_inside == found.parity_pairs - 1


def test_without_spot_or_pairs_parity_is_unknown(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPY")  # calls and puts at different strikes

    found = chain_quality(changed(chain, spot=None), (expiration,), RATES, age_max=MINUTE)
    other = chain_quality(chain, (replace(expiration, root="SPXW"),), RATES, age_max=MINUTE)

    assert (found.parity_pairs, found.parity_share) == (0, None)
    assert (other.parity_pairs, other.parity_share) == (0, None)
