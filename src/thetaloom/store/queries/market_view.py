"""What a run knew of its market when it decided, read from its evidence."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.market.view import MarketView
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.canonical import from_plain
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import RunDetail


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedView:
    """The market as it was read, and when."""

    view: MarketView
    read_at: datetime
    seq: int  # of the record


def recorded_view(database: Database, user: UserId, detail: RunDetail) -> RecordedView | None:
    """Return the last reading of a run's market; ``None`` before there is one, or when its evidence is gone."""
    wanted = (StepName.COMPUTE_INDICATORS, StepStatus.DONE)
    records = [record for record in detail.timeline if (record.step, record.status) == wanted]
    if not records:
        return None
    last = records[-1]
    output = step_record(database, user, detail.run.id, seq=last.seq).output
    if output is None or not isinstance(output.content, dict) or "view" not in output.content:
        return None
    return RecordedView(view=from_plain(output.content["view"], MarketView), read_at=last.started_at, seq=last.seq)
