from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thetaloom.domain.book.price_walk import (
    approved_floor,
    net_tick,
    walk_limit,
    walk_tick,
)
from thetaloom.domain.strategy.strategies import OrderRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import CENT, Price
from thetaloom.errors import InvalidInput

RULE = OrderRule(start_offset=Price("0.03"), reach=Decimal("0.60"), steps_max=6, interval_seconds=600)
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
        walk_limit(RULE, step, mid=Price(mid), natural=Price(natural), floor=None, tick=CENT) for step in range(7)
    ]

    assert [str(limit) for limit in walked] == limits.split()


def test_a_neutral_walk_has_four_steps_from_a_cent_above_mid() -> None:
    walked = [
        walk_limit(OrderRule(), step, mid=Price("2.00"), natural=Price("1.90"), floor=None, tick=CENT)
        for step in range(5)
    ]

    assert [str(limit) for limit in walked] == ["2.01", "2.00", "1.98", "1.96", "1.94"]


def test_the_current_mid_counts_and_not_the_first() -> None:
    before = walk_limit(RULE, 2, mid=Price("1.25"), natural=Price("1.10"), floor=None, tick=CENT)
    after = walk_limit(RULE, 2, mid=Price("1.45"), natural=Price("1.30"), floor=None, tick=CENT)

    assert after - before == Price("0.20")


def test_a_walk_without_steps_stays_where_it_starts() -> None:
    still = replace(RULE, steps_max=0)

    for step in (0, 1, 5):
        limit = walk_limit(still, step, mid=Price("1.25"), natural=Price("1.00"), floor=None, tick=CENT)
        assert limit == Price("1.28")


def test_a_step_after_the_last_asks_for_no_less() -> None:
    last, later = (
        walk_limit(RULE, step, mid=Price(1), natural=Price("0.80"), floor=None, tick=CENT) for step in (6, 60)
    )

    assert last == later == Price("0.88")


@pytest.mark.parametrize(("mid", "floor", "limit"), [("1.25", "1.20", "1.20"), ("-1.25", "-1.302", "-1.30")])
def test_the_approved_floor_holds_whatever_the_market_does(mid: str, floor: str, limit: str) -> None:
    fallen = Price(mid) - Price("0.50")

    walked = walk_limit(RULE, 6, mid=fallen, natural=fallen - Price("0.20"), floor=Price(floor), tick=CENT)

    assert walked == Price(limit)


def test_a_credit_never_turns_into_a_debit() -> None:
    limit = walk_limit(RULE, 6, mid=Price("0.02"), natural=Price("-0.10"), floor=None, tick=CENT)

    assert limit == Price("0.01")


def test_a_debit_is_never_offered_for_nothing() -> None:
    limit = walk_limit(RULE, 0, mid=Price("-0.02"), natural=Price("-0.10"), floor=None, tick=CENT)

    assert limit == Price("-0.01")


def test_a_structure_worth_nothing_at_mid_walks_through_zero() -> None:
    walked = [walk_limit(RULE, step, mid=Price(0), natural=Price("-0.05"), floor=None, tick=CENT) for step in (0, 6)]

    assert walked == [Price("0.03"), Price("-0.03")]


def test_an_offset_for_the_worse_never_makes_a_walk_go_up() -> None:
    hasty = replace(RULE, start_offset=Price("-0.50"))

    walked = [
        walk_limit(hasty, step, mid=Price("1.25"), natural=Price("1.10"), floor=None, tick=CENT) for step in (0, 3, 6)
    ]

    assert walked == [Price("1.16")] * 3


def test_crossed_quotes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="crossed"):
        walk_limit(RULE, 0, mid=Price("1.00"), natural=Price("1.01"), floor=None, tick=CENT)


def test_a_step_before_the_start_is_refused() -> None:
    with pytest.raises(InvalidInput, match="before its start"):
        walk_limit(RULE, -1, mid=Price("1.00"), natural=Price("0.99"), floor=None, tick=CENT)


@given(RULES, HALF_CENTS, DISTANCES, TICKS, st.none() | HALF_CENTS)
def test_the_limits_of_a_still_market_fall_by_whole_ticks_and_never_under_reach_or_floor(
    rule: OrderRule, mid: Price, distance: Price, tick: Decimal, floor: Price | None
) -> None:
    natural = mid - distance
    reach = mid - distance * rule.reach

    walked = [
        walk_limit(rule, step, mid=mid, natural=natural, floor=floor, tick=tick) for step in range(rule.steps_max + 2)
    ]

    assert walked == sorted(walked, reverse=True)
    assert all(Decimal(limit) % tick == 0 for limit in walked)
    assert all(limit >= reach or limit == -tick for limit in walked)
    assert floor is None or min(walked) >= floor


@given(RULES, HALF_CENTS, DISTANCES, TICKS)
def test_every_step_moves_until_the_end_of_the_way(rule: OrderRule, mid: Price, distance: Price, tick: Decimal) -> None:
    assume(mid - distance > tick)
    end = approved_floor(replace(rule, slippage_max=None), mid=mid, natural=mid - distance, tick=tick)

    walked = [
        walk_limit(rule, step, mid=mid, natural=mid - distance, floor=None, tick=tick)
        for step in range(rule.steps_max + 1)
    ]

    assert all(after < before or after == end for before, after in pairwise(walked))
    assert rule.steps_max == 0 or walked[-1] == end


@given(RULES, HALF_CENTS, DISTANCES, TICKS)
def test_the_mirror_walk_of_a_debit_takes_the_same_moves(
    rule: OrderRule, mid: Price, distance: Price, tick: Decimal
) -> None:
    shift = Price(tick) * 1000
    assume(abs(mid) + distance + rule.start_offset < shift)

    credit, debit = (
        [
            walk_limit(rule, step, mid=at, natural=at - distance, floor=None, tick=tick)
            for step in range(rule.steps_max + 1)
        ]
        for at in (mid + shift, mid - shift)
    )

    assert [limit - shift - shift for limit in credit] == debit


@pytest.mark.parametrize(
    ("slippage", "floor"), [(None, "1.16"), ("0.05", "1.20"), ("0.50", "0.75"), ("0", "1.25"), ("0.055", "1.20")]
)
def test_the_floor_to_approve_is_the_slippage_below_mid_or_else_reach(slippage: str | None, floor: str) -> None:
    rule = replace(RULE, slippage_max=None if slippage is None else Price(slippage))

    assert approved_floor(rule, mid=Price("1.25"), natural=Price("1.10"), tick=CENT) == Price(floor)


@pytest.mark.parametrize(
    ("leg", "price", "tick"),
    [
        ("-1 SPX 2026-01-16 P 5600", "2.95", "0.05"),
        ("-1 SPXW 2026-01-16 P 5600", "3.00", "0.10"),
        ("+1 NDX 2026-01-16 P 20000", "-12.00", "0.10"),
        ("+1 VIX 2026-01-21 C 20", "-1.00", "0.05"),
        ("-1 RUT 2026-01-16 P 2000", "3.10", "0.10"),
        ("-1 XSP 2026-01-16 P 560", "5.00", "0.01"),
        ("-1 SPY 2026-01-16 P 560", "5.00", "0.01"),
    ],
)
def test_a_single_leg_moves_in_the_tick_of_its_class(leg: str, price: str, tick: str) -> None:
    assert net_tick([Leg.parse(leg)], Price(price)) == Decimal(tick)


def test_several_legs_move_by_the_cent_even_on_an_index() -> None:
    legs = [Leg.parse("-1 SPX 2026-01-16 P 5600"), Leg.parse("+1 SPX 2026-01-16 P 5590")]

    assert net_tick(legs, Price("4.05")) == CENT


@pytest.mark.parametrize(
    ("mid", "floor", "tick"),
    [
        ("2.90", None, "0.05"),
        ("2.98", None, "0.10"),  # starts at 3.01
        ("-2.95", None, "0.10"),  # ends at -3.01
        ("-2.50", None, "0.05"),
        ("2.50", "3.00", "0.10"),
    ],
)
def test_a_walk_across_the_change_of_tick_takes_the_coarser(mid: str, floor: str | None, tick: str) -> None:
    found = walk_tick(
        RULE,
        [Leg.parse("-1 SPX 2026-01-16 P 5600")],
        mid=Price(mid),
        natural=Price(mid) - Price("0.10"),
        floor=None if floor is None else Price(floor),
    )

    assert found == Decimal(tick)
