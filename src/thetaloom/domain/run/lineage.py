"""The record of one executed step, sealed into a chain that shows any change, removal or reordering."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.canonical import canonical_json, digest_of
from thetaloom.domain.values.ids import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRecord:
    """One step of one run: what it was given, what it decided, and its place in the chain."""

    run_id: RunId
    seq: int  # 1, 2, 3 … within the run
    step: StepName
    status: StepStatus
    started_at: datetime  # by the clock of the market the run lives in
    duration_us: int  # by the machine's own clock
    input_digest: str
    output_digest: str
    reason: str = ""  # reason code of a no, a skip or an exit
    error: str = ""
    code_version: str
    strategy_id: str
    strategy_revision: int
    parent: int | None = None  # seq of the record this one follows from; None for the first
    previous_hash: str = ""
    hash: str = ""

    def sealed(self, previous_hash: str) -> "LineageRecord":
        """Return the record bound to the one before it."""
        bound = replace(self, previous_hash=previous_hash, hash="")
        return replace(bound, hash=digest_of(canonical_json(bound)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFault:
    """Where a chain of records contradicts itself."""

    run_id: str
    seq: int
    message: str


def genesis_hash(run_id: RunId) -> str:
    """The hash that the first record of a run follows."""
    return digest_of(f"thetaloom lineage of {run_id}".encode())


def verify_chain(run_id: RunId, records: Sequence[LineageRecord], expected_count: int) -> list[ChainFault]:
    """Check numbering, links, hashes and length; the first fault of each record is reported."""
    faults = []
    previous = genesis_hash(run_id)
    for number, record in enumerate(records, start=1):
        if record.run_id != run_id or record.seq != number:
            message = f"expected record {number}, found {record.seq}: one is missing, added or out of order"
        elif record.previous_hash != previous:
            message = "does not follow the record before it"
        elif record.sealed(previous).hash != record.hash:
            message = "its content is not what was sealed"
        else:
            previous = record.hash
            continue
        faults.append(ChainFault(run_id=run_id, seq=number, message=message))
        previous = record.hash
    if len(records) != expected_count:
        faults.append(
            ChainFault(
                run_id=run_id,
                seq=len(records) + 1,
                message=f"the run has {expected_count} records, found {len(records)}",
            )
        )
    return faults
