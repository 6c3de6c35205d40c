import math
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.forwards import implied_forward

Maker = Callable[..., tuple[OptionChain, Expiration]]


def test_european_parity_gives_forward_carry_and_discount(model_chain: Maker) -> None:
    found = implied_forward(*model_chain("SPXW", rate=0.05, dividend_yield=0.015), rate=0.05)

    assert found is not None
    assert found.forward == pytest.approx(100.0 * math.exp(0.035 * 0.5), abs=1e-6)
    assert found.carry == pytest.approx(0.035, abs=1e-7)
    assert found.dividend_yield == pytest.approx(0.015, abs=1e-7)
    assert found.discount == pytest.approx(math.exp(-0.025), abs=1e-6)
    assert found.pairs_used == 19  # strikes 84 to 120: within 2 % and a quarter of the root of half a year
    assert found.residual == pytest.approx(0.0, abs=1e-6)


def test_the_discount_shows_a_rate_other_than_the_one_asked_with(model_chain: Maker) -> None:
    found = implied_forward(*model_chain("SPXW", rate=0.05, dividend_yield=0.0), rate=0.03)

    assert found is not None
    assert found.discount is not None
    assert -math.log(found.discount) / 0.5 == pytest.approx(0.05, abs=1e-6)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rate=st.floats(0.0, 0.08), dividend_yield=st.floats(0.0, 0.1))
def test_american_options_give_the_yield_they_were_priced_with(
    model_chain: Maker, rate: float, dividend_yield: float
) -> None:
    chain, expiration = model_chain("SPY", rate=rate, dividend_yield=dividend_yield)

    found = implied_forward(chain, expiration, rate=rate)

    assert found is not None
    assert found.dividend_yield == pytest.approx(dividend_yield, abs=2e-4)
    assert found.discount is None


def test_early_exercise_is_taken_off_before_parity(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPY", rate=0.08, dividend_yield=0.0, years=1.5)

    found = implied_forward(chain, expiration, rate=0.08)

    pairs = chain.mids()[chain.is_call] - chain.mids()[~chain.is_call]
    naive = float(np.median(chain.strike[chain.is_call] / 1000 + pairs * math.exp(0.12)))
    assert found is not None
    assert abs(naive - 100 * math.exp(0.12)) > 0.5
    assert found.forward == pytest.approx(100 * math.exp(0.12), abs=0.02)


def test_a_few_stale_quotes_do_not_move_the_forward(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPXW", noise=0.01)
    truth = 100.0 * math.exp(0.025 * 0.5)
    bid, ask = chain.bid.copy(), chain.ask.copy()
    for index in (24, 30, 37):
        bid[index] += 3.0
        ask[index] += 3.0
    arrays = {name: getattr(chain, name) for name in ("root", "expires_on", "strike", "is_call", "bid_size")}
    arrays |= {name: getattr(chain, name) for name in ("ask_size", "volume", "open_interest", "iv", "delta")}
    stale = OptionChain(
        underlying=chain.underlying,
        as_of=chain.as_of,
        spot=chain.spot,
        source="model",
        synthetic=True,
        bid=bid,
        ask=ask,
        quoted_at=chain.quoted_at,
        **arrays,
    )

    found = implied_forward(stale, expiration, rate=0.04)

    assert found is not None
    assert found.forward == pytest.approx(truth, abs=0.05)


def test_too_few_pairs_are_no_forward(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPXW")

    near = np.abs(chain.strike / 1000 - 100.0) < 1.5
    assert implied_forward(chain.select(near & chain.is_call), expiration, rate=0.04) is None
    assert implied_forward(chain.select(chain.strike < 74_500), expiration, rate=0.04) is None


def test_an_expired_or_unpriced_chain_has_no_forward(model_chain: Maker) -> None:
    chain, expiration = model_chain("SPXW", years=0.0)
    assert expiration.last_trading_at - chain.as_of == timedelta(0)

    assert implied_forward(chain, expiration, rate=0.04) is None
