"""A roll that is killed at every commit of its life: never two closes, never an open without its close."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from thetaloom.domain.book.orders import Effect, OrderPurpose
from thetaloom.domain.book.rolls import StrikesFrom
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import RunId
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.ports.store import Store, UnitOfWork
from thetaloom.store.database import open_database
from thetaloom.store.upgrading import upgrade
from thetaloom.testing.desk import ANNA, DeskBench

FEBRUARY = {"SPY 2026-02-20 P 560": (3.40, 3.60), "SPY 2026-02-20 P 555": (2.10, 2.30)}
MEMORY = Path("/dev/shm")  # a process is killed here, never the machine: nothing has to reach a disk
ROUNDS = 12  # in which a killed life is taken up again


class Killed(BaseException):
    """The process is gone; nothing in it can catch this."""


class MortalStore:
    """A store whose process dies at one of its commits: right before it, or right after."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.commits = 0
        self.dies_at = 0
        self.is_before = False

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """Open a writing transaction that may not survive its commit."""
        with self._store.unit_of_work() as uow:
            commit = uow.commit

            def commit_or_die() -> None:
                self.commits += 1
                if self.commits == self.dies_at and self.is_before:
                    raise Killed
                commit()
                if self.commits == self.dies_at:
                    raise Killed

            uow.commit = commit_or_die  # type: ignore[method-assign]  # a death at this very boundary
            yield uow

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """Open a snapshot."""
        return self._store.reading()

    def installation_id(self) -> str:
        """Return the id of the database."""
        return self._store.installation_id()


@pytest.fixture(scope="module")
def empty_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our tables with nothing in them, made once."""
    path = tmp_path_factory.mktemp("empty") / "books.db"
    with closing(open_database(f"sqlite:///{path}")) as database:
        upgrade(database)
    return path


def copied(books: Path, to: Path) -> Path:
    """Return books of one life alone."""
    shutil.copyfile(books, to)
    return to


def live(bench: DeskBench, store: MortalStore, dies_at: int, *, is_before: bool) -> list[RunId]:
    """Live through a roll; after a death another process takes over where the books stand."""
    bench.market.set_quotes(FEBRUARY)
    run = bench.enter(at=1.00)
    position = bench.position(run)
    assert position is not None
    command = commands.RollPosition(
        user_id=ANNA, position_id=position.id, expires_on=date(2026, 2, 20), strikes=StrikesFrom.SAME
    )
    child = bench.engine.handle(command)
    assert isinstance(child, WorkflowRun)
    bench.engine.settle()
    (shown,) = bench.proposals(child.id)
    bench.restart(store=store)
    store.commits, store.dies_at, store.is_before = 0, dies_at, is_before
    for _ in range(ROUNDS):
        try:
            _one_round(bench, run, child.id, shown.id)
        except Killed:
            bench.restart()
    return [run, child.id]


def _one_round(bench: DeskBench, run: RunId, child: RunId, proposal: str) -> None:
    approve = commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(child)[0].id)
    assert approve.proposal_id == proposal
    bench.engine.handle(approve)
    bench.engine.settle()
    for owner, effect in ((run, Effect.CLOSE), (child, Effect.OPEN)):
        for order in bench.orders(owner, effect):
            known = bench.broker.find(order.client_order_id)
            if known is not None and known.is_open:
                bench.broker.fill(order.client_order_id, at=-1.05 if effect is Effect.CLOSE else 1.30)
        bench.engine.settle()
    bench.pass_time(seconds=20)


@pytest.mark.slow
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_a_roll_that_is_killed_at_any_commit_ends_as_if_nothing_had_been(empty_books: Path, *, is_before: bool) -> None:
    # Every other commit has a kill before or after it; with ``TESTS_ALL_KILLS``, as at night, each has both.
    step = 1 if "TESTS_ALL_KILLS" in os.environ else 4
    number, survived = (1 if is_before else min(step, 3)) - step, False
    while not survived:
        number += step
        with (
            TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
            closing(open_database(f"sqlite:///{copied(empty_books, Path(folder) / 'kill.db')}")) as database,
        ):
            bench = DeskBench(database)
            store = MortalStore(bench.store)
            run, child = live(bench, store, number, is_before=is_before)
            survived = store.commits < number
            closed = bench.orders(run, Effect.CLOSE)
            assert [one.purpose for one in closed] == [OrderPurpose.ROLL] and closed[0].filled == 1
            assert [one.filled for one in bench.orders(child, Effect.OPEN)] == [1]
            assert all(count == 1 for count in bench.broker.arrivals.values()), "one intent, one order"
            old, new = bench.position(run), bench.position(child)
            assert old is not None and new is not None
            assert old.ended_as == "rolled" and new.is_open and new.chain_id == old.id
            assert find_drifts(bench.desk) == ()
            assert bench.faults(run) == [] and bench.replay(run).identical
            assert bench.faults(child) == [] and bench.replay(child).identical
    assert number > 8, "the life of a roll has many commits"
