from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.risk.sizing import size_structures
from thetaloom.domain.strategy.strategies import SizeBy, SizeRule
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason

ONE_PERCENT = SizeRule(by=SizeBy.RISK_PERCENT, risk_percent=Decimal(1))
DOLLARS = st.integers(1, 10_000_000).map(lambda cents: Money("0.01") * cents)


def test_a_fixed_size_needs_no_account() -> None:
    sizing = size_structures(SizeRule(quantity=3), max_loss=None, net_liquidating_value=None)

    assert (sizing.quantity, sizing.reason) == (3, None)
    assert sizing.facts == {"by": "fixed", "quantity": "3"}


@pytest.mark.parametrize("quantity", [0, -2])
def test_a_fixed_size_of_nothing_trades_nothing(quantity: int) -> None:
    sizing = size_structures(SizeRule(quantity=quantity), max_loss=Money(1), net_liquidating_value=Money(1))

    assert (sizing.quantity, sizing.reason) == (0, Reason.QUANTITY_ZERO)


@pytest.mark.parametrize(
    ("worth", "max_loss", "quantity"),
    [("100000", "375", 2), ("37500", "375", 1), ("37499.99", "375", 0), ("112499.99", "375", 2)],
)
def test_risk_percent_buys_as_many_whole_structures_as_the_budget_covers(
    worth: str, max_loss: str, quantity: int
) -> None:
    sizing = size_structures(ONE_PERCENT, max_loss=Money(max_loss), net_liquidating_value=Money(worth))

    assert sizing.quantity == quantity
    assert sizing.reason is (None if quantity else Reason.QUANTITY_ZERO)
    assert sizing.facts["max_loss"] == max_loss
    assert "budget" in sizing.facts


@pytest.mark.parametrize(
    ("worth", "max_loss", "reason"),
    [
        (None, Money(375), Reason.ACCOUNT_UNKNOWN),
        (None, None, Reason.ACCOUNT_UNKNOWN),
        (Money(100_000), None, Reason.NO_MAX_LOSS),
        (Money(100_000), Money(0), Reason.QUANTITY_ZERO),
        (Money(100_000), Money(-10), Reason.QUANTITY_ZERO),
        (Money(-5), Money(375), Reason.QUANTITY_ZERO),
    ],
)
def test_what_is_unknown_or_cannot_be_sizes_to_nothing_with_a_reason(
    worth: Money | None, max_loss: Money | None, reason: Reason
) -> None:
    sizing = size_structures(ONE_PERCENT, max_loss=max_loss, net_liquidating_value=worth)

    assert (sizing.quantity, sizing.reason) == (0, reason)
    assert ("unknown" in sizing.facts.values()) == (worth is None or max_loss is None)


@given(DOLLARS, DOLLARS, st.integers(1, 10_000).map(lambda basis_points: Decimal(basis_points) / 100))
def test_the_size_fits_the_budget_and_one_more_would_not(worth: Money, max_loss: Money, percent: Decimal) -> None:
    rule = SizeRule(by=SizeBy.RISK_PERCENT, risk_percent=percent)

    quantity = size_structures(rule, max_loss=max_loss, net_liquidating_value=worth).quantity

    assert max_loss * quantity <= worth * percent / 100 < max_loss * (quantity + 1)
