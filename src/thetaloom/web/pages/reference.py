"""To look things up: the dictionary of reasons, and the routes of the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from thetaloom.domain.values.reasons import Reason
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.navigation import Place
from thetaloom.web.pages.queue import REASONS
from thetaloom.web.pages.render import page

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonsView:
    """Every reason code with its text."""

    frame: Frame
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """One route."""

    method: str
    path: str
    summary: str
    parameters: Sequence[str]
    statuses: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiView:
    """The routes by noun."""

    frame: Frame
    nouns: Mapping[str, Sequence[ApiRoute]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysView:
    """What can be done by keyboard."""

    frame: Frame
    places: Sequence[Place]
    presets: Sequence[str]


@router.get("/reasons")
def reasons(front: FrontDoor) -> Response:
    """Show the dictionary; each code is an anchor."""
    return page("reasons.html", ReasonsView(frame=frame_of(front, "reasons"), reasons=tuple(Reason)))


@router.get("/keys")
def keys(front: FrontDoor) -> Response:
    """Show the keys of all pages."""
    frame = frame_of(front, "keys")
    places = [place for group in frame.navigation for place in group.places if place.key]
    return page("keys.html", KeysView(frame=frame, places=places, presets=REASONS))


@router.get("/api")
def api(front: FrontDoor, request: Request) -> Response:
    """Show the routes, from the same description that /openapi.json gives to programs."""
    nouns: dict[str, list[ApiRoute]] = {}
    for path, methods in request.app.openapi()["paths"].items():
        for method, described in methods.items():
            nouns.setdefault(described["tags"][0], []).append(_route(path, method, described))
    return page("api.html", ApiView(frame=frame_of(front, "api"), nouns=nouns))


def _route(path: str, method: str, described: Mapping[str, Any]) -> ApiRoute:
    queries = [each["name"] for each in described.get("parameters", ()) if each["in"] == "query"]
    return ApiRoute(
        method=method.upper(),
        path=path,
        summary=described.get("description", ""),
        parameters=queries,
        statuses=sorted(described["responses"]),
    )
