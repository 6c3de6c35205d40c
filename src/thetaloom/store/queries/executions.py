"""How steps do over time, and what ran of late: one line for each run, and whether anything in it failed."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, case, func, select

from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus, TriggerKind, WorkflowRun
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import CHUNK, USUAL, Wish
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of, since
from thetaloom.store.queries.runs import RUNS
from thetaloom.store.schema import lineage as table
from thetaloom.store.schema import runs
from thetaloom.store.statements import value_of

DURATIONS_MAX = 10_000  # the newest that percentiles are taken from
ERRORS_SHOWN = 10
ERROR_LENGTH = 300  # longer ones are told apart by their beginning
PLACES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonError:
    """An error in its own words, and how often it came."""

    error: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOfStrategy:
    """How a step did in the runs of one strategy."""

    strategy_id: StrategyId
    total: int
    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatistics:
    """How one step did; durations are in microseconds, skips left out, and ``None`` where it never ran."""

    step: StepName
    total: int
    by_status: Mapping[StepStatus, int]
    by_reason: Mapping[str, int]  # the most frequent first
    duration_us_p50: int | None
    duration_us_p95: int | None
    duration_us_max: int | None
    duration_us_min: int | None
    duration_us_avg: int | None
    common_errors: tuple[CommonError, ...]  # the most frequent first
    by_strategy: tuple[StepOfStrategy, ...]  # the one with the most executions first

    @property
    def errors(self) -> int:
        """Executions that failed. A no is an answer, no error."""
        return self.by_status[StepStatus.FAILED]

    @property
    def successes(self) -> int:
        """Executions that came to an answer, yes or no; skips are neither."""
        return self.by_status[StepStatus.DONE] + self.by_status[StepStatus.DENIED]

    @property
    def success_rate(self) -> float | None:
        """Successes of all that ran, 0 to 1; ``None`` where none did."""
        ran = self.successes + self.errors
        return round(self.successes / ran, PLACES) if ran else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One run in a line."""

    run_id: RunId
    symbol: str
    strategy_id: StrategyId
    strategy_revision: int
    trigger: TriggerKind
    status: RunStatus
    outcome: Outcome | None
    reason: str
    started_at: datetime
    last_at: datetime | None  # of its last record; None: it has none yet
    records: int
    errors: int
    duration_us: int  # of all its steps together; waiting costs nothing
    last_step: StepName | None

    @property
    def has_errors(self) -> bool:
        """Whether a step of it failed, even if it went on later."""
        return self.errors > 0


def step_statistics(
    database: Database,
    user: UserId,
    step: StepName,
    *,
    start: datetime | None = None,
    strategy: StrategyId | None = None,
) -> StepStatistics:
    """Return how the step did in the user's runs from ``start`` on; percentiles over the newest executions."""
    wanted = (
        owned(table, user),
        table.c.step == step,
        *matching(table.c.strategy_id, strategy),
        *since(table.c.started_at, start),
    )
    grouped = select(table.c.status, table.c.reason, table.c.strategy_id, func.count())
    ran = (*wanted, table.c.status != StepStatus.SKIPPED)
    took = select(func.min(table.c.duration_us), func.avg(table.c.duration_us), func.max(table.c.duration_us))
    newest = select(table.c.duration_us).where(*ran).order_by(table.c.started_at.desc()).limit(DURATIONS_MAX)
    with database.connect() as connection:
        counts = connection.execute(
            grouped.where(*wanted).group_by(table.c.status, table.c.reason, table.c.strategy_id)
        ).all()
        least, average, most = connection.execute(took.where(*ran)).one()
        durations = sorted(connection.scalars(newest))
        errors = _common_errors(connection, wanted)
    statuses: Counter[StepStatus] = Counter()
    reasons: Counter[str] = Counter()
    strategies: dict[str, Counter[bool]] = defaultdict(Counter)
    for status, reason, of_strategy, count in counts:
        statuses[status] += count
        strategies[of_strategy][status is StepStatus.FAILED] += count
        if reason:
            reasons[reason] += count
    shares = [
        StepOfStrategy(strategy_id=StrategyId(name), total=found.total(), errors=found[True])
        for name, found in strategies.items()
    ]
    return StepStatistics(
        step=step,
        total=statuses.total(),
        by_status=dict.fromkeys(StepStatus, 0) | statuses,
        by_reason=dict(sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))),
        duration_us_p50=_percentile(durations, 50),
        duration_us_p95=_percentile(durations, 95),
        duration_us_max=most,
        duration_us_min=least,
        duration_us_avg=None if average is None else round(average),
        common_errors=errors,
        by_strategy=tuple(sorted(shares, key=lambda one: (-one.total, one.strategy_id))),
    )


def recent_executions(
    database: Database,
    user: UserId,
    *,
    strategy: StrategyId | None = None,
    symbol: str | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Execution]:
    """Return the user's runs in a line each, newest first."""
    wanted = [*matching(runs.c.strategy_id, strategy), *matching(runs.c.symbol, symbol)]
    with database.connect() as connection:
        page = page_of(
            connection, RUNS.statement(user, *wanted, wish=wish), window, lambda row: value_of(WorkflowRun, row)
        )
        totals = _totals(connection, [run.id for run in page.rows])
    rows = tuple(_execution(run, totals.get(run.id)) for run in page.rows)
    return Page(rows=rows, total=page.total, limit=page.limit, offset=page.offset)


def every_execution(database: Database, user: UserId, *, wish: Wish = USUAL) -> Iterator[Execution]:
    """Yield all of the user's runs that fit, in a line each."""
    every = RUNS.every(database, user, wish=wish)
    while some := list(islice(every, CHUNK)):
        with database.connect() as connection:
            totals = _totals(connection, [run.id for run in some])
        yield from (_execution(run, totals.get(run.id)) for run in some)


def _common_errors(connection: Connection, wanted: Sequence[Any]) -> tuple[CommonError, ...]:
    words = func.substr(table.c.error, 1, ERROR_LENGTH).label("words")
    count, last = func.count().label("count"), func.max(table.c.started_at).label("last")
    chosen = select(words, count, last).where(*wanted, table.c.status == StepStatus.FAILED)
    rows = connection.execute(chosen.group_by("words").order_by(count.desc(), last.desc()).limit(ERRORS_SHOWN))
    return tuple(CommonError(error=row[0], count=row[1], last_at=row[2]) for row in rows)


def _totals(connection: Connection, wanted: Sequence[RunId]) -> Mapping[str, Any]:
    failed = func.sum(case((table.c.status == StepStatus.FAILED, 1), else_=0)).label("errors")
    summed = (
        select(
            table.c.run_id,
            func.max(table.c.seq).label("last_seq"),
            func.count().label("records"),
            failed,
            func.sum(table.c.duration_us).label("duration_us"),
            func.max(table.c.started_at).label("last_at"),
        )
        .where(table.c.run_id.in_(wanted))
        .group_by(table.c.run_id)
        .subquery()
    )
    last = (table.c.run_id == summed.c.run_id) & (table.c.seq == summed.c.last_seq)
    rows = connection.execute(select(summed, table.c.step).join(table, last))
    return {row.run_id: row for row in rows}


def _execution(run: WorkflowRun, found: Any) -> Execution:
    return Execution(
        run_id=run.id,
        symbol=run.symbol,
        strategy_id=run.strategy_id,
        strategy_revision=run.strategy_revision,
        trigger=run.trigger,
        status=run.status,
        outcome=run.outcome,
        reason=run.reason,
        started_at=run.created_at,
        last_at=None if found is None else found.last_at,
        records=0 if found is None else found.records,
        errors=0 if found is None else int(found.errors),
        duration_us=0 if found is None else int(found.duration_us),
        last_step=None if found is None else found.step,
    )


def _percentile(ordered: list[int], percent: int) -> int | None:
    # By nearest rank: of two durations the slower one is what 95 of 100 keep within.
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
