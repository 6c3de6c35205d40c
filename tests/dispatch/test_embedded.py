"""Due runs are handed out once, oldest first, within the caps of their lanes, and are never forgotten."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.dialects import sqlite

from tests.builders import NOW, a_run
from thetaloom.dispatch.embedded import LEASE, EmbeddedDispatch
from thetaloom.domain.run.runs import Outcome, RunStatus, WorkflowRun
from thetaloom.domain.values.ids import RunId
from thetaloom.errors import StaleVersionError
from thetaloom.ports.dispatch import Lane, lane_of
from thetaloom.store.database import Database
from thetaloom.store.schema import runs as table
from thetaloom.store.statements import row_of
from thetaloom.store.unit_of_work import SqlStore

SECOND = timedelta(seconds=1)


@pytest.fixture
def dispatch(database: Database) -> EmbeddedDispatch:
    return EmbeddedDispatch(database, table, owner="worker-1")


def fill(database: Database, *runs: WorkflowRun) -> list[RunId]:
    with database.begin() as connection:
        connection.execute(insert(table), [row_of(run, lane=lane_of(run)) for run in runs])
    return [run.id for run in runs]


def test_due_runs_come_oldest_first_and_once(database: Database, dispatch: EmbeddedDispatch) -> None:
    first, second, later, asleep = fill(
        database,
        a_run(1, due_at=NOW - 2 * SECOND),
        a_run(2, due_at=NOW),
        a_run(3, due_at=NOW + SECOND),
        a_run(4, due_at=None),
    )

    assert dispatch.claim(NOW) == (first, second)
    assert dispatch.claim(NOW) == ()
    assert dispatch.claim(NOW + SECOND) == (later,)
    assert asleep not in dispatch.claim(NOW + LEASE / 2)


def test_each_lane_has_its_cap_and_care_has_none(database: Database, dispatch: EmbeddedDispatch) -> None:
    statuses = (RunStatus.EVALUATING, RunStatus.EXECUTING, RunStatus.CLOSING)
    runs = [a_run(100 * place + number, status=status) for place, status in enumerate(statuses) for number in range(10)]
    fill(database, *runs)
    lanes = {run.id: lane_of(run) for run in runs}

    claimed = [lanes[run] for run in dispatch.claim(NOW)]

    assert {lane: claimed.count(lane) for lane in Lane} == {Lane.EVALUATION: 5, Lane.EXECUTION: 3, Lane.CARE: 10}
    assert dispatch.claim(NOW) == ()
    dispatch.done(runs[0].id)
    assert dispatch.claim(NOW) == (runs[0].id,), "there is room again, and this one is the oldest still due"


def test_the_run_of_a_dead_worker_is_due_when_its_lease_ends(database: Database, dispatch: EmbeddedDispatch) -> None:
    other = EmbeddedDispatch(database, table, owner="worker-2")
    (run,) = fill(database, a_run())

    assert dispatch.claim(NOW) == (run,)
    assert other.claim(NOW + LEASE - SECOND) == ()
    assert other.next_due_at() == NOW + LEASE
    assert other.claim(NOW + LEASE) == (run,)

    dispatch.done(run)
    assert other.claim(NOW + LEASE) == (), "the dead worker came back, but the lease is no longer its own"


def test_next_due_is_the_earliest_run_nobody_has(database: Database, dispatch: EmbeddedDispatch) -> None:
    assert dispatch.next_due_at() is None
    (run, *_) = fill(database, a_run(1, due_at=NOW), a_run(2, due_at=NOW + SECOND), a_run(3, due_at=None))
    assert dispatch.next_due_at() == NOW

    dispatch.claim(NOW)
    assert dispatch.next_due_at() == NOW + SECOND
    dispatch.done(run)
    assert dispatch.next_due_at() == NOW


def test_a_full_lane_waits_for_nothing_but_its_leases(database: Database, dispatch: EmbeddedDispatch) -> None:
    fill(database, *(a_run(number) for number in range(6)))

    dispatch.claim(NOW)

    assert dispatch.next_due_at() is None


def test_a_wake_up_is_kept_or_undone_with_the_unit_it_belongs_to(store: SqlStore) -> None:
    calls: list[str] = []
    dispatch = EmbeddedDispatch(store.database, table, owner="w", on_enqueue=lambda: calls.append("woken"))
    run = a_run(due_at=None)
    with store.unit_of_work() as work:
        work.runs.add(run)
        dispatch.enqueue(run.id, NOW)
    assert dispatch.next_due_at() is None and calls == []

    with store.unit_of_work() as work:
        work.runs.add(run)
        dispatch.enqueue(run.id, NOW)
        assert calls == []
        work.commit()
    assert dispatch.next_due_at() == NOW and calls == ["woken"]


def test_a_wake_up_never_postpones_and_cannot_be_written_over(store: SqlStore) -> None:
    dispatch = EmbeddedDispatch(store.database, table, owner="w")
    run = a_run(due_at=NOW + 60 * SECOND)
    with store.unit_of_work() as work:
        work.runs.add(run)
        work.commit()

    dispatch.enqueue(run.id, NOW + 90 * SECOND)
    assert dispatch.next_due_at() == NOW + 60 * SECOND
    dispatch.enqueue(run.id, NOW)
    assert dispatch.next_due_at() == NOW
    with store.unit_of_work() as work, pytest.raises(StaleVersionError):
        work.runs.save(run)


def test_a_completed_run_is_never_woken(database: Database, dispatch: EmbeddedDispatch) -> None:
    (run,) = fill(database, a_run(status=RunStatus.COMPLETED, outcome=Outcome.CLOSED, due_at=None))

    dispatch.enqueue(run, NOW)

    assert dispatch.next_due_at() is None
    assert dispatch.claim(NOW) == ()


def test_saving_a_leased_run_keeps_its_lease(store: SqlStore) -> None:
    dispatch = EmbeddedDispatch(store.database, table, owner="w")
    with store.unit_of_work() as work:
        work.runs.add(a_run())
        work.commit()
    dispatch.claim(NOW)

    with store.unit_of_work() as work:
        work.runs.save(a_run().moved_to(RunStatus.EVALUATING, now=NOW))
        work.commit()

    assert dispatch.claim(NOW) == ()
    dispatch.done(a_run().id)
    assert dispatch.claim(NOW) == (a_run().id,)


def test_many_workers_share_the_work_and_never_one_run(database: Database) -> None:
    fill(database, *(a_run(number, status=RunStatus.MONITORING) for number in range(120)))
    fill(database, *(a_run(number) for number in range(200, 260)))
    taken: list[RunId] = []
    ready = threading.Barrier(4)

    def work(name: str) -> None:
        dispatch = EmbeddedDispatch(database, table, owner=name)
        ready.wait()
        for _ in range(4):
            taken.extend(dispatch.claim(NOW))

    threads = [threading.Thread(target=work, args=[f"worker-{number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == len(set(taken)) == 120 + 5


def test_leases_wait_for_no_disk_and_wake_ups_do(sqlite_database: Database) -> None:
    (run,) = fill(sqlite_database, a_run(1))
    dispatch = EmbeddedDispatch(sqlite_database, table, owner="w")
    flushes: list[bool] = []

    def note(when: str) -> None:
        if when == "before":
            with sqlite_database.begin() as joined:
                flushes.append(joined.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2)

    sqlite_database.on_commit = note
    dispatch.enqueue(run, NOW - SECOND)
    assert dispatch.claim(NOW) == (run,)
    dispatch.done(run)

    assert flushes == [True, False, False]


def test_fifty_thousand_waiting_runs_are_never_scanned(sqlite_database: Database) -> None:
    fill(sqlite_database, *(a_run(number, due_at=NOW + SECOND * number) for number in range(1, 50_001)))
    dispatch = EmbeddedDispatch(sqlite_database, table, owner="w")
    dialect = sqlite.dialect()
    plans = {}
    with sqlite_database.connect() as connection:
        for name, statement in vars(dispatch._statements).items():
            query = f"EXPLAIN QUERY PLAN {statement.compile(dialect=dialect)}"
            rows = connection.exec_driver_sql(query, (None,) * query.count("?"))
            plans[name] = [row.detail for row in rows]

    scans = [step for plan in plans.values() for step in plan if step.startswith("SCAN runs") and "ix_" not in step]
    assert scans == []
    assert any("ix_runs_waiting" in step for step in plans["due"])
    assert dispatch.claim(NOW) == ()
    assert dispatch.next_due_at() == NOW + SECOND
