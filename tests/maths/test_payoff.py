import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.maths.black_scholes import bsm_price
from thetaloom.maths.payoff import CALL, PUT, STOCK, expiration_payoff, payoff_at

KINDS = [PUT, PUT, CALL, CALL]
STRIKES = [90.0, 95.0, 105.0, 110.0]
QUANTITIES = [1.0, -1.0, -1.0, 1.0]
ENTRIES = [0.5, 1.25, 1.25, 0.5]


def test_an_iron_condor_keeps_its_credit_between_the_short_strikes_and_loses_its_width_outside() -> None:
    curve = expiration_payoff([0.0, 90.0, 95.0, 100.0, 105.0, 107.0, 200.0], KINDS, STRIKES, QUANTITIES, ENTRIES)

    assert curve.tolist() == pytest.approx([-3.5, -3.5, 1.5, 1.5, 1.5, -0.5, -3.5])


def test_a_covered_call_is_stock_below_its_strike() -> None:
    curve = expiration_payoff([90.0, 120.0], [STOCK, CALL], [0.0, 105.0], [100.0, -100.0], [100.0, 2.0])

    assert curve.tolist() == [-800.0, 700.0]


@given(
    price=st.floats(0.0, 300.0),
    legs=st.lists(st.tuples(st.sampled_from([PUT, STOCK, CALL]), st.floats(1, 200)), min_size=1),
)
def test_the_payoff_of_a_structure_is_the_sum_of_its_legs(price: float, legs: list[tuple[int, float]]) -> None:
    kinds, strikes = [kind for kind, _ in legs], [strike for _, strike in legs]

    whole = expiration_payoff(price, kinds, strikes, 2.0, 1.0)

    parts = [expiration_payoff(price, kind, strike, 2.0, 1.0)[0] for kind, strike in legs]
    assert whole[0] == pytest.approx(math.fsum(parts), abs=1e-9)


def test_before_expiration_each_leg_is_worth_its_black_scholes_price() -> None:
    curve = payoff_at([80.0, 110.0], [PUT, CALL], [95.0, 105.0], [-1.0, 2.0], 1.0, [0.1, 0.3], [0.3, 0.2], 0.04, 0.01)

    for i, spot in enumerate((80.0, 110.0)):
        put = bsm_price(False, spot, 95.0, 0.1, 0.04, 0.01, 0.3)
        call = bsm_price(True, spot, 105.0, 0.3, 0.04, 0.01, 0.2)
        assert curve[i] == pytest.approx(-(put - 1.0) + 2.0 * (call - 1.0), rel=1e-14)


def test_a_leg_that_has_expired_counts_its_intrinsic_and_a_worthless_underlying_the_discounted_strike() -> None:
    curve = payoff_at([0.0, 100.0], [PUT, CALL, STOCK], [95.0, 90.0, 0.0], 1.0, 0.0, [0.5, 0.0, 0.0], 0.2, 0.04, 0.0)

    assert curve[0] == pytest.approx(95.0 * math.exp(-0.02))
    assert curve[1] == pytest.approx(bsm_price(False, 100.0, 95.0, 0.5, 0.04, 0.0, 0.2) + 10.0 + 100.0)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="each kind"):
        expiration_payoff(np.array([100.0]), [2], [100.0], [1.0], [0.0])
