from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thetaloom.domain.book.price_walk import (
    approved_floor,
    decision_floor,
    most_to_pay,
    sane_floor,
    walk_limit,
)
from thetaloom.domain.strategy.strategies import OrderFloor, OrderRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import CENT, Price
from thetaloom.domain.values.ticks import NICKELS, PENNIES, PENNY_PROGRAM, TickRule
from thetaloom.errors import InvalidInput

START, REACH, STEPS = Price("0.03"), Decimal("0.60"), 6
RULE = OrderRule(start_offset=START, reach=REACH, steps_max=STEPS, interval_seconds=600)
NICKEL = Decimal("0.05")
HALF_CENTS = st.integers(-2000, 2000).map(lambda halves: Price("0.005") * halves)
DISTANCES = st.integers(0, 200).map(lambda halves: Price("0.005") * halves)
TICKS = st.sampled_from([CENT, NICKEL, Decimal("0.10")])
RULES = st.builds(
    OrderRule,
    start_offset=st.integers(0, 10).map(lambda cents: Price("0.01") * cents),
    reach=st.integers(0, 20).map(lambda twentieths: Decimal(twentieths) / 20),
    steps_max=st.integers(0, 8),
)


@pytest.mark.parametrize(
    ("mid", "natural", "limits"),
    [
        ("1.25", "1.10", "1.28 1.26 1.24 1.22 1.20 1.18 1.16"),  # a credit: asks for more than mid, then for less
        ("-1.25", "-1.40", "-1.22 -1.24 -1.26 -1.28 -1.30 -1.32 -1.34"),  # a debit: pays less than mid, then more
        ("1.25", "1.25", "1.28 1.27 1.26 1.25 1.25 1.25 1.25"),  # no way left beyond mid: it rests there
        ("1.25", "1.23", "1.28 1.27 1.26 1.25 1.24 1.24 1.24"),  # reach is 1.238, rounded up
        ("1.255", "1.105", "1.29 1.27 1.25 1.23 1.21 1.19 1.17"),
    ],
)
def test_a_walk_starts_better_than_mid_and_goes_toward_natural(mid: str, natural: str, limits: str) -> None:
    walked = [
        walk_limit(RULE, step, mid=Price(mid), natural=Price(natural), floor=None, ticks=PENNIES) for step in range(7)
    ]

    assert [str(limit) for limit in walked] == limits.split()


def test_a_neutral_walk_has_four_steps_from_a_cent_above_mid() -> None:
    walked = [
        walk_limit(OrderRule(), step, mid=Price("2.00"), natural=Price("1.90"), floor=None, ticks=PENNIES)
        for step in range(5)
    ]

    assert [str(limit) for limit in walked] == ["2.01", "2.00", "1.98", "1.96", "1.94"]


def test_the_current_mid_counts_and_not_the_first() -> None:
    before = walk_limit(RULE, 2, mid=Price("1.25"), natural=Price("1.10"), floor=None, ticks=PENNIES)
    after = walk_limit(RULE, 2, mid=Price("1.45"), natural=Price("1.30"), floor=None, ticks=PENNIES)

    assert after - before == Price("0.20")


def test_a_walk_without_steps_stays_where_it_starts() -> None:
    still = replace(RULE, steps_max=0)

    for step in (0, 1, 5):
        limit = walk_limit(still, step, mid=Price("1.25"), natural=Price("1.00"), floor=None, ticks=PENNIES)
        assert limit == Price("1.28")


def test_a_step_after_the_last_asks_for_no_less() -> None:
    last, later = (
        walk_limit(RULE, step, mid=Price(1), natural=Price("0.80"), floor=None, ticks=PENNIES) for step in (6, 60)
    )

    assert last == later == Price("0.88")


@pytest.mark.parametrize(("mid", "floor", "limit"), [("1.25", "1.20", "1.20"), ("-1.25", "-1.302", "-1.30")])
def test_the_approved_floor_holds_whatever_the_market_does(mid: str, floor: str, limit: str) -> None:
    fallen = Price(mid) - Price("0.50")

    walked = walk_limit(RULE, 6, mid=fallen, natural=fallen - Price("0.20"), floor=Price(floor), ticks=PENNIES)

    assert walked == Price(limit)


def test_a_credit_never_turns_into_a_debit() -> None:
    limit = walk_limit(RULE, 6, mid=Price("0.02"), natural=Price("-0.10"), floor=None, ticks=PENNIES)

    assert limit == Price("0.01")


def test_a_debit_is_never_offered_for_nothing() -> None:
    limit = walk_limit(RULE, 0, mid=Price("-0.02"), natural=Price("-0.10"), floor=None, ticks=PENNIES)

    assert limit == Price("-0.01")


def test_a_structure_worth_nothing_at_mid_walks_through_zero() -> None:
    walked = [
        walk_limit(RULE, step, mid=Price(0), natural=Price("-0.05"), floor=None, ticks=PENNIES) for step in (0, 6)
    ]

    assert walked == [Price("0.03"), Price("-0.03")]


def test_an_offset_for_the_worse_never_makes_a_walk_go_up() -> None:
    hasty = replace(RULE, start_offset=Price("-0.50"))

    walked = [
        walk_limit(hasty, step, mid=Price("1.25"), natural=Price("1.10"), floor=None, ticks=PENNIES)
        for step in (0, 3, 6)
    ]

    assert walked == [Price("1.16")] * 3


def test_crossed_quotes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="crossed"):
        walk_limit(RULE, 0, mid=Price("1.00"), natural=Price("1.01"), floor=None, ticks=PENNIES)


def test_a_step_before_the_start_is_refused() -> None:
    with pytest.raises(InvalidInput, match="before its start"):
        walk_limit(RULE, -1, mid=Price("1.00"), natural=Price("0.99"), floor=None, ticks=PENNIES)


@given(RULES, HALF_CENTS, DISTANCES, TICKS, st.none() | HALF_CENTS)
def test_the_limits_of_a_still_market_fall_by_whole_ticks_and_never_under_reach_or_floor(
    rule: OrderRule, mid: Price, distance: Price, tick: Decimal, floor: Price | None
) -> None:
    natural = mid - distance
    reach = mid - distance * (rule.reach or Decimal(0))

    walked = [
        walk_limit(rule, step, mid=mid, natural=natural, floor=floor, ticks=TickRule(tick, tick))
        for step in range((rule.steps_max or 0) + 2)
    ]

    assert walked == sorted(walked, reverse=True)
    assert all(Decimal(limit) % tick == 0 for limit in walked)
    assert all(limit >= reach or limit == -tick for limit in walked)
    assert floor is None or min(walked) >= floor


@given(RULES, HALF_CENTS, DISTANCES, TICKS)
def test_every_step_moves_until_the_end_of_the_way(rule: OrderRule, mid: Price, distance: Price, tick: Decimal) -> None:
    assume(mid - distance > tick)
    end = approved_floor(replace(rule, slippage_max=None), mid=mid, natural=mid - distance, ticks=TickRule(tick, tick))

    walked = [
        walk_limit(rule, step, mid=mid, natural=mid - distance, floor=None, ticks=TickRule(tick, tick))
        for step in range((rule.steps_max or 0) + 1)
    ]

    assert all(after < before or after == end for before, after in pairwise(walked))
    assert rule.steps_max == 0 or walked[-1] == end


@given(RULES, HALF_CENTS, DISTANCES, TICKS)
def test_the_mirror_walk_of_a_debit_takes_the_same_moves(
    rule: OrderRule, mid: Price, distance: Price, tick: Decimal
) -> None:
    shift = Price(tick) * 1000
    assume(abs(mid) + distance + (rule.start_offset or Price(0)) < shift)

    credit, debit = (
        [
            walk_limit(rule, step, mid=at, natural=at - distance, floor=None, ticks=TickRule(tick, tick))
            for step in range((rule.steps_max or 0) + 1)
        ]
        for at in (mid + shift, mid - shift)
    )

    assert [limit - shift - shift for limit in credit] == debit


@pytest.mark.parametrize(
    ("slippage", "floor"), [(None, "1.16"), ("0.05", "1.20"), ("0.50", "0.75"), ("0", "1.25"), ("0.055", "1.20")]
)
def test_the_floor_to_approve_is_the_slippage_below_mid_or_else_reach(slippage: str | None, floor: str) -> None:
    rule = replace(RULE, slippage_max=None if slippage is None else Price(slippage))

    assert approved_floor(rule, mid=Price("1.25"), natural=Price("1.10"), ticks=PENNIES) == Price(floor)


@pytest.mark.parametrize(
    ("mid", "natural", "limits"),
    [
        # From 3.10 down in dimes to 3.00, and in nickels from there.
        ("3.05", "2.75", "3.10 3.00 2.95 2.90"),
        # A debit: in nickels until it pays 3.00, and in dimes from there; each is a price of its own side.
        ("-2.95", "-3.25", "-2.90 -2.95 -3.00 -3.10"),
    ],
)
def test_a_walk_across_three_dollars_keeps_to_the_step_of_each_side(mid: str, natural: str, limits: str) -> None:
    walked = [
        walk_limit(RULE, step, mid=Price(mid), natural=Price(natural), floor=None, ticks=NICKELS)
        for step in range(STEPS + 1)
    ]

    assert list(dict.fromkeys(map(str, walked))) == limits.split()
    assert all(NICKELS.holds(limit) for limit in walked)


@given(RULES, HALF_CENTS, DISTANCES, st.sampled_from([NICKELS, PENNY_PROGRAM, PENNIES]), st.none() | HALF_CENTS)
def test_every_limit_is_a_price_of_its_class_and_never_under_the_floor(
    rule: OrderRule, mid: Price, distance: Price, ticks: TickRule, floor: Price | None
) -> None:
    walked = [walk_limit(rule, step, mid=mid, natural=mid - distance, floor=floor, ticks=ticks) for step in range(10)]

    assert all(ticks.holds(limit) and limit != 0 for limit in walked)
    assert walked == sorted(walked, reverse=True)
    assert floor is None or min(walked) >= floor


@pytest.mark.parametrize(
    ("offset", "mid", "natural", "limit"),
    [
        ("0.04", "4.10", "3.86", "4.06"),  # the seed's own example
        ("0.40", "4.10", "3.86", "3.86"),  # natural is the floor
        ("0.04", "-4.10", "-4.34", "-4.14"),  # a debit pays the offset on top
        ("0.40", "-4.10", "-4.34", "-4.34"),
    ],
)
def test_an_offset_in_cents_goes_no_further_than_natural(offset: str, mid: str, natural: str, limit: str) -> None:
    rule = OrderRule(concession=Price(offset), steps_max=0, floor=OrderFloor.NATURAL)
    floor = approved_floor(rule, mid=Price(mid), natural=Price(natural), ticks=PENNIES)

    sent = walk_limit(rule, 0, mid=Price(mid), natural=Price(natural), floor=floor, ticks=PENNIES)

    assert (sent, floor) == (Price(limit), Price(natural))


def test_the_places_of_a_plan_are_where_the_limits_go() -> None:
    places = [Decimal("0.1"), Decimal("0.5"), Decimal("0.6")]

    walked = [
        walk_limit(RULE, step, mid=Price("2.00"), natural=Price("1.80"), floor=None, ticks=PENNIES, places=places)
        for step in range(5)
    ]

    assert [str(limit) for limit in walked] == ["2.03", "1.98", "1.90", "1.88", "1.88"]


@pytest.mark.parametrize(("decision", "floor"), [(None, "1.10"), ("1.21", "1.21"), ("1.05", "1.10"), ("1.215", "1.22")])
def test_the_floor_is_never_under_the_price_at_which_the_decision_holds(decision: str | None, floor: str) -> None:
    rule = replace(RULE, floor=OrderFloor.NATURAL)
    held = None if decision is None else Price(decision)

    found = approved_floor(rule, mid=Price("1.25"), natural=Price("1.10"), ticks=PENNIES, decision_floor=held)

    assert found == Price(floor)


@given(HALF_CENTS, st.integers(1, 400), st.integers(-450, 50))
def test_halving_finds_what_looking_at_every_cent_finds(mid: Price, halves: int, edge: int) -> None:
    worst, least = (mid - Price("0.005") * halves).to_tick(CENT, favor_us=True), mid + Price("0.005") * min(edge, 0)
    asked: list[Price] = []

    def holds(price: Price) -> bool:
        asked.append(price)
        return price >= least

    found = decision_floor(holds, mid=mid, worst=worst)

    cents = [worst + Price(CENT) * step for step in range(400) if worst + Price(CENT) * step <= mid]
    expected = None if worst >= mid or worst >= least else min([one for one in cents if one >= least], default=mid)
    assert found == expected
    assert len(asked) <= 12


@pytest.mark.parametrize(
    ("legs", "most"),
    [
        ("+1 SPY 2026-01-16 P 500|-1 SPY 2026-01-16 P 495", "-5"),  # closing a put credit spread
        ("+1 SPY 2026-01-16 P 500|-1 SPY 2026-01-16 P 495|+1 SPY 2026-01-16 C 550|-1 SPY 2026-01-16 C 560", "-10"),
        ("+2 SPY 2026-01-16 P 500|-2 SPY 2026-01-16 P 495", "-10"),
        ("-1 SPY 2026-01-16 P 500|+1 SPY 2026-01-16 P 495", "0"),  # what was sold never costs anything
        ("+1 SPY 2026-01-16 C 500", None),  # no limit to what it may be worth
        ("+1 SPY 2026-01-16 P 500", "-500"),
        ("+1 SPY 2026-02-20 P 500|-1 SPY 2026-01-16 P 500", None),  # a calendar: worth is not known beforehand
    ],
)
def test_legs_are_never_worth_more_than_they_can_pay(legs: str, most: str | None) -> None:
    parsed = [Leg.parse(leg) for leg in legs.split("|")]

    assert most_to_pay(parsed) == (None if most is None else Price(most))


def test_closing_a_credit_spread_never_costs_more_than_its_width() -> None:
    legs = [Leg.parse("+1 SPY 2026-01-16 P 500"), Leg.parse("-1 SPY 2026-01-16 P 495")]

    limits = [
        walk_limit(
            replace(RULE, reach=Decimal(1)),
            step,
            mid=Price("-4.95"),
            natural=Price("-5.60"),
            floor=sane_floor(None, legs),
            ticks=PENNIES,
        )
        for step in range(7)
    ]

    assert min(limits) == Price("-5.00")
    assert sane_floor(Price("-4.00"), legs) == Price("-4.00")
