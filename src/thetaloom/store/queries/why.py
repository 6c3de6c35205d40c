"""Why a run stands where it stands, read from its evidence."""

from collections.abc import Mapping
from typing import Any

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.why import Why, explain_run
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import RunDetail


def why_of(database: Database, user: UserId, detail: RunDetail) -> Why:
    """Return the last word on a run, with the numbers behind it."""

    def output(record: LineageRecord) -> Mapping[str, Any]:
        found = step_record(database, user, record.run_id, seq=record.seq).output
        return found.content if found is not None and isinstance(found.content, dict) else {}

    return explain_run(detail.run, detail.timeline, output)
