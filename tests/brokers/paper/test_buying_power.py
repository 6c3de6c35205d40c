"""What the paper broker holds back, as worked cases and laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.brokers.paper.buying_power import Marks, intrinsic, requirement, reserve, worst_loss
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b

SPY = {"SPY": Price(575)}
CONDOR = (
    "+1 SPY 2026-01-16 P 550",
    "-1 SPY 2026-01-16 P 560",
    "-1 SPY 2026-01-16 C 590",
    "+1 SPY 2026-01-16 C 595",
)


@pytest.mark.parametrize(
    ("texts", "margin", "cash"),
    [
        (("+1 SPY 2026-01-16 P 560",), 0, 0),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), 500, 500),
        (("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555"), 0, 0),
        (CONDOR, 1000, 1000),
        (("-2 SPY 2026-01-16 C 580", "+2 SPY 2026-01-16 C 585"), 1000, 1000),
        # a later expiration covers, an earlier one does not
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-23 P 560"), 0, 0),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-23 P 550"), 1000, 1000),
        (("-1 SPY 2026-01-23 P 560", "+1 SPY 2026-01-16 P 560"), 10_200, 56_000),
        # two expirations of one underlying do not help each other
        (
            (
                "-1 SPY 2026-01-16 P 560",
                "+1 SPY 2026-01-16 P 555",
                "-1 SPY 2026-01-23 P 560",
                "+1 SPY 2026-01-23 P 550",
            ),
            1500,
            1500,
        ),
        # one cover serves once
        (
            ("-1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-23 P 560", "+1 SPY 2026-01-30 P 560"),
            10_200,
            56_000,
        ),
        # naked, the mark of 2.00 plus 20 % of 575 less 15 out of the money
        (("-1 SPY 2026-01-16 P 560",), 10_200, 56_000),
        (("-1 SPY 2026-01-16 C 590",), 10_200, None),
        # the minimum of 10 %: of the strike for a put, of the underlying for a call
        (("-1 SPY 2026-01-16 P 400",), 4_200, 40_000),
        (("-1 SPY 2026-01-16 C 800",), 5_950, None),
        # a ratio: one covered, one naked
        (("-2 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), 10_700, 56_500),
        # other underlyings are other risks
        (("+1 SPY 2026-01-16 P 550", "-1 SPY 2026-01-16 P 555", "+1 QQQ 2026-01-16 P 550"), 500, 500),
    ],
)
def test_a_structure_is_held_back_for(texts: tuple[str, ...], margin: int, cash: int | None) -> None:
    held = {leg.contract: leg.ratio for leg in b.legs(*texts)}
    marks = Marks(spots=SPY, mids={contract: Price(2) for contract in held})

    assert requirement(held, marks, is_cash_account=False) == Money(margin)
    assert requirement(held, marks, is_cash_account=True) == (None if cash is None else Money(cash))


def test_what_is_naked_without_a_mark_costs_the_strike_or_is_unknown() -> None:
    put, call = b.contract("SPY 2026-01-16 P 560"), b.contract("SPY 2026-01-16 C 590")
    no_mid, no_spot = Marks(spots=SPY, mids={}), Marks(spots={}, mids={put: Price(2), call: Price(2)})

    for marks in (no_mid, no_spot):
        assert requirement({put: -1}, marks, is_cash_account=False) == Money(56_000)
        assert requirement({call: -1}, marks, is_cash_account=False) is None
        assert requirement({call: -1, put: -1}, marks, is_cash_account=False) is None


def test_contracts_that_settle_at_the_open_cover_nothing_that_trades_on() -> None:
    morning, evening = b.contract("SPX 2026-01-16 P 5600"), b.contract("SPXW 2026-01-16 P 5600")
    marks = Marks(spots={}, mids={})

    assert requirement({morning: 1, evening: -1}, marks, is_cash_account=True) == Money(560_000)
    assert requirement({morning: -1, evening: 1}, marks, is_cash_account=True) == Money(0)


def test_the_reserve_of_an_order_is_its_max_loss_with_fees() -> None:
    marks = Marks(spots=SPY, mids={})
    fee = Money("0.65")

    credit = reserve(b.legs(), Price("0.90"), fee, marks, is_cash_account=False)
    debit = reserve(b.legs("+1 SPY 2026-01-16 P 560"), Price("-2.05"), fee, marks, is_cash_account=False)
    gift = reserve(b.legs(), Price("5.50"), fee, marks, is_cash_account=False)
    unknown = reserve(b.legs("-1 SPY 2026-01-16 C 590"), Price(2), fee, marks, is_cash_account=False)

    assert (credit, debit, gift, unknown) == (Money("411.30"), Money("205.65"), Money(0), None)


@given(
    strikes=st.lists(st.integers(400, 700), min_size=2, max_size=6, unique=True),
    quantities=st.lists(st.integers(-3, 3), min_size=6, max_size=6),
    spot=st.integers(1, 1200),
)
def test_the_worst_loss_is_never_exceeded(strikes: list[int], quantities: list[int], spot: int) -> None:
    held = {
        b.contract(f"SPY 2026-01-16 {'PC'[i % 2]} {strike}"): quantity
        for i, (strike, quantity) in enumerate(zip(strikes, quantities, strict=False))
    }
    calls = sum(quantity for contract, quantity in held.items() if contract.right == "C")
    held |= {b.contract("SPY 2026-01-16 C 750"): max(0, -calls)}

    worth = sum((intrinsic(one, Price(spot)).times(100, n) for one, n in held.items()), Money(0))

    assert worth + worst_loss(held) >= Money(0)
