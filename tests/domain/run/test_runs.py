from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.run.runs import (
    FINAL,
    HOLDS_RISK,
    SUCCESSORS,
    WORKING,
    Outcome,
    RunStatus,
    StepName,
    TriggerKind,
    WorkflowRun,
)
from thetaloom.domain.values.ids import AccountId, RunId, ScanId, ScheduleId, SignalId, StrategyId, UserId
from thetaloom.errors import IllegalTransitionError, InvalidInput

S = RunStatus
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ASIDE = (S.PAUSED, S.ERROR)
RUN = WorkflowRun(
    id=RunId("run-1"),
    user_id=UserId("user"),
    account_id=AccountId("paper"),
    strategy_id=StrategyId("iron-condor"),
    strategy_revision=3,
    symbol="SPY",
    trigger=TriggerKind.MANUAL,
    due_at=NOW,
    created_at=NOW,
    updated_at=NOW,
)
# One run in each status, as the moves of the table make them.
RUNS = {
    **{status: replace(RUN, status=status) for status in WORKING},
    **{status: replace(RUN, status=status, returns_to=S.MONITORING) for status in ASIDE},
    S.COMPLETED: replace(RUN, status=S.COMPLETED, outcome=Outcome.CLOSED),
}


def test_every_status_has_a_row() -> None:
    assert set(SUCCESSORS) == set(RUNS) == set(S)


def test_only_a_late_fill_leads_back_from_the_end() -> None:
    assert {after for status in FINAL for after in SUCCESSORS[status]} == {S.MONITORING}


def test_every_status_can_be_reached_and_can_end() -> None:
    reached = edge = {S.SCANNING}
    while edge:
        edge = {after for status in edge for after in SUCCESSORS[status]} - reached
        reached = reached | edge

    assert reached == set(S)
    assert all(S.COMPLETED in SUCCESSORS[status] for status in set(S) - FINAL)


def test_any_working_run_can_be_paused_or_fail_and_none_stays_itself_by_a_move() -> None:
    assert all(set(ASIDE) <= SUCCESSORS[status] for status in WORKING)
    assert all(status not in SUCCESSORS[status] for status in S)


def test_only_runs_past_approval_hold_risk_and_every_status_is_working_aside_or_final() -> None:
    assert set(S) == WORKING | FINAL | set(ASIDE)
    assert HOLDS_RISK <= WORKING
    assert not HOLDS_RISK & {S.SCANNING, S.EVALUATING, S.PENDING_APPROVAL}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_a_move_is_made_if_and_only_if_the_table_has_it(before: RunStatus, after: RunStatus) -> None:
    run = RUNS[before]
    outcome = Outcome.CLOSED if after is S.COMPLETED else None
    elsewhere = before in ASIDE and after in WORKING - {S.MONITORING}

    if after is before and outcome is None:
        assert run.moved_to(after, now=LATER) == replace(run, updated_at=LATER)
    elif after in SUCCESSORS[before] and not elsewhere:
        assert run.moved_to(after, now=LATER, outcome=outcome).status is after
    else:
        with pytest.raises(IllegalTransitionError):
            run.moved_to(after, now=LATER, outcome=outcome)


@pytest.mark.parametrize("aside", ASIDE)
@pytest.mark.parametrize("origin", sorted(WORKING))
def test_a_run_set_aside_remembers_where_it_was_and_goes_back_only_there(aside: RunStatus, origin: RunStatus) -> None:
    away = replace(RUN, status=origin).moved_to(aside, now=LATER)

    assert (away.returns_to, away.due_at, away.next_step) == (origin, None, RUN.next_step)
    back = away.moved_to(origin, now=LATER)
    assert (back.status, back.returns_to) == (origin, None)
    for other in WORKING - {origin}:
        with pytest.raises(IllegalTransitionError, match=f"from {origin}"):
            away.moved_to(other, now=LATER)


def test_a_failed_run_that_is_paused_still_knows_where_it_was() -> None:
    failed = replace(RUN, status=S.MONITORING).moved_to(S.ERROR, now=NOW)

    paused = failed.moved_to(S.PAUSED, now=LATER)

    assert paused.returns_to is S.MONITORING
    assert paused.moved_to(S.ERROR, now=LATER).returns_to is S.MONITORING


def test_the_end_takes_an_outcome_and_leaves_nothing_to_do() -> None:
    done = RUN.moved_to(S.COMPLETED, now=LATER, outcome=Outcome.NO_TRADE)

    assert (done.outcome, done.next_step, done.due_at, done.is_final) == (Outcome.NO_TRADE, None, None, True)
    assert not RUN.is_final
    with pytest.raises(IllegalTransitionError):
        done.moved_to(S.COMPLETED, now=LATER, outcome=Outcome.CLOSED)


def test_an_ordinary_move_keeps_what_is_due_next() -> None:
    moved = RUN.moved_to(S.EVALUATING, now=LATER)

    assert (moved.due_at, moved.next_step, moved.updated_at) == (NOW, StepName.TRIGGER, LATER)


def test_a_run_without_the_outcome_or_origin_its_status_needs_cannot_be_made() -> None:
    with pytest.raises(InvalidInput, match="outcome"):
        RUN.moved_to(S.COMPLETED, now=NOW)
    with pytest.raises(InvalidInput, match="outcome"):
        RUN.moved_to(S.EVALUATING, now=NOW, outcome=Outcome.CLOSED)
    with pytest.raises(InvalidInput, match="go back"):
        replace(RUN, status=S.PAUSED)
    with pytest.raises(InvalidInput, match="go back"):
        replace(RUN, returns_to=S.SCANNING)


def test_there_are_thirteen_steps() -> None:
    assert len(StepName) == 13


@given(st.lists(st.sampled_from(S), max_size=30))
def test_whatever_is_tried_a_run_keeps_its_word(statuses: list[RunStatus]) -> None:
    run = RUN

    for status in statuses:
        before = run
        try:
            run = run.moved_to(status, now=LATER, outcome=Outcome.CANCELED if status in FINAL else None)
        except IllegalTransitionError:
            assert run is before

        assert run.is_final == (run.outcome is not None)
        assert (run.status in ASIDE) == (run.returns_to is not None)
        assert not before.is_final or run is before or run.status is S.MONITORING
        assert run.status in WORKING or run.due_at is None


def test_a_run_says_what_started_it_by_name() -> None:
    scanned = replace(RUN, trigger=TriggerKind.SCAN, schedule_id=ScheduleId("sch-1"), scan_id=ScanId("scan-1"))

    assert replace(RUN, trigger=TriggerKind.MANUAL).started_by == "manual"
    assert replace(RUN, trigger=TriggerKind.SIGNAL, signal_id=SignalId("sig-1")).started_by == "signal sig-1"
    assert replace(RUN, trigger=TriggerKind.SCHEDULE, schedule_id=ScheduleId("sch-1")).started_by == "schedule sch-1"
    assert scanned.started_by == "scan scan-1"  # what asked for the scan is named beside it
