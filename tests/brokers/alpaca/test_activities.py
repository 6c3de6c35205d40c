"""Activities as Alpaca's documentation writes them: what contracts turned into, whichever row is booked first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from thetaloom.brokers.alpaca.books import AlpacaBooks
from thetaloom.domain.book.settlements import endings_of
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.book.transactions import TransactionKind as T
from thetaloom.domain.values.money import Money, Price
from thetaloom.links.report_book import ReportBook
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock

ID = "20260116011955195::5f596936-6f23-4cef-bdf1-3806aae57dbf"  # the documentation gives siblings the same


@dataclass(kw_only=True)
class Account:
    """Books over activities that a test writes."""

    book: ReportBook
    clock: FakeClock
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        session: Any = SimpleNamespace(activities=lambda after: list(self.told))
        self.books = AlpacaBooks(session, self.book, self.clock)

    def read(self) -> list[Transaction]:
        self.books.read_activities()
        return list(self.book.transactions(0))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    clock = FakeClock()
    book = ReportBook(f"sqlite:///{tmp_path}/told.db", "alpaca", b.ACCOUNT, clock)
    yield Account(book=book, clock=clock)
    book.close()


def activity(word: str, symbol: str, quantity: str, cash: str, second: str = "", **more: object) -> dict[str, Any]:
    """Return an activity; ``second`` is when it was booked, where that is told."""
    told = {"id": ID, "activity_type": word, "date": "2026-01-05", "net_amount": cash, "symbol": symbol}
    told |= {"qty": quantity, "status": "executed"}
    if second:
        told |= {"created_at": f"2026-01-05T13:00:{second}Z"}
    return told | more


PUT_560 = ("OPASN", "SPY260116P00560000", "1", "0")
PUT_555 = ("OPEXC", "SPY260116P00555000", "-1", "0")
BOUGHT, SOLD = ("OPTRD", "SPY", "100", "-56000"), ("OPTRD", "SPY", "-100", "55500")


def kinds(found: list[Transaction]) -> list[tuple[T, int]]:
    return [(one.kind, one.quantity) for one in found]


def test_shares_stand_behind_their_contracts_at_the_same_instant(account: Account) -> None:
    account.told = [  # of two legs, booked in turns and a moment apart, without groups
        activity(*PUT_560, second="01.000100", id="1"),
        activity(*PUT_555, second="01.000200", id="2"),
        activity(*SOLD, second="01.000300", id="3"),
        activity(*BOUGHT, second="01.000400", id="4"),
    ]
    found = account.read()

    assert kinds(found) == [(T.ASSIGNMENT, 1), (T.ASSIGNMENT, 100), (T.EXERCISE, -1), (T.EXERCISE, -100)]
    assert [one.price for one in found if one.contract is None] == [Price(560), Price(555)]
    assert found[0].happened_at == found[1].happened_at < found[2].happened_at == found[3].happened_at
    assert not any(one.lacks_shares for one in endings_of(found))


def test_siblings_are_told_apart_by_their_group(account: Account) -> None:
    account.told = [
        activity(*PUT_555, group_id="g2", id="2"),
        activity(*PUT_560, group_id="g1", id="1"),
        activity(*BOUGHT, group_id="g1", id="3"),
        activity(*SOLD, group_id="g2", id="4"),
    ]

    assert sorted(kinds(account.read())) == sorted(
        [(T.ASSIGNMENT, 1), (T.EXERCISE, -1), (T.ASSIGNMENT, 100), (T.EXERCISE, -100)]
    )


def test_the_strike_counts_and_not_the_price_beside_it(account: Account) -> None:
    # As documented: no instant, one id for both rows, and a price that is not what was paid.
    account.told = [activity(*PUT_560), activity(*BOUGHT, price="90")]
    gone, came = account.read()

    assert (gone.kind, gone.quantity, gone.cash) == (T.ASSIGNMENT, 1, Money(0))
    assert (came.kind, came.quantity, came.price, came.cash) == (T.ASSIGNMENT, 100, Price(560), Money(-56_000))


def test_shares_wait_for_their_contracts_and_not_for_ever(account: Account) -> None:
    account.told = [activity(*BOUGHT, second="01")]
    assert account.read() == []
    account.told = [*account.told, activity(*PUT_560, second="02")]
    assert kinds(account.read()) == [(T.ASSIGNMENT, 1), (T.ASSIGNMENT, 100)]

    account.told = [*account.told, activity("OPTRD", "QQQ", "100", "-50000", second="03", id="9")]
    assert len(account.read()) == 2
    account.clock.advance(minutes=11)
    assert account.read()[-1].symbol == "QQQ"


@pytest.mark.parametrize(("word", "kind", "quantity"), [("OPASN", T.ASSIGNMENT, 2), ("OPEXC", T.EXERCISE, -2)])
def test_what_is_assigned_was_sold_and_what_is_exercised_was_bought(
    account: Account, word: str, kind: T, quantity: int
) -> None:
    account.told = [activity(word, PUT_560[1], "2", "0")]  # as a count without a sign

    assert kinds(account.read()) == [(kind, quantity)]


def test_what_was_called_off_moves_nothing(account: Account) -> None:
    account.told = [activity(*PUT_560, status="canceled"), activity(*BOUGHT, status="canceled", id="2")]

    assert account.read() == []


EXECUTION = "5f596936-6f23-4cef-bdf1-3806aae57dbf"


def execution(number: str, **more: object) -> dict[str, Any]:
    """Return a sale of two contracts as the activities have it."""
    told = {"id": f"20260105100000000::{number}", "activity_type": "FILL", "type": "fill", "side": "sell"}
    when = {"transaction_time": "2026-01-05T15:00:00Z", "qty": "2", "price": "2.00", "symbol": "SPY260116P00560000"}
    return told | when | more


@pytest.mark.parametrize("word", ["execution_type", "type"])
def test_a_bust_is_no_second_sale_whichever_field_says_so(account: Account, word: str) -> None:
    account.told = [execution("b", **{word: "trade_bust"}, previous_id=EXECUTION), execution(EXECUTION)]

    sale, back = account.read()

    assert (sale.quantity, back.quantity, back.cash) == (-2, 2, -sale.cash)
    assert back.corrects == sale.transaction_id and account.read() == [sale, back]


def test_a_bust_of_what_was_never_told_waits_for_it(account: Account) -> None:
    account.told = [execution("b", execution_type="trade_bust", previous_id=EXECUTION)]
    assert account.read() == []

    account.told.append(execution(EXECUTION))

    assert [one.quantity for one in account.read()] == [-2, 2]


def test_a_correction_counts_what_stands_in_place_of_the_trade(account: Account) -> None:
    account.told = [
        execution(EXECUTION),
        execution("c", execution_type="trade_correct", previous_id=EXECUTION, qty="1", price="1.90"),
        execution("d", execution_type="trade_bust", previous_id="c"),
    ]

    moved = [(one.quantity, one.price) for one in account.read()]

    assert moved == [(-2, Price("2.00")), (2, Price("2.00")), (-1, Price("1.90")), (1, Price("1.90"))]
