"""The end of a run in the trail of the signal that started it."""

from datetime import datetime

from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.run.signals import SignalStage
from thetaloom.ports.store import UnitOfWork

RUN = "run"


def finish_signal(uow: UnitOfWork, run: WorkflowRun, now: datetime) -> None:
    """Write into the trail of the signal that started a run how the run ended."""
    signal = None if run.signal_id is None else uow.signals.get(run.signal_id)
    if signal is not None and signal.stage is SignalStage.STARTED:
        outcome = "" if run.outcome is None else run.outcome.value
        uow.signals.move(
            signal.moved_to(SignalStage.FINISHED, reason=run.reason),
            RUN,
            now,
            facts={"run": run.id, "outcome": outcome},
        )
