"""Dispatch: which run is worked on next, by whom, and not by two."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.values.ids import RunId


class Lane(StrEnum):
    """Kinds of work with a cap of their own."""

    EVALUATION = "evaluation"  # SCANNING, EVALUATING
    EXECUTION = "execution"  # PENDING_APPROVAL (its expiry), EXECUTING
    CARE = "care"  # MONITORING, CLOSING: takes risk down and is never capped


LANES: dict[RunStatus, Lane] = {
    RunStatus.SCANNING: Lane.EVALUATION,
    RunStatus.EVALUATING: Lane.EVALUATION,
    RunStatus.PENDING_APPROVAL: Lane.EXECUTION,
    RunStatus.EXECUTING: Lane.EXECUTION,
    RunStatus.MONITORING: Lane.CARE,
    RunStatus.CLOSING: Lane.CARE,
}


def lane_of(run: WorkflowRun) -> Lane | None:
    """Return the lane the run's next step belongs to; ``None`` for a completed run."""
    return LANES.get(run.returns_to or run.status)


class Dispatch(Protocol):
    """Hands out due runs under a lease. A run whose worker died becomes due again when its lease ends."""

    def enqueue(self, run: RunId, due_at: datetime) -> None:
        """Wake the run at ``due_at`` or earlier if it waits for something earlier.

        Called inside the transaction that wrote the run, it is kept or undone with it.
        """
        ...

    def claim(self, now: datetime) -> Sequence[RunId]:
        """Lease the due runs, oldest first, as many as the caps of their lanes leave room for."""
        ...

    def done(self, run: RunId) -> None:
        """Give the lease back."""
        ...

    def take_over(self) -> None:
        """Free the runs of workers that certainly live no more, as after a crash."""
        ...

    def next_due_at(self) -> datetime | None:
        """Return when the earliest unleased run is due; ``None`` when nothing waits."""
        ...
