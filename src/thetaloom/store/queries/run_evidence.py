"""All evidence of one run at once: what a report of it is written from, even where some of it was altered."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepStatus
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.lineage import Evidence, StepRecord
from thetaloom.store.queries.runs import the_run, timeline_of
from thetaloom.store.repositories.lineage import whole_evidence

PICTURE = "$picture"  # the only key of an object that stands for a drawing, by its digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvidence:
    """The records that were not skipped, by number, and the drawings they name, by digest.

    Evidence that is gone or was altered is not among them: what it was can no longer be said.
    """

    steps: Mapping[int, StepRecord]
    pictures: Mapping[str, bytes]

    def output(self, record: LineageRecord) -> Mapping[str, Any]:
        """Return what the record's step decided; nothing where that is not known."""
        found = self.steps.get(record.seq)
        said = None if found is None or found.output is None else found.output.content
        return said if isinstance(said, dict) else {}


def run_evidence(database: Database, user: UserId, run: RunId) -> RunEvidence:
    """Return the evidence of the run. Raises ``NotFound`` for a run that is not the user's."""
    with database.connect() as connection:
        the_run(connection, user, run)
        records = [one for one in timeline_of(connection, run) if one.status is not StepStatus.SKIPPED]
        wanted = {digest for one in records for digest in (one.input_digest, one.output_digest) if digest}
        found = {
            digest: _decoded(digest, content) for digest, content in whole_evidence(connection, sorted(wanted)).items()
        }
        steps = {
            one.seq: StepRecord(record=one, input=found.get(one.input_digest), output=found.get(one.output_digest))
            for one in records
        }
        drawn = {name for one in found.values() for name in _pictures_in(one.content)}
        return RunEvidence(steps=steps, pictures=whole_evidence(connection, sorted(drawn)))


def _decoded(digest: str, content: bytes) -> Evidence:
    return Evidence(digest=digest, kind="json", size=len(content), content=json.loads(content))


def _pictures_in(plain: Any) -> Iterator[str]:
    if isinstance(plain, dict):
        if set(plain) == {PICTURE}:
            yield str(plain[PICTURE])
            return
        plain = list(plain.values())
    if isinstance(plain, list):
        for entry in plain:
            yield from _pictures_in(entry)
