from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.positions import Position
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import (
    AccountId,
    ClientOrderId,
    FillId,
    PositionId,
    RunId,
    StrategyId,
    UserId,
)
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput, OverfillError

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
SHORT, LONG = Leg.parse("-1 SPY 2026-01-16 P 560"), Leg.parse("+1 SPY 2026-01-16 P 555")
EMPTY = Position(
    id=PositionId("pos-1"),
    run_id=RunId("run-1"),
    user_id=UserId("user"),
    account_id=AccountId("paper"),
    strategy_id=StrategyId("put-credit-spread"),
    symbol="SPY",
    legs=(SHORT, LONG),
    opened_at=NOW,
)
FILL = Fill(
    fill_id=FillId("1"),
    client_order_id=ClientOrderId("tl-1"),
    quantity=1,
    price=Price("1.25"),
    fees=Money("-1.30"),
    filled_at=NOW,
    legs=(),
)
LEG_CENTS = st.tuples(st.integers(0, 2000), st.integers(0, 2000))


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[bool, Fill]]:
    """Opening and closing fills in any order that never closes more than is held."""
    history, held = [], 0
    for number in range(draw(st.integers(1, 12))):
        opens = held == 0 or draw(st.booleans())
        quantity = draw(st.integers(1, 5 if opens else held))
        held += quantity if opens else -quantity
        short, long = (Price("0.01") * cents for cents in draw(LEG_CENTS))
        sign = 1 if opens else -1
        fill = Fill(
            fill_id=FillId(str(number)),
            client_order_id=ClientOrderId("tl-1"),
            quantity=quantity,
            price=(short - long) * sign,
            fees=Money("-0.65") * quantity,
            filled_at=NOW + timedelta(minutes=number),
            legs=(
                LegFill(contract=SHORT.contract, quantity=-quantity * sign, price=short),
                LegFill(contract=LONG.contract, quantity=quantity * sign, price=long),
            ),
        )
        history.append((opens, fill))
    return history


def test_an_opening_fill_leaves_a_lot() -> None:
    position = EMPTY.with_open_fill(replace(FILL, quantity=2))

    assert (position.quantity, position.opened_quantity, position.is_open) == (2, 2, True)
    assert (position.entry_price, position.fees) == (Price("1.25"), Money("-1.30"))
    assert position.lots[0].fill_id == "1"


def test_the_entry_price_is_the_average_of_what_is_held() -> None:
    position = EMPTY.with_open_fill(FILL).with_open_fill(replace(FILL, quantity=3, price=Price("1.05")))

    assert position.entry_price == Price("1.10")


def test_a_closing_fill_takes_the_oldest_lot_first() -> None:
    position = EMPTY.with_open_fill(replace(FILL, quantity=2)).with_open_fill(
        replace(FILL, fill_id=FillId("2"), quantity=2, price=Price("1.05"))
    )

    after = position.with_close_fill(replace(FILL, quantity=3, price=Price("-0.50")))

    assert after.realized == Money(2 * 75 + 55)
    assert [(lot.fill_id, lot.quantity) for lot in after.lots] == [("2", 1)]
    assert (after.quantity, after.opened_quantity, after.closed_at) == (1, 4, None)


def test_the_last_closing_fill_closes_the_position_at_its_instant() -> None:
    later = NOW + timedelta(days=3)

    closed = EMPTY.with_open_fill(FILL).with_close_fill(replace(FILL, price=Price("-0.25"), filled_at=later))

    assert (closed.is_open, closed.closed_at) == (False, later)
    assert (closed.realized, closed.realized_pnl) == (Money(100), Money("97.40"))
    assert closed.unrealized_pnl(Price(-1)) == 0


def test_a_late_opening_fill_opens_a_closed_position_again() -> None:
    closed = EMPTY.with_open_fill(FILL).with_close_fill(FILL)

    again = closed.with_open_fill(FILL)

    assert (again.is_open, again.closed_at, again.opened_quantity) == (True, None, 2)


def test_unrealized_is_what_closing_at_that_price_would_leave() -> None:
    credit = EMPTY.with_open_fill(replace(FILL, quantity=2))
    debit = EMPTY.with_open_fill(replace(FILL, price=Price("-2.00")))

    assert credit.unrealized_pnl(Price("-0.50")) == Money(150)
    assert debit.unrealized_pnl(Price("2.60")) == Money(60)


def test_closing_more_than_is_held_is_refused() -> None:
    with pytest.raises(OverfillError):
        EMPTY.with_open_fill(FILL).with_close_fill(replace(FILL, quantity=2))


def test_a_position_that_holds_nothing_has_no_entry_price() -> None:
    with pytest.raises(InvalidInput, match="holds nothing"):
        _ = EMPTY.entry_price


def test_a_position_needs_legs_of_one_multiplier() -> None:
    mini = OptionContract(
        root="SPY",
        expires_on=SHORT.contract.expires_on,
        right=SHORT.contract.right,
        strike=SHORT.contract.strike,
        multiplier=10,
    )

    for legs in ((), (SHORT, Leg(contract=mini, ratio=1))):
        with pytest.raises(InvalidInput, match="multiplier"):
            replace(EMPTY, legs=legs)


@given(histories())
def test_the_profit_of_the_lots_is_the_profit_of_the_fills(history: list[tuple[bool, Fill]]) -> None:
    position = EMPTY

    for opens, fill in history:
        position = position.with_open_fill(fill) if opens else position.with_close_fill(fill)

    cash = sum((fill.cash for _, fill in history), Money(0))
    fees = sum((fill.fees for _, fill in history), Money(0))
    at_zero = position.unrealized_pnl(Price(0))  # the premium of what is still held
    assert position.realized + at_zero == cash
    assert position.fees == fees
    assert position.quantity == sum(fill.quantity if opens else -fill.quantity for opens, fill in history)
    assert position.is_open == (position.closed_at is None)


@given(histories(), st.integers(-500, 500).map(lambda cents: Price("0.01") * cents))
def test_closing_all_turns_unrealized_into_realized(history: list[tuple[bool, Fill]], close: Price) -> None:
    position = EMPTY
    for opens, fill in history:
        position = position.with_open_fill(fill) if opens else position.with_close_fill(fill)
    expected = position.realized + position.unrealized_pnl(close)

    if position.is_open:
        position = position.with_close_fill(replace(FILL, quantity=position.quantity, price=close))

    assert position.realized == expected
    assert not position.is_open
