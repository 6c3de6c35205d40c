"""The runner: takes one due run through its next step, in one transaction, and records it."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import HOLDS_RISK, RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.delivery import deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.lineage import Executed, record, record_failure
from thetaloom.engine.restarts import restart_after
from thetaloom.engine.step import Step, tell
from thetaloom.engine.steps import PIPELINE
from thetaloom.errors import AnswerPending, ConfigError, StaleVersionError, Unavailable

log = structlog.get_logger()

ANSWER_LOOK = timedelta(seconds=1)  # how soon a step that waits for an answer looks for it again
MANAGED = frozenset({RunStatus.MONITORING, RunStatus.CLOSING})


def advance(desk: Desk, run_id: RunId) -> WorkflowRun | None:
    """Take the run through its next step if one is due now; return it as stored, or ``None`` when nothing was due.

    An outside system that is unavailable means another try later; any other error sets the run aside as ERROR
    with the message in its lineage. A run that somebody else moved meanwhile is left to them.
    """
    now = desk.clock.now()
    with desk.store.reading() as uow:
        run = uow.runs.get(run_id)
    if run is None or run.next_step is None or run.due_at is None or run.due_at > now or run.is_final:
        return None
    if run.returns_to is not None:  # set aside after it was made due: it sleeps until it is resumed
        _write(desk, replace(run, due_at=None))
        return None
    step = PIPELINE[run.next_step]
    inputs: Any = None
    try:
        started = time.perf_counter_ns()
        inputs = step.gather(desk, run)
        said = step.decider.decide(inputs)
        return _commit(desk, step, run, inputs, said, started)
    except StaleVersionError:
        log.info("run_moved_by_another_worker", run=run.id, step=step.name)
        return None
    except AnswerPending as error:
        log.info("step_waits", run=run.id, step=step.name, cause=error.message)
        _write(desk, replace(run, due_at=desk.clock.now() + ANSWER_LOOK))
        return None
    except Unavailable as error:
        return _try_later(desk, run, step.name, inputs, error)
    except ConfigError:
        raise
    except Exception as error:  # the one loop that must outlive any fault of a single run
        log.exception("step_failed", run=run.id, step=step.name)
        return _fail(desk, run, step.name, inputs, f"{type(error).__name__}: {error}")


def work(
    desk: Desk, moved: set[RunId] | None = None, before: Callable[[Collection[RunId]], None] = lambda runs: None
) -> int:
    """Take every due run as far as it goes now; return how many steps were taken, and in ``moved`` by which runs.

    ``before`` is told of the runs whose steps come next, so that what they will read can be written first.
    """
    steps = 0
    while claimed := desk.dispatch.claim(desk.clock.now()):
        done = steps
        before(claimed)
        for run_id in claimed:
            while advance(desk, run_id) is not None:
                steps += 1
                if moved is not None:
                    moved.add(run_id)
            desk.dispatch.done(run_id)
        if steps == done:  # due, but moved by somebody else meanwhile: the next turn looks again
            break
    return steps


def _commit(desk: Desk, step: Step, run: WorkflowRun, inputs: Any, said: Any, started: int) -> WorkflowRun:
    with desk.store.unit_of_work() as uow:
        moved = step.act(desk, uow, run, inputs, said)
        if not step.is_quiet(said):
            executed = Executed(
                step=step.name,
                decider=step.decider,
                inputs=inputs,
                output=said,
                started_at=desk.clock.now(),
                duration_us=(time.perf_counter_ns() - started) // 1000,
            )
            moved = record(desk, uow, moved, executed)
        saved = uow.runs.save(moved)
        if saved.is_final:
            restart_after(desk, uow, saved, desk.clock.now())
        uow.commit()
    for order in step.delivers(inputs, said):
        deliver(desk, order)
    return saved


def _try_later(desk: Desk, run: WorkflowRun, step: StepName, inputs: Any, error: Unavailable) -> WorkflowRun | None:
    attempts = run.attempts + 1
    # What holds risk is never given up for an outage: nobody else would look after the position.
    if attempts >= desk.settings.attempts_max and run.status not in HOLDS_RISK:
        return _fail(desk, run, step, inputs, f"{attempts} attempts: {error.message}")
    doublings = min(attempts, desk.settings.attempts_max) - 1
    delay = timedelta(seconds=desk.settings.retry_seconds * 2**doublings)
    log.warning("step_unavailable", run=run.id, step=step, attempt=attempts, error=error.message)
    _write(desk, replace(run, attempts=attempts, due_at=desk.clock.now() + delay))
    return None


def _write(desk: Desk, run: WorkflowRun) -> None:
    try:
        with desk.store.unit_of_work() as uow:
            uow.runs.save(run)
            uow.commit()
    except StaleVersionError:
        log.info("run_moved_by_another_worker", run=run.id)


def _fail(desk: Desk, run: WorkflowRun, step: StepName, inputs: Any, message: str) -> WorkflowRun | None:
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        stored = uow.runs.get(run.id)
        if stored is None or stored.version != run.version:
            return None
        # Why a position is to be closed outlives a fault on the way.
        reason = run.reason if run.status in MANAGED and run.reason else Reason.STEP_FAILED.value
        failed = replace(run.moved_to(RunStatus.ERROR, now=now), reason=reason, due_at=None)
        failed = record_failure(desk, uow, failed, step, inputs, message, now)
        tell(uow, failed, EventKind.RUN_FAILED, now, step=step.value, message=message)
        saved = uow.runs.save(failed)
        uow.commit()
    return saved
