"""What a broker told is kept once, in order, over restarts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.transactions import trade_transactions
from thetaloom.domain.values.ids import BrokerOrderId, FillId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import NotFound
from thetaloom.links import report_book
from thetaloom.links.report_book import ReportBook
from thetaloom.store.database import Database
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock

ONE, TWO = BrokerOrderId("1001"), BrokerOrderId("1002")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/told.db"
    database: Database = request.getfixturevalue("postgres_database")
    return database.url.render_as_string(hide_password=False)


@pytest.fixture
def book(url: str) -> Iterator[ReportBook]:
    opened = ReportBook(url, "acme", b.ACCOUNT, FakeClock())
    yield opened
    opened.close()


def executed(order: Order, leg: int, quantity: int, execution_id: str) -> LegExecution:
    return LegExecution(
        execution_id=FillId(execution_id),
        client_order_id=order.client_order_id,
        contract=order.legs[leg].contract,
        quantity=quantity,
        price=Price(1),
        fees=Money(0),
        executed_at=FakeClock().now(),
    )


def test_a_fact_of_one_key_is_told_once(book: ReportBook) -> None:
    order, at = b.order(), FakeClock().now()
    book.note_sent(order)

    first = book.report("accepted:1001", K.ACCEPTED, order.client_order_id, at=at, broker_order_id=ONE)
    again = book.report("accepted:1001", K.ACCEPTED, order.client_order_id, at=at, broker_order_id=ONE)

    assert first and not again
    assert [one.kind for one in book.reports_since(0)] == [K.ACCEPTED]


def test_an_order_noted_twice_is_one(book: ReportBook) -> None:
    order = b.order()

    first = book.note_once(order)
    again = book.note_once(replace(order, quantity=7))

    assert first == (again[0], True) and not again[1] and len(book.open_sent()) == 1


def test_a_fact_is_told_once_by_several_processes_and_however_long_ago(
    book: ReportBook, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_book, "KEYS_KEPT", 2)
    order, at = b.order(), FakeClock().now()
    book.note_sent(order)
    other = ReportBook(url, "acme", b.ACCOUNT, FakeClock())
    keys = [f"refused:{number}" for number in range(5)]

    first = [one.report(key, K.CANCEL_REFUSED, order.client_order_id, at=at) for key in keys for one in (book, other)]
    again = [one.report(key, K.CANCEL_REFUSED, order.client_order_id, at=at) for key in keys for one in (book, other)]

    assert first == [True, False] * 5 and not any(again) and len(book.reports_since(0)) == 5
    other.close()


def test_all_is_kept_over_a_restart_and_sequences_go_on(book: ReportBook, url: str) -> None:
    order, at = b.order(), FakeClock().now()
    book.note_sent(order)
    book.report("accepted:1001", K.ACCEPTED, order.client_order_id, at=at, broker_order_id=ONE)
    book.record(trade_transactions(b.fill(order), ONE))
    book.put_mark("activities", "page-7")

    again = ReportBook(url, "acme", b.ACCOUNT, FakeClock())
    again.report("canceled:1001", K.CANCELED, order.client_order_id, at=at, broker_order_id=ONE)

    told, moved = again.reports_since(0), again.transactions(0)
    assert told[1].sequence == told[0].sequence + 1 and moved[1].sequence == moved[0].sequence + 1
    assert again.reports_since(told[0].sequence) == told[1:] and again.transactions(moved[1].sequence) == []
    assert again.mark("activities") == "page-7" and again.mark("orders") is None
    again.close()


def test_a_replacement_is_known_under_both_ids(book: ReportBook) -> None:
    order, at = b.order(), FakeClock().now()
    book.note_sent(order)
    book.report("accepted:1001", K.ACCEPTED, order.client_order_id, at=at, broker_order_id=ONE)

    book.bind(order.client_order_id, TWO)

    old, new = book.sent_as(ONE), book.sent_as(TWO)
    assert old is not None and old == new and old.broker_order_id == TWO
    assert book.sent_as(BrokerOrderId("1003")) is None
    assert book.sent_as(BrokerOrderId("1003"), TWO) == book.sent_as(client_order_id=order.client_order_id) == new


def test_an_id_of_an_order_not_sent_from_here_is_not_bound(book: ReportBook) -> None:
    with pytest.raises(NotFound):
        book.bind(b.order().client_order_id, ONE)


def test_only_a_newer_revision_is_asked_for(book: ReportBook) -> None:
    order = b.order()
    book.note_sent(order)

    assert book.note_replace(order.client_order_id, 2)
    assert not book.note_replace(order.client_order_id, 2) and not book.note_replace(order.client_order_id, 1)


def test_legs_done_in_any_order_fill_the_order_when_all_are_there(book: ReportBook) -> None:
    order, at = b.order(quantity=2), FakeClock().now()
    book.note_sent(order)
    signs = [1 if leg.ratio > 0 else -1 for leg in order.legs]

    for number, (leg, count) in enumerate([(1, 1), (0, 2), (1, 1)]):
        one = executed(order, leg, signs[leg] * count, f"X-{number}")
        book.report(f"exec:{number}", K.LEG_FILLED, order.client_order_id, at=at, execution=one)
        sent = book.sent(order.client_order_id)
        assert sent is not None and sent.filled == (0, 1, 2)[number]

    done = book.sent(order.client_order_id)
    assert done is not None and done.status is OrderStatus.FILLED and not book.open_sent()


def test_a_refusal_as_known_already_ends_nothing(book: ReportBook) -> None:
    order, at = b.order(), FakeClock().now()
    book.note_sent(order)

    book.report("rejected:1", K.REJECTED, order.client_order_id, at=at, refusal=Refusal.DUPLICATE)

    sent = book.sent(order.client_order_id)
    assert sent is not None and sent.is_open


def test_transactions_count_once_by_their_id(book: ReportBook) -> None:
    happened = trade_transactions(b.fill(b.order()), ONE)

    assert book.record(happened) == len(happened)
    assert book.record(happened) == 0 and len(book.transactions(0)) == len(happened)


def test_accounts_and_brokers_do_not_see_each_other(book: ReportBook, url: str) -> None:
    order, at = b.order(), FakeClock().now()
    other = ReportBook(url, "other", b.ACCOUNT, FakeClock())
    book.note_sent(order)
    book.report("accepted:1001", K.ACCEPTED, order.client_order_id, at=at, broker_order_id=ONE)

    assert other.sent(order.client_order_id) is None and not other.reports_since(0)
    assert other.report("accepted:1001", K.ACCEPTED, order.client_order_id, at=at)
    other.close()


def test_many_threads_tell_each_fact_once_without_a_gap(book: ReportBook) -> None:
    order, at = b.order(), FakeClock().now()
    book.note_sent(order)

    def tell() -> None:
        for number in range(10):
            book.report(f"key:{number}", K.CANCEL_REFUSED, order.client_order_id, at=at)

    threads = [Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = [one.sequence for one in book.reports_since(0)]
    assert told == list(range(told[0], told[0] + 10))


def test_whoever_listens_is_woken_by_news_alone(book: ReportBook) -> None:
    order, at = b.order(), FakeClock().now()
    wakes: list[None] = []
    book.on_report(lambda: wakes.append(None))
    book.note_sent(order)

    book.report("a", K.CANCEL_REFUSED, order.client_order_id, at=at)
    book.report("a", K.CANCEL_REFUSED, order.client_order_id, at=at)
    book.record(trade_transactions(b.fill(order), ONE))

    assert len(wakes) == 2


def test_a_book_that_was_lost_begins_beyond_what_was_read_of_it(tmp_path: Path) -> None:
    order, clock = b.order(), FakeClock()
    lost = ReportBook(f"sqlite:///{tmp_path}/lost.db", "acme", b.ACCOUNT, clock)
    lost.report("accepted:1001", K.ACCEPTED, order.client_order_id, at=clock.now())
    read_until = lost.reports_since(0)[-1].sequence
    lost.close()

    clock.advance(seconds=1)
    fresh = ReportBook(f"sqlite:///{tmp_path}/fresh.db", "acme", b.ACCOUNT, clock)
    fresh.report("canceled:1001", K.CANCELED, order.client_order_id, at=clock.now())

    assert [one.kind for one in fresh.reports_since(read_until)] == [K.CANCELED]
    fresh.close()
