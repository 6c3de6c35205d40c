from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.domain.risk.margin_truth import brute_force
from thetaloom.cli.bench_margin import UNDERLYINGS, bench_holding
from thetaloom.domain.risk import margin_program
from thetaloom.domain.risk.margin import BookMargin, book_margin
from thetaloom.domain.risk.margin_pairing import pair
from thetaloom.domain.risk.margin_parts import structures_of
from thetaloom.domain.risk.margin_rules import AccountKind, Holding, MarginLeg, Underlying, UnderlyingKind
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price

EXPIRATIONS = (date(2026, 1, 16), date(2026, 2, 20))
PRICES = st.integers(0, 3000).map(lambda cents: Price("0.01") * cents)
STRIKES = st.integers(16, 24).map(lambda step: Decimal(step * 5))
SPOTS = st.sampled_from(["100", "97.35", "112.5", "85"]).map(Price)


def contracts(*roots: str) -> st.SearchStrategy[OptionContract]:
    return st.builds(
        OptionContract,
        root=st.sampled_from(roots),
        expires_on=st.sampled_from(EXPIRATIONS),
        right=st.sampled_from(Right),
        strike=STRIKES,
    )


def books(symbol: str, kind: UnderlyingKind, *roots: str, lots: int = 0, most: int = 9) -> st.SearchStrategy[Holding]:
    units = st.tuples(contracts(*roots), st.sampled_from([-1, 1]), PRICES)
    legs = st.lists(units, min_size=1, max_size=most, unique_by=lambda unit: unit[0])
    doubled = st.integers(0, 1)
    return st.builds(
        lambda found, spot, shares, twice: Holding(
            underlying=Underlying(symbol=symbol, price=spot, kind=kind),
            legs=tuple(
                MarginLeg(contract=contract, quantity=sign * (1 + twice * (i == 0)), price=price)
                for i, (contract, sign, price) in enumerate(found)
            ),
            shares=shares,
        ),
        legs,
        SPOTS,
        st.sampled_from([50 * n for n in range(-2 * lots, 2 * lots + 1)]),
        doubled,
    )


EQUITIES = books("XYZ", UnderlyingKind.EQUITY, "XYZ")
INDICES = books("SPX", UnderlyingKind.BROAD_INDEX, "SPX", "SPXW")
WITH_STOCK = books("XYZ", UnderlyingKind.ETF, "XYZ", lots=2, most=7)


def margin_or_none(holding: Holding, account: AccountKind) -> tuple[Decimal, Decimal] | None:
    paired = pair(holding, account)
    if paired is None:
        return None
    parts = structures_of(holding, paired, account)
    return sum((Decimal(part.initial) for part in parts), Decimal(0)), sum(
        (Decimal(part.maintenance) for part in parts), Decimal(0)
    )


@settings(max_examples=120, deadline=None)
@given(EQUITIES | INDICES)
def test_options_need_what_trying_every_division_finds(holding: Holding) -> None:
    assert margin_or_none(holding, AccountKind.MARGIN) == brute_force(holding)


@settings(max_examples=120, deadline=None)
@given(WITH_STOCK)
def test_options_with_stock_need_what_trying_every_division_finds(holding: Holding) -> None:
    assert margin_or_none(holding, AccountKind.MARGIN) == brute_force(holding)


@settings(max_examples=100, deadline=None)
@given(WITH_STOCK | INDICES)
def test_a_cash_account_needs_what_trying_every_division_finds(holding: Holding) -> None:
    assert margin_or_none(holding, AccountKind.CASH) == brute_force(holding, AccountKind.CASH)


def greedy(holding: Holding) -> Decimal:
    """Pair each short with the first long that covers it, in the order given, and leave the rest naked."""
    longs = [leg for leg in holding.legs if leg.quantity > 0 for _ in range(leg.quantity)]
    total = Decimal(0)
    for short in (leg for leg in holding.legs if leg.quantity < 0 for _ in range(-leg.quantity)):
        one = replace(short, quantity=-1)
        naked = book_margin([replace(holding, legs=(one,), shares=0)]).initial
        cover = next((i for i, long in enumerate(longs) if long.contract.right is short.contract.right), None)
        if cover is None:
            total += Decimal(naked)
            continue
        both = (one, replace(longs.pop(cover), quantity=1))
        total += Decimal(book_margin([replace(holding, legs=both, shares=0)]).initial)
    return total


@settings(max_examples=60, deadline=None)
@given(EQUITIES | INDICES)
def test_no_greedy_pairing_needs_less(holding: Holding) -> None:
    assert book_margin([holding]).initial <= greedy(holding)


@settings(max_examples=60, deadline=None)
@given(EQUITIES | WITH_STOCK, contracts("XYZ"), PRICES)
def test_one_more_long_option_never_raises_the_initial_amount(
    holding: Holding, contract: OptionContract, price: Price
) -> None:
    # A long of a series that is held short closes it, and what that short was spread against may then stand alone.
    assume(all(leg.contract != contract or leg.quantity > 0 for leg in holding.legs))
    more = replace(holding, legs=(*holding.legs, MarginLeg(contract=contract, quantity=1, price=price)))

    assert book_margin([more]).initial <= book_margin([holding]).initial


@settings(max_examples=40, deadline=None)
@given(EQUITIES, INDICES)
def test_underlyings_add_up(one: Holding, other: Holding) -> None:
    alone: list[BookMargin] = [book_margin([one]), book_margin([other])]

    assert book_margin([one, other]).initial == alone[0].initial + alone[1].initial


@settings(max_examples=60, deadline=None)
@given(EQUITIES | INDICES | WITH_STOCK)
def test_the_pairing_uses_each_contract_and_share_once_and_adds_up(holding: Holding) -> None:
    book = book_margin([holding])

    held: Counter[OptionContract] = Counter()
    for leg in holding.legs:
        held[leg.contract] += leg.quantity
    for part in book.pairing:
        for leg in part.legs:
            held[leg.contract] -= leg.quantity

    assert not any(held.values())
    assert sum(part.shares for part in book.pairing) == holding.shares
    assert book.initial == sum(part.initial for part in book.pairing)
    assert book.maintenance == sum(part.maintenance for part in book.pairing)
    assert all(part.initial >= part.maintenance >= 0 for part in book.pairing)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(holding=EQUITIES | INDICES | WITH_STOCK, account=st.sampled_from(AccountKind))
def test_the_quick_search_finds_what_trying_every_division_finds(
    monkeypatch: pytest.MonkeyPatch, holding: Holding, account: AccountKind
) -> None:
    monkeypatch.setattr(margin_program, "SMALL_MAX", 0)

    assert margin_or_none(holding, account) == brute_force(holding, account)


@pytest.mark.parametrize("row", UNDERLYINGS[1:], ids=lambda row: row[0])
def test_a_large_book_needs_the_same_by_either_search(
    monkeypatch: pytest.MonkeyPatch, row: tuple[str, int, str, int, int]
) -> None:
    quick = book_margin([bench_holding(*row)]).initial
    monkeypatch.setattr(margin_program, "PIVOTS_MAX", -1)  # so that the quick search gives up at once

    assert book_margin([bench_holding(*row)]).initial == quick


def test_a_book_of_many_contracts_is_paired_as_one_of_few() -> None:
    few = (("P", 90, 1), ("P", 95, -1), ("C", 105, -1), ("C", 110, 1), ("C", 120, -1))
    books = [
        Holding(
            underlying=Underlying(symbol="XYZ", price=Price(100), kind=UnderlyingKind.EQUITY),
            legs=tuple(
                MarginLeg(
                    contract=OptionContract(
                        root="XYZ", expires_on=EXPIRATIONS[0], right=Right(right), strike=Decimal(strike)
                    ),
                    quantity=quantity * many,
                    price=Price(1),
                )
                for right, strike, quantity in few
            ),
        )
        for many in (1, 1_000)
    ]

    assert book_margin(books[1:]).initial == book_margin(books[:1]).initial * 1_000
