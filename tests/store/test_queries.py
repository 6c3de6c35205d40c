"""Everybody sees their own rows, whole, a page at a time."""

import threading
from datetime import timedelta

import pytest

from tests.builders import ANNA, BERT, NOW, a_fill, a_position, a_proposal, a_record, a_run, an_event, an_order
from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus, WorkflowRun
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.dispatch import Lane
from thetaloom.store.database import Database
from thetaloom.store.queries.executions import step_statistics
from thetaloom.store.queries.health import backlog, events_since, last_sequence
from thetaloom.store.queries.lineage import (
    evidence_content,
    lineage_of_run,
    recent_records,
    step_record,
)
from thetaloom.store.queries.orders import list_orders, order_detail
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.positions import list_positions, position_detail
from thetaloom.store.queries.proposals import list_proposals, proposal_detail
from thetaloom.store.queries.runs import list_runs, run_detail, run_stats
from thetaloom.store.schema import runs as table
from thetaloom.store.unit_of_work import SqlStore

ANNAS = a_run(1, status=RunStatus.MONITORING)
BERTS = a_run(2, user_id=BERT)


def write_story(database: Database, run: WorkflowRun) -> None:
    order = an_order(run).moved_to(OrderStatus.SUBMITTED).with_fill(1)
    with SqlStore(database).unit_of_work() as work:
        work.runs.add(run)
        work.proposals.add(a_proposal(run))
        work.orders.add(order)
        work.orders.add_fill(a_fill(order))
        work.positions.add(a_position(run).with_open_fill(a_fill(order)))
        chart = work.lineage.put_evidence(b"\x89PNG of " + run.id.encode(), "png")
        given = work.lineage.put_evidence(canonical_json({"of": run.id, "chart": chart}), "json")
        work.lineage.append(a_record(run, 1, input_digest=given, output_digest=chart))
        work.events.add(an_event(run, symbol=run.symbol))
        work.commit()


@pytest.fixture
def told(database: Database) -> Database:
    for run in (ANNAS, BERTS):
        write_story(database, run)
    return database


def test_lists_show_the_rows_of_their_user_alone(told: Database) -> None:
    assert list_runs(told, ANNA).rows == (ANNAS,)
    assert [proposal.run_id for proposal in list_proposals(told, ANNA).rows] == [ANNAS.id]
    assert [order.run_id for order in list_orders(told, ANNA).rows] == [ANNAS.id]
    assert [position.run_id for position in list_positions(told, ANNA).rows] == [ANNAS.id]
    assert [record.run_id for record in recent_records(told, ANNA).rows] == [ANNAS.id]
    assert [stored.event.run_id for stored in events_since(told, ANNA, 0)] == [ANNAS.id]
    assert run_stats(told, ANNA).total == 1


def test_what_belongs_to_another_is_not_found(told: Database) -> None:
    berts = a_position(BERTS), a_proposal(BERTS), an_order(BERTS)
    chart = lineage_of_run(told, BERT, BERTS.id)[0].output_digest

    for ask in (
        lambda: run_detail(told, ANNA, BERTS.id),
        lambda: lineage_of_run(told, ANNA, BERTS.id),
        lambda: step_record(told, ANNA, BERTS.id),
        lambda: evidence_content(told, ANNA, BERTS.id, chart),
        lambda: evidence_content(told, ANNA, ANNAS.id, chart),
        lambda: position_detail(told, ANNA, berts[0].id),
        lambda: proposal_detail(told, ANNA, berts[1].id),
        lambda: order_detail(told, ANNA, berts[2].client_order_id),
    ):
        with pytest.raises(NotFound):
            ask()


def test_a_run_is_shown_with_everything_that_belongs_to_it(told: Database) -> None:
    detail = run_detail(told, ANNA, ANNAS.id)

    assert detail.run == ANNAS
    assert detail.timeline == lineage_of_run(told, ANNA, ANNAS.id)
    assert detail.proposals == (proposal_detail(told, ANNA, a_proposal(ANNAS).id),)
    assert detail.orders == list_orders(told, ANNA, run=ANNAS.id).rows
    assert (
        detail.fills == order_detail(told, ANNA, detail.orders[0].client_order_id).fills == (a_fill(detail.orders[0]),)
    )
    assert detail.position is not None and detail.position == position_detail(told, ANNA, detail.position.id)


def test_filters_narrow_a_list(told: Database) -> None:
    assert list_runs(told, ANNA, status=RunStatus.MONITORING, symbol="SPY", strategy=ANNAS.strategy_id).total == 1
    assert list_runs(told, ANNA, status=RunStatus.CLOSING).total == list_runs(told, ANNA, symbol="QQQ").total == 0
    assert list_proposals(told, ANNA, status=ProposalStatus.PENDING).total == 1
    assert list_proposals(told, ANNA, status=ProposalStatus.APPROVED).total == 0
    assert list_orders(told, ANNA, is_open=True, status=OrderStatus.SUBMITTED).total == 1
    assert list_orders(told, ANNA, is_open=False).total == 0
    assert list_positions(told, ANNA, is_open=True, symbol="SPY").total == 1
    assert list_positions(told, ANNA, is_open=False).total == 0
    assert recent_records(told, ANNA, step=StepName.TRIGGER, status=StepStatus.DONE).total == 1
    assert recent_records(told, ANNA, step=StepName.EVALUATE).total == 0


def test_pages_follow_each_other_newest_first(database: Database) -> None:
    with SqlStore(database).unit_of_work() as work:
        for number in range(7):
            work.runs.add(a_run(number))
        work.commit()

    pages = [list_runs(database, ANNA, window=Window(limit=3, offset=offset)) for offset in (0, 3, 6, 9)]

    assert [run.id for page in pages for run in page.rows] == [a_run(number).id for number in reversed(range(7))]
    assert [len(page.rows) for page in pages] == [3, 3, 1, 0]
    assert {page.total for page in pages} == {7}


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1001, 0), (10, -1)])
def test_a_page_has_bounds(limit: int, offset: int) -> None:
    with pytest.raises(InvalidInput):
        Window(limit=limit, offset=offset)


def test_a_step_is_shown_with_its_evidence(told: Database) -> None:
    shown = step_record(told, ANNA, ANNAS.id, StepName.TRIGGER)

    assert shown == step_record(told, ANNA, ANNAS.id, seq=1)
    assert shown.input is not None and shown.output is not None
    assert shown.input.content == {"of": ANNAS.id, "chart": shown.output.digest}
    assert (shown.output.kind, shown.output.content) == ("png", None)
    assert evidence_content(told, ANNA, ANNAS.id, shown.output.digest) == ("png", b"\x89PNG of run-00001")
    with pytest.raises(NotFound):
        step_record(told, ANNA, ANNAS.id, StepName.EVALUATE)


def test_evidence_that_is_absent_is_shown_as_none(store: SqlStore) -> None:
    with store.unit_of_work() as work:
        work.runs.add(ANNAS)
        work.lineage.append(a_record(ANNAS, 1))
        work.commit()

    shown = step_record(store.database, ANNA, ANNAS.id)

    assert shown.input is None and shown.output is None
    with pytest.raises(NotFound):
        evidence_content(store.database, ANNA, ANNAS.id, "ff")


def test_statistics_tell_how_a_step_does(store: SqlStore) -> None:
    outcomes = [(StepStatus.DONE, "", 10), (StepStatus.DONE, "", 30), (StepStatus.DENIED, "halted", 20)]
    with store.unit_of_work() as work:
        work.runs.add(ANNAS)
        for seq, (status, reason, duration) in enumerate([*outcomes, (StepStatus.SKIPPED, "not_requested", 999)], 1):
            work.lineage.append(a_record(ANNAS, seq, status=status, reason=reason, duration_us=duration))
        work.commit()

    shown = step_statistics(store.database, ANNA, StepName.TRIGGER)
    later = step_statistics(store.database, ANNA, StepName.TRIGGER, start=NOW + timedelta(days=1))

    assert shown.total == 4
    assert shown.by_status == {"done": 2, "denied": 1, "skipped": 1, "failed": 0}
    assert shown.by_reason == {"halted": 1, "not_requested": 1}
    assert (shown.duration_us_p50, shown.duration_us_p95, shown.duration_us_max) == (20, 30, 30)
    assert (later.total, later.duration_us_p50, later.duration_us_max) == (0, None, None)


def test_runs_are_counted_by_status_and_outcome(store: SqlStore) -> None:
    with store.unit_of_work() as work:
        work.runs.add(a_run(1))
        work.runs.add(a_run(2, status=RunStatus.COMPLETED, outcome=Outcome.CLOSED))
        work.runs.add(a_run(3, status=RunStatus.COMPLETED, outcome=Outcome.DENIED))
        work.commit()

    shown = run_stats(store.database, ANNA)
    later = run_stats(store.database, ANNA, start=a_run(3).created_at)

    assert (shown.total, shown.by_status[RunStatus.COMPLETED], shown.by_outcome[Outcome.CLOSED]) == (3, 2, 1)
    assert set(shown.by_status) == set(RunStatus) and set(shown.by_outcome) == set(Outcome)
    assert later.total == 1


def test_the_backlog_shows_what_waits_and_who_works(told: Database) -> None:
    with SqlStore(told).unit_of_work() as work:
        work.runs.add(a_run(3, due_at=NOW + timedelta(hours=1)))
        work.commit()
    before = backlog(told, NOW)

    EmbeddedDispatch(told, table, owner="worker-1", lease=timedelta(minutes=1)).claim(NOW)
    after = backlog(told, NOW)

    assert before.due == {Lane.EVALUATION: 1, Lane.EXECUTION: 0, Lane.CARE: 1}
    assert (before.waiting, before.oldest_due_at, before.workers) == (1, NOW, ())
    assert after.due == dict.fromkeys(Lane, 0) and after.oldest_due_at is None
    assert [(worker.owner, worker.leases) for worker in after.workers] == [("worker-1", 2)]
    assert after.workers[0].first_ends_at == NOW + timedelta(minutes=1)


def test_events_are_read_from_where_one_stopped(told: Database) -> None:
    last = last_sequence(told)
    assert events_since(told, BERT, 0)[-1].sequence == last
    assert events_since(told, BERT, last) == ()


def test_no_event_shows_up_behind_a_reader(store: SqlStore) -> None:
    """Two units overlap; whoever reads between their commits must not miss the one with the smaller number."""
    seen: list[int] = []
    first_added, second_started = threading.Event(), threading.Event()

    def second() -> None:
        first_added.wait(5)
        second_started.set()
        with store.unit_of_work() as work:
            work.events.add(an_event(ANNAS))
            work.commit()
        seen.extend(stored.sequence for stored in events_since(store.database, ANNA, 0))

    thread = threading.Thread(target=second)
    thread.start()
    with store.unit_of_work() as work:
        work.events.add(an_event(ANNAS))
        first_added.set()
        second_started.wait(5)
        thread.join(timeout=0.2)
        assert thread.is_alive(), "the second unit waits for its place in the order"
        work.commit()
    thread.join()

    assert len(seen) == 2
