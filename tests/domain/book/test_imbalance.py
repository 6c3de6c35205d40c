"""Every way in which the legs of an order can come: whatever the policy, no sold leg stays bare and unattended."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.imbalance import (
    Holder,
    ImbalancePolicy,
    LegsAction,
    LegsDecision,
    LegsMatter,
    completing_order,
    contracts_of,
    decide_legs,
    find_conflict,
    first_to_unwind,
    money_at_risk,
    naked,
)
from thetaloom.domain.book.leg_fills import LegExecution, assemble
from thetaloom.domain.book.orders import Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.spreads import whole_spread, with_legs
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders

ORDER = ClientOrderId("tl-1")
NOTATIONS = (
    "-1 SPY 2026-01-16 P 560",
    "+1 SPY 2026-01-16 P 555",
    "-1 SPY 2026-01-16 C 590",
    "+1 SPY 2026-01-16 C 595",
)
PAID = dict(zip((parse_option_symbol(one[3:]) for one in NOTATIONS), ("2.00", "1.00", "1.80", "0.80"), strict=True))
FLOOR = Price("0.90")


def executions(legs: tuple[Leg, ...]) -> tuple[LegExecution, ...]:
    """One execution of each leg."""
    return tuple(
        LegExecution(
            execution_id=FillId(f"X-{number}"),
            client_order_id=ORDER,
            contract=leg.contract,
            quantity=leg.ratio,
            price=Price(PAID[leg.contract]),
            fees=Money("-0.65"),
            executed_at=builders.NOW,
        )
        for number, leg in enumerate(legs)
    )


def empty(legs: tuple[Leg, ...]) -> Position:
    """A position of these legs, nothing held yet."""
    return replace(builders.position(NOTATIONS[0]), legs=legs, spreads=(whole_spread(legs),))


def histories(count: int) -> Iterator[tuple[tuple[Leg, ...], tuple[LegExecution, ...], int]]:
    """All orders of the legs, each with or without one missing and one told twice, and an end at any moment."""
    legs = builders.legs(*NOTATIONS[:count])
    for order in permutations(executions(legs)):
        for missing in (None, *order):
            come = [one for one in order if one is not missing]
            for twice in (None, *come):
                told = (*come, twice) if twice is not None else tuple(come)
                for end in range(len(told) + 1):
                    yield legs, tuple(told), end


def booked(legs: tuple[Leg, ...], told: tuple[LegExecution, ...], end: int) -> Position:
    """The position after all reports, with the order's end after ``end`` of them."""
    position, structures, alone = empty(legs), 0, Counter[OptionContract]()
    for number in range(len(told) + 1):
        found = assemble(legs, told[:number], booked=structures, alone=dict(alone))
        for fill in found.fills:
            position, structures = position.with_open_fill(fill), structures + fill.quantity
        if number >= end and found.left:
            left = Fill(
                fill_id=FillId(f"left-{number}"),
                client_order_id=ORDER,
                quantity=1,
                price=Price(0),
                fees=found.left_fees,
                filled_at=builders.NOW,
                legs=found.left,
            )
            position = position.with_open_fill(left)
            for piece in found.left:
                alone[piece.contract] += piece.quantity
    return position


def settled(position: Position, policy: ImbalancePolicy, *, fills: bool) -> tuple[Position, LegsDecision]:
    """The position once the policy has done all it does; orders for missing legs fill or die."""
    completing: tuple[Order, ...] = ()
    for _ in range(10):
        said = decide_legs(
            LegsMatter(
                policy=policy,
                position=position,
                patience_seconds=1,
                floor=FLOOR,
                completing=completing,
                complete_seconds=30,
                may_complete=True,
                now=builders.NOW + timedelta(seconds=2),
            )
        )
        if said.action is LegsAction.COMPLETE and said.limit_price is not None:
            order = builders.order(limit=0, legs=said.legs, quantity=said.quantity, purpose=OrderPurpose.COMPLETE)
            status = OrderStatus.FILLED if fills else OrderStatus.EXPIRED
            completing = (replace(order, status=status, filled=said.quantity if fills else 0),)
            if fills:
                position = position.with_open_fill(done(said.legs, said.quantity, said.limit_price))
        elif said.action is LegsAction.UNWIND:
            found = first_to_unwind(position.loose)
            assert found is not None
            leg, quantity = found
            position = position.with_close_fill(done((replace(leg, ratio=-leg.ratio),), quantity, Price(-leg.ratio)))
        else:
            return position, said
    raise AssertionError("the policy comes to no end")


def done(legs: tuple[Leg, ...], quantity: int, price: Price) -> Fill:
    """A fill of an order of these legs alone."""
    fill = Fill(
        fill_id=FillId("later"),
        client_order_id=ORDER,
        quantity=quantity,
        price=price,
        fees=Money(0),
        filled_at=builders.NOW,
        legs=(),
    )
    return with_legs(fill, legs)


@pytest.mark.parametrize("fills", [True, False])
@pytest.mark.parametrize("policy", list(ImbalancePolicy))
@pytest.mark.parametrize("count", [2, 3, 4])
def test_however_the_legs_come_no_bare_leg_is_left_unattended(count: int, policy: ImbalancePolicy, fills: bool) -> None:
    seen = 0
    for legs, told, end in histories(count):
        position = booked(legs, told, end)
        truth: Counter[OptionContract] = Counter()
        for one in set(told):
            truth[one.contract] += one.quantity
        assert position.held == {contract: number for contract, number in truth.items() if number}
        assert position.fees == Money("-0.65") * len(set(told))
        if len(set(told)) == count:
            assert not position.loose and position.quantity == 1

        after, said = settled(position, policy, fills=fills)

        bare = naked(contracts_of(after.loose))
        assert not bare or (policy is ImbalancePolicy.ASK and said.action is LegsAction.ASK)
        assert said.action in {LegsAction.LEAVE, LegsAction.ASK}
        assert (said.action is LegsAction.LEAVE) == (not after.loose)
        if policy is ImbalancePolicy.COMPLETE and fills:
            assert not after.loose and after.quantity in {0, 1}
        seen += 1
    assert seen == {2: 42, 3: 312, 4: 2520}[count]


def test_legs_on_their_way_are_waited_for() -> None:
    legs = builders.legs(*NOTATIONS[:2])
    position = booked(legs, executions(legs)[:1], 0)
    matter = LegsMatter(
        policy=ImbalancePolicy.BY_RISK,
        position=position,
        patience_seconds=1,
        floor=None,
        completing=(),
        complete_seconds=30,
        may_complete=True,
        now=builders.NOW,
    )

    said = decide_legs(matter)

    assert (said.action, said.look_at) == (LegsAction.WAIT, builders.NOW + timedelta(seconds=1))
    assert decide_legs(replace(matter, now=builders.NOW + timedelta(seconds=1))).action is LegsAction.UNWIND


def test_the_missing_legs_cost_no_more_than_was_approved_for_all() -> None:
    legs = builders.legs("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")
    position = booked(legs, executions(legs)[:1], 0)

    found = completing_order(position, FLOOR)

    assert found == ((legs[1],), 1, Price("-1.10"))  # 2.00 came in, 0.90 must stay
    assert completing_order(position, None) is None
    of_others = replace(position, loose=tuple(replace(one, cause="assignment") for one in position.loose))
    assert completing_order(of_others, FLOOR) is None


@pytest.mark.parametrize(
    ("legs", "bare"),
    [
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), 0),
        (("-2 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), 1),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 C 555"), 1),
        (("-1 SPY 2026-02-20 P 560", "+1 SPY 2026-01-16 P 560"), 1),  # the cover dies first
        (("-1 SPY 2026-01-16 P 560", "-1 SPY 2026-02-20 P 560", "+1 SPY 2026-02-20 P 555"), 1),
        (("+1 SPY 2026-01-16 P 560",), 0),
    ],
)
def test_a_sold_leg_is_covered_by_a_bought_one_that_lives_as_long(legs: tuple[str, ...], bare: int) -> None:
    held = {leg.contract: leg.ratio for leg in builders.legs(*legs)}

    assert sum(naked(held).values()) == bare


def test_a_bare_call_has_no_bound_and_a_bare_put_its_strike() -> None:
    put, call = parse_option_symbol("SPY 2026-01-16 P 560"), parse_option_symbol("SPY 2026-01-16 C 590")

    assert money_at_risk({put: -1}) == Money(56_000)
    assert money_at_risk({put: -1, call: -1}) is None
    assert money_at_risk({call: 1}) == Money(0)


def test_the_same_side_is_no_conflict_and_the_other_names_holder_and_nearest_strike() -> None:
    wanted = builders.legs("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")
    short, long = (leg.contract for leg in wanted)
    strikes = [builders.legs(f"+1 SPY 2026-01-16 P {at}")[0].contract.strike for at in (545, 550, 555, 560, 565)]

    assert find_conflict(wanted, [Holder(name="pos-1", contracts={short: -3, long: 3})], strikes) is None
    found = find_conflict(wanted, [Holder(name="pos-1", contracts={long: -2})], strikes)
    assert found is not None
    assert (found.holder, found.contract, found.there) == ("pos-1", long, -2)
    assert found.alternative == "SPY 2026-01-16 P 550"
    alone = find_conflict(wanted, [Holder(name="pos-2", contracts={}, loose=True)])
    assert alone is not None and alone.contract is None
