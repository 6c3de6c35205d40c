from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.market.feed_check import FeedNumbers, check_feed
from thetaloom.domain.market.rates import RateCurve
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from tools.recorded_chains import read_chains

Maker = Callable[..., tuple[OptionChain, Expiration]]
RATES = RateCurve.flat(0.04)
SPX = Path(__file__).parents[4] / "shared" / "data" / "cboe_quotedata" / "SPX_20240105.parquet"


@pytest.mark.parametrize("root", ["SPXW", "SPY"])
def test_a_feed_of_the_same_model_agrees(model_chain: Maker, root: str) -> None:
    chain, expiration = model_chain(root, half_width=0.0001)

    found = check_feed(chain, (expiration,), RATES, FeedNumbers(iv=chain.iv, delta=chain.delta))

    by_measure = {one.measure: one for one in found.clear_own_iv}
    assert found.with_our_iv >= 50
    assert by_measure["iv"].count >= 40
    assert by_measure["iv"].p99 < 0.002
    assert by_measure["delta"].p99 < 0.005
    assert {one.measure for one in found.at_feed_iv} == {"delta"}
    assert found.at_feed_iv[0].p99 < 1e-3


def test_the_contract_that_differs_most_is_named(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPXW")
    iv = chain.iv.copy()
    iv[31] += 0.07

    found = check_feed(chain, (expiration,), RATES, FeedNumbers(iv=iv))

    worst = found.at_own_iv[0].worst[0]
    assert worst.contract == chain.contract(31).notation
    assert worst.feed - worst.ours == pytest.approx(0.07, abs=1e-4)
    assert found.at_own_iv[0].largest == pytest.approx(0.07, abs=1e-4)


def test_what_the_feed_does_not_say_is_not_compared(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPXW")

    found = check_feed(chain, (expiration,), RATES, FeedNumbers(iv=np.full(len(chain), np.nan)))

    assert (found.with_feed_iv, found.at_own_iv, found.at_feed_iv) == (0, (), ())


@pytest.mark.shared_data
def test_our_volatility_of_a_whole_index_chain_is_the_exchanges() -> None:
    if not SPX.exists():
        pytest.skip(f"recorded data is not beside the checkout: {SPX}")
    chain, feed = next(iter(read_chains(SPX)))
    expirations = list_expirations(chain, read_table(SHIPPED_TABLE), chain.as_of)

    found = check_feed(chain, expirations, RateCurve.parse("30:0.053,365:0.050"), feed)

    clear = {one.measure: one for one in found.clear_own_iv}
    assert all(forward is not None for forward in found.forwards.values())
    assert clear["iv"].count > 10_000
    assert clear["iv"].median < 0.0005
    assert clear["delta"].median < 0.003
