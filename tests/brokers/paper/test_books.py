"""The paper broker's books: whole or not at all, and the same after any kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from thetaloom.brokers.paper.books import BOOKS_VERSION, Phase, meta, metadata
from thetaloom.brokers.paper.settings import Instruction
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.ids import AccountId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import BrokerUnavailable, ConfigError, OutcomeUnknown
from thetaloom.testing import builders as b
from thetaloom.testing.bench import SPREAD_QUOTES, PaperBench
from thetaloom.testing.market import FixedMarket

K = ReportKind
FIRST, SECOND = ClientOrderId("tl-order-1"), ClientOrderId("tl-order-2")
DEPOSIT = [
    Transaction(
        sequence=0,
        transaction_id="deposit",
        kind=TransactionKind.TRANSFER,
        happened_at=b.NOW,
        symbol="",
        contract=None,
        quantity=0,
        price=None,
        cash=Money(5),
    )
]
SCRIPT = (Instruction(client_order_id=FIRST, fills=(3,)),)
STORY: list[Callable[[PaperBench], object]] = [
    lambda bench: bench.broker.submit(b.order(limit="1.20", quantity=4)),
    lambda bench: bench.broker.replace(FIRST, Price("0.90"), 1),
    lambda bench: bench.tick(b.NOW + timedelta(minutes=1)),
    lambda bench: bench.broker.cancel(FIRST),
    lambda bench: bench.broker.submit(b.closing(b.order(), limit="-1.10", quantity=2)),
    lambda bench: bench.tick(b.NOW + timedelta(minutes=2)),
    lambda bench: bench.broker.submit(b.order(limit="1.40", client_order_id=SECOND)),
    lambda bench: bench.tick(b.new_york("2026-01-05 16:00")),
    lambda bench: bench.tick(b.new_york("2026-01-16 17:00")),
]


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Ends the process at the commit it is told, right before or right after."""

    def __init__(self, number: int, phase: Phase) -> None:
        self.left = number
        self.phase = phase

    def __call__(self, phase: Phase) -> None:
        if phase == self.phase:
            self.left -= 1
            if self.left == 0:
                raise Killed


@pytest.fixture
def undisturbed(tmp_path: Path) -> Iterator[PaperBench]:
    bench = PaperBench(f"sqlite:///{tmp_path}/undisturbed.db", script=SCRIPT)
    for act in STORY:
        act(bench)
    yield bench
    bench.broker.close()


def test_the_story_tells_something(undisturbed: PaperBench) -> None:
    assert undisturbed.kinds() == [
        *(K.ACCEPTED, K.REPLACED, K.FILLED, K.CANCELED),
        *(K.ACCEPTED, K.FILLED, K.ACCEPTED, K.EXPIRED),
    ]
    assert len(undisturbed.broker.settlements()) == 2


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 11))
def test_a_kill_at_any_commit_changes_nothing_in_the_end(
    sqlite_books: str, undisturbed: PaperBench, number: int, phase: Phase
) -> None:
    bench = PaperBench(sqlite_books, script=SCRIPT)
    bench.reopen(Killer(number, phase))

    for act in STORY:
        seen = len(bench.kinds())
        try:
            act(bench)
        except Killed:
            bench.reopen()
            # Whoever asks again after a kill first looks whether the request has arrived.
            if phase == "before" or len(bench.kinds()) == seen:
                act(bench)

    assert bench.broker.reports_since(0) == undisturbed.broker.reports_since(0)
    assert bench.broker.account() == undisturbed.broker.account()
    assert bench.broker.settlements() == undisturbed.broker.settlements()
    bench.broker.close()


def test_books_survive_a_real_kill(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from thetaloom.testing import builders as b
from thetaloom.testing.bench import SPREAD_QUOTES, PaperBench
from thetaloom.testing.market import FixedMarket
bench = PaperBench(sys.argv[1], on_commit=lambda phase: None)
bench.broker.submit(b.order(limit="0.90"))
bench.reopen(lambda phase: os.kill(os.getpid(), signal.SIGKILL) if phase == "before" else None)
bench.broker.tick()
"""
    url = f"sqlite:///{tmp_path}/paper.db"

    ended = subprocess.run(
        [sys.executable, "-c", program, url], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )

    assert ended.returncode == -signal.SIGKILL
    bench = PaperBench(url)
    assert bench.kinds() == [K.ACCEPTED] and bench.broker.holdings() == {}
    assert bench.tick() == [K.FILLED]
    bench.broker.close()


def test_a_failure_halfway_leaves_no_trace(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="0.90"))

    with pytest.raises(RuntimeError, match="halfway"), bench.broker._books.write() as ledger:
        ledger.record(DEPOSIT)
        ledger.report(K.CANCELED, FIRST, None, b.NOW)
        raise RuntimeError("halfway")

    assert bench.kinds() == [K.ACCEPTED]
    assert bench.broker.account().cash == Money(100_000)


def test_two_processes_share_one_account(books_url: str) -> None:
    first, second = PaperBench(books_url), PaperBench(books_url)

    first.broker.submit(b.order(limit="0.90"))
    second.broker.submit(b.order(limit="0.90"))
    second.tick()
    first.tick()
    first.broker.cancel(FIRST)

    assert second.kinds() == [K.ACCEPTED, K.FILLED, K.CANCEL_REFUSED]
    assert first.broker.account() == second.broker.account()
    first.broker.close()
    second.broker.close()


class SlowMarket(FixedMarket):
    """While it answers, somebody else cancels the order."""

    meanwhile: Callable[[], None] | None = None

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().quotes(contracts, at)


@pytest.mark.parametrize("at", ["2026-01-05 12:00", "2026-01-05 16:00"])
def test_what_changed_since_it_was_read_is_left_alone(bench: PaperBench, at: str) -> None:
    market = SlowMarket(bench.clock, always_fresh=True)
    market.set_quotes(SPREAD_QUOTES)
    bench.market = market
    bench.reopen().submit(b.order(limit="0.90"))

    market.meanwhile = lambda: bench.broker.cancel(FIRST)

    assert bench.tick(b.new_york(at)) == [K.CANCELED]
    assert bench.tick() == []
    assert bench.broker.holdings() == {}


def test_two_accounts_in_one_database_do_not_mix(books_url: str) -> None:
    first, second = PaperBench(books_url), PaperBench(books_url, account_id=AccountId("OTHER"))

    first.broker.submit(b.order(limit="0.90"))
    second.broker.submit(b.order(limit="0.90", quantity=2, account_id=AccountId("OTHER")))
    first.tick()
    second.tick()

    assert [sorted(one.broker.holdings().values()) for one in (first, second)] == [[-1, 1], [-2, 2]]
    assert first.kinds() == second.kinds() == [K.ACCEPTED, K.FILLED]
    assert first.broker.account().cash == Money("100088.70")
    first.broker.close()
    second.broker.close()


def test_starting_cash_counts_only_once(sqlite_books: str) -> None:
    PaperBench(sqlite_books, starting_cash=Money(500)).broker.close()

    bench = PaperBench(sqlite_books, starting_cash=Money(900))

    assert bench.broker.account().cash == Money(500)
    bench.broker.close()


def test_books_of_a_newer_program_are_refused(books_url: str) -> None:
    PaperBench(books_url).broker.close()
    engine = sa.create_engine(books_url)
    with engine.begin() as connection:
        connection.execute(meta.update().values(version=BOOKS_VERSION + 1))
    engine.dispose()

    with pytest.raises(ConfigError, match="version 3, this program reads version 2"):
        PaperBench(books_url)


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////nowhere/at/all/paper.db", "mystery://host/name"])
def test_books_that_cannot_be_opened_are_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="paper broker"):
        PaperBench(url)


def test_books_that_cannot_be_used_are_a_broker_that_is_unavailable(books_url: str) -> None:
    bench = PaperBench(books_url)
    engine = sa.create_engine(books_url)
    with engine.begin() as connection:
        metadata.drop_all(connection)
    engine.dispose()

    with pytest.raises(BrokerUnavailable, match="read"):
        bench.broker.holdings()
    with pytest.raises(BrokerUnavailable, match="written"):
        bench.broker.submit(b.order())
    bench.broker.close()


def test_books_in_memory_live_as_long_as_the_broker() -> None:
    bench = PaperBench("sqlite://")

    bench.broker.submit(b.order(limit="0.90"))

    assert bench.tick() == [K.FILLED]
    bench.broker.close()


def test_the_file_is_written_through_to_the_disk(bench: PaperBench) -> None:
    with bench.broker._books._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.postgres
def test_a_commit_without_an_answer_has_an_unknown_outcome(postgres_books: str) -> None:
    engine = sa.create_engine(postgres_books)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"

    def cut(phase: Phase) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"{others} AND pid <> pg_backend_pid()")

    bench = PaperBench(postgres_books, on_commit=cut)

    with pytest.raises(OutcomeUnknown):
        bench.broker.submit(b.order())
    engine.dispose()

    assert bench.reopen().find(FIRST) is None
    bench.broker.close()
