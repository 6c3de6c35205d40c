"""Executions of legs in any order, told twice or not, make the same whole structures to the cent."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.leg_fills import Assembly, LegExecution, assemble
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.testing import builders

CONDOR = builders.legs(
    "+1 SPY 2026-01-16 P 550", "-1 SPY 2026-01-16 P 555", "-1 SPY 2026-01-16 C 600", "+1 SPY 2026-01-16 C 605"
)
TRIDENT = builders.legs(
    "-2 SPY 2026-01-16 P 560", "+2 SPY 2026-01-16 P 555", "-1 SPY 2026-01-16 C 600", "+1 SPY 2026-01-16 C 605"
)
CENTS = st.integers(0, 500).map(lambda cents: Price(f"{cents / 100:.2f}"))


def execution(number: int, leg: Leg, contracts: int, at: Price) -> LegExecution:
    """Return an execution of so many contracts of a leg."""
    return LegExecution(
        execution_id=FillId(f"x-{number}"),
        client_order_id=ClientOrderId("tl-1"),
        contract=leg.contract,
        quantity=contracts if leg.ratio > 0 else -contracts,
        price=at,
        fees=Money("-0.65") * contracts,
        executed_at=builders.NOW + timedelta(seconds=number),
    )


def told_one_by_one(legs: tuple[Leg, ...], told: list[LegExecution]) -> tuple[list[Fill], Assembly]:
    """Book as the engine does: after each execution, the structures that it completes."""
    fills: list[Fill] = []
    for count in range(1, len(told) + 1):
        assembly = assemble(legs, told[:count], booked=sum(fill.quantity for fill in fills))
        fills += assembly.fills
        booked: Counter[OptionContract] = Counter()
        for fill in fills:
            for leg in fill.legs:
                booked[leg.contract] += leg.quantity
        once = {one.execution_id: one for one in told[:count]}.values()
        for one in once:
            booked[one.contract] -= one.quantity
        assert {contract: -held for contract, held in booked.items() if held} == dict(assembly.loose)
    return fills, assembly


@st.composite
def whole_orders(draw: st.DrawFn) -> tuple[tuple[Leg, ...], list[LegExecution]]:
    """Draw a structure and executions that fill it whole, split as a broker likes."""
    legs = draw(st.sampled_from([CONDOR[:2], CONDOR, TRIDENT]))
    quantity = draw(st.integers(1, 3))
    made: list[LegExecution] = []
    for leg in legs:
        left = quantity * abs(leg.ratio)
        while left:
            contracts = draw(st.integers(1, left))
            made.append(execution(len(made) + 1, leg, contracts, draw(CENTS)))
            left -= contracts
    return legs, made


@given(whole_orders(), st.data())
def test_any_order_and_any_duplicates_end_in_the_same_books(
    order: tuple[tuple[Leg, ...], list[LegExecution]], data: st.DataObject
) -> None:
    legs, made = order
    twice = data.draw(st.lists(st.sampled_from(made), max_size=4))
    told = data.draw(st.permutations([*made, *twice]))

    fills, end = told_one_by_one(legs, told)

    assert end.is_balanced and end.since is None
    assert sum(fill.quantity for fill in fills) == sum(abs(one.quantity) for one in made) // sum(
        abs(leg.ratio) for leg in legs
    )
    worth = sum((one.price.times(one.contract.multiplier, -one.quantity) for one in made), NOTHING)
    assert sum((fill.cash for fill in fills), NOTHING) == worth
    assert sum((fill.price.times(100, fill.quantity) for fill in fills), NOTHING) == worth
    assert sum((fill.fees for fill in fills), NOTHING) == sum((one.fees for one in made), NOTHING)
    assert len({fill.fill_id for fill in fills}) == len(fills)


@pytest.mark.parametrize("legs", [CONDOR[:2], CONDOR[:3], CONDOR], ids=["two legs", "three legs", "four legs"])
def test_every_permutation_of_one_structure_is_the_very_same_fill(legs: tuple[Leg, ...]) -> None:
    made = [execution(number, leg, 1, Price(f"1.{number:02d}")) for number, leg in enumerate(legs, 1)]

    ends = {told_one_by_one(legs, list(told))[0][0] for told in permutations(made)}

    assert len(ends) == 1
    assert [leg.price for leg in ends.pop().legs] == [one.price for one in made]


def test_a_ratio_of_two_takes_two_contracts_for_each_structure() -> None:
    made = [execution(number, leg, abs(leg.ratio), Price(number)) for number, leg in enumerate(TRIDENT, 1)]

    (fill,) = assemble(TRIDENT, made).fills

    assert fill.price == Price(2 * 1 - 2 * 2 + 3 - 4)
    assert [leg.quantity for leg in fill.legs] == [-2, 2, -1, 1]


def test_prices_that_differ_within_a_structure_stay_apart_and_exact() -> None:
    legs = builders.legs("-3 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 565")
    made = [
        execution(1, legs[0], 2, Price("1.00")),
        execution(2, legs[0], 1, Price("1.01")),
        execution(3, legs[1], 1, Price("2.00")),
    ]

    (fill,) = assemble(legs, made).fills

    assert [(leg.quantity, leg.price) for leg in fill.legs] == [
        (-2, Price("1.00")),
        (-1, Price("1.01")),
        (1, Price("2.00")),
    ]
    assert fill.price == Price("1.01") and fill.cash == Money(101)


def test_what_is_alone_is_known_with_its_time() -> None:
    short, long = CONDOR[1], CONDOR[0]
    made = [execution(1, short, 3, Price(1)), execution(2, long, 1, Price(1))]

    end = assemble(CONDOR[:2], made)

    assert dict(end.loose) == {short.contract: -2} and end.since == builders.NOW + timedelta(seconds=1)


def test_a_contract_that_is_no_leg_or_goes_the_wrong_way_stands_alone() -> None:
    stranger = execution(1, CONDOR[2], 1, Price(1))
    wrong = replace(execution(2, CONDOR[0], 1, Price(1)), quantity=-1)

    end = assemble(CONDOR[:2], [stranger, wrong])

    assert end.fills == () and dict(end.loose) == {CONDOR[2].contract: -1, CONDOR[0].contract: -1}


@pytest.mark.parametrize("wrong", [{"quantity": 0}, {"price": Price("-0.01")}])
def test_an_impossible_execution_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        replace(execution(1, CONDOR[0], 1, Price(1)), **wrong)  # type: ignore[arg-type]  # wrong on purpose
