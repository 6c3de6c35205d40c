"""Positions as spreads: whatever is filled, the parts are the whole and no contract is ever lost."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.position_status import PositionStatus, position_status
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.resting import beyond_held, units_held
from thetaloom.domain.book.spreads import REST, WHOLE, Loose, ShareLot, spreads_of
from thetaloom.domain.strategy.rules import TargetRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, FillId, PositionId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders

NAMES = ("short_put", "long_put", "short_call", "long_call")
LEGS = builders.legs(
    "-2 SPY 2026-01-16 P 560", "+2 SPY 2026-01-16 P 555", "-1 SPY 2026-01-16 C 590", "+1 SPY 2026-01-16 C 595"
)
PUTS, CALLS = ("short_put", "long_put"), ("short_call", "long_call")
TARGETS = tuple(
    TargetRule(name=name, legs=legs, percent=Decimal(percent))
    for name, legs, percent in (("put_1", PUTS, 40), ("put_2", PUTS, 60), ("call", CALLS, 50))
)
EMPTY = replace(builders.position("-1 SPY 2026-01-16 P 560"), legs=LEGS, spreads=spreads_of(LEGS, NAMES, TARGETS))
PRICES = st.lists(st.integers(0, 3000).map(lambda cents: Price("0.01") * cents), min_size=4, max_size=4)


def a_fill(*contracts: tuple[OptionContract, int, Price], quantity: int = 1, number: int = 1) -> Fill:
    """A fill of these contracts."""
    legs = tuple(LegFill(contract=one, quantity=held, price=paid) for one, held, paid in contracts)
    net = sum((-leg.price * leg.quantity for leg in legs), Price(0))
    return Fill(
        fill_id=FillId(str(number)),
        client_order_id=ClientOrderId("tl-1"),
        quantity=quantity,
        price=net / quantity,
        fees=Money("-0.65"),
        filled_at=builders.NOW + timedelta(minutes=number),
        legs=legs,
    )


def of_legs(legs: tuple[Leg, ...], quantity: int, prices: list[Price], number: int, sign: int = 1) -> Fill:
    """A fill of whole structures."""
    priced = zip(legs, prices, strict=False)
    return a_fill(
        *((leg.contract, sign * leg.ratio * quantity, paid) for leg, paid in priced), quantity=quantity, number=number
    )


def entry_cash(position: Position) -> Money:
    """What opening all that is still held has brought."""
    spreads = sum((one.premium for one in position.spreads), Money(0))
    return spreads + sum((one.premium for one in position.loose), Money(0))


def filled(position: Position = EMPTY, quantity: int = 1) -> Position:
    """The trident at a credit of 1.00 a spread."""
    return position.with_open_fill(of_legs(LEGS, quantity, [Price(2), Price(1), Price("1.80"), Price("0.80")], 1))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Position, list[Fill]]:
    """A position after any fills: whole, by part, in proportion, or of one leg alone, with the fills."""
    position, fills = EMPTY, []
    for number in range(1, draw(st.integers(2, 9))):
        prices = draw(PRICES)
        kind = draw(st.sampled_from(("open", "part", "whole", "leg", "leg")))
        if kind == "open":
            fill = of_legs(LEGS, draw(st.integers(1, 3)), prices, number)
            position = position.with_open_fill(fill)
        elif kind == "leg":
            fill = a_fill(
                (draw(st.sampled_from(LEGS)).contract, draw(st.sampled_from((-2, -1, 1, 2))), prices[0]), number=number
            )
            opens = draw(st.booleans())
            position = position.with_open_fill(fill) if opens else position.with_close_fill(fill)
        else:
            part = draw(st.sampled_from([one.name for one in position.spreads])) if kind == "part" else ""
            named = position.spread(part)
            legs, most = (named.legs, named.quantity) if named else (position.held_legs, position.quantity)
            if not most:
                continue
            fill = of_legs(legs, draw(st.integers(1, most)), prices, number, -1)
            position = position.with_close_fill(fill, part)
        fills.append(fill)
    return position, fills


@given(histories())
def test_spreads_and_loose_legs_are_the_sum_of_all_that_was_filled(history: tuple[Position, list[Fill]]) -> None:
    position, fills = history
    done: Counter[OptionContract] = Counter()
    for fill in fills:
        for leg in fill.legs:
            done[leg.contract] += leg.quantity

    assert position.held == {contract: number for contract, number in done.items() if number}
    assert position.realized + entry_cash(position) == sum((fill.cash for fill in fills), Money(0))
    assert position.fees == Money("-0.65") * len(fills)
    assert position.is_open == bool(position.held or position.loose or position.quantity)
    assert (position.closed_at is None) == (position.is_open or not fills)


@given(histories())
def test_what_is_left_is_never_more_than_was_opened_and_loose_legs_never_cancel(
    history: tuple[Position, list[Fill]],
) -> None:
    position, _ = history

    assert all(0 <= spread.quantity <= spread.opened_quantity for spread in position.spreads)
    sides = {(one.contract, one.quantity > 0) for one in position.loose}
    assert len({contract for contract, _ in sides}) == len(sides)
    held: Counter[OptionContract] = Counter()
    for leg in position.held_legs:
        held[leg.contract] += leg.ratio * position.quantity
    loose: Counter[OptionContract] = Counter()
    for one in position.loose:
        loose[one.contract] += one.quantity
    assert {key: held[key] + loose[key] for key in {*held, *loose} if held[key] + loose[key]} == position.held


@given(histories(), st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.booleans()), max_size=6))
def test_closing_orders_that_may_stay_never_close_more_than_is_held(
    history: tuple[Position, list[Fill]], wishes: list[tuple[int, int, bool]]
) -> None:
    position, _ = history
    orders = []
    for number, (index, quantity, is_target) in enumerate(wishes):
        legs = LEGS if index == 3 else position.spreads[index].legs
        order = builders.order(
            limit=-1,
            client_order_id=ClientOrderId(f"tl-{number}"),
            effect=Effect.CLOSE,
            purpose=OrderPurpose.TARGET if is_target else OrderPurpose.EXIT,
            legs=tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in legs),
            quantity=quantity,
            status=OrderStatus.WORKING,
        )
        assert (beyond_held(position, [order]) == ()) == (units_held(position, order.legs) >= quantity)
        orders.append(order)
    over = beyond_held(position, orders)
    taken: Counter[OptionContract] = Counter()
    for order in orders:
        for leg in order.legs if order not in over else ():
            taken[leg.contract] += leg.ratio * order.remaining

    # The parts of this structure share no contract that one buys and another sells.
    loose_against = {one.contract for one in position.loose}
    for contract, number in taken.items():
        if contract not in loose_against:
            assert number * position.held.get(contract, 0) <= 0
            assert abs(number) <= abs(position.held.get(contract, 0))


def test_each_part_has_its_own_lots_and_price() -> None:
    position = filled(quantity=2)

    assert [(one.name, one.quantity, one.entry_price) for one in position.spreads] == [
        ("put_1", 2, Price(1)),
        ("put_2", 2, Price(1)),
        ("call", 2, Price(1)),
    ]
    assert (position.held_legs, position.quantity, position.entry_price) == (LEGS, 2, Price(3))
    assert position_status(position) is PositionStatus.OPEN_FULL


def test_what_no_target_covers_is_a_spread_of_its_own() -> None:
    spreads = spreads_of(LEGS, NAMES, TARGETS[:1])

    assert [(one.name, one.units, [leg.ratio for leg in one.legs]) for one in spreads] == [
        ("put_1", 1, [-1, 1]),
        (REST, 1, [-1, 1, -1, 1]),
    ]
    assert [one.name for one in spreads_of(LEGS, NAMES, ())] == [WHOLE]


def test_unequal_remainders_are_held_in_lowest_terms() -> None:
    position = filled(quantity=2)
    closing = of_legs(position.spreads[2].legs, 1, [Price("0.90"), Price("0.40")], 2, -1)

    left = position.with_close_fill(closing, "call")

    assert ([leg.ratio for leg in left.held_legs], left.quantity) == ([-4, 4, -1, 1], 1)
    assert left.realized == left.spreads[2].realized == Money(50)
    assert position_status(left) is PositionStatus.OPEN_PARTIAL


def test_a_fill_in_proportion_takes_a_part_of_each_and_the_rest_from_the_first() -> None:
    third = filled(quantity=3).share(1)
    uneven = filled(quantity=1).with_close_fill(of_legs(EMPTY.spreads[2].legs, 1, [Price(1), Price(1)], 2, -1), "call")

    assert third == {"put_1": 1, "put_2": 1, "call": 1}
    assert (uneven.quantity, uneven.share(1)) == (2, {"put_1": 1})


def test_a_leg_that_is_bought_back_alone_breaks_one_spread_and_keeps_its_price() -> None:
    short = LEGS[0].contract

    broken = filled().with_close_fill(a_fill((short, 1, Price("2.50")), number=2), cause="assignment")

    assert [one.quantity for one in broken.spreads] == [0, 1, 1]
    assert [(one.contract, one.quantity, one.price) for one in broken.loose] == [(LEGS[1].contract, 1, Price(1))]
    assert broken.realized == Money(-50)
    assert units_held(broken, (Leg(contract=short, ratio=1),)) == 1


def test_legs_that_come_one_by_one_make_the_spread_in_the_end() -> None:
    position = EMPTY
    for number, (leg, paid) in enumerate(zip(LEGS, ("2.00", "1.00", "1.80", "0.80"), strict=True), start=1):
        position = position.with_open_fill(a_fill((leg.contract, leg.ratio, Price(paid)), number=number))

    assert position.loose == ()
    assert [one.quantity for one in position.spreads] == [1, 1, 1]
    assert position.entry_price == Price(3)


def test_fills_without_legs_are_shared_by_contracts_to_the_cent() -> None:
    opened = EMPTY.with_open_fill(replace(of_legs(LEGS, 1, [Price(1)] * 4, 1), legs=(), price=Price("3.10")))

    closed = opened.with_close_fill(replace(of_legs(LEGS, 1, [Price(1)] * 4, 2), legs=(), price=Price("-1.00")))

    assert sum((one.premium for one in opened.spreads), Money(0)) == Money(310)
    assert (closed.realized, closed.is_open) == (Money(210), False)
    assert position_status(closed) is PositionStatus.CLOSED


@pytest.mark.parametrize("ended", ["expired", "rolled"])
def test_the_status_tells_how_it_ended(ended: str) -> None:
    closed = filled().with_close_fill(of_legs(LEGS, 1, [Price(1)] * 4, 2, -1))

    assert position_status(replace(closed, ended_as=ended)) is PositionStatus(ended)
    assert position_status(EMPTY) is PositionStatus.PENDING_ENTRY


def test_a_chain_starts_with_itself_and_shares_are_kept() -> None:
    lot = ShareLot(symbol="SPY", quantity=100, price=Price(560), since=builders.NOW, cause="assignment")

    assert EMPTY.chain_id == EMPTY.id
    assert replace(EMPTY, id=PositionId("pos-2"), rolled_from=EMPTY.id).chain_id == EMPTY.id
    assert EMPTY.with_shares(lot).shares == (lot,)


def test_loose_legs_are_counted_at_risk() -> None:
    broken = filled().with_close_fill(a_fill((LEGS[1].contract, -1, Price("0.50")), number=2))

    legs, quantity, price = broken.at_risk()

    assert {leg.contract: leg.ratio * quantity for leg in legs} == broken.held
    assert price == Price(4)  # 2.00 for the short put alone and 1.00 for each whole spread
    assert broken.loose_units() == ((Leg(contract=LEGS[0].contract, ratio=-1),), 1)
    assert Loose(
        contract=LEGS[0].contract, quantity=-1, price=Price(2), since=builders.NOW, cause="x"
    ).premium == Money(200)


def test_a_working_exit_makes_it_closing() -> None:
    order: Order = builders.order(limit=-1, effect=Effect.CLOSE, status=OrderStatus.WORKING)

    assert position_status(filled(), [order]) is PositionStatus.CLOSING
    assert position_status(filled(), [replace(order, purpose=OrderPurpose.TARGET)]) is PositionStatus.OPEN_FULL


@pytest.mark.parametrize("is_told", [True, False])
def test_the_prices_of_what_is_held_come_to_what_was_paid_whether_each_legs_was_told_or_not(is_told: bool) -> None:
    filled = a_fill(*((leg.contract, leg.ratio, Price("1.00") * number) for number, leg in enumerate(LEGS, 1)))
    position = EMPTY.with_open_fill(filled)
    if not is_told:
        untold = (replace(one, lots=tuple(replace(lot, leg_prices=()) for lot in one.lots)) for one in position.spreads)
        position = replace(position, spreads=tuple(untold))

    paid = {leg.contract: position.opened_at_price(leg.contract) for leg in LEGS}

    assert sum(-paid[leg.contract] * leg.ratio for leg in LEGS) == filled.price
    assert not is_told or list(paid.values()) == [Price("1.00") * number for number in (1, 2, 3, 4)]
    assert position.opened_at_price(builders.contract("SPY 2026-01-16 P 123")) == 0
