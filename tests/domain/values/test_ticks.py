from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.ticks import (
    CLASSES,
    NICKELS,
    NICKELS_ONLY,
    PENNIES,
    PENNY_PROGRAM,
    TickRule,
    finest_tick_rule,
    quoted_in_pennies,
    tick_of,
    tick_rule,
    to_tick,
)

RULES = st.sampled_from([NICKELS, NICKELS_ONLY, PENNIES, PENNY_PROGRAM])
PRICES = st.integers(-8000, 8000).map(lambda mils: Price("0.001") * mils)


def _legs(roots: str) -> list[Leg]:
    return [Leg.parse(f"{'-' if at else '+'}1 {root} 2026-01-16 P {50 - at}") for at, root in enumerate(roots.split())]


@pytest.mark.parametrize(
    ("roots", "under", "over"),
    [
        ("SPX", "0.05", "0.10"),
        ("SPXW", "0.05", "0.10"),
        ("SPXW SPXW", "0.05", "0.05"),
        ("XSP", "0.01", "0.01"),  # LEAN#9717 rounded these as SPX
        ("XSP XSP", "0.01", "0.01"),
        ("VIX", "0.01", "0.05"),
        ("VIXW", "0.01", "0.01"),
        ("VIX VIX", "0.01", "0.01"),
        ("RUT", "0.05", "0.10"),
        ("RUTW RUTW", "0.05", "0.05"),
        ("MRUT", "0.01", "0.01"),
        ("NDX", "0.05", "0.10"),
        ("NDXP NDXP", "0.05", "0.05"),
        ("XND", "0.01", "0.05"),
        ("DJX", "0.01", "0.05"),
        ("SPY", "0.01", "0.01"),
        ("QQQ", "0.01", "0.01"),
        ("IWM", "0.01", "0.01"),
        ("GOOG", "0.05", "0.10"),
        ("GOOG GOOG", "0.01", "0.01"),
    ],
)
def test_each_class_moves_in_its_own_step(roots: str, under: str, over: str) -> None:
    legs = _legs(roots)

    steps = [tick_of(legs, Price(price)) for price in ("0.01", "-2.99", "3.00", "-3.00", "12")]

    assert steps == [Decimal(step) for step in (under, under, over, over, over)]


@pytest.mark.parametrize(
    ("price", "xsp", "spx"), [("1.98", "1.98", "2.00"), ("0.86", "0.86", "0.90"), ("3.01", "3.01", "3.10")]
)
def test_a_small_index_is_not_rounded_as_the_large_one(price: str, xsp: str, spx: str) -> None:
    assert to_tick(_legs("XSP"), Price(price)) == Price(xsp)
    assert to_tick(_legs("SPX"), Price(price)) == Price(spx)


def test_the_settings_name_classes_of_the_penny_program() -> None:
    legs = _legs("AAPL")

    assert tick_rule(legs) == NICKELS
    assert tick_rule(legs, ["MSFT", "AAPL"]) == PENNY_PROGRAM
    assert tick_rule(_legs("SPX"), ["SPX"]) == NICKELS  # what is published is not overruled
    assert finest_tick_rule(legs) == PENNY_PROGRAM


def test_legs_of_two_classes_move_in_the_coarser_step() -> None:
    assert tick_rule(_legs("SPXW XSP")) == NICKELS_ONLY


@pytest.mark.parametrize(
    ("quotes", "proved"), [("1.05 1.10", False), ("1.05 1.11", True), ("3.00 3.10", False), ("3.05 3.20", True)]
)
def test_a_quote_between_the_nickels_proves_pennies(quotes: str, proved: bool) -> None:
    assert quoted_in_pennies([None, *map(Price, quotes.split())]) is proved


def test_every_known_class_has_steps_that_meet_at_three_dollars() -> None:
    for known in CLASSES.values():
        for rule in (known.alone, known.together):
            assert Decimal(3) % rule.low == 0 and Decimal(3) % rule.high == 0
            assert rule.low <= rule.high


@given(RULES, PRICES)
def test_rounding_lands_on_a_price_and_gives_nothing_away(rule: TickRule, price: Price) -> None:
    up, down = rule.up(price), rule.down(price)

    assert rule.holds(up) and rule.holds(down)
    assert down <= price <= up
    assert up - down <= rule.high
    assert (up == down) is rule.holds(price)


@given(RULES, PRICES, st.integers(1, 5))
def test_the_next_price_below_is_the_nearest_that_holds(rule: TickRule, price: Price, steps: int) -> None:
    mils = range(int(Decimal(rule.up(price)) * 1000) - 1, -10_000, -1)
    every = [Price("0.001") * mil for mil in mils if Price("0.001") * mil < price and rule.holds(Price("0.001") * mil)]

    assert rule.below(price, steps) == every[steps - 1]
