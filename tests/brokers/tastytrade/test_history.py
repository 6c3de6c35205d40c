"""tastytrade's history in our book: each execution once, under the id that its order tells."""

from decimal import Decimal
from typing import Any

import pytest
from tastytrade.account import Transaction as WireTransaction

from thetaloom.brokers.tastytrade.history import History
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.settlements import endings_of
from thetaloom.domain.book.transactions import TransactionKind as T
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
def book(book: ReportBook) -> ReportBook:
    """The book of the account, in which one order was sent."""
    book.note_sent(ORDER)
    return book


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


def moved(number: int, sub_type: str, **told: str) -> WireTransaction:
    """Return what came of contracts without an order of anybody, as the history has it."""
    common = {
        "id": number,
        "account-number": b.ACCOUNT,
        "transaction-type": "Receive Deliver",
        "transaction-sub-type": sub_type,
        "description": "Removal of option" if "symbol" not in told else sub_type,
        "executed-at": AT.isoformat(),
        "transaction-date": AT.date().isoformat(),
        "value": "0.0",
        "value-effect": "None",
        "net-value": "0.0",
        "net-value-effect": "None",
        "is-estimated-fee": True,
        "symbol": SHORT.occ_symbol,
        "instrument-type": "Equity Option",
        "underlying-symbol": "SPY",
        "quantity": "2.0",
    }
    return WireTransaction(**common | {name.replace("_", "-"): one for name, one in told.items()})


def shares(number: int) -> WireTransaction:
    """Return the shares of two assigned puts: bought, by a word that trades have too, and with a fee."""
    return moved(
        number,
        "Buy to Open",
        symbol="SPY",
        instrument_type="Equity",
        action="Buy to Open",
        quantity="200.0",
        price=str(SHORT.strike),
        value=str(200 * SHORT.strike),
        value_effect="Debit",
        net_value=str(200 * SHORT.strike + 5),
        net_value_effect="Debit",
        clearing_fees="5.0",
        clearing_fees_effect="Debit",
    )


def written(book: ReportBook) -> list[tuple[str, int, Money, Money]]:
    """Return what our book has of the history."""
    return [(one.transaction_id, one.quantity, one.cash, one.fees) for one in book.transactions(0)]


def test_a_trade_goes_under_the_id_of_the_execution_that_its_order_tells(book: ReportBook) -> None:
    accept(book)
    tell(book, "f1", 1, "1.20")
    tell(book, "f2", 2, "1.25")

    for _ in ("this process", "the next"):
        assert History(book, FakeClock()).record([trade(7, 2, "1.25"), trade(8, 1, "1.20")], NOBODY) == NOBODY

    assert written(book) == [("f2", -2, Money(250), Money(-1)), ("f1", -1, Money(120), Money(-1))]


def test_a_trade_of_several_executions_is_each_of_them_and_pays_its_fees_once(book: ReportBook) -> None:
    accept(book)
    tell(book, "f1", 1, "1.20")
    tell(book, "f2", 2, "1.25")

    History(book, FakeClock()).record([trade(7, 3, "1.2333")], NOBODY)

    assert written(book) == [("f1", -1, Money(120), Money(0)), ("f2", -2, Money("249.99"), Money(-1))]


def test_a_trade_waits_until_its_order_tells_of_it(book: ReportBook) -> None:
    accept(book)
    history = History(book, FakeClock())

    assert history.record([trade(7, 2, "1.25")], NOBODY) == {NUMBER}
    assert history.record([trade(7, 2, "1.25")], frozenset({NUMBER})) == {NUMBER} and not written(book)
    tell(book, "f2", 2, "1.25")

    assert history.record([trade(7, 2, "1.25")], NOBODY) == NOBODY
    assert [name for name, *_ in written(book)] == ["f2"]


def test_an_order_that_nobody_knows_is_asked_for_before_its_trade_is_a_strangers(book: ReportBook) -> None:
    history = History(book, FakeClock())

    assert history.record([trade(7, 2, "1.25", order=999)], NOBODY) == {999}
    assert history.record([trade(7, 2, "1.25", order=999)], frozenset({999})) == NOBODY

    assert [(one.transaction_id, one.client_order_id) for one in book.transactions(0)] == [("7", None)]


def test_shares_that_are_told_as_bought_came_of_the_contracts_that_were_assigned(book: ReportBook) -> None:
    History(book, FakeClock()).record([shares(3), moved(9, "Assignment")], NOBODY)

    gone, came = book.transactions(0)  # its contracts first, whatever the ids
    assert (gone.kind, gone.contract, gone.quantity) == (T.ASSIGNMENT, SHORT, 2)
    assert (came.kind, came.contract, came.quantity, came.price) == (T.ASSIGNMENT, None, 200, Price(SHORT.strike))
    assert (came.cash, came.fees) == (Money(-200 * SHORT.strike), Money(-5))
    assert [one.lacks_shares for one in endings_of((gone, came))] == [False]


def test_shares_wait_for_their_contracts_and_not_for_ever(book: ReportBook) -> None:
    clock = FakeClock()
    history = History(book, clock)
    history.record([shares(3)], NOBODY)
    assert not written(book)
    clock.advance(minutes=11)
    history.record([shares(3)], NOBODY)

    (alone,) = book.transactions(0)
    assert (alone.kind, alone.quantity) == (T.TRANSFER, 200)  # nobody traded them: they close nothing


@pytest.mark.parametrize(("word", "quantity"), [("Cash Settled Assignment", 2), ("Cash Settled Exercise", -2)])
def test_a_settlement_in_cash_is_worth_its_value_and_not_the_strike_beside_it(
    book: ReportBook, word: str, quantity: int
) -> None:
    paid = {"value": "728.0", "value_effect": "Debit", "net_value": "733.0", "net_value_effect": "Debit"}
    History(book, FakeClock()).record([moved(9, word, price="7540.0", **paid)], NOBODY)

    (one,) = book.transactions(0)
    assert (one.kind, one.quantity, one.price) == (T.CASH_SETTLEMENT, quantity, None)
    assert (one.cash, one.fees) == (Money(-728), Money(-5))  # a charge without a name of its own counts too


def test_contracts_that_a_corporate_action_moves_are_no_trade(book: ReportBook) -> None:
    History(book, FakeClock()).record([moved(9, "Symbol Change", action="Sell to Close")], NOBODY)

    assert [(one.kind, one.quantity) for one in book.transactions(0)] == [(T.TRANSFER, -2)]


def reversal(number: int, of: int, quantity: int, price: str, *, back: str = "0.0") -> WireTransaction:
    """Return what takes back a sale, told with the sale's own side, and fees that are given back with it."""
    told = trade(number, quantity, price)
    value = Decimal(price) * quantity * 100
    debit = {"value": -value, "net_value": -value + Decimal(back), "commission": Decimal(back)}
    return told.model_copy(update={**debit, "reverses_id": of})


def test_a_trade_that_is_reversed_is_taken_back_execution_by_execution(book: ReportBook) -> None:
    accept(book)
    tell(book, "f1", 1, "1.20")
    tell(book, "f2", 2, "1.20")
    history = History(book, FakeClock())
    history.record([trade(1, 3, "1.20")], NOBODY)

    history.record([trade(1, 3, "1.20"), reversal(2, 1, 3, "1.20", back="1.0")], NOBODY)
    again = History(book, FakeClock()).record([trade(1, 3, "1.20"), reversal(2, 1, 3, "1.20", back="1.0")], NOBODY)

    first, second, *back = book.transactions(0)
    assert [one.corrects for one in back] == [first.transaction_id, second.transaction_id]
    assert [one.quantity for one in back] == [1, 2] and {one.client_order_id for one in back} == {None}
    assert sum((one.cash + one.fees for one in book.transactions(0)), Money(0)) == Money(0) and again == NOBODY


def test_the_next_trade_of_the_order_stands_in_the_place_of_the_one_that_was_reversed(book: ReportBook) -> None:
    accept(book)
    tell(book, "f1", 3, "1.20")
    history = History(book, FakeClock())
    told = [trade(1, 3, "1.20"), reversal(2, 1, 3, "1.20"), trade(3, 3, "1.10")]

    assert history.record(told, NOBODY) == NOBODY

    sale, back, now = book.transactions(0)
    assert back.corrects == now.corrects == sale.transaction_id
    assert (now.quantity, now.cash, now.client_order_id) == (-3, Money(330), None)
    assert now.broker_order_id == BrokerOrderId(str(NUMBER))


def test_what_reverses_a_trade_waits_with_it_for_its_order(book: ReportBook) -> None:
    accept(book)
    history = History(book, FakeClock())
    told = [trade(1, 3, "1.20"), reversal(2, 1, 3, "1.20")]

    assert history.record(told, NOBODY) == {NUMBER} and book.transactions(0) == []
    tell(book, "f1", 3, "1.20")
    history.record(told, frozenset({NUMBER}))

    assert [one.quantity for one in book.transactions(0)] == [-3, 3]


def test_what_reverses_a_trade_that_nobody_knows_is_the_opposite_of_its_cash(book: ReportBook) -> None:
    History(book, FakeClock()).record([reversal(2, 1, 3, "1.20")], frozenset({NUMBER}))

    (back,) = book.transactions(0)
    assert (back.quantity, back.cash, back.corrects) == (3, Money(-360), "")
