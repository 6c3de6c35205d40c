from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.walk_plan import INTERVAL_MIN, STEPS_ADAPTIVE, WalkSituation, plan_walk, settled_walk
from thetaloom.domain.strategy.strategies import OrderPreset, OrderRule
from thetaloom.domain.values.money import Price

ADAPTIVE = OrderRule(preset=OrderPreset.ADAPTIVE)
AN_HOUR = WalkSituation(time_left=timedelta(hours=1))
WIDE = Price("0.40")
PLACES = st.lists(st.decimals("-0.5", "1.5", places=4), max_size=60).map(tuple)


@pytest.mark.parametrize(
    ("preset", "steps", "interval", "offset", "reach"),
    [
        (None, 4, 600, "0.01", "0.6"),
        (OrderPreset.NORMAL, 3, 10, "0", "1"),  # 4 prices of 10 seconds
        (OrderPreset.FAST, 2, 5, "0", "1"),
        (OrderPreset.PATIENT, 4, 20, "0.01", "1"),
    ],
)
def test_a_preset_names_all_the_numbers(
    preset: OrderPreset | None, steps: int, interval: int, offset: str, reach: str
) -> None:
    found = settled_walk(OrderRule(preset=preset))

    assert (found.steps_max, found.interval_seconds) == (steps, interval)
    assert (found.start_offset, found.reach) == (Price(offset), Decimal(reach))
    assert settled_walk(found) == found


def test_a_directional_view_takes_six_steps_from_three_cents_and_a_neutral_one_four_from_one() -> None:
    directional, neutral = settled_walk(OrderRule(), directional=True), settled_walk(OrderRule())

    assert (directional.steps_max, directional.start_offset) == (6, Price("0.03"))
    assert (neutral.steps_max, neutral.start_offset) == (4, Price("0.01"))


def test_numbers_of_its_own_take_the_place_of_the_presets() -> None:
    found = settled_walk(OrderRule(preset=OrderPreset.NORMAL, steps_max=7, reach=Decimal("0.5")), directional=True)

    assert (found.steps_max, found.reach, found.interval_seconds) == (7, Decimal("0.5"), 10)


def test_only_an_adaptive_walk_looks_at_the_situation() -> None:
    plan = plan_walk(OrderRule(preset=OrderPreset.FAST), AN_HOUR, half_spread=WIDE)

    assert (plan.interval_seconds, plan.places) == (5, ())


@pytest.mark.parametrize(
    ("situation", "seconds"),
    [
        (AN_HOUR, 300),
        (replace(AN_HOUR, urgent=True), 75),
        (replace(AN_HOUR, since_open=timedelta(minutes=14)), 450),
        (replace(AN_HOUR, since_open=timedelta(minutes=15)), 300),
        (replace(AN_HOUR, since_open=timedelta(minutes=1), urgent=True), 75),
        (WalkSituation(time_left=timedelta(seconds=200)), 150),
    ],
)
def test_the_time_a_walk_takes_follows_the_situation(situation: WalkSituation, seconds: int) -> None:
    plan = plan_walk(ADAPTIVE, situation, half_spread=WIDE)

    assert len(plan.places) == STEPS_ADAPTIVE
    assert abs(plan.interval_seconds * len(plan.places) - seconds) < STEPS_ADAPTIVE


@pytest.mark.parametrize(("half", "steps"), [("0", 1), ("0.005", 1), ("0.03", 4), ("0.05", 6), ("0.50", 12)])
def test_a_narrow_market_has_fewer_steps(half: str, steps: int) -> None:
    assert len(plan_walk(ADAPTIVE, AN_HOUR, half_spread=Price(half)).places) == steps


def test_without_fills_to_learn_from_the_places_are_even() -> None:
    places = plan_walk(replace(ADAPTIVE, steps_max=4), AN_HOUR, half_spread=WIDE).places

    assert places == tuple(map(Decimal, ("0.2500", "0.5000", "0.7500", "1.0000")))


def test_time_is_spent_where_such_orders_filled() -> None:
    known = replace(AN_HOUR, places=tuple(Decimal("0.2") for _ in range(20)))

    places = plan_walk(replace(ADAPTIVE, steps_max=4), known, half_spread=WIDE).places

    # Twenty fills count as much as the even walk: each place lies half the way to where they were.
    assert places == tuple(map(Decimal, ("0.2250", "0.3500", "0.4750", "1.0000")))


@given(PLACES, st.integers(0, 20_000), st.integers(0, 300), st.booleans(), st.integers(1, 60))
def test_a_plan_never_turns_back_never_passes_reach_and_never_hurries(
    places: tuple[Decimal, ...], left: int, half: int, urgent: bool, steps: int
) -> None:
    rule = replace(ADAPTIVE, steps_max=steps, reach=Decimal("0.8"))
    situation = WalkSituation(time_left=timedelta(seconds=left), places=places, urgent=urgent)

    plan = plan_walk(rule, situation, half_spread=Price("0.01") * half)

    assert all(before <= after for before, after in pairwise(plan.places))
    assert plan.places[-1] == Decimal("0.8") and plan.places[0] >= 0
    assert len(plan.places) <= steps
    assert plan.interval_seconds >= INTERVAL_MIN
