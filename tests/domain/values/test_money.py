import copy
import operator
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.values.money import CENT, Money, Price

CENTS = st.integers(-10_000_000, 10_000_000).map(lambda cents: CENT * cents)
PRICES = CENTS.map(Price)
MONIES = CENTS.map(Money)
TICKS = st.sampled_from([Decimal(tick) for tick in ("0.01", "0.05", "0.1", "0.25")])


@given(PRICES, PRICES, PRICES)
def test_adding_prices_is_exact_in_any_order(a: Price, b: Price, c: Price) -> None:
    assert (a + b) + c == a + (b + c) == c + a + b
    assert a + b - b == a
    assert a + -a == 0


@given(st.lists(MONIES, max_size=6))
def test_a_sum_of_money_is_money_again(amounts: list[Money]) -> None:
    total = sum(amounts, Money(0))

    assert type(total) is Money
    assert total == sum(map(Decimal, amounts))


def test_a_sum_may_start_at_the_zero_of_python() -> None:
    assert sum([Price("1.10"), Price("2.20")]) == Price("3.30")


@given(PRICES, st.integers(1, 1000), st.integers(-500, 500))
def test_money_of_a_price_grows_by_multiplier_and_quantity(price: Price, multiplier: int, quantity: int) -> None:
    money = price.times(multiplier, quantity)

    assert type(money) is Money
    assert money == Decimal(price) * multiplier * quantity
    assert price.times(multiplier) * quantity == money


@given(PRICES, TICKS)
def test_rounding_to_a_tick_lands_on_one_and_errs_by_at_most_half(price: Price, tick: Decimal) -> None:
    nearest = price.to_tick(tick)

    assert Decimal(nearest) % tick == 0
    assert abs(Decimal(nearest) - Decimal(price)) <= tick / 2
    assert nearest.to_tick(tick) == nearest


@given(PRICES, TICKS)
def test_rounding_up_favors_us(price: Price, tick: Decimal) -> None:
    up = price.to_tick(tick, favor_us=True)

    assert price.to_tick(tick) <= up
    assert price <= up < price + Price(tick)


@pytest.mark.parametrize(
    ("price", "nearest", "up"),
    [
        ("1.02", "1.00", "1.05"),
        ("1.025", "1.00", "1.05"),
        ("1.075", "1.10", "1.10"),
        ("-1.02", "-1.00", "-1.00"),
        ("-0.01", "0.00", "0.00"),
        ("1.05", "1.05", "1.05"),
    ],
)
def test_ticks_of_credits_and_debits(price: str, nearest: str, up: str) -> None:
    tick = Decimal("0.05")

    assert str(Price(price).to_tick(tick)) == nearest
    assert str(Price(price).to_tick(tick, favor_us=True)) == up


@pytest.mark.parametrize("tick", ["0", "-0.05", "-1"])
def test_a_tick_is_positive(tick: str) -> None:
    with pytest.raises(ValueError, match="tick is positive"):
        Price("1").to_tick(Decimal(tick))


@pytest.mark.parametrize(("exact", "cents"), [("1.005", "1.00"), ("1.015", "1.02"), ("-1.005", "-1.00"), ("7", "7.00")])
def test_cents_round_ties_to_even(exact: str, cents: str) -> None:
    assert str(Money(exact).to_cents()) == cents


@given(CENTS, st.sampled_from([Price, Money]))
def test_text_and_pickle_bring_back_the_same_amount(cents: Decimal, kind: type[Price] | type[Money]) -> None:
    amount = kind(cents)

    for again in (kind(str(amount)), pickle.loads(pickle.dumps(amount)), copy.deepcopy(amount)):
        assert type(again) is kind
        assert str(again) == str(amount)
    assert repr(amount) == f"{kind.__name__}('{amount}')"


@pytest.mark.parametrize(
    "zero",
    [Price("-0"), Price("0") * -1, -Price("0.00"), Price("-0.01").to_tick(Decimal("0.05")), Price(0) / -3],
)
def test_zero_never_carries_a_sign(zero: Price) -> None:
    assert not zero.is_signed()
    assert not str(zero).startswith("-")


def test_scaling_keeps_the_kind_and_a_ratio_drops_it() -> None:
    credit = Price("1.20")

    assert type(credit * 2) is type(2 * credit) is type(credit / 2) is type(abs(-credit)) is Price
    assert credit * Decimal("0.5") == credit / 2 == Price("0.60")
    assert type(credit.ratio(Price("0.60"))) is Decimal
    assert credit.ratio(Price("0.60")) == 2


def test_amounts_compare_with_their_kind_and_with_bare_numbers() -> None:
    assert Price("-1") < 0 < Price("1")
    assert Price("1") <= Decimal("1") <= Price("1")
    assert Money("2") > Money("1") >= Money("1")
    assert max(Price("1"), Price("3")) == Price("3")


@pytest.mark.parametrize(
    "operation", [operator.add, operator.sub, operator.mul, operator.truediv, operator.lt, operator.ge]
)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Price("1"), Money("1")),
        (Money("1"), Price("1")),
        (Price("1"), 0.5),
        (0.5, Price("1")),
        (Price("1"), "1"),
    ],
)
def test_kinds_floats_and_texts_do_not_mix(operation: Callable[[Any, Any], Any], left: object, right: object) -> None:
    with pytest.raises(TypeError):
        operation(left, right)


@pytest.mark.parametrize("bare", [1, Decimal("1")])
def test_a_bare_number_only_scales(bare: int | Decimal) -> None:
    price = Price("1.5")

    for operation in (operator.add, operator.sub, operator.truediv):
        with pytest.raises(TypeError):
            operation(bare, price)
    with pytest.raises(TypeError, match="cannot mix"):
        price + bare  # type: ignore[operator]  # the point of the test
    with pytest.raises(TypeError, match="ratio"):
        price * price


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity", "sNaN", "one", "", "1,000"])
def test_what_is_no_finite_number_is_no_amount(wrong: str) -> None:
    with pytest.raises(ValueError, match="Price needs a"):
        Price(wrong)


def test_a_float_is_no_amount() -> None:
    with pytest.raises(TypeError, match="exact number"):
        Money(0.1)  # type: ignore[arg-type]  # the point of the test
