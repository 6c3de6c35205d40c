"""Positions tell exercise, assignment and expiration where only one explanation fits, and nothing where two do."""

from datetime import timedelta

from thetaloom.brokers.ibkr.positions import Held, explained, read_held
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b

SHORT, LONG = (leg.contract for leg in b.legs())
SPX = b.contract("SPXW 2026-01-16 P 5600")
CALENDAR = b.trading_calendar()
AFTER = CALENDAR.settles_at(SHORT) + timedelta(hours=12)
SPREAD = Held(contracts={SHORT: -1, LONG: 1}, cash=Money(100_000))


def steps(before: Held, now: Held, *, is_over: bool = True, spots: dict[str, Price] | None = None) -> list[Transaction]:
    return explained(before, now, at=AFTER if is_over else b.NOW, calendar=CALENDAR, spots=spots or {})


def kinds(found: list[Transaction]) -> list[TransactionKind]:
    return [one.kind for one in found]


def test_what_is_held_is_read_back_as_it_was_written() -> None:
    held = Held(contracts={SHORT: -2, SPX: 1}, shares={"SPY": -100}, cash=Money("12.34"), sequence=7)

    assert read_held(held.to_text()) == held


def test_shares_in_place_of_a_sold_put_are_an_assignment() -> None:
    now = Held(contracts={LONG: 1}, shares={"SPY": 100}, cash=Money(44_000))

    assert kinds(steps(SPREAD, now, is_over=False)) == [TransactionKind.ASSIGNMENT] * 2


def test_a_contract_that_is_gone_before_its_end_without_shares_is_left_to_its_execution() -> None:
    assert steps(SPREAD, Held(contracts={LONG: 1}, cash=Money(99_800)), is_over=False) == []


def test_a_spread_that_ended_without_cash_was_worth_nothing() -> None:
    found = steps(SPREAD, Held(cash=Money(100_000)))

    assert kinds(found) == [TransactionKind.EXPIRATION] * 2


def test_a_spread_that_ended_with_its_width_in_cash_was_assigned_and_exercised() -> None:
    found = steps(SPREAD, Held(cash=Money(99_500)))

    assert sorted(kinds(found)) == [TransactionKind.ASSIGNMENT] * 2 + [TransactionKind.EXERCISE] * 2
    assert sum((one.cash for one in found), Money(0)) == Money(-500)


def test_a_spread_that_ended_with_cash_unknown_is_not_guessed() -> None:
    assert steps(Held(contracts=SPREAD.contracts), Held()) == []


def test_shares_that_no_contract_explains_leave_everything_open() -> None:
    assert steps(SPREAD, Held(contracts={LONG: 1}, shares={"SPY": 37}, cash=Money(1)), is_over=False) == []


def test_an_index_option_is_settled_at_a_price_that_fits_the_cash() -> None:
    before = Held(contracts={SPX: -1}, cash=Money(100_000))
    now = Held(cash=Money(99_000))

    (found,) = steps(before, now, spots={"SPX": Price(5590)})

    assert (found.kind, found.cash) == (TransactionKind.CASH_SETTLEMENT, Money(-1_000))


def test_an_index_option_that_ended_with_cash_that_no_price_explains_is_not_called_worthless() -> None:
    before, now = Held(contracts={SPX: -1}, cash=Money(100_000)), Held(cash=Money(99_000))

    assert steps(before, now) == [] == steps(before, now, spots={"SPX": Price(5650)})


def test_an_index_option_that_ended_and_moved_no_cash_was_worth_nothing() -> None:
    found = steps(Held(contracts={SPX: -1}, cash=Money(100_000)), Held(cash=Money(100_000)))

    assert kinds(found) == [TransactionKind.EXPIRATION]
