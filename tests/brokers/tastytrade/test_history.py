"""tastytrade's history in our book: each execution once, under the id that its order tells."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tastytrade.account import Transaction as WireTransaction

from thetaloom.brokers.tastytrade.history import History
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import BrokerOrderId, FillId
from thetaloom.domain.values.money import Money, Price
from thetaloom.links.report_book import ReportBook
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock

NOBODY: frozenset[int] = frozenset()
NUMBER, AT = 1001, FakeClock().now()
ORDER = b.order(quantity=3)
SHORT = ORDER.legs[0].contract


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ReportBook]:
    opened = ReportBook(f"sqlite:///{tmp_path}/told.db", "tastytrade", b.ACCOUNT, FakeClock())
    opened.note_sent(ORDER)
    yield opened
    opened.close()


def accept(book: ReportBook) -> None:
    """Let the order be known under tastytrade's id."""
    book.bind(ORDER.client_order_id, BrokerOrderId(str(NUMBER)))


def tell(book: ReportBook, name: str, quantity: int, price: str) -> None:
    """Let the order tell that contracts of its sold leg were done."""
    done = LegExecution(
        execution_id=FillId(name),
        client_order_id=ORDER.client_order_id,
        contract=SHORT,
        quantity=-quantity,
        price=Price(price),
        fees=Money(0),
        executed_at=AT,
    )
    book.report(f"exec:{name}", K.LEG_FILLED, ORDER.client_order_id, at=AT, execution=done)


def trade(number: int, quantity: int, price: str, *, order: int = NUMBER) -> WireTransaction:
    """Return a sale of the sold leg as the history has it."""
    value = Decimal(price) * quantity * 100
    told: dict[str, Any] = {
        "id": number,
        "account-number": b.ACCOUNT,
        "transaction-type": "Trade",
        "transaction-sub-type": "Sell to Open",
        "description": "Sold",
        "executed-at": AT.isoformat(),
        "transaction-date": AT.date().isoformat(),
        "value": str(value),
        "value-effect": "Credit",
        "net-value": str(value - 1),
        "net-value-effect": "Credit",
        "commission": "1.0",
        "commission-effect": "Debit",
        "is-estimated-fee": False,
        "symbol": SHORT.occ_symbol,
        "instrument-type": "Equity Option",
        "underlying-symbol": "SPY",
        "quantity": str(quantity),
        "action": "Sell to Open",
        "price": price,
        "order-id": order,
    }
    return WireTransaction(**told)


def written(book: ReportBook) -> list[tuple[str, int, Money, Money]]:
    """Return what our book has of the history."""
    return [(one.transaction_id, one.quantity, one.cash, one.fees) for one in book.transactions(0)]


def test_a_trade_goes_under_the_id_of_the_execution_that_its_order_tells(book: ReportBook) -> None:
    accept(book)
    tell(book, "f1", 1, "1.20")
    tell(book, "f2", 2, "1.25")

    assert History(book).record([trade(7, 2, "1.25"), trade(8, 1, "1.20")], NOBODY) == NOBODY
    assert History(book).record([trade(7, 2, "1.25"), trade(8, 1, "1.20")], NOBODY) == NOBODY  # the next process

    assert written(book) == [("f2", -2, Money(250), Money(-1)), ("f1", -1, Money(120), Money(-1))]


def test_a_trade_of_several_executions_is_each_of_them_and_pays_its_fees_once(book: ReportBook) -> None:
    accept(book)
    tell(book, "f1", 1, "1.20")
    tell(book, "f2", 2, "1.25")

    History(book).record([trade(7, 3, "1.2333")], NOBODY)

    assert written(book) == [("f1", -1, Money(120), Money(0)), ("f2", -2, Money("249.99"), Money(-1))]


def test_a_trade_waits_until_its_order_tells_of_it(book: ReportBook) -> None:
    accept(book)
    history = History(book)

    assert history.record([trade(7, 2, "1.25")], NOBODY) == {NUMBER}
    assert history.record([trade(7, 2, "1.25")], frozenset({NUMBER})) == {NUMBER} and not written(book)
    tell(book, "f2", 2, "1.25")

    assert history.record([trade(7, 2, "1.25")], NOBODY) == NOBODY
    assert [name for name, *_ in written(book)] == ["f2"]


def test_an_order_that_nobody_knows_is_asked_for_before_its_trade_is_a_strangers(book: ReportBook) -> None:
    history = History(book)

    assert history.record([trade(7, 2, "1.25", order=999)], NOBODY) == {999}
    assert history.record([trade(7, 2, "1.25", order=999)], frozenset({999})) == NOBODY

    assert [(one.transaction_id, one.client_order_id) for one in book.transactions(0)] == [("7", None)]
