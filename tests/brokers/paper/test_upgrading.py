"""Books of version 1 are read on: what they lacked is worked out from what they kept."""

import json

import pytest
import sqlalchemy as sa

from thetaloom.brokers.paper.books import BOOKS_VERSION
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.transactions import TransactionKind, balance_of
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import ConfigError
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench

SECOND = ClientOrderId("tl-order-2")
NEW = ("placed_at", "works_from", "is_ours", "queued_since", "queued_seconds")


def make_old(url: str) -> None:
    """Trade, and turn the books into those that version 1 would have written."""
    bench = PaperBench(url)
    bench.broker.submit(b.order(limit="0.90", quantity=3))
    bench.tick()
    bench.broker.submit(b.closing(b.order(), limit="-1.10", quantity=1))
    bench.tick(bench.clock.advance(seconds=1))
    bench.market.set_quote("SPY 2026-01-05 P 570", 1, 1)
    bench.broker.submit(b.order("+1 SPY 2026-01-05 P 570", limit=-1, client_order_id=ClientOrderId("tl-order-3")))
    bench.tick(bench.clock.advance(seconds=1))
    bench.tick(b.new_york("2026-01-05 17:00"))
    bench.broker.submit(b.order(limit="1.50", client_order_id=SECOND))
    bench.broker.close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        run = connection.exec_driver_sql
        run(
            "CREATE TABLE paper_settlements (account_id TEXT, contract TEXT, multiplier INTEGER, body TEXT,"
            " PRIMARY KEY (account_id, contract, multiplier))"
        )
        run("INSERT INTO paper_settlements SELECT account_id, contract, 100, body FROM paper_outcomes")
        for table in ("paper_transactions", "paper_shares", "paper_outcomes"):
            run(f"DROP TABLE {table}")
        for column in ("transactions", "starting_cash", "opened_at"):
            run(f"ALTER TABLE paper_accounts DROP COLUMN {column}")
        for key, body in run("SELECT client_order_id, body FROM paper_orders").all():
            old = {name: part for name, part in json.loads(body).items() if name not in NEW}
            update = sa.text("UPDATE paper_orders SET body = :body WHERE client_order_id = :key")
            connection.execute(update, {"body": json.dumps(old), "key": key})
        run("UPDATE paper_meta SET version = 1")
    engine.dispose()


def test_old_books_are_read_on_with_transactions_that_add_up(books_url: str) -> None:
    make_old(books_url)

    bench = PaperBench(books_url)

    account, transactions = bench.broker.account(), bench.broker.transactions(0)
    balance = balance_of(Money(100_000), transactions)
    assert (account.cash, bench.broker.holdings()) == (balance.cash, balance.contracts)
    assert account.cash == Money("100000") + Money(270) - Money("3.90") - Money(110) - Money("1.30") - Money("100.65")
    assert [one.kind for one in transactions] == [
        *[TransactionKind.TRADE] * 5,
        TransactionKind.EXPIRATION,
    ]
    assert [one.outcome for one in bench.broker.settlements()] == ["expired"]
    assert [one.sequence for one in transactions] == [1, 2, 3, 4, 5, 6]
    found = bench.broker.find(SECOND)
    assert found is not None and (found.status, found.placed_at) == (
        OrderStatus.WORKING,
        b.new_york("2026-01-05 17:00"),
    )
    bench.broker.close()


def test_upgraded_books_go_on_and_are_upgraded_once(sqlite_books: str) -> None:
    make_old(sqlite_books)
    PaperBench(sqlite_books).broker.close()

    bench = PaperBench(sqlite_books)
    bench.broker.replace(SECOND, Price("0.90"), 1)
    bench.tick(b.new_york("2026-01-06 10:00"))

    assert bench.broker.transactions(0)[-1].sequence == 8
    assert set(map(abs, bench.broker.holdings().values())) == {3}
    with bench.broker._books._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version FROM paper_meta").scalar() == BOOKS_VERSION
    bench.broker.close()


def test_old_books_that_do_not_add_up_are_refused(sqlite_books: str) -> None:
    make_old(sqlite_books)
    engine = sa.create_engine(sqlite_books)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE paper_holdings SET quantity = quantity + 1")
    engine.dispose()

    with pytest.raises(ConfigError, match="do not add up"):
        PaperBench(sqlite_books)
