"""Lineage: what each step was given and decided."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.queries.runs import the_run, timeline_of
from thetaloom.store.repositories.lineage import evidence_of
from thetaloom.store.schema import evidence
from thetaloom.store.schema import lineage as table
from thetaloom.store.statements import columns_of, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a record points to. ``content`` is decoded JSON for kind ``json``, and ``None`` for any other kind."""

    digest: str
    kind: str
    size: int  # bytes, as they were put in
    content: Any  # JSON has no narrower type


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One record with what it was given and what it decided; ``None`` where it has none."""

    record: LineageRecord
    input: Evidence | None
    output: Evidence | None


def lineage_of_run(database: Database, user: UserId, run: RunId) -> tuple[LineageRecord, ...]:
    """Return the records of the run in their order. Raises ``NotFound`` for a run that is not the user's."""
    with database.connect() as connection:
        the_run(connection, user, run)
        return timeline_of(connection, run)


def step_record(
    database: Database, user: UserId, run: RunId, step: StepName | None = None, *, seq: int | None = None
) -> StepRecord:
    """Return the last record of ``step``, or the one numbered ``seq``, with its evidence decoded."""
    wanted = [*matching(table.c.step, step), *matching(table.c.seq, seq)]
    chosen = select(*columns_of(table, LineageRecord)).where(owned(table, user), table.c.run_id == run, *wanted)
    with database.connect() as connection:
        row = connection.execute(chosen.order_by(table.c.seq.desc()).limit(1)).first()
        if row is None:
            raise NotFound(f"run {run} has no such record", advice="`thetaloom lineage show` lists the records.")
        record = value_of(LineageRecord, row)
        return StepRecord(
            record=record,
            input=_decoded(connection, record.input_digest),
            output=_decoded(connection, record.output_digest),
        )


def evidence_content(database: Database, user: UserId, run: RunId, digest: str) -> tuple[str, bytes]:
    """Return kind and bytes of evidence, provided that the run is the user's and its records lead to it."""
    with database.connect() as connection:
        the_run(connection, user, run)
        for record in timeline_of(connection, run):
            for root in (record.input_digest, record.output_digest):
                if root == digest or (root and digest in _mentioned(connection, root)):
                    return evidence_of(connection, digest)
    raise NotFound(f"run {run} has no evidence {digest}")


def recent_records(
    database: Database,
    user: UserId,
    *,
    step: StepName | None = None,
    status: StepStatus | None = None,
    strategy: StrategyId | None = None,
    window: Window = FIRST_PAGE,
) -> Page[LineageRecord]:
    """Return the records of all runs of the user, newest first."""
    wanted = [
        *matching(table.c.step, step),
        *matching(table.c.status, status),
        *matching(table.c.strategy_id, strategy),
    ]
    chosen = select(*columns_of(table, LineageRecord)).where(owned(table, user), *wanted)
    ordered = chosen.order_by(table.c.started_at.desc(), table.c.id.desc())
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(LineageRecord, row))


def _decoded(connection: Connection, digest: str) -> Evidence | None:
    if connection.scalar(select(evidence.c.digest).where(evidence.c.digest == digest)) is None:
        return None
    kind, content = evidence_of(connection, digest)
    decoded = json.loads(content) if kind == "json" else None
    return Evidence(digest=digest, kind=kind, size=len(content), content=decoded)


def _mentioned(connection: Connection, digest: str) -> str:
    # Inputs and outputs are JSON that names blobs by their digest; whoever may read the one may read the other.
    found = _decoded(connection, digest)
    return "" if found is None or found.kind != "json" else json.dumps(found.content)
