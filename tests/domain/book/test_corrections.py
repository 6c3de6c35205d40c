"""A position is what the fills that stand make of it, or nobody says what it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from thetaloom.domain.book.corrections import BookedOrder, Correction, CorrectionInputs, CorrectionOutput
from thetaloom.domain.book.corrections import decide_correction as decide
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.transactions import Transaction, corrected, trade_transactions
from thetaloom.domain.values.ids import FillId
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b

ORDER = b.order(quantity=3)


def fill(number: int, price: str, quantity: int = 1) -> Fill:
    """Return a fill of the order."""
    made = b.fill(ORDER, quantity=quantity, at=price)
    at = made.filled_at + timedelta(minutes=number)
    return replace(made, fill_id=FillId(f"F{number}"), filled_at=at)


FIRST, SECOND = fill(1, "0.90"), fill(2, "1.10", 2)
FILLED = replace(ORDER, status=OrderStatus.FILLED, filled=3)


def position_of(*fills: Fill) -> Position:
    """Return the position that fills make."""
    made = b.position(spreads=(), opened_quantity=0)
    for one in fills:
        made = made.with_open_fill(one)
    return made


def busted(one: Fill, quantity: int | None = None) -> tuple[Correction, ...]:
    """Return what leaves so many structures of a fill, none at all by default."""
    rows: list[Transaction] = []
    for told in trade_transactions(one):
        left = told.quantity * (quantity or 0) // one.quantity
        price = told.price or Price(0)
        rows += corrected(told, f"now-{told.transaction_id}", one.filled_at, quantity=left, price=price)
    return tuple(Correction(order=ORDER.client_order_id, told=row) for row in rows)


def asked(position: Position, fresh: tuple[Correction, ...], *, order: Order = FILLED) -> CorrectionOutput:
    """Return what is decided about a position of both fills, with what corrects them."""
    booked = (BookedOrder(order=order, fills=(FIRST, SECOND)),)
    given = CorrectionInputs(position=position, booked=booked, before=(), fresh=fresh, at=SECOND.filled_at)
    return decide(given)


@pytest.mark.parametrize(("gone", "stays"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_what_is_busted_leaves_the_other_fill_at_its_own_price(gone: Fill, stays: Fill) -> None:
    held = position_of(FIRST, SECOND)

    said = asked(held, busted(gone))

    alone = position_of(stays)
    assert said.position is not None
    assert (said.position.entry_price, said.position.loose) == (alone.entry_price, ())
    assert said.position.quantity == alone.quantity and {one.fill_id for one in said.position.lots} == {stays.fill_id}
    assert said.position.opened_quantity == stays.quantity and said.position.fees == held.fees
    (order,) = said.orders
    assert (order.filled, order.status, order.reason) == (stays.quantity, OrderStatus.CANCELED, "trade_busted")


def test_a_part_of_a_fill_that_stands_is_whole_structures_of_it() -> None:
    said = asked(position_of(FIRST, SECOND), busted(SECOND, 1))

    assert said.position is not None and [lot.quantity for lot in said.position.lots] == [1, 1]
    assert said.position.entry_price == Price("1.00") and said.orders[0].filled == 2


def test_what_was_corrected_before_is_in_the_position_already() -> None:
    before = busted(FIRST)
    once = asked(position_of(FIRST, SECOND), before).position
    assert once is not None
    booked = (BookedOrder(order=replace(FILLED, status=OrderStatus.CANCELED, filled=2), fills=(FIRST, SECOND)),)

    said = decide(
        CorrectionInputs(position=once, booked=booked, before=before, fresh=busted(SECOND), at=SECOND.filled_at)
    )

    assert said.position is not None and not said.position.is_open and said.position.ended_as == "busted"
    assert said.position.realized == Money(0) and said.orders[0].filled == 0


def test_a_position_that_the_fills_do_not_make_is_left_alone() -> None:
    other = position_of(FIRST, fill(2, "1.20", 2))
    assert asked(other, busted(FIRST)).position is None
    ended = replace(position_of(FIRST, SECOND), endings=("expiration",))
    assert asked(ended, busted(FIRST)).position is None


def test_more_than_was_filled_cannot_be_taken_back() -> None:
    assert asked(position_of(FIRST, SECOND), (*busted(FIRST), *busted(FIRST))).position is None
    assert asked(position_of(FIRST, SECOND), busted(fill(1, "3.00"))).position is None


def test_nothing_is_said_of_an_order_that_works() -> None:
    assert asked(position_of(FIRST, SECOND), busted(FIRST), order=ORDER).position is None
