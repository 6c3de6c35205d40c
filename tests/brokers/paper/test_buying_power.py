"""What the paper account must secure, as cases and laws: the exact margin, and bounds without marks."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.brokers.paper.buying_power import Book, Marks, fees_of, reserve_of
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b

SPY = {"SPY": Price(575)}
CONDOR = (
    "+1 SPY 2026-01-16 P 550",
    "-1 SPY 2026-01-16 P 560",
    "-1 SPY 2026-01-16 C 590",
    "+1 SPY 2026-01-16 C 595",
)
FULL = Marks(spots=SPY, mids={})


@pytest.mark.parametrize(
    ("texts", "margin", "cash"),
    [
        (("+1 SPY 2026-01-16 P 560",), 0, 0),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), 500, 56_000),  # no spreads on shares for cash alone
        (("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555"), 0, 55_500),
        (CONDOR, 1000, None),
        (("-2 SPY 2026-01-16 C 580", "+2 SPY 2026-01-16 C 585"), 1000, None),
        # a later expiration covers, an earlier one does not
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-23 P 560"), 0, 56_000),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-23 P 550"), 1000, 56_000),
        (("-1 SPY 2026-01-23 P 560", "+1 SPY 2026-01-16 P 560"), 10_200, 56_000),
        # one cover serves once
        (("-1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-23 P 560", "+1 SPY 2026-01-30 P 560"), 10_200, 112_000),
        # naked, the mark of 2.00 plus 20 % of 575 less 15 out of the money
        (("-1 SPY 2026-01-16 P 560",), 10_200, 56_000),
        (("-1 SPY 2026-01-16 C 590",), 10_200, None),
        # the minimum of 10 %: of the strike for a put, of the underlying for a call
        (("-1 SPY 2026-01-16 P 400",), 4_200, 40_000),
        (("-1 SPY 2026-01-16 C 800",), 5_950, None),
        # of a strangle the greater side and the mark of the other
        (("-1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 C 590"), 10_400, None),
        # a ratio: one covered, one naked
        (("-2 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), 10_700, 112_000),
        # 15 % of a broad index
        (("-1 SPXW 2026-01-16 P 5600",), 100 * (2 + 862.5 - 150), 560_000),
        (("-1 SPXW 2026-01-16 P 5600", "+1 SPXW 2026-01-16 P 5590"), 1000, 1000),
    ],
)
def test_a_structure_must_secure(texts: tuple[str, ...], margin: float, cash: int | None) -> None:
    held = {leg.contract: leg.ratio for leg in b.legs(*texts)}
    marks = Marks(spots=SPY | {"SPX": Price(5750)}, mids={contract: Price(2) for contract in held})

    in_margin = Book(held=held, shares={}, marks=marks, is_cash_account=False)
    in_cash = Book(held=held, shares={}, marks=marks, is_cash_account=True)

    assert in_margin.requirement() == Money(str(margin))
    assert in_cash.requirement() == (None if cash is None else Money(cash))


def test_shares_secure_half_of_themselves_and_cover_calls() -> None:
    call = {b.contract("SPY 2026-01-16 C 590"): -1}
    alone = Book(held={}, shares={"SPY": 100}, marks=FULL, is_cash_account=False)
    covered = Book(held=call, shares={"SPY": 100}, marks=FULL, is_cash_account=False)
    in_cash = Book(held=call, shares={"SPY": 100}, marks=FULL, is_cash_account=True)
    short = Book(held={}, shares={"SPY": -100}, marks=FULL, is_cash_account=False)

    assert alone.excess(Money(1000)) == Money(1000 + 57_500 - 28_750)
    assert covered.excess(Money(1000)) == alone.excess(Money(1000))
    assert in_cash.excess(Money(1000)) == Money(1000)
    assert short.excess(Money(58_500)) == Money(58_500 - 57_500 - 28_750)


def test_shares_of_unknown_price_count_for_nothing_and_those_sold_short_are_unknown() -> None:
    blind = Marks(spots={}, mids={})

    assert Book(held={}, shares={"SPY": 100}, marks=blind, is_cash_account=False).excess(Money(7)) == Money(7)
    assert Book(held={}, shares={"SPY": -100}, marks=blind, is_cash_account=False).excess(Money(7)) is None


def test_what_is_naked_without_a_mark_counts_at_the_most_it_can_be_worth() -> None:
    put, call = b.contract("SPY 2026-01-16 P 560"), b.contract("SPY 2026-01-16 C 590")
    no_spot = Marks(spots={}, mids={put: Price(2), call: Price(2)})

    for contract, most in ((put, 560 + 100), (call, 575 + 100)):
        assert Book(held={contract: -1}, shares={}, marks=FULL, is_cash_account=False).requirement() == Money(
            most * 100
        )
        assert Book(held={contract: -1}, shares={}, marks=no_spot, is_cash_account=False).requirement() is None


def test_what_is_covered_is_known_without_any_mark() -> None:
    blind = Marks(spots={}, mids={})
    held = {leg.contract: leg.ratio * 3 for leg in b.legs(*CONDOR)}

    assert Book(held=held, shares={}, marks=blind, is_cash_account=False).requirement() == Money(3000)


def test_contracts_that_settle_at_the_open_cover_nothing_that_trades_on() -> None:
    morning, evening = b.contract("SPX 2026-01-16 P 5600"), b.contract("SPXW 2026-01-16 P 5600")
    marks = Marks(spots={"SPX": Price(5750)}, mids={})

    early = Book(held={morning: 1, evening: -1}, shares={}, marks=marks, is_cash_account=False)
    late = Book(held={morning: -1, evening: 1}, shares={}, marks=marks, is_cash_account=False)

    assert early.requirement() == Money(100 * (5600 + 862 - 150) + 50)
    assert late.requirement() == Money(0)


def test_an_order_ties_up_its_max_loss_with_fees() -> None:
    book = Book(held={}, shares={}, marks=FULL, is_cash_account=False)
    fee = Money("0.65")

    credit = book.effect(b.legs(), 2, Price("0.90"), Effect.OPEN)
    debit = book.effect(b.legs("+1 SPY 2026-01-16 P 560"), 1, Price("-2.05"), Effect.OPEN)

    assert (credit, debit) == (Money(820), Money(205))
    assert reserve_of((credit or Money(0)) + fees_of(b.legs(), 2, fee), 2) == Money("411.30")
    assert reserve_of(Money(-50), 2) == Money(0)
    assert reserve_of(Money(10), 3) == Money("3.34")


def test_what_is_held_lowers_what_an_order_ties_up() -> None:
    short = {b.contract("SPY 2026-01-16 P 560"): -1}
    marks = Marks(
        spots=SPY, mids={b.contract("SPY 2026-01-16 P 560"): Price(2), b.contract("SPY 2026-01-16 P 555"): Price(1)}
    )
    cover = b.legs("+1 SPY 2026-01-16 P 555")

    beside = Book(held=short, shares={}, marks=marks, is_cash_account=False)

    assert beside.effect(cover, 1, Price("-1.05"), Effect.OPEN) == Money(500 - 10_200 + 105)


@given(
    strikes=st.lists(st.integers(400, 700), min_size=2, max_size=5, unique=True),
    quantities=st.lists(st.integers(-3, 3).filter(bool), min_size=5, max_size=5),
    mids=st.lists(st.integers(1, 3000), min_size=5, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_to_open_costs_what_to_close_frees_and_bounds_are_never_below_the_truth(
    strikes: list[int], quantities: list[int], mids: list[int]
) -> None:
    held = {
        b.contract(f"SPY 2026-01-16 {'PC'[i % 2]} {strike}"): quantity
        for i, (strike, quantity) in enumerate(zip(strikes, quantities, strict=False))
    }
    # No option is worth more than its strike or its underlying.
    marks = Marks(spots=SPY, mids={one: Price(Decimal(mid) / 10) for one, mid in zip(held, mids, strict=False)})
    full = Book(held=held, shares={}, marks=marks, is_cash_account=False)
    unmarked = Book(held=held, shares={}, marks=FULL, is_cash_account=False)
    first, quantity = next(iter(held.items()))
    without = Book(
        held={one: many for one, many in held.items() if one != first}, shares={}, marks=marks, is_cash_account=False
    )
    sign = 1 if quantity > 0 else -1
    opening = b.legs(f"{sign:+d} {first.notation}")
    closing = b.legs(f"{-sign:+d} {first.notation}")

    opened = without.effect(opening, abs(quantity), Price(0), Effect.OPEN)
    closed = full.effect(closing, abs(quantity), Price(0), Effect.CLOSE)
    needs, bound, before = full.requirement(), unmarked.requirement(), without.requirement()

    assert opened is not None and closed is not None and needs is not None and bound is not None
    assert before is not None and opened == -closed == needs - before
    assert bound >= needs
