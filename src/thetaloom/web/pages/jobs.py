"""Jobs and health: scheduled work, signs of life, what waits, how big the books are, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.bootstrap import read_pulse
from thetaloom.engine.scheduler import PULSE_FRESH
from thetaloom.ports.store import StoredEvent
from thetaloom.store.queries.health import Backlog, Census, backlog, census
from thetaloom.store.queries.jobs import Job, database_bytes, last_reconciled_at, list_failures, list_jobs
from thetaloom.store.queries.schedules import heartbeat
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.health import Check, lag_of, readiness
from thetaloom.web.pages.forms import PageNumber
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/jobs")
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A worker's last sign of life."""

    worker: str
    at: datetime | None  # None: it never gave one
    is_fresh: bool | None  # None: there is no time by which it owes one


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsView:
    """Whether this house works, and what it does by itself."""

    frame: Frame
    checks: Sequence[Check]
    signs: Sequence[Sign]
    jobs: Sequence[Job]
    backlog: Backlog
    lag: timedelta
    census: Census
    megabytes: str
    failures: Sequence[StoredEvent]
    pager: Pager
    facts: Mapping[int, str]  # of each failure, by its number


@router.get("")
def jobs(front: FrontDoor, number: Annotated[PageNumber, Query(alias="page")] = 1) -> Response:
    """Show scheduled work and health."""
    waiting = backlog(front.database, front.now)
    failures = list_failures(front.database, front.user, window=window_of(number))
    view = JobsView(
        frame=frame_of(front, "jobs"),
        checks=readiness(front),
        signs=_signs(front),
        jobs=list_jobs(front.database, front.user),
        backlog=waiting,
        lag=lag_of(front, waiting),
        census=census(front.database),
        megabytes=f"{database_bytes(front.database) / MEGABYTE:,.1f} MB",
        failures=failures.rows,
        pager=pager_of("/jobs", failures),
        facts={one.sequence: _facts(one) for one in failures.rows},
    )
    return page("jobs.html", view)


def _signs(front: Front) -> Sequence[Sign]:
    pulse, looked_at = read_pulse(front.database), heartbeat(front.database)
    reconciled_at = last_reconciled_at(front.database, front.user)
    is_beating = None if pulse is None or pulse.has_ended else pulse.is_fresh
    is_looking = None if looked_at is None else front.now - looked_at <= PULSE_FRESH
    return (
        Sign(worker="engine", at=None if pulse is None else pulse.at, is_fresh=is_beating),
        Sign(worker="scheduler", at=looked_at, is_fresh=is_looking),
        Sign(worker="reconciliation", at=reconciled_at, is_fresh=None),
    )


def _facts(stored: StoredEvent) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in stored.event.facts.items() if text)
