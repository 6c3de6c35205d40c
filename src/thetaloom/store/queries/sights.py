"""What looked at a symbol around a moment: runs, pairs of scans, signals, and due times that came to nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.run.scans import ScanPair
from thetaloom.domain.run.sights import (
    LOOKBACK,
    SIGHTS_MAX,
    Sight,
    SightAnswer,
    SightKind,
    SightsFound,
    nearest_first,
)
from thetaloom.domain.run.signals import Signal, SignalStage
from thetaloom.domain.strategy.explanations import meaning
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.explained import Explained, explain_runs
from thetaloom.store.queries.paging import matching, owned
from thetaloom.store.queries.scans import all_watchlists
from thetaloom.store.schedule_tables import firings, scan_pairs, scans, schedules
from thetaloom.store.schema import runs
from thetaloom.store.signal_tables import signals
from thetaloom.store.statements import columns_of, values_of

EXPLAINED_MAX = 10  # runs whose evidence is read; of the others only the reason is told
CANDIDATES_SHOWN = 10
NO_STAGES = {SignalStage.REFUSED, SignalStage.EXPIRED}

_RUNS = select(*columns_of(runs, WorkflowRun))
_PAIRS: Select[Any] = select(scans.c.id, scans.c.asked_at, scan_pairs.c.pair).join(
    scan_pairs, scan_pairs.c.scan_id == scans.c.id
)
_SIGNALS = select(*columns_of(signals, Signal))


def sights_of(
    database: Database,
    user: UserId,
    symbol: str,
    at: datetime,
    *,
    within: timedelta,
    strategy: StrategyId | None = None,
) -> SightsFound:
    """Return what looked at ``symbol`` within so much of ``at``; where nothing did, the nearest looks of 90 days."""
    start, end = at - within, at + within
    search = _Search(database, user, symbol, strategy)
    sights = nearest_first(
        [
            *search.explained(search.runs_between(start, at, end), at, end),
            *search.pairs_between(start, at, end),
            *search.signals_between(start, at, end),
            *search.silent_firings(start, end),
        ],
        at,
    )
    return SightsFound(
        symbol=symbol,
        at=at,
        start=start,
        end=end,
        sights=sights,
        before=None if sights else search.nearest(start, at, later=False),
        after=None if sights else search.nearest(end, at, later=True),
    )


class _Search:
    """One symbol of one user, in the runs of one strategy or of all."""

    def __init__(self, database: Database, user: UserId, symbol: str, strategy: StrategyId | None) -> None:
        self.database, self.user, self.symbol, self.strategy = database, user, symbol, strategy
        self.of_runs = _RUNS.where(owned(runs, user), runs.c.symbol == symbol, *matching(runs.c.strategy_id, strategy))
        self.of_pairs = _PAIRS.where(
            owned(scans, user), scan_pairs.c.symbol == symbol, *matching(scan_pairs.c.strategy_id, strategy)
        )
        self.of_signals = _SIGNALS.where(
            owned(signals, user), signals.c.symbol == symbol, *matching(signals.c.strategy_id, strategy)
        )

    def runs_between(self, start: datetime, at: datetime, end: datetime) -> Sequence[WorkflowRun]:
        """Return the runs that stood at any moment between start and end, the nearest to ``at`` of both sides."""
        stands = runs.c.status != RunStatus.COMPLETED
        begun = runs.c.created_at.between(start - LOOKBACK, at) & (stands | (runs.c.updated_at >= start))
        before = self.of_runs.where(begun).order_by(stands.desc(), runs.c.updated_at.desc())
        after = self.of_runs.where(*_after(runs.c.created_at, at, end)).order_by(runs.c.created_at)
        return [*self._runs(before.limit(SIGHTS_MAX)), *self._runs(after.limit(SIGHTS_MAX))]

    def explained(self, found: Sequence[WorkflowRun], at: datetime, end: datetime) -> list[Sight]:
        """Return the runs as sights; those nearest to ``at`` with what their evidence says."""
        by_id = {run.id: run for run in found}
        plain = nearest_first([_plain_sight(run, end) for run in found], at)
        near = plain[:EXPLAINED_MAX]
        if not near:
            return []
        with self.database.connect() as connection:
            explained = explain_runs(connection, [by_id[RunId(sight.id)] for sight in near])
        return [*(_run_sight(explained[RunId(sight.id)], sight) for sight in near), *plain[EXPLAINED_MAX:]]

    def pairs_between(self, start: datetime, at: datetime, end: datetime) -> list[Sight]:
        """Return the pairs of the scans that were asked for between start and end, the nearest of both sides."""
        return [
            found
            for chosen in _both_sides(self.of_pairs, scans.c.asked_at, start, at, end)
            for found in self._pairs(chosen)
        ]

    def signals_between(self, start: datetime, at: datetime, end: datetime) -> list[Sight]:
        """Return the signals that arrived between start and end, the nearest of both sides."""
        return [
            found
            for chosen in _both_sides(self.of_signals, signals.c.received_at, start, at, end)
            for found in self._signals(chosen)
        ]

    def silent_firings(self, start: datetime, end: datetime) -> list[Sight]:
        """Return the due times between start and end from which neither run nor scan came."""
        chosen = (
            select(firings, schedules.c.symbols, schedules.c.watchlist, schedules.c.strategy_id)
            .join(schedules, schedules.c.id == firings.c.schedule_id)
            .where(owned(firings, self.user), firings.c.due_at.between(start, end), firings.c.reason != "")
            .order_by(firings.c.due_at.desc())
        )
        with self.database.connect() as connection:
            rows = connection.execute(chosen.limit(SIGHTS_MAX)).all()
        if not rows:
            return []
        lists = {one.name: one.symbols for one in all_watchlists(self.database, self.user)}
        return [
            _firing_sight(row, self.symbol)
            for row in rows
            if not row.run_ids
            and row.scan_id is None
            and self.symbol in (lists.get(row.watchlist, ()) if row.watchlist else row.symbols)
            and self.strategy in (None, row.strategy_id)
        ]

    def nearest(self, edge: datetime, at: datetime, *, later: bool) -> Sight | None:
        """Return the nearest look beyond an edge, 90 days away at most."""
        found: list[Sight] = []
        far = edge + LOOKBACK if later else edge - LOOKBACK
        for column in (runs.c.created_at, scans.c.asked_at, signals.c.received_at):
            beyond = column.between(edge, far) if later else column.between(far, edge)
            order = column if later else column.desc()
            if column.table is runs:
                last = self._runs(self.of_runs.where(beyond).order_by(order).limit(1))
                found += self.explained(last, at, edge)
            elif column.table is scans:
                found += self._pairs(self.of_pairs.where(beyond).order_by(order).limit(1))
            else:
                found += self._signals(self.of_signals.where(beyond).order_by(order).limit(1))
        return next(iter(nearest_first(found, at)), None)

    def _runs(self, chosen: Select[tuple[WorkflowRun]]) -> Sequence[WorkflowRun]:
        with self.database.connect() as connection:
            return values_of(WorkflowRun, connection.execute(chosen))

    def _pairs(self, chosen: Select[Any]) -> list[Sight]:
        with self.database.connect() as connection:
            return [_pair_sight(scan, asked_at, pair) for scan, asked_at, pair in connection.execute(chosen)]

    def _signals(self, chosen: Select[tuple[Signal]]) -> list[Sight]:
        with self.database.connect() as connection:
            return [_signal_sight(signal) for signal in values_of(Signal, connection.execute(chosen))]


def _both_sides(
    chosen: Select[Any], column: ColumnElement[datetime], start: datetime, at: datetime, end: datetime
) -> tuple[Select[Any], Select[Any]]:
    # Either side for itself: a limit over both would keep the near ones of one side only, or none in particular.
    before = chosen.where(column.between(start, at)).order_by(column.desc())
    after = chosen.where(*_after(column, at, end)).order_by(column)
    return before.limit(SIGHTS_MAX), after.limit(SIGHTS_MAX)


def _after(column: ColumnElement[datetime], at: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    return column > at, column <= end


def _plain_sight(run: WorkflowRun, end: datetime) -> Sight:
    return Sight(
        kind=SightKind.RUN,
        id=run.id,
        at=run.created_at,
        until=run.updated_at if run.is_final else max(end, run.updated_at),
        symbol=run.symbol,
        strategy_id=run.strategy_id,
        answer=SightAnswer.NO if run.is_final else SightAnswer.OPEN,
        reason=run.reason,
        text=meaning(run.reason) if run.reason else f"it stands at {run.status.value}",
    )


def _run_sight(found: Explained, plain: Sight) -> Sight:
    why = found.why
    return replace(
        plain,
        answer=SightAnswer.TRADED if found.first_fill is not None else plain.answer,
        decided_at=found.decided_at,
        reason=why.reason,
        text=_traded(found.first_fill, found.closed_at) if found.first_fill else why.error or why.text or plain.text,
        step=why.step,
        facts=why.facts,
        changes=tuple(blocking.change for blocking in why.blocking),
        candidates=tuple(
            {
                "expires_on": str(entry["expires_on"]),
                "leg": str(entry["leg"] or ""),
                "reason": str(entry["reason"]),
                "numbers": str(entry["numbers"]),
            }
            for entry in why.rejections[:CANDIDATES_SHOWN]
        ),
    )


def _traded(first: Fill, closed_at: datetime | None) -> str:
    since = f"it traded: filled {first.quantity} at {first.filled_at:%Y-%m-%d %H:%M} UTC"
    if closed_at is None:
        return f"{since}, and holds a position"
    return f"{since}, closed {closed_at:%Y-%m-%d %H:%M} UTC"


def _pair_sight(scan: str, asked_at: datetime, pair: ScanPair) -> Sight:
    best = f"eligible, rank {pair.rank}" if pair.rank is not None else "eligible"
    return Sight(
        kind=SightKind.SCAN,
        id=scan,
        at=asked_at,
        symbol=pair.symbol,
        strategy_id=pair.strategy_id,
        answer=SightAnswer.YES if pair.is_eligible else SightAnswer.NO,
        reason=pair.reason,
        text=best if pair.is_eligible else meaning(pair.reason),
        facts=pair.facts,
        changes=pair.changes,
    )


def _signal_sight(signal: Signal) -> Sight:
    said_no = signal.stage in NO_STAGES
    return Sight(
        kind=SightKind.SIGNAL,
        id=signal.id,
        at=signal.received_at,
        symbol=signal.symbol,
        strategy_id=signal.strategy_id,
        answer=SightAnswer.NO if said_no else SightAnswer.OPEN,
        reason=signal.reason,
        text=meaning(signal.reason) if signal.reason else f"the signal is {signal.stage.value}",
        facts={"source": signal.source, "action": signal.action.value, "direction": signal.direction.value},
    )


def _firing_sight(row: Row[Any], symbol: str) -> Sight:
    return Sight(
        kind=SightKind.SCHEDULE,
        id=row.schedule_id,
        at=row.due_at,
        symbol=symbol,
        strategy_id=row.strategy_id,
        answer=SightAnswer.NO,
        reason=row.reason,
        text=meaning(row.reason) or f"the due time was {row.status.value}",
        facts=row.facts,
    )
