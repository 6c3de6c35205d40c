"""Verification and replay of recorded runs, read through one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass

from thetaloom.domain.run.lineage import ChainFault
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.engine import DECIDERS
from thetaloom.engine.lineage import ReplayReport, replay_run, verify_run
from thetaloom.store.queries.runs import run_detail
from thetaloom.web.front import Front


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification found; ``records`` is how many were looked at."""

    runs: int
    records: int
    faults: tuple[ChainFault, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was changed, removed, added or reordered."""
        return not self.faults


def verify(front: Front, runs: Sequence[WorkflowRun]) -> Verified:
    """Check the chains and the evidence of runs."""
    faults: list[ChainFault] = []
    with front.platform.store.reading() as seen:
        # Read again, so that the run and its records are of one moment.
        fresh = [run for each in runs if (run := seen.runs.get(each.id)) is not None]
        for run in fresh:
            faults.extend(verify_run(seen, run))
    return Verified(runs=len(fresh), records=sum(run.seq for run in fresh), faults=tuple(faults))


def replay(front: Front, run_id: RunId) -> ReplayReport:
    """Take every recorded decision of a run again and compare."""
    run_detail(front.database, front.user, run_id)  # whose run is it
    with front.platform.store.reading() as seen:
        return replay_run(seen, run_id, DECIDERS, front.platform.desk.codec)
