from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.execution_quality import (
    OrderQuality,
    QuotedFill,
    QuotedStep,
    order_quality,
    place_of,
    summarize,
)
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price

AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
ORDER = ClientOrderId("one")
CENTS = st.integers(-500, 500).map(lambda cents: Price("0.01") * cents)


def _step(seconds: int, limit: str, mid: str, natural: str) -> QuotedStep:
    at = AT + timedelta(seconds=seconds)
    return QuotedStep(at=at, limit_price=Price(limit), mid_price=Price(mid), natural_price=Price(natural))


def _fill(seconds: int, quantity: int, price: str, mid: str | None, natural: str | None) -> QuotedFill:
    return QuotedFill(
        at=AT + timedelta(seconds=seconds),
        quantity=quantity,
        price=Price(price),
        mid_price=None if mid is None else Price(mid),
        natural_price=None if natural is None else Price(natural),
    )


def _measured(steps: list[QuotedStep], fills: list[QuotedFill]) -> OrderQuality:
    found = order_quality(ORDER, steps, fills, 100)
    assert found is not None
    return found


WALKED = [_step(0, "1.26", "1.25", "1.05"), _step(60, "1.20", "1.30", "1.10"), _step(120, "1.14", "1.20", "1.00")]


def test_a_credit_is_measured_against_arrival_fill_and_hindsight() -> None:
    found = _measured(WALKED, [_fill(130, 3, "1.14", "1.22", "1.02")])

    assert (found.arrival_cost, found.arrival_half_spreads) == (Money("33.00"), Decimal("0.5500"))
    assert (found.fill_cost, found.fill_place) == (Money("24.00"), Decimal("0.4000"))
    # At place 0.4 the moments gave 1.17, 1.22 and 1.12; 1.22 was above the 1.20 that nobody took there.
    assert (found.hindsight_price, found.hindsight_cost) == (Price("1.17"), Money("9.00"))
    assert (found.limits, found.seconds) == (3, 130)


def test_a_debit_costs_what_was_paid_beyond_mid() -> None:
    found = _measured([_step(0, "-1.00", "-1.00", "-1.20")], [_fill(5, 1, "-1.10", "-1.00", "-1.20")])

    assert (found.arrival_cost, found.arrival_half_spreads) == (Money("10.00"), Decimal("0.5000"))


def test_fills_in_parts_count_by_their_quantity() -> None:
    parts = [_fill(5, 1, "1.20", "1.25", "1.05"), _fill(9, 3, "1.16", "1.21", "1.01")]

    found = _measured(WALKED[:1], parts)

    assert (found.fill_price, found.fill_mid, found.quantity) == (Price("1.17"), Price("1.22"), 4)
    assert found.arrival_cost == Money("32.00")


@pytest.mark.parametrize(("mid", "natural"), [(None, None), ("1.20", "1.20")])
def test_without_quotes_at_the_fill_nothing_is_said_of_its_place(mid: str | None, natural: str | None) -> None:
    found = _measured(WALKED, [_fill(130, 1, "1.14", mid, natural)])

    assert found.fill_place is None and found.hindsight_price is None
    assert found.arrival_half_spreads == Decimal("0.5500")


def test_what_did_not_fill_or_left_no_trace_is_not_measured() -> None:
    assert order_quality(ORDER, WALKED, [], 100) is None
    assert order_quality(ORDER, [], [_fill(1, 1, "1.00", None, None)], 100) is None


@given(
    st.lists(st.tuples(CENTS, st.integers(1, 60), st.integers(-20, 80)), min_size=1, max_size=6),
    st.integers(0, 60),
    st.integers(1, 9),
)
def test_the_figures_are_those_of_another_calculation(
    moments: list[tuple[Price, int, int]], given_up: int, quantity: int
) -> None:
    steps = [
        QuotedStep(
            at=AT + timedelta(seconds=10 * index),
            limit_price=mid - Price("0.01") * below,
            mid_price=mid,
            natural_price=mid - Price("0.01") * half,
        )
        for index, (mid, half, below) in enumerate(moments)
    ]
    mid, half, _ = moments[-1]
    price = mid - Price("0.01") * given_up
    fill = QuotedFill(
        at=AT + timedelta(seconds=10 * len(steps)),
        quantity=quantity,
        price=price,
        mid_price=mid,
        natural_price=mid - Price("0.01") * half,
    )

    found = _measured(steps, [fill])

    cents = [(int(at * 100), width, int(at * 100) - below) for at, width, below in moments]
    paid, place = int(price * 100), Fraction(given_up, half)
    assert found.arrival_cost == Money((cents[0][0] - paid) * quantity)
    assert found.fill_cost == Money(given_up * quantity)
    had = [at - place * width for at, width, limit in cents[:-1] if at - place * width < limit]
    best = max([Fraction(paid), *had])
    assert found.hindsight_price is not None and found.hindsight_price >= price
    assert abs(Fraction(found.hindsight_price) * 100 - best) < Fraction(1, 50) or any(
        abs(at - place * width - limit) < Fraction(1, 50) for at, width, limit in cents
    )


def test_a_place_is_measured_from_mid_to_natural() -> None:
    places = [
        place_of(Price(price), Price("1.00"), Price("0.80")) for price in ("1.02", "1.00", "0.90", "0.80", "0.70")
    ]

    assert places == [Decimal(place) for place in ("-0.1000", "0", "0.5000", "1.0000", "1.5000")]
    assert place_of(Price(1), Price(1), Price(1)) is None


def test_a_summary_adds_the_money_and_averages_the_rest() -> None:
    first = _measured(WALKED, [_fill(130, 3, "1.14", "1.22", "1.02")])
    second = replace(first, arrival_half_spreads=None, limits=1, seconds=10)

    found = summarize([first, second])

    assert (found.orders, found.arrival_cost, found.hindsight_cost) == (2, Money("66.00"), Money("18.00"))
    assert (found.arrival_half_spreads_mean, found.limits_mean) == (Decimal("0.5500"), Decimal("2.0000"))
    assert found.seconds_mean == Decimal("70.0000")
    assert summarize([]).fill_place_mean is None
