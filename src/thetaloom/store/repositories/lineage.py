"""Lineage: records sealed onto the chain of their run, and evidence kept once under the digest of its content."""

import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from thetaloom.domain.run.lineage import LineageRecord, genesis_hash
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.canonical import digest_of
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.reasons import NOTES
from thetaloom.errors import InvariantError, NotFound
from thetaloom.store.database import Database
from thetaloom.store.schema import evidence, runs
from thetaloom.store.schema import lineage as table
from thetaloom.store.statements import columns_of, insert_or_skip, row_of, rows_in, values_of

ZLIB_LEVEL = 1  # level 6 takes three times as long for a tenth less of our JSON
ALREADY_DENSE = frozenset({"chain", "parquet", "png"})

_SELECT = select(*columns_of(table, LineageRecord)).where(table.c.run_id == bindparam("of_run")).order_by(table.c.seq)
_NEWEST_OUTPUT = (
    select(table.c.output_digest)
    .where(
        table.c.run_id == bindparam("of_run"),
        table.c.step == bindparam("of_step"),
        table.c.status != StepStatus.FAILED,
        table.c.reason.not_in(NOTES),
    )
    .order_by(table.c.seq.desc())
    .limit(1)
)
_HASH = select(table.c.hash).where(table.c.run_id == bindparam("of_run"), table.c.seq == bindparam("of_seq"))
_OWNER = select(runs.c.user_id).where(runs.c.id == bindparam("of_run")).scalar_subquery()
_INSERT = insert(table).values(user_id=_OWNER)
_EVIDENCE = select(evidence).where(evidence.c.digest == bindparam("of_digest"))
_EVIDENCES = select(evidence).where(evidence.c.digest.in_(bindparam("of_any", expanding=True)))


class SqlLineage:
    """Lineage in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._insert_evidence = insert_or_skip(database, evidence)

    def append(self, record: LineageRecord) -> LineageRecord:
        """Seal the record onto the run's chain and write it."""
        sealed = record.sealed(self._hash_before(record))
        self._connection.execute(_INSERT, row_of(sealed, of_run=sealed.run_id))
        return sealed

    def of_run(self, run: RunId) -> Sequence[LineageRecord]:
        """Return the records of the run in their order."""
        return values_of(LineageRecord, self._connection.execute(_SELECT, {"of_run": run}))

    def newest_output(self, run: RunId, step: StepName) -> str | None:
        """Return the digest of what the newest execution of ``step`` that did not fail said."""
        found: str | None = self._connection.scalar(_NEWEST_OUTPUT, {"of_run": run, "of_step": step})
        return found

    def put_evidence(self, content: bytes, kind: str) -> str:
        """Store ``content`` once and return its digest."""
        digest = digest_of(content)
        packed = content if kind in ALREADY_DENSE else zlib.compress(content, ZLIB_LEVEL)
        smaller = len(packed) < len(content)
        row = {"digest": digest, "kind": kind, "is_compressed": smaller, "content": packed if smaller else content}
        self._connection.execute(self._insert_evidence, row)
        return digest

    def get_evidence(self, digest: str) -> bytes:
        """Return the content. Raises ``NotFound`` when absent and ``InvariantError`` when it was altered."""
        return evidence_of(self._connection, digest)[1]

    def _hash_before(self, record: LineageRecord) -> str:
        if record.seq == 1:
            return genesis_hash(record.run_id)
        before = self._connection.scalar(_HASH, {"of_run": record.run_id, "of_seq": record.seq - 1})
        if before is None:
            raise InvariantError(f"run {record.run_id} has no record {record.seq - 1} for {record.seq} to follow")
        return str(before)


def evidence_of(connection: Connection, digest: str) -> tuple[str, bytes]:
    """Return kind and content of what has this digest, after checking that it still has it."""
    row = connection.execute(_EVIDENCE, {"of_digest": digest}).first()
    if row is None:
        raise NotFound(f"there is no evidence {digest}")
    return row.kind, _unpacked(row)


def whole_evidence(connection: Connection, digests: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of all that are there and still have their digest; of the others, nothing."""
    found: dict[str, bytes] = {}
    for row in rows_in(connection, _EVIDENCES, digests):
        with suppress(InvariantError):
            found[row.digest] = _unpacked(row)
    return found


def _unpacked(row: Any) -> bytes:
    try:
        content = zlib.decompress(row.content) if row.is_compressed else bytes(row.content)
    except zlib.error as error:
        raise InvariantError(f"evidence {row.digest} was altered: {error}") from error
    if digest_of(content) != row.digest:
        raise InvariantError(f"evidence {row.digest} was altered: its content has digest {digest_of(content)}")
    return content
