"""The line of a payoff picture agrees with the extremes and breakevens that are shown beside it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from thetaloom.domain.strategy.payoff_shape import payoff_shape
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.store.catalogue import load_catalogue
from tools.docs.strategy_samples import sample_of

CATALOGUE = {str(strategy.id): strategy for strategy in load_catalogue()}


@pytest.mark.parametrize("strategy", CATALOGUE.values(), ids=CATALOGUE)
def test_a_line_never_leaves_its_extremes_and_crosses_zero_at_its_breakevens(strategy: Strategy) -> None:
    sample = sample_of(strategy)
    found = sample.evaluation
    profits = [profit for _, profit in sample.curve]

    assert list(sample.curve) == sorted(sample.curve)
    if found.max_profit is not None:
        assert max(profits) <= float(found.max_profit) + 0.01
    if found.max_loss is not None:
        assert min(profits) >= -float(found.max_loss) - 0.01
    at = dict(sample.curve)
    for level in found.breakevens:
        assert at[float(level)] == pytest.approx(0.0, abs=0.05)


def test_a_structure_without_a_price_has_no_line() -> None:
    sample = sample_of(CATALOGUE["iron-condor-45dte"])
    unpriced = replace(sample.evaluation, mid_price=None)

    assert payoff_shape(unpriced, sample.spot, {}, rate=0.0, dividend_yield=0.0) is None


def test_legs_of_two_terms_need_their_lives() -> None:
    sample = sample_of(CATALOGUE["call-calendar"])

    assert payoff_shape(sample.evaluation, sample.spot, {}, rate=0.0, dividend_yield=0.0) is None
    lives = {one.leg.contract: 0.1 + at for at, one in enumerate(sample.evaluation.legs)}
    shape = payoff_shape(sample.evaluation, sample.spot, lives, rate=0.0, dividend_yield=0.0)
    assert shape is not None
    assert shape.is_model
    assert Decimal(sample.spot) in dict(shape.line)
