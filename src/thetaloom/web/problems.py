"""Errors as answers: one JSON shape for programs, one page for people, and which status each error has."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from thetaloom.errors import (
    DomainError,
    InvalidInput,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    RoleTooLow,
    StaleVersionError,
    ThetaloomError,
    Unavailable,
)
from thetaloom.web.headers import HEADERS
from thetaloom.web.pages.render import error_page

log = structlog.get_logger()

# The first that fits; the tree of errors is in errors.py.
STATUSES: tuple[tuple[type[ThetaloomError], int], ...] = (
    (NotFound, 404),
    (RoleTooLow, 403),
    (NotAllowed, 409),
    (StaleVersionError, 409),
    (InvalidInput, 422),
    (DomainError, 422),
    (Unavailable, 503),
    (OutcomeUnknown, 504),
    (ThetaloomError, 500),
)
CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 422: "invalid_input"}
ADVICE = {404: "GET /api lists the routes.", 405: "GET /api lists the routes with their methods."}


class Problem(BaseModel):
    """The one shape of every error."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "approval_expired",
                    "message": "prop-inoajoosnq37n4fc expired at 2015-12-24T15:21:00+00:00",
                    "advice": "Start a new run.",
                    "details": {},
                }
            ]
        }
    )

    code: str = Field(description="A reason code (see /reasons) or the name of the error.")
    message: str = Field(description="What happened, in one sentence with its facts.")
    advice: str = Field(description="What to do about it; may be empty.")
    details: dict[str, Any] = Field(description="The facts by name; for malformed input, one entry a field.")


_DESCRIPTIONS = {
    400: "The body cannot be parsed.",
    401: "Nobody is signed in, and no token is sent that counts.",
    403: "The role or the token's scope is too low, or the request comes from a foreign host or site.",
    404: "Nothing by that id.",
    409: "A rule refused, or the decision was made before.",
    413: "The body is larger than 1 MiB.",
    422: "The input is malformed; `details` names each field.",
    429: "Asked too often; the header Retry-After says when to ask again.",
    500: "Our own books or settings contradict themselves.",
    503: "The engine, the database or the market data does not answer.",
    504: "The command was handed on but no answer came; look before asking again.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of a route for its OpenAPI description."""
    return {
        status: {"model": Problem, "description": _DESCRIPTIONS[status]}
        for status in (401, 403, 422, 429, 500, 503, *statuses)
    }


def documented_by_reference(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the same for a route whose good answer is no JSON: FastAPI would take its errors for no JSON as well."""
    shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": answer["description"], "content": shape}
        for status, answer in documented(*statuses).items()
    }


COMMANDED = documented(400, 404, 409, 413, 504)  # what a change can be answered with


def status_of(error: ThetaloomError) -> int:
    """Return the HTTP status of an error."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def problem_response(
    status: int,
    code: str,
    message: str,
    *,
    advice: str = "",
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as JSON."""
    shape = {"code": code, "message": message, "advice": advice, "details": _plain(details or {})}
    return JSONResponse(shape, status, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Have every error of ``app`` answered in our shape, or as a page where a person looks."""
    app.add_exception_handler(ThetaloomError, _thetaloom_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def wants_page(request: Request) -> bool:
    """Whether the asker is a person in front of a browser and not a program."""
    programs = request.url.path.startswith(
        ("/api/", "/openapi", "/healthz", "/readyz", "/metrics", "/static/", "/webhook")
    )
    return not programs and "text/html" in request.headers.get("accept", "")


def answer_of(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    advice: str = "",
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error as a page for a person, or as JSON for a program."""
    if wants_page(request):
        return error_page(request, status, code, message, advice, _plain(details or {}), headers or {})
    return problem_response(status, code, message, advice=advice, details=details, headers=headers)


def _thetaloom_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ThetaloomError)
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", path=request.url.path, code=error.code, message=error.message)
    return answer_of(request, status, error.code, error.message, advice=error.advice, details=error.details)


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = {_where(each["loc"]): str(each["msg"]) for each in error.errors()}
    unparsed = any(each["type"] == "json_invalid" for each in error.errors())
    status = 400 if unparsed else 422
    listed = "; ".join(f"{where}: {message}" for where, message in problems.items())
    return answer_of(request, status, CODES[status], listed, advice="See /api for what is expected.", details=problems)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = CODES.get(status, f"http_{status}")
    message = f"{request.method} {request.url.path}: {error.detail}"
    advice = "The navigation leads to every page." if wants_page(request) else ADVICE.get(status, "")
    return answer_of(request, status, code, message, advice=advice, headers=error.headers)


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request_broke", path=request.url.path, exc_info=error)
    message = f"something unexpected went wrong ({type(error).__name__}); the log has the details"
    answer = answer_of(
        request, 500, "internal", message, advice="Look whether anything was changed before asking again."
    )
    answer.headers.update(HEADERS)  # this answer is given outside of the guard
    return answer


def _where(location: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in location if part not in {"body", "query", "path"}]
    return ".".join(parts) or str(location[0] if location else "request")


def _plain(details: Mapping[str, object]) -> dict[str, object]:
    return {name: _plain_entry(entry) for name, entry in details.items()}


def _plain_entry(entry: object) -> object:
    if isinstance(entry, Mapping):
        return _plain(entry)
    if isinstance(entry, list | tuple):
        return [_plain_entry(one) for one in entry]
    return entry if isinstance(entry, int | str | bool | None) else str(entry)
