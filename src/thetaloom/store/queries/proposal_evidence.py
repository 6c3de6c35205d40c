"""Proposals with what each rests on: its legs as they were quoted, how it was judged and sized, and its order."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.proposal_changes import ProposalChange, changes_between
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.canonical import from_plain
from thetaloom.domain.values.ids import ProposalId, RunId, make_proposal_id
from thetaloom.engine.findings import Indicators, Judgement, RiskFinding
from thetaloom.errors import InvalidInput
from thetaloom.store.database import Database
from thetaloom.store.repositories.lineage import whole_evidence
from thetaloom.store.schema import lineage, orders
from thetaloom.store.schema import proposals as table
from thetaloom.store.statements import columns_of, rows_in, value_of

T = TypeVar("T")
FOUND_BY = (StepName.COMPUTE_INDICATORS, StepName.EVALUATE, StepName.CHECK_RISK)
_RECORDS = (
    select(*columns_of(lineage, LineageRecord))
    .where(
        lineage.c.run_id.in_(bindparam("of_any", expanding=True)),
        lineage.c.step.in_(FOUND_BY),
        lineage.c.status == StepStatus.DONE,
    )
    .order_by(lineage.c.run_id, lineage.c.seq)
)
_ENTRIES = (
    select(*columns_of(orders, Order))
    .where(orders.c.run_id.in_(bindparam("of_any", expanding=True)), orders.c.effect == Effect.OPEN)
    .order_by(orders.c.run_id, orders.c.sequence)
)
_BEFORE = select(*columns_of(table, Proposal)).where(table.c.id.in_(bindparam("of_any", expanding=True)))
_SHOWN = select(table.c.run_id, table.c.id).where(table.c.run_id.in_(bindparam("of_any", expanding=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalEvidence:
    """What a proposal rests on; ``None`` where its record is gone or was altered."""

    proposal: Proposal
    indicators: Indicators | None
    judgement: Judgement | None
    risk: RiskFinding | None
    order: Order | None  # the newest entry of its run, where this is the proposal that was approved
    next_id: ProposalId | None  # the one that the run showed after it
    changes: tuple[ProposalChange, ...]  # from the version whose place it took


def evidence_of_proposals(database: Database, shown: Sequence[Proposal]) -> tuple[ProposalEvidence, ...]:
    """Return what each of these proposals rests on; whoever asks has seen to it that they are the user's."""
    runs = sorted({proposal.run_id for proposal in shown})
    with database.connect() as connection:
        attempts = _attempts(connection, runs)
        by_run = _records(connection, runs)
        entries = {row.run_id: value_of(Order, row) for row in rows_in(connection, _ENTRIES, runs)}
        wanted = {each.id: _rests_on(by_run[each.run_id], attempts[each.id]) for each in shown}
        digests = {record.output_digest for found in wanted.values() for record in found.values()}
        contents = whole_evidence(connection, sorted(digests))
        earlier = [each.supersedes for each in shown if each.supersedes is not None]
        before = {row.id: value_of(Proposal, row) for row in rows_in(connection, _BEFORE, earlier)}
    names = {number: proposal for proposal, number in attempts.items()}
    return tuple(
        ProposalEvidence(
            proposal=each,
            indicators=_said(wanted[each.id], StepName.COMPUTE_INDICATORS, contents, Indicators),
            judgement=_said(wanted[each.id], StepName.EVALUATE, contents, Judgement),
            risk=_said(wanted[each.id], StepName.CHECK_RISK, contents, RiskFinding),
            order=entries.get(each.run_id) if each.approved_hash else None,
            next_id=names.get((each.run_id, attempts[each.id][1] + 1)),
            changes=() if each.supersedes not in before else changes_between(before[each.supersedes], each),
        )
        for each in shown
    )


def _attempts(connection: Connection, runs: Sequence[RunId]) -> dict[ProposalId, tuple[RunId, int]]:
    # Ids are made of the run and the attempt; two proposals may carry one instant where the clock stands.
    found: dict[RunId, int] = defaultdict(int)
    for row in rows_in(connection, _SHOWN, runs):
        found[RunId(row.run_id)] += 1
    return {
        make_proposal_id(run, attempt): (run, attempt)
        for run, count in found.items()
        for attempt in range(1, count + 1)
    }


def _records(connection: Connection, runs: Sequence[RunId]) -> Mapping[RunId, list[LineageRecord]]:
    found: dict[RunId, list[LineageRecord]] = defaultdict(list)
    for row in rows_in(connection, _RECORDS, runs):
        record = value_of(LineageRecord, row)
        found[record.run_id].append(record)
    return found


def _rests_on(records: Sequence[LineageRecord], place: tuple[RunId, int]) -> dict[StepName, LineageRecord]:
    # Each proposal has an evaluation and a check of its risk of its own, in the order in which they were shown.
    found = {}
    for step in FOUND_BY:
        of_step = [record for record in records if record.step is step]
        if len(of_step) >= place[1]:
            found[step] = of_step[place[1] - 1]
        elif of_step and step is StepName.COMPUTE_INDICATORS:
            found[step] = of_step[-1]
    return found


def _said(
    records: Mapping[StepName, LineageRecord], step: StepName, contents: Mapping[str, bytes], kind: type[T]
) -> T | None:
    record = records.get(step)
    content = None if record is None else contents.get(record.output_digest)
    if content is None:
        return None
    with suppress(InvalidInput):  # written by a version that said it otherwise
        return from_plain(json.loads(content), kind)
    return None
