"""Why runs stand where they stand, read for several of them at once: a search asks about many."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepStatus, WorkflowRun
from thetaloom.domain.run.why import CHECKING, Why, explain_run
from thetaloom.domain.values.ids import RunId
from thetaloom.store.repositories.lineage import whole_evidence
from thetaloom.store.schema import fills, lineage, orders, positions
from thetaloom.store.statements import columns_of, value_of, values_of

Said = Mapping[str, Any]  # a decoded decision; JSON has no narrower type

# Of a position watched for weeks thousands of records say nothing: only those that can explain are read.
_SPEAKS = (
    (lineage.c.status == StepStatus.FAILED)
    | ((lineage.c.reason != "") & (lineage.c.status != StepStatus.SKIPPED))
    | lineage.c.step.in_(CHECKING)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What came of a run, and why."""

    why: Why
    decided_at: datetime | None  # when the step that speaks for it spoke
    first_fill: Fill | None
    closed_at: datetime | None  # of its position


def explain_runs(connection: Connection, found: Sequence[WorkflowRun]) -> Mapping[RunId, Explained]:
    """Explain each of these runs. Whose they are was asked before; evidence that was altered explains nothing."""
    wanted = [run.id for run in found]
    timelines: dict[RunId, list[LineageRecord]] = defaultdict(list)
    chosen = select(*columns_of(lineage, LineageRecord)).where(lineage.c.run_id.in_(wanted), _SPEAKS)
    for record in values_of(LineageRecord, connection.execute(chosen.order_by(lineage.c.run_id, lineage.c.seq))):
        timelines[record.run_id].append(record)
    named: set[str] = set()
    for run in found:
        explain_run(run, timelines[run.id], _noted(named))
    contents = whole_evidence(connection, sorted(named))
    filled, closed = _first_fills(connection, wanted), _closings(connection, wanted)

    def output(record: LineageRecord) -> Said:
        said = json.loads(contents.get(record.output_digest, b"{}"))
        return said if isinstance(said, dict) else {}

    explained = {}
    for run in found:
        why = explain_run(run, timelines[run.id], output)
        explained[run.id] = Explained(
            why=why,
            decided_at=_decided_at(timelines[run.id], why),
            first_fill=filled.get(run.id),
            closed_at=closed.get(run.id),
        )
    return explained


def _noted(named: set[str]) -> Callable[[LineageRecord], Said]:
    def output(record: LineageRecord) -> Said:
        named.add(record.output_digest)
        return {}

    return output


def _decided_at(timeline: Sequence[LineageRecord], why: Why) -> datetime | None:
    of_step = [record for record in timeline if record.step is why.step]
    spoke = [record for record in of_step if record.reason == why.reason or record.status is not StepStatus.DONE]
    return spoke[-1].started_at if spoke else None


def _first_fills(connection: Connection, wanted: Sequence[RunId]) -> Mapping[RunId, Fill]:
    chosen = (
        select(orders.c.run_id, *columns_of(fills, Fill))
        .join(orders, orders.c.client_order_id == fills.c.client_order_id)
        .where(orders.c.run_id.in_(wanted))
        .order_by(fills.c.filled_at.desc(), fills.c.fill_id.desc())
    )
    return {row.run_id: value_of(Fill, row) for row in connection.execute(chosen)}  # the earliest comes last, and stays


def _closings(connection: Connection, wanted: Sequence[RunId]) -> Mapping[RunId, datetime | None]:
    chosen = select(positions.c.run_id, positions.c.closed_at).where(positions.c.run_id.in_(wanted))
    return {row.run_id: row.closed_at for row in connection.execute(chosen)}
