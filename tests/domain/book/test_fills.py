from dataclasses import replace
from datetime import UTC, datetime

import pytest

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.values.ids import ClientOrderId, FillId
from thetaloom.domain.values.instruments import parse_option_symbol
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

SHORT, LONG = parse_option_symbol("SPY 2026-01-16 P 560"), parse_option_symbol("SPY 2026-01-16 P 555")
FILL = Fill(
    fill_id=FillId("1"),
    client_order_id=ClientOrderId("tl-1"),
    quantity=2,
    price=Price("1.25"),
    fees=Money("-2.60"),
    filled_at=datetime(2026, 1, 5, 15, 0, tzinfo=UTC),
    legs=(
        LegFill(contract=SHORT, quantity=-2, price=Price("3.75")),
        LegFill(contract=LONG, quantity=2, price=Price("2.50")),
    ),
)


def test_what_a_credit_brings_is_positive_cash() -> None:
    assert FILL.cash == Money(250)
    assert FILL.cash == FILL.price.times(SHORT.multiplier, FILL.quantity)


def test_what_a_debit_costs_is_negative_cash() -> None:
    closing = replace(FILL, legs=tuple(replace(leg, quantity=-leg.quantity) for leg in FILL.legs))

    assert closing.cash == Money(-250)


def test_a_fill_without_leg_prices_moves_no_known_cash() -> None:
    cash = replace(FILL, legs=()).cash

    assert cash == 0
    assert type(cash) is Money


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_fill_of_nothing_cannot_be_made(quantity: int) -> None:
    with pytest.raises(InvalidInput, match="quantity must be positive"):
        replace(FILL, quantity=quantity)
