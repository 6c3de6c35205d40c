"""Two spreads as one structure of ratio 2 are two spreads to a broker, at half the net price."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.money import Price
from thetaloom.links.lowest_terms import LowestTerms, divided, in_lowest_terms
from thetaloom.links.report_book import ReportBook
from thetaloom.testing import builders as b
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.clock import FakeClock

PAIR = ("-2 SPY 2026-01-16 P 560", "+2 SPY 2026-01-16 P 555")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ReportBook]:
    opened = ReportBook(f"sqlite:///{tmp_path}/terms.db", "scripted", b.ACCOUNT, FakeClock())
    yield opened
    opened.close()


def pair(limit: str = "6.65", quantity: int = 1) -> Order:
    return b.order(*PAIR, limit=limit, quantity=quantity)


def test_the_factor_goes_into_the_quantity_and_out_of_the_price() -> None:
    sent = in_lowest_terms(pair("6.64"))

    assert [leg.ratio for leg in sent.legs] == [-1, 1]
    assert sent.quantity == 2 and sent.limit_price == Price("3.32")


@pytest.mark.parametrize(("limit", "each"), [("6.65", "3.33"), ("-6.65", "-3.32"), ("0.01", "0.01"), ("-0.01", "0")])
def test_a_limit_that_does_not_divide_is_rounded_our_way(limit: str, each: str) -> None:
    assert divided(Price(limit), 2, b.legs()) == Price(each)


def test_an_order_without_a_common_factor_goes_out_as_it_is() -> None:
    order = b.order("-2 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555", limit="1.50")

    assert in_lowest_terms(order) is order


def test_the_brokers_books_are_told_in_the_orders_own_terms_also_after_a_restart(book: ReportBook) -> None:
    scripted, order = ScriptedBroker(FakeClock()), pair("6.64")

    LowestTerms(scripted, book).submit(order)
    again = LowestTerms(scripted, book)

    theirs, ours = scripted.find(order.client_order_id), again.find(order.client_order_id)
    assert theirs is not None and theirs.quantity == 2 and theirs.limit_price == Price("3.32")
    assert ours is not None and ours.legs == order.legs
    assert (ours.quantity, ours.limit_price, ours.filled) == (1, Price("6.64"), 0)
    assert again.open_orders() == [ours]


def test_half_of_a_structure_is_no_structure(book: ReportBook) -> None:
    scripted, order = ScriptedBroker(FakeClock()), pair("6.64")
    broker = LowestTerms(scripted, book)
    broker.submit(order)

    filled = []
    for _ in range(2):
        scripted.count_filled(order.client_order_id, 1)
        found = broker.find(order.client_order_id)
        assert found is not None
        filled.append(found.filled)

    assert filled == [0, 1]


def test_a_limit_is_moved_in_the_brokers_terms_and_told_in_ours(book: ReportBook) -> None:
    scripted, order = ScriptedBroker(FakeClock()), pair("6.64")
    broker = LowestTerms(scripted, book)
    broker.submit(order)

    broker.replace(order.client_order_id, Price("6.54"), 1)

    theirs = scripted.find(order.client_order_id)
    assert theirs is not None and theirs.limit_price == Price("3.27")
    moved = [one for one in broker.reports_since(0) if one.kind is K.REPLACED]
    assert [one.limit_price for one in moved] == [Price("6.54")]


def test_any_other_order_is_passed_on_untouched(book: ReportBook) -> None:
    scripted, order = ScriptedBroker(FakeClock()), b.order(limit="1.50")
    broker = LowestTerms(scripted, book)
    broker.submit(order)
    scripted.fill(order.client_order_id)

    found = broker.find(order.client_order_id)
    assert found == scripted.find(order.client_order_id)
    assert broker.reports_since(0) == scripted.reports_since(0)
    assert broker.preview(replace(order, limit_price=Price("1.40"))).refusal is None
