"""Ninety days of runs and of scanned pairs that came to nothing, to be searched for why."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from sqlalchemy import insert

from thetaloom.domain.run.lineage import LineageRecord, genesis_hash
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus, TriggerKind, WorkflowRun
from thetaloom.domain.run.scans import Scan, ScanPair, ScanStatus
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import AccountId, RunId, ScanId, StrategyId, UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.database import Database, open_database
from thetaloom.store.schema import lineage, runs
from thetaloom.store.statements import row_of
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import upgrade

DAYS = 90
SYMBOLS = tuple(f"SYM{number}" for number in range(100))
STRATEGIES = tuple(StrategyId(f"strategy-{number}") for number in range(20))
SCANS_A_DAY = 2
RUNS_A_DAY = 200  # two of each symbol
STEPS = (StepName.TRIGGER, StepName.RESOLVE_SYMBOL, StepName.FETCH_MARKET, StepName.EVALUATE)
FIRST = datetime(2026, 1, 5, 15, 31, tzinfo=UTC)
USER = UserId("bench")


def filled_database(home: Path) -> Database:
    """Return a database in ``home`` with everything in it; whoever asked for it closes it."""
    database = open_database(home / "thetaloom.db")
    upgrade(database)
    fill(database)
    return database


def fill(database: Database, days: int = DAYS) -> None:
    """Write the runs and the scans of so many days, a day in one transaction."""
    store = SqlStore(database)
    for day in range(days):
        opened = FIRST + timedelta(days=day)
        with store.unit_of_work() as work:
            for number in range(SCANS_A_DAY):
                scan = _scan(ScanId(f"scan-{day}-{number}"), opened + timedelta(hours=number * 2))
                work.scans.add(scan)
                work.scans.add_pairs(scan, _pairs())
            given = work.lineage.put_evidence(canonical_json({"given": {"symbol": "any"}}), "json")
            said = [work.lineage.put_evidence(canonical_json(_decision(refused)), "json") for refused in (False, True)]
            found = [_run(day, number, opened + timedelta(seconds=number * 30)) for number in range(RUNS_A_DAY)]
            with database.begin() as connection:  # joins the unit's transaction: one by one they would take minutes
                connection.execute(insert(runs), [row_of(run) for run in found])
                sealed = [record for run in found for record in _records(run, given, said)]
                connection.execute(insert(lineage), [row_of(record, user_id=USER) for record in sealed])
            work.commit()


def _scan(scan: ScanId, asked_at: datetime) -> Scan:
    return Scan(
        id=scan,
        user_id=USER,
        status=ScanStatus.DONE,
        symbols=SYMBOLS,
        strategy_ids=STRATEGIES,
        asked_at=asked_at,
        finished_at=asked_at + timedelta(minutes=1),
    )


def _pairs() -> Iterable[ScanPair]:
    for symbol, strategy in product(SYMBOLS, STRATEGIES):
        yield ScanPair(
            symbol=symbol,
            strategy_id=strategy,
            is_eligible=False,
            reason=Reason.NO_EXPIRATION.value,
            facts={"dte_min": "30", "dte_max": "60"},
            changes=("an expiration 30 to 60 days away",),
        )


def _run(day: int, number: int, at: datetime) -> WorkflowRun:
    return WorkflowRun(
        id=RunId(f"run-{day}-{number}"),
        user_id=USER,
        account_id=AccountId("bench"),
        strategy_id=STRATEGIES[number % len(STRATEGIES)],
        strategy_revision=1,
        symbol=SYMBOLS[number % len(SYMBOLS)],
        trigger=TriggerKind.SCHEDULE,
        status=RunStatus.COMPLETED,
        outcome=Outcome.NO_TRADE,
        reason=Reason.NO_EXPIRATION.value,
        next_step=None,
        seq=len(STEPS),
        created_at=at,
        updated_at=at + timedelta(seconds=2),
    )


def _records(run: WorkflowRun, given: str, said: Sequence[str]) -> Iterable[LineageRecord]:
    previous = genesis_hash(run.id)
    for seq, step in enumerate(STEPS, start=1):
        refused = seq == len(STEPS)
        record = LineageRecord(
            run_id=run.id,
            seq=seq,
            step=step,
            status=StepStatus.DENIED if refused else StepStatus.DONE,
            started_at=run.created_at + timedelta(seconds=seq / 4),
            duration_us=900,
            input_digest=given,
            output_digest=said[refused],
            reason=run.reason if refused else "",
            code_version="bench",
            strategy_id=run.strategy_id,
            strategy_revision=1,
            parent=seq - 1 or None,
        ).sealed(previous)
        previous = record.hash
        yield record


def _decision(refused: bool) -> dict[str, object]:
    answer = "deny" if refused else "allow"
    reason = Reason.NO_EXPIRATION.value if refused else None
    candidates: list[dict[str, object]] = [
        {"expires_on": f"2026-02-{day:02}", "leg": None, "verdict": {"answer": "deny", "reason": reason, "facts": {}}}
        for day in range(1, 21)
    ]
    return {"verdict": {"answer": answer, "reason": reason, "facts": {"looked_at": "20"}}, "rejections": candidates}
