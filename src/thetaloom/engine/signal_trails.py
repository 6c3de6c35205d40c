"""The end of a run in the trail of the signal that started it, and in the records of all who were weighed for it."""

from datetime import datetime

import msgspec

from thetaloom.domain.run.confluence import Confluence
from thetaloom.domain.run.runs import StepName, WorkflowRun
from thetaloom.domain.run.signal_records import scores_of
from thetaloom.domain.run.signals import SignalStage
from thetaloom.domain.values.canonical import from_plain
from thetaloom.ports.store import UnitOfWork

RUN = "run"


def finish_signal(uow: UnitOfWork, run: WorkflowRun, now: datetime) -> None:
    """Write into the trail of the signal that started a run how the run ended."""
    if run.signal_id is None:
        return
    _score(uow, run, now)
    signal = uow.signals.get(run.signal_id)
    if signal is not None and signal.stage is SignalStage.STARTED:
        outcome = "" if run.outcome is None else run.outcome.value
        uow.signals.move(
            signal.moved_to(SignalStage.FINISHED, reason=run.reason),
            RUN,
            now,
            facts={"run": run.id, "outcome": outcome},
        )


def _score(uow: UnitOfWork, run: WorkflowRun, now: datetime) -> None:
    position, digest = uow.positions.of_run(run.id), uow.lineage.newest_output(run.id, StepName.TRIGGER)
    if position is None or position.is_open or digest is None:
        return
    judged = msgspec.json.decode(uow.lineage.get_evidence(digest))["signal"]
    if judged is not None:
        together = from_plain(judged["confluence"], Confluence)
        for score in scores_of(run, together.contributions, position.realized_pnl, now):
            uow.signals.add_score(score)
