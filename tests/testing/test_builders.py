from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock


@given(cents=st.integers(-500, 500), notation=st.sampled_from(["-1", "+1", "-2", "+4"]))
def test_a_built_fill_adds_up_to_its_net_price(cents: int, notation: str) -> None:
    order = b.order(f"{notation} SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555", "-1 SPY 2026-01-16 C 600")

    fill = b.fill(order, at=Decimal(cents) / 100)

    net = sum(-leg.quantity * Decimal(leg.price) for leg in fill.legs)
    assert net == Decimal(cents) / 100 == fill.price
    assert all(leg.price >= 0 for leg in fill.legs)


def test_the_defaults_make_one_put_credit_spread() -> None:
    order = b.order(limit="1.05", quantity=2)

    fill = b.fill(order)

    assert [leg.notation for leg in order.legs] == ["-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"]
    assert (fill.quantity, fill.price, fill.fees, fill.cash) == (2, Price("1.05"), Money("-2.60"), Money(210))
    assert b.sent(order).status is OrderStatus.SUBMITTED
    assert b.position(entry="1.05", quantity=2).entry_price == Price("1.05")
    assert b.strategy(name="Other").name == "Other"


def test_a_closing_order_mirrors_the_opening_one() -> None:
    opening = b.order(quantity=3)

    closing = b.closing(opening, limit="-0.40", quantity=2)

    assert [leg.notation for leg in closing.legs] == ["+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555"]
    assert (closing.effect, closing.quantity, closing.limit_price) == (Effect.CLOSE, 2, Price("-0.40"))
    assert closing.client_order_id != opening.client_order_id


def test_a_chain_is_sorted_and_keeps_unknown_apart_from_zero() -> None:
    chain = b.chain(
        {"SPY 2026-01-16 P 560": (1.00, 1.10), "SPY 2026-01-16 C 560": (0, 0.05), "SPY 2026-01-09 P 560": (None, 0.5)},
        columns={"delta": {"SPY 2026-01-16 P 560": -0.3}},
    )

    assert [chain.contract(i).notation for i in range(3)] == [
        "SPY 2026-01-09 P 560",
        "SPY 2026-01-16 C 560",
        "SPY 2026-01-16 P 560",
    ]
    assert [chain.quote(i).bid for i in range(3)] == [None, Price(0), Price(1)]
    assert chain.delta[2] == -0.3 and chain.delta[0] != chain.delta[0]
    assert chain.quote(2) == b.quote(1.00, 1.10)
    assert chain.spot == Price(575) and b.chain({"SPY 2026-01-16 P 560": (1, 2)}, spot=None).spot is None


def test_the_clock_goes_forward_only() -> None:
    clock = FakeClock()

    clock.advance(hours=1, minutes=30)

    assert clock.now() == b.NOW + timedelta(minutes=90) == b.new_york("2026-01-05 12:00")
    with pytest.raises(InvalidInput, match="does not go back"):
        clock.move_to(b.NOW)
