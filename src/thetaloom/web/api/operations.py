"""For those who operate the server: is it alive, is it ready, and its figures."""

from fastapi import APIRouter, Response
from starlette.responses import PlainTextResponse

from thetaloom import __version__
from thetaloom.web.api.records import Record
from thetaloom.web.api.workflow import HealthCheck
from thetaloom.web.front import FrontDoor, OpenDoor
from thetaloom.web.health import Check, liveness, readiness
from thetaloom.web.metrics import CONTENT_TYPE, exposition
from thetaloom.web.problems import documented_by_reference

router = APIRouter(tags=["operations"])


class Health(Record):
    """Whether the process works, part by part."""

    status: str
    version: str
    checks: list[HealthCheck]


@router.get("/healthz", responses={503: {"model": Health, "description": "A part does not work."}})
def healthz(front: OpenDoor, response: Response) -> Health:
    """Say whether the engine's thread lives and the database answers; 503 with the reasons otherwise."""
    return _health(liveness(front), response)


@router.get("/readyz", responses={503: {"model": Health, "description": "A part is not ready."}})
def readyz(front: OpenDoor, response: Response) -> Health:
    """Say whether work would be done: alive, a market to trade on, and no backlog."""
    return _health(readiness(front), response)


@router.get("/metrics", response_class=PlainTextResponse, responses=documented_by_reference())
def metrics(front: FrontDoor) -> PlainTextResponse:
    """Return the figures of this installation in Prometheus' text format."""
    return PlainTextResponse(exposition(front), media_type=CONTENT_TYPE)


def _health(checks: tuple[Check, ...], response: Response) -> Health:
    passed = all(check.passed for check in checks)
    if not passed:
        response.status_code = 503
    shown = [HealthCheck.model_validate(check) for check in checks]
    return Health(status="ok" if passed else "failing", version=__version__, checks=shown)
