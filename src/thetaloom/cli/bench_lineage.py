"""Speed bar of the search in lineage: ninety days of runs and of scanned pairs, asked about one symbol and moment."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from thetaloom.cli.bench_figures import Figure, timed
from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus, TriggerKind, WorkflowRun
from thetaloom.domain.run.scans import Scan, ScanPair, ScanStatus
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import AccountId, RunId, ScanId, StrategyId, UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.ports.store import UnitOfWork
from thetaloom.store.database import Database, open_database
from thetaloom.store.queries.sights import sights_of
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import upgrade

DAYS = 90
SYMBOLS = tuple(f"SYM{number}" for number in range(100))
STRATEGIES = tuple(StrategyId(f"strategy-{number}") for number in range(20))
SCANS_A_DAY = 2
RUNS_A_DAY = 200  # two of each symbol
STEPS = (StepName.TRIGGER, StepName.RESOLVE_SYMBOL, StepName.FETCH_MARKET, StepName.EVALUATE)
SEARCHES = 200
SEARCH_MS_MAX = 100
FIRST = datetime(2026, 1, 5, 15, 31, tzinfo=UTC)
USER = UserId("bench")


def lineage_search() -> list[Figure]:
    """Why not this symbol at that time: asked of ninety days of runs and scanned pairs."""
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        database = open_database(Path(home) / "thetaloom.db")
        try:
            upgrade(database)
            _fill(SqlStore(database))
            took, found = _searches(database)
        finally:
            database.close()
    pairs = DAYS * SCANS_A_DAY * len(SYMBOLS) * len(STRATEGIES)
    note = f"{DAYS} days, {DAYS * RUNS_A_DAY:,} runs, {pairs:,} pairs; {SEARCHES} searches, {found:,} looks found"
    slowest = sorted(took)[SEARCHES * 99 // 100]
    return [Figure(name="search in lineage, p99", figure=slowest, unit="ms", bar=SEARCH_MS_MAX, note=note)]


def _searches(database: Database) -> tuple[list[float], int]:
    took, found = [], 0
    for number in range(SEARCHES):
        # Every fourth moment is one at which nothing looked: the nearest looks are sought instead.
        moment = FIRST + timedelta(days=number * 7 % DAYS, hours=number % 4 * 2)
        symbol = SYMBOLS[number * 13 % len(SYMBOLS)] if number % 10 else "NEVER"
        counts: list[int] = []

        def search(symbol: str = symbol, moment: datetime = moment, counts: list[int] = counts) -> None:
            counts.append(len(sights_of(database, USER, symbol, moment, within=timedelta(minutes=30)).sights))

        took.append(timed(search))
        found += counts[0]
    return took, found


def _fill(store: SqlStore) -> None:
    for day in range(DAYS):
        opened = FIRST + timedelta(days=day)
        with store.unit_of_work() as work:
            for number in range(SCANS_A_DAY):
                asked_at = opened + timedelta(hours=number * 2)
                scan = _scan(ScanId(f"scan-{day}-{number}"), asked_at)
                work.scans.add(scan)
                work.scans.add_pairs(scan, _pairs())
            for number in range(RUNS_A_DAY):
                _add_run(work, day, number, opened + timedelta(seconds=number * 30))
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


def _add_run(work: UnitOfWork, day: int, number: int, at: datetime) -> None:
    run = WorkflowRun(
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
    work.runs.add(run)
    for seq, step in enumerate(STEPS, start=1):
        refused = seq == len(STEPS)
        work.lineage.append(
            LineageRecord(
                run_id=run.id,
                seq=seq,
                step=step,
                status=StepStatus.DENIED if refused else StepStatus.DONE,
                started_at=at + timedelta(seconds=seq / 4),
                duration_us=900,
                input_digest=work.lineage.put_evidence(canonical_json({"given": {"symbol": run.symbol}}), "json"),
                output_digest=work.lineage.put_evidence(canonical_json(_decision(refused)), "json"),
                reason=run.reason if refused else "",
                code_version="bench",
                strategy_id=run.strategy_id,
                strategy_revision=1,
                parent=seq - 1 or None,
            )
        )


def _decision(refused: bool) -> dict[str, object]:
    answer = "deny" if refused else "allow"
    reason = Reason.NO_EXPIRATION.value if refused else None
    candidates: list[dict[str, object]] = [
        {"expires_on": f"2026-02-{day:02}", "leg": None, "verdict": {"answer": "deny", "reason": reason, "facts": {}}}
        for day in range(1, 21)
    ]
    return {"verdict": {"answer": answer, "reason": reason, "facts": {"looked_at": "20"}}, "rejections": candidates}
