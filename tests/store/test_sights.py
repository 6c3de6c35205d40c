""" "Why not SPY at 10:31?": everything that looked at a symbol around a moment, the nearest first."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.builders import ANNA, BERT, NOW, a_fill, a_record, a_run, an_order
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus, WorkflowRun
from thetaloom.domain.run.scans import Scan, ScanPair, ScanStatus
from thetaloom.domain.run.sights import LOOKBACK, SIGHTS_MAX, SightAnswer, SightKind, SightsFound, moment_of, symbol_of
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import ScanId, StrategyId
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.store.queries.sights import sights_of
from thetaloom.store.schema import evidence
from thetaloom.store.unit_of_work import SqlStore

HOUR = timedelta(hours=1)


def seen(store: SqlStore, at: datetime = NOW, symbol: str = "SPY", minutes: int = 30, **more: Any) -> SightsFound:
    return sights_of(store.database, ANNA, symbol, at, within=timedelta(minutes=minutes), **more)


def ended(run: WorkflowRun, **changes: Any) -> WorkflowRun:
    """Return the run as one that ended without a trade."""
    return replace(run, status=RunStatus.COMPLETED, outcome=Outcome.NO_TRADE, reason="condition_failed", **changes)


def add_runs(store: SqlStore, *runs: Any) -> None:
    with store.unit_of_work() as work:
        for run in runs:
            work.runs.add(run)
        work.commit()


def add_scan(store: SqlStore, at: datetime, *pairs: ScanPair) -> None:
    scan = Scan(
        id=ScanId(f"scan-{at:%H%M%S}"),
        user_id=ANNA,
        status=ScanStatus.DONE,
        symbols=("SPY",),
        strategy_ids=(StrategyId("bull-put"),),
        asked_at=at,
    )
    with store.unit_of_work() as work:
        work.scans.add(scan)
        work.scans.add_pairs(scan, pairs)
        work.commit()


def test_a_run_that_ended_without_a_trade_says_which_step_refused_and_what_would_change_it(store: SqlStore) -> None:
    verdict = {"answer": "deny", "reason": "condition_failed", "facts": {"iv_rank": "12", "least": "30"}}
    run = ended(a_run(1), seq=1)
    with store.unit_of_work() as work:
        work.runs.add(run)
        said = work.lineage.put_evidence(canonical_json({"verdict": verdict, "checks": []}), "json")
        denied = {"status": StepStatus.DENIED, "reason": "condition_failed", "output_digest": said}
        work.lineage.append(a_record(run, 1, step=StepName.EVALUATE, **denied))
        work.commit()

    (sight,) = seen(store).sights

    assert (sight.kind, sight.id, sight.answer) == (SightKind.RUN, run.id, SightAnswer.NO)
    assert sight.step is StepName.EVALUATE
    assert sight.facts == {"iv_rank": "12", "least": "30"}


def test_a_run_that_filled_is_no_no(store: SqlStore) -> None:
    run = a_run(1, status=RunStatus.MONITORING)
    order = an_order(run)
    with store.unit_of_work() as work:
        work.runs.add(run)
        work.orders.add(order)
        work.orders.add_fill(a_fill(order))
        work.commit()

    (sight,) = seen(store).sights

    assert sight.answer is SightAnswer.TRADED
    assert sight.text.startswith("it traded: filled 1 at 2026-03-02 15:30")


def test_a_run_that_stood_over_the_moment_is_nearest(store: SqlStore) -> None:
    stood = a_run(1, created_at=NOW - 5 * HOUR, updated_at=NOW + HOUR, status=RunStatus.PENDING_APPROVAL)
    just_before = ended(a_run(2), created_at=NOW - timedelta(seconds=5), updated_at=NOW - timedelta(seconds=4))
    gone = ended(a_run(3), created_at=NOW - 5 * HOUR, updated_at=NOW - 4 * HOUR)
    add_runs(store, stood, just_before, gone)

    assert [sight.id for sight in seen(store).sights] == [stood.id, just_before.id]


def test_pairs_of_scans_tell_their_reason(store: SqlStore) -> None:
    out = ScanPair(
        symbol="SPY",
        strategy_id=StrategyId("bull-put"),
        is_eligible=False,
        reason="condition_failed",
        facts={"iv_rank": "12"},
        changes=("iv rank up by 18",),
    )
    best = ScanPair(symbol="SPY", strategy_id=StrategyId("condor"), is_eligible=True, rank=1)
    other = ScanPair(symbol="QQQ", strategy_id=StrategyId("condor"), is_eligible=True, rank=2)
    add_scan(store, NOW - timedelta(minutes=10), out, best, other)

    sights = {sight.strategy_id: sight for sight in seen(store).sights}

    assert {name: sight.answer for name, sight in sights.items()} == {"bull-put": "no", "condor": "yes"}
    assert sights[StrategyId("bull-put")].changes == ("iv rank up by 18",)
    assert [sight.strategy_id for sight in seen(store, strategy=StrategyId("condor")).sights] == ["condor"]


def test_where_nothing_looked_the_nearest_looks_are_told(store: SqlStore) -> None:
    add_runs(store, ended(a_run(1), created_at=NOW - 9 * HOUR, updated_at=NOW - 9 * HOUR))
    add_scan(store, NOW - 3 * HOUR, ScanPair(symbol="SPY", strategy_id=None, is_eligible=False, reason="halted"))
    add_runs(store, ended(a_run(2), created_at=NOW + 2 * HOUR, updated_at=NOW + 2 * HOUR))

    found = seen(store)

    assert found.sights == ()
    assert found.before is not None and found.before.kind is SightKind.SCAN
    assert found.after is not None and found.after.id == "run-00002"
    assert seen(store, symbol="QQQ").before is None
    beyond = seen(store, at=NOW + LOOKBACK + 9 * HOUR)
    assert beyond.before is None and beyond.after is None


def test_of_many_looks_the_nearest_of_both_sides_are_told(store: SqlStore) -> None:
    stood = a_run(1, created_at=NOW - 9 * HOUR, updated_at=NOW - 8 * HOUR, status=RunStatus.PENDING_APPROVAL)
    minutes = [*range(-130, 0), *range(1, 131)]
    moments = [NOW + timedelta(minutes=each) for each in minutes]
    others = [ended(a_run(2 + place), created_at=at, updated_at=at) for place, at in enumerate(moments)]
    add_runs(store, stood, *others)

    sights = seen(store, minutes=200).sights

    assert len(sights) == SIGHTS_MAX
    assert sights[0].id == stood.id
    near = sorted(minutes, key=lambda each: (abs(each), each))[: SIGHTS_MAX - 1]
    assert [(sight.at - NOW) // timedelta(minutes=1) for sight in sights[1:]] == near


def test_evidence_that_was_altered_explains_nothing_and_stops_no_search(store: SqlStore) -> None:
    run = ended(a_run(1), seq=1)
    with store.unit_of_work() as work:
        work.runs.add(run)
        said = work.lineage.put_evidence(canonical_json({"verdict": {"facts": {"iv_rank": "12"}}}), "json")
        denied = {"status": StepStatus.DENIED, "reason": "condition_failed", "output_digest": said}
        work.lineage.append(a_record(run, 1, step=StepName.EVALUATE, **denied))
        work.commit()
    with store.database.begin() as connection:
        connection.execute(update(evidence).values(content=b"{}", is_compressed=False))

    (sight,) = seen(store).sights

    assert (sight.reason, sight.step, sight.facts) == ("condition_failed", StepName.EVALUATE, {})


def test_nobody_sees_what_looked_for_another(store: SqlStore) -> None:
    add_runs(store, ended(a_run(1), user_id=BERT))

    found = seen(store)

    assert (found.sights, found.before, found.after) == ((), None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:31", datetime(2026, 2, 27, 15, 31, tzinfo=UTC)),  # later than now, a Monday: of the Friday before
        ("10:29", datetime(2026, 3, 2, 15, 29, tzinfo=UTC)),
        ("2026-02-27T10:31", datetime(2026, 2, 27, 15, 31, tzinfo=UTC)),
        ("2026-02-27 10:31:05", datetime(2026, 2, 27, 15, 31, 5, tzinfo=UTC)),
        ("2026-02-27T10:31Z", datetime(2026, 2, 27, 10, 31, tzinfo=UTC)),
        ("2026-07-01T10:31", datetime(2026, 7, 1, 14, 31, tzinfo=UTC)),  # daylight saving
    ],
)
def test_a_moment_is_on_the_wall_of_the_exchange(text: str, expected: datetime) -> None:
    assert moment_of(text, read_table(SHIPPED_TABLE), NOW) == expected


def test_a_time_alone_is_of_the_last_session_on_a_weekend() -> None:
    sunday = datetime(2026, 3, 1, 18, tzinfo=UTC)

    assert moment_of("10:31", read_table(SHIPPED_TABLE), sunday).date() == date(2026, 2, 27)


@pytest.mark.parametrize(
    "text", ["", "noon", "25:00", "2026-02-30T10:31", "10:31+01:00", "10:31\x00", "0001-01-01", "9999-12-31T23:59"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        moment_of(text, read_table(SHIPPED_TABLE), NOW)


@pytest.mark.parametrize("text", ["", "  ", "SP\x00Y", "A SYMBOL OF MANY LETTERS"])
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        symbol_of(text)
