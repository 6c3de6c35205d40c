import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.domain.market.conftest import DIVIDEND_YIELD, RATE, Priced, PricedOf
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.market.gamma import flip_distance, gamma_exposure
from thetaloom.domain.market.words import DealerGamma
from thetaloom.marketdata.calendar_table import load_calendar
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded import RecordedMarket

FILE = Path(__file__).parents[4] / "shared" / "data" / "cboe_quotedata" / "SPX_20240105.parquet"
MOVE = 0.01


def brute_force(
    chain: OptionChain,
    expirations: tuple[Expiration, ...],
    spot: float,
    iv_of: Callable[[int], float],
    rate: float = RATE,
    dividend_yield: float = DIVIDEND_YIELD,
) -> float:
    """One contract after the other, gamma from the textbook."""
    years = {(one.expires_on, one.root): one.years for one in expirations}
    total = 0.0
    for index in range(len(chain)):
        contract, iv = chain.contract(index), iv_of(index)
        life = years.get((contract.expires_on, contract.root), 0.0)
        interest = float(chain.open_interest[index])
        if not interest > 0 or not iv > 0 or life < 1 / 8760:
            continue
        deviation = iv * math.sqrt(life)
        d1 = (math.log(spot / float(contract.strike)) + (rate - dividend_yield + iv * iv / 2) * life) / deviation
        density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
        gamma = math.exp(-dividend_yield * life) * density / (spot * deviation)
        total += (1 if chain.is_call[index] else -1) * gamma * interest * 100 * spot**2 * MOVE
    return total


def lopsided(strike: float, is_call: bool) -> float:
    """Puts crowd below the money and calls above it, as in an index."""
    return 1000 * math.exp(-((strike - (108 if is_call else 94)) ** 2) / 50)


def test_net_exposure_is_the_sum_over_contracts(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.2 + 0.001 * days, interest=lopsided)

    found = gamma_exposure(market.chain, market.expirations, RATE, DIVIDEND_YIELD)

    assert found is not None
    expected = brute_force(market.chain, market.expirations, 100, lambda at: 0.22 if at < 122 else 0.25)
    assert found.net == pytest.approx(expected, rel=1e-4)  # own volatilities, from the mids
    assert found.calls + found.puts == pytest.approx(found.net, abs=0.02)
    assert found.calls > 0 > found.puts
    assert len(market.chain) - 4 <= found.contracts  # the mid of some deep in the money tells no volatility


def test_the_flip_is_where_the_sum_is_zero(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.2, interest=lopsided, feed_iv=True)
    found = gamma_exposure(market.chain, market.expirations, RATE, DIVIDEND_YIELD)
    assert found is not None
    assert found.flip is not None

    below, above = (
        brute_force(market.chain, market.expirations, price, lambda _: 0.2)
        for price in (found.flip - 0.01, found.flip + 0.01)
    )

    assert below < 0 < above
    assert flip_distance(found, 100) == pytest.approx(100 - found.flip)
    assert found.dealer is (DealerGamma.LONG if found.flip < 100 else DealerGamma.SHORT)


def test_walls_are_the_strikes_with_the_most_gamma(priced: PricedOf) -> None:
    market = priced(
        lambda strike, days: 0.2,
        interest=lambda strike, is_call: 5000 if strike == (105 if is_call else 93) else 10,
        feed_iv=True,
    )

    found = gamma_exposure(market.chain, market.expirations, RATE, DIVIDEND_YIELD)

    assert found is not None
    assert (found.call_wall, found.put_wall) == (105, 93)
    assert len(found.walls) == 6  # a tenth of 61
    assert {93, 105} < set(found.walls)
    assert list(found.walls) == sorted(found.walls)


def test_one_side_alone_never_flips(priced: PricedOf) -> None:
    puts = priced(lambda strike, days: 0.2, interest=lambda strike, is_call: 0 if is_call else 100, feed_iv=True)

    found = gamma_exposure(puts.chain, puts.expirations, RATE, DIVIDEND_YIELD)

    assert found is not None
    assert (found.flip, found.call_wall, found.dealer) == (None, None, DealerGamma.SHORT)
    assert flip_distance(found, 100) is None
    assert found.net == found.puts < 0 == found.calls


def test_a_single_strike_in_the_distance_is_no_flip(priced: PricedOf) -> None:
    # Far from the strike gamma is rounding alone, and its sign means nothing.
    lone = priced(
        lambda strike, days: 0.05,
        (2,),
        interest=lambda strike, is_call: 100 if strike == 100 and not is_call else 0,
        feed_iv=True,
    )

    found = gamma_exposure(lone.chain, lone.expirations, RATE, DIVIDEND_YIELD)

    assert found is not None
    assert found.flip is None


def test_what_tells_nothing_is_unknown(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.2, interest=lopsided)
    without_interest = priced(lambda strike, days: 0.2)
    soon = tuple(replace(one, years=1 / 9000) for one in market.expirations)

    assert gamma_exposure(without_interest.chain, market.expirations, RATE, DIVIDEND_YIELD) is None
    assert gamma_exposure(market.chain, (), RATE, DIVIDEND_YIELD) is None
    assert gamma_exposure(market.chain, soon, RATE, DIVIDEND_YIELD) is None


def test_adjusted_contracts_are_left_out(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.2, interest=lopsided)
    adjusted = tuple(replace(one, root="SPY1") for one in market.expirations)

    assert gamma_exposure(market.chain, adjusted, RATE, DIVIDEND_YIELD) is None


@pytest.fixture(scope="module")
def spx(tmp_path_factory: pytest.TempPathFactory) -> Priced:
    if not FILE.exists():
        pytest.skip(f"recorded data is not beside the checkout: {FILE}")
    clock = VirtualClock(RecordedMarket(FILE, VirtualClock(datetime(2015, 1, 2, tzinfo=UTC))).starts_at())
    market = RecordedMarket(FILE, clock)
    chain = market.chain("SPX", clock.now())
    assert chain is not None
    calendar = load_calendar(today=clock.now().date(), cache_dir=tmp_path_factory.mktemp("calendar"))
    return Priced(chain=chain, expirations=list_expirations(chain, calendar, clock.now()))


@pytest.mark.shared_data
def test_exposure_of_a_real_index_equals_brute_force(spx: Priced) -> None:
    found = gamma_exposure(spx.chain, spx.expirations, RATE, DIVIDEND_YIELD)
    assert found is not None
    assert spx.chain.spot is not None
    spot = float(spx.chain.spot)
    feed = np.where(spx.chain.iv > 0, spx.chain.iv, np.nan)
    quoted = spx.chain.select(np.isfinite(feed))

    expected = brute_force(quoted, spx.expirations, spot, lambda at: float(quoted.iv[at]))
    own = gamma_exposure(quoted, spx.expirations, RATE, DIVIDEND_YIELD)

    assert own is not None
    assert own.net == pytest.approx(expected, rel=1e-9)
    assert found.contracts >= own.contracts > 5000
    assert own.flip is not None
    assert 0.9 < own.flip / spot < 1.1
    around = [
        brute_force(quoted, spx.expirations, own.flip * factor, lambda at: float(quoted.iv[at]))
        for factor in (0.9999, 1.0001)
    ]
    assert around[0] * around[1] < 0
    assert own.put_wall is not None
    assert own.call_wall is not None
    assert 0.8 < own.put_wall / spot < own.call_wall / spot < 1.2
