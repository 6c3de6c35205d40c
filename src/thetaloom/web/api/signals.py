"""Signals: the webhooks that take them in, and what became of each."""

import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from thetaloom.config import Mode
from thetaloom.domain.run.signal_bodies import read_body
from thetaloom.domain.run.signal_faults import Problem as SignalProblem
from thetaloom.domain.run.signal_intake import Answer
from thetaloom.domain.run.signal_records import SourceRecord
from thetaloom.domain.run.signal_sources import NAME, SellMeaning, SignalSource, SourceAuth
from thetaloom.domain.run.signals import Direction, SignalAction, SignalStage
from thetaloom.domain.values.reasons import Reason
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import TakeSignal
from thetaloom.engine.signals import SignalAnswer, take_signal
from thetaloom.errors import NotFound
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.queries.signals import find_source, list_signals, list_sources, signal_detail, source_records
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Exact, Page, Record, paged
from thetaloom.web.front import Front, FrontDoor, OpenDoor
from thetaloom.web.problems import Problem, documented
from thetaloom.web.webhooks import BYTES_MAX, TOO_LARGE, UNKNOWN_SOURCE, Proved, Refused, prove

router = APIRouter(tags=["signals"])
hooks = APIRouter(tags=["signals"])
DEFAULT_SOURCE = "default"
NOT_UNDERSTOOD = "signal_not_understood"
STATUSES = {Answer.REJECTED: 400, Answer.REFUSED: 409, Answer.DUPLICATE: 200}
_BODY = {
    "requestBody": {
        "required": True,
        "description": f"JSON or a line of text, {BYTES_MAX} bytes at most; docs/reference/signals.md lists the forms.",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": {"ticker": "SPY", "action": "buy"}},
            "text/plain": {"schema": {"type": "string"}, "example": "BUY SPY 5m"},
        },
    }
}


class Answered(Record):
    """What the sender is told of a signal that was taken, noted, queued, or known already."""

    status: Answer
    request_id: str
    signal_id: str
    received: dict[str, str] = Field(description="What was understood.")
    ignored: list[str] = Field(description="Fields that no rule reads.")
    due_at: datetime | None = Field(description="When it starts; null for what starts nothing.")
    processing_time_ms: float


class Signal(Record):
    """One signal; what its sender did not say is null."""

    id: str
    source: str
    shape: str
    sender_id: str | None
    symbol: str
    direction: Direction
    action: SignalAction
    confidence: Exact | None = Field(description="0 to 100.")
    timeframe: str | None
    price: Exact | None
    levels: dict[str, Exact]
    facts: dict[str, str]
    points: int = Field(description="Added to the confidence by the rules of its shape.")
    size_factor: Exact
    sent_at: datetime | None
    received_at: datetime
    strategy_id: str | None
    stage: SignalStage
    reason: str
    repeats: int
    run_id: str | None
    due_at: datetime | None


class TrailStation(Record):
    """One station of a signal."""

    seq: int
    stage: SignalStage
    actor: str
    reason: str
    facts: dict[str, str]
    evidence: str = Field(description="Digest of the decision's inputs and output; empty where none was taken.")
    at: datetime


class SignalStory(Record):
    """A signal with its trail, and the tables of its confluence and confidence once its run has begun."""

    signal: Signal
    trail: list[TrailStation]
    judged: dict[str, Any] | None


class Accuracy(Record):
    """How often a source was right, by the profit of the runs that its word was weighed for."""

    judged: int
    right: int
    recent_judged: int = Field(description="Of the last 50.")
    recent_right: int
    lifetime: Exact | None = Field(description="Share that was right, 0 to 1; null while nothing was judged.")
    recent: Exact | None
    credibility: Exact | None = Field(
        description="0.3 of the lifetime's share and 0.7 of the recent one; null under 20."
    )
    started: int = Field(description="Runs with a position that its own signals started.")
    pnl: Exact = Field(description="Of those runs, after fees.")


class Source(Record):
    """The profile of a source; its secret is never shown."""

    name: str
    auth: SourceAuth
    enabled: bool
    addresses: list[str]
    mapping: dict[str, str]
    fixed: dict[str, str]
    strategy_id: str | None
    sell: SellMeaning | None
    confidence_scale: Exact | None
    weight: Exact
    half_life_minutes: int
    vote_minutes_max: int
    age_seconds_max: int
    cooldown_seconds: int
    queues: bool
    confidence_min: int | None
    weighs_by_record: bool
    saved_at: datetime
    record: Accuracy


HOOKED: dict[int | str, dict[str, Any]] = {
    **documented(404, 409, 413),
    200: {"model": Answered, "description": "A copy of a signal that came before."},
    400: {"model": Problem, "description": "Not understood: `details` lists each problem and what was understood."},
    401: {"model": Problem, "description": "The sender is not proved."},
}


@hooks.post("/webhook", status_code=202, responses=HOOKED, response_model=Answered, openapi_extra=_BODY)
async def webhook(front: OpenDoor, request: Request) -> JSONResponse:
    """Take a signal in from the source that its body names, or from the source called default."""
    body = await request.body()
    plain = read_body(body) if len(body) <= BYTES_MAX else {}
    named = plain.get("source") if isinstance(plain, dict) else None
    return await _answer(front, request, str(named).lower() if isinstance(named, str) else DEFAULT_SOURCE, body)


@hooks.post("/webhook/{source}", status_code=202, responses=HOOKED, response_model=Answered, openapi_extra=_BODY)
async def webhook_of(front: OpenDoor, request: Request, source: str) -> JSONResponse:
    """Take a signal in; it is written down before the answer, and started after it."""
    return await _answer(front, request, source, await request.body())


@router.get("/signals", responses=documented())
def signals(
    front: FrontDoor,
    window: PageWindow,
    symbol: Annotated[str | None, Query(max_length=12)] = None,
    source: Annotated[str | None, Query(max_length=40)] = None,
    stage: SignalStage | None = None,
) -> Page[Signal]:
    """List signals, newest first."""
    wanted = canonical_symbol(symbol) if symbol else None
    found = list_signals(front.database, front.user, symbol=wanted, source=source, stage=stage, window=window)
    return paged(found, Signal)


@router.get("/signals/sources", responses=documented())
def sources(front: FrontDoor) -> list[Source]:
    """List the sources that may send."""
    records = source_records(front.database, front.user)
    return [_source(one, records.get(one.name)) for one in list_sources(front.database, front.user)]


@router.get("/signals/{signal_id}", responses=documented(404))
def signal(front: FrontDoor, signal_id: Id) -> SignalStory:
    """Return one signal with its trail."""
    return SignalStory.model_validate(signal_detail(front.database, front.user, signal_id))


def _source(one: SignalSource, record: SourceRecord | None) -> Source:
    accuracy = Accuracy.model_validate(record or SourceRecord())
    fields = {name: getattr(one, name) for name in Source.model_fields if name != "record"}
    return Source.model_validate({**fields, "record": accuracy})


async def _answer(front: Front, request: Request, name: str, body: bytes) -> JSONResponse:
    began, request_id = time.perf_counter(), secrets.token_hex(8)
    if len(body) > BYTES_MAX:
        return _refused(TOO_LARGE, name, request_id)
    address = None if request.client is None else request.client.host
    # In a thread, and not by the engine's: what a run reads of the market may take longer than a sender waits.
    answer = await run_in_threadpool(_receive, front, name, body, request.headers, address)
    match answer:
        case Refused():
            return _refused(answer, name, request_id)
        case SignalProblem():
            return _rejected((answer,), {}, (), name, request_id)
    if front.loop is not None and answer.due_at is not None:
        front.loop.wake()
    milliseconds = (time.perf_counter() - began) * 1000
    return _told(answer, name, request_id, milliseconds)


def _receive(
    front: Front, name: str, body: bytes, headers: Mapping[str, str], address: str | None
) -> SignalAnswer | SignalProblem | Refused:
    platform = front.platform
    source = find_source(front.database, platform.user_id, name) if NAME.fullmatch(name) else None
    if source is None:
        return UNKNOWN_SOURCE
    secret = None
    if source.auth is not SourceAuth.UNSIGNED:
        secret = platform.source_secrets.get(name)
    proved = prove(source, secret, body, headers, address, Mode(platform.settings.mode))
    if not isinstance(proved, Proved):
        return proved
    wall = SystemClock().now()
    wish = TakeSignal(user_id=platform.user_id, source=name, payload=proved.payload, wall_at=wall)
    try:
        return take_signal(platform.desk, wish)
    except NotFound:  # taken away a moment ago
        return UNKNOWN_SOURCE


def _told(answer: SignalAnswer, name: str, request_id: str, milliseconds: float) -> JSONResponse:
    understood = dict(answer.reading.understood)
    if answer.answer is Answer.REJECTED or answer.signal_id is None:
        return _rejected(answer.problems, understood, answer.reading.ignored, name, request_id)
    if answer.answer is Answer.REFUSED:
        facts = ", ".join(f"{fact}={word}" for fact, word in answer.facts.items())
        details = {
            "status": answer.answer.value,
            "request_id": request_id,
            "signal_id": answer.signal_id,
            "facts": dict(answer.facts),
            "understood": understood,
        }
        return _problem(409, answer.reason, f"{answer.signal_id} is refused ({facts})", answer.reason, details)
    told = Answered(
        status=answer.answer,
        request_id=request_id,
        signal_id=answer.signal_id,
        received=understood,
        ignored=list(answer.reading.ignored),
        due_at=answer.due_at,
        processing_time_ms=round(milliseconds, 3),
    )
    return JSONResponse(told.model_dump(mode="json"), STATUSES.get(answer.answer, 202))


def _rejected(
    problems: tuple[SignalProblem, ...],
    understood: Mapping[str, str],
    ignored: tuple[str, ...],
    name: str,
    request_id: str,
) -> JSONResponse:
    listed = [{"field": one.field, "code": one.fault.value, "message": one.message} for one in problems]
    message = f"{name}: " + "; ".join(one.message for one in problems)
    details = {
        "status": Answer.REJECTED.value,
        "request_id": request_id,
        "problems": listed,
        "understood": dict(understood),
        "ignored": list(ignored),
    }
    advice = "Nothing was started. docs/reference/signals.md lists every field and problem."
    shape = {"code": NOT_UNDERSTOOD, "message": message, "advice": advice, "details": details}
    return JSONResponse(shape, 400)


def _refused(refused: Refused, name: str, request_id: str) -> JSONResponse:
    details = {"status": Answer.REFUSED.value, "request_id": request_id, "source": name[:40]}
    shape = {"code": refused.code, "message": refused.message, "advice": refused.advice, "details": details}
    return JSONResponse(shape, refused.status)


def _problem(status: int, code: str, message: str, reason: str, details: dict[str, Any]) -> JSONResponse:
    advice = Reason.of(reason).text
    return JSONResponse({"code": code, "message": message, "advice": advice, "details": details}, status)
