import math
from dataclasses import replace
from statistics import NormalDist, covariance, variance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.market.conftest import DIVIDEND_YIELD, RATE, BarsOf, PricedOf
from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.indicators import atm_iv
from thetaloom.domain.market.volatility import (
    BETA_SESSIONS_MIN,
    IV_SESSIONS_MIN,
    beta,
    expected_move,
    iv_percentile,
    iv_rank,
    skew_25_delta,
    term_structure,
)

YEAR = [0.10 + 0.001 * place for place in range(200)]


def test_rank_is_the_place_between_low_and_high() -> None:
    assert iv_rank(YEAR, 0.15) == pytest.approx(100 * 50 / 199)
    assert iv_rank(YEAR, 0.10) == 0
    assert iv_rank(YEAR, 0.40) == 100
    assert iv_rank(YEAR, 0.05) == 0


def test_percentile_is_the_share_of_days_below() -> None:
    assert iv_percentile(YEAR, 0.15005) == pytest.approx(100 * 51 / 200)
    assert iv_percentile(YEAR, 0.10) == 0
    assert iv_percentile([0.2] * 200, 0.2) == 0
    assert iv_percentile(YEAR, 0.40) == 100


def test_only_the_last_year_counts() -> None:
    assert iv_rank([0.9, *YEAR, *YEAR], 0.15) == iv_rank(YEAR, 0.15)
    spike = [0.9] + [0.1, 0.2] * 126
    assert iv_rank(spike, 0.15) == pytest.approx(50)
    assert iv_percentile(spike, 0.15) == 50
    assert iv_rank([*spike[1:], 0.3], 0.3) == 100


def test_too_short_or_impossible_a_history_tells_nothing() -> None:
    enough = YEAR[: IV_SESSIONS_MIN - 1]

    assert iv_rank(enough, 0.15) is not None
    assert iv_percentile(enough, 0.15) is not None
    assert iv_rank(enough[1:], 0.15) is None
    assert iv_percentile(enough[1:], 0.15) is None
    assert iv_rank([*enough, math.nan], 0.15) is None
    assert iv_rank([*enough, 0.0], 0.15) is None


def test_a_volatility_that_never_moved_has_no_rank() -> None:
    assert iv_rank([0.2] * 200, 0.2) is None
    assert iv_rank([0.2] * 200, 0.21) == 100


@given(st.lists(st.floats(0.01, 3), min_size=130, max_size=300), st.floats(0.01, 3), st.floats(0.01, 3))
def test_rank_and_percentile_stay_on_their_scale_and_rise(past: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    ranks = iv_rank(past, low), iv_rank(past, high)
    shares = iv_percentile(past, low), iv_percentile(past, high)

    assert shares[0] is not None
    assert shares[1] is not None
    assert 0 <= shares[0] <= shares[1] <= 100
    if ranks[0] is not None and ranks[1] is not None:
        assert 0 <= ranks[0] <= ranks[1] <= 100


def test_a_flat_surface_has_neither_skew_nor_slope(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.25, (10, 20, 50, 80))

    skew = skew_25_delta(market.chain, market.expirations, RATE, DIVIDEND_YIELD)
    points = term_structure(market.chain, market.expirations, RATE, DIVIDEND_YIELD)

    assert skew is not None
    assert skew.put_over_call == pytest.approx(0, abs=1e-6)
    assert skew.put_iv == pytest.approx(0.25, abs=1e-5)
    assert [point.iv for point in points] == pytest.approx([0.25] * 4, abs=1e-5)
    assert [point.years for point in points] == [days / 365 for days in (10, 20, 50, 80)]


def test_the_skew_is_read_at_25_delta(priced: PricedOf) -> None:
    # Volatility falls with the strike: 0.30 at 90, 0.20 at 110.
    market = priced(lambda strike, days: 0.25 - 0.005 * (strike - 100), (30,))
    skew = skew_25_delta(market.chain, market.expirations, RATE, DIVIDEND_YIELD)
    assert skew is not None

    # The strike at which a put of this volatility has a delta of -0.25, by bisection.
    ends = []
    for sign in (-1, 1):
        low, high = 70.0, 130.0
        for _ in range(60):
            strike = (low + high) / 2
            iv, years = 0.25 - 0.005 * (strike - 100), 30 / 365
            d1 = (math.log(100 / strike) + (RATE - DIVIDEND_YIELD + iv * iv / 2) * years) / (iv * math.sqrt(years))
            delta = math.exp(-DIVIDEND_YIELD * years) * NormalDist().cdf(sign * d1)
            is_outside = delta < 0.25
            low, high = (strike, high) if is_outside == (sign < 0) else (low, strike)
        ends.append(0.25 - 0.005 * (low - 100))

    assert [skew.put_iv, skew.call_iv] == pytest.approx(ends, abs=2e-4)
    assert skew.risk_reversal == -skew.put_over_call < 0


def test_without_quotes_near_25_delta_the_skew_is_unknown(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.25, (30,))
    chain = market.chain
    near = chain.select((chain.strike >= 98_000) & (chain.strike <= 102_000))
    one_side = chain.select(chain.is_call)

    for part in (near, one_side, chain.select(chain.strike < 0)):
        assert skew_25_delta(part, market.expirations, RATE, DIVIDEND_YIELD) is None


def test_strikes_too_far_apart_do_not_tell_the_skew(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.25, (30,))
    sparse = market.chain.select(np.isin(market.chain.strike, [80_000, 100_000, 120_000]))

    assert skew_25_delta(sparse, market.expirations, RATE, DIVIDEND_YIELD) is None


def test_an_expiration_without_quotes_is_left_out_of_the_structure(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.25, (20, 50))
    later = market.chain.select(market.chain.expires_on == market.chain.expires_on.max())

    points = term_structure(later, market.expirations, RATE, DIVIDEND_YIELD)

    assert [point.expires_on for point in points] == [market.expirations[1].expires_on]


def test_the_slope_is_that_of_the_surface(priced: PricedOf) -> None:
    market = priced(lambda strike, days: 0.2 if days < 40 else 0.3, (30, 60))
    lives = [atm_iv(market.chain, market.expirations, RATE, DIVIDEND_YIELD, days) for days in (30, 60)]

    assert lives == pytest.approx([0.2, 0.3], abs=1e-5)


def test_beta_is_covariance_over_variance(bars_of: BarsOf) -> None:
    market = bars_of(1, 300)
    own = bars_of(2, 300)
    closes = tuple(one * other**1.5 for one, other in zip(own.closes, market.closes, strict=True))
    returns = [
        [math.log(after / before) for before, after in zip(column[-253:], column[-252:], strict=False)]
        for column in (closes, market.closes)
    ]

    found = beta(Bars(days=own.days, closes=closes), market)

    assert found == pytest.approx(covariance(*returns) / variance(returns[1]), rel=1e-9)
    assert beta(market, market) == pytest.approx(1)


def test_beta_rests_on_the_sessions_both_traded(bars_of: BarsOf) -> None:
    market = bars_of(1, 300)
    gaps = Bars(days=market.days[::2], closes=tuple(close**2 for close in market.closes[::2]))

    assert beta(gaps, market) == pytest.approx(2)
    assert beta(gaps, replace(market, closes=(100.0,) * 300)) is None
    assert beta(market.last(BETA_SESSIONS_MIN), market) is None
    assert beta(market.last(BETA_SESSIONS_MIN + 1), market) == pytest.approx(1)
    assert beta(Bars(), market) is None
    assert beta(replace(gaps, closes=(0.0, *gaps.closes[1:])), market) is None


def test_the_expected_move_grows_with_the_root_of_time() -> None:
    assert expected_move(100, 0.2, 365) == 20
    assert expected_move(100, 0.2, 365 / 4) == 10
