"""``/ws``: the one socket of a page. Pages ask for quotes and send orders in; quotes and facts flow out."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from thetaloom.errors import InvariantError, ThetaloomError
from thetaloom.web import suggestions
from thetaloom.web.asking import find_asker
from thetaloom.web.front import Front, the_front
from thetaloom.web.permissions import demand, role_for_message
from thetaloom.web.wire.hub import Hub
from thetaloom.web.wire.messages import FRAME_BYTES_MAX, SYMBOLS_MAX, frame, milliseconds
from thetaloom.web.wire.page import Page

router = APIRouter()

PAGES_MAX_OF_A_PERSON = 250
ERRORS_MAX = 20
MESSAGES_A_SECOND_MAX = 50
CLOSE_SECONDS = 1.0  # that a page which does not read is given to take its farewell
POLICY, TOO_SLOW = 1008, 1013
NUMBER_DIGITS = 18
TEXT_LENGTH_MAX = 128
CREDIT_MAX = 100_000
SLOW_MAX = 5  # at once, of one page


class Refused(Exception):
    """A message that cannot be done; the page is told and goes on."""

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.advice = code, message, advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sent a message, and whom to answer."""

    front: Front
    hub: Hub
    page: Page

    def tell(self, kind: str, **fields: object) -> None:
        """Answer with a message of the table."""
        self.page.put(frame(kind, self.hub.position, **fields))


Handler = Callable[[Caller, Mapping[str, Any]], Awaitable[None]]


async def _subscribe(caller: Caller, message: Mapping[str, Any]) -> None:
    symbols, batch = message.get("symbols"), message.get("batch", False)
    if not isinstance(symbols, list) or not all(isinstance(one, str) for one in symbols):
        raise Refused("invalid_input", "symbols is no list of texts", 'Send {"symbols": ["SPY"]}.')
    if not isinstance(batch, bool):
        raise Refused("invalid_input", "batch is neither true nor false")
    if len(symbols) > SYMBOLS_MAX:
        raise Refused("too_many_symbols", f"{len(symbols)} symbols are more than {SYMBOLS_MAX}", "Follow fewer.")
    named = {spelt: caller.hub.quotes.name(spelt) for spelt in symbols}
    known = list(dict.fromkeys(name for name in named.values() if name is not None))
    caller.tell("subscribed", symbols=known, unknown=[spelt for spelt, name in named.items() if name is None])
    caller.hub.follow(caller.page, known, batch=batch)


async def _ping(caller: Caller, _message: Mapping[str, Any]) -> None:
    caller.tell("pong", timestamp=milliseconds(caller.front.platform.wall.now()))


async def _resume(caller: Caller, message: Mapping[str, Any]) -> None:
    seq = message.get("seq")
    if type(seq) is not int or seq < 0:
        raise Refused("invalid_input", "seq is no whole number from 0 on")
    await caller.hub.replay(caller.page, seq)


async def _generate(caller: Caller, message: Mapping[str, Any]) -> None:
    symbol, strategy = _text(message, "symbol"), _text(message, "strategy")
    found = await suggestions.generate(caller.front, symbol, strategy)
    caller.tell("suggestion_update", suggestion=found.model_dump(mode="json"))


async def _execute(caller: Caller, message: Mapping[str, Any]) -> None:
    given, credit = _text(message, "suggestion_id"), message.get("custom_credit")
    done = await suggestions.execute(caller.front, given, custom_credit=None if credit is None else _price(credit))
    caller.tell("suggestion_update", suggestion=done.model_dump(mode="json"))


def _text(message: Mapping[str, Any], name: str) -> str:
    given = message.get(name)
    if not isinstance(given, str) or not 1 <= len(given) <= TEXT_LENGTH_MAX or "\x00" in given:
        raise Refused("invalid_input", f"{name} is no text of 1 to {TEXT_LENGTH_MAX} characters")
    return given


def _price(given: object) -> Decimal:
    try:
        price = Decimal(str(given)) if isinstance(given, str | int | float) and not isinstance(given, bool) else None
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite() or abs(price) > CREDIT_MAX:
        raise Refused("invalid_input", "custom_credit is no price per share", 'Send it as "1.20".')
    return price


MESSAGES: Mapping[str, Handler] = {
    "subscribe_quotes": _subscribe,
    "generate_suggestion": _generate,
    "execute_order": _execute,
    "ping": _ping,
    "resume": _resume,
}
SLOW = frozenset({"generate_suggestion", "execute_order"})  # the page may go on talking meanwhile
_UNDER_WAY: set[asyncio.Task[None]] = set()  # what was asked for is done even if the page goes


def hub_of(websocket: WebSocket) -> Hub:
    """Return the application's hub."""
    hub = websocket.app.state.live
    if not isinstance(hub, Hub):
        raise InvariantError("the application was not made by create_app")
    return hub


@router.websocket("/ws")
async def live(websocket: WebSocket) -> None:
    """Serve one page until it goes, breaks the rules or reads too slowly."""
    hub, front = hub_of(websocket), the_front(websocket)
    mine = sum(page.user == front.user for page in hub.pages)
    if len(hub.pages) >= front.platform.settings.live_pages_max or mine >= PAGES_MAX_OF_A_PERSON:
        await websocket.close(TOO_SLOW)  # before accepting: HTTP 403
        return
    await websocket.accept()
    database, wall = front.platform.database, front.platform.wall

    def may_stay() -> bool:
        return find_asker(websocket.scope, database, wall.now()) is not None

    page = Page(front.user, websocket.send_text, front=front, may_stay=may_stay)
    await hub.join(page)
    try:
        await _serve(websocket, Caller(front=front, hub=hub, page=page))
    finally:
        hub.leave(page)
    if not page.is_gone:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            await asyncio.wait_for(_farewell(websocket, hub, page), CLOSE_SECONDS)


async def _serve(websocket: WebSocket, caller: Caller) -> None:
    """Read and write side by side until either ends."""
    since = websocket.query_params.get("since", "")
    if since.isascii() and since.isdigit() and len(since) <= NUMBER_DIGITS:
        await caller.hub.replay(caller.page, int(since))
    async with asyncio.TaskGroup() as both:
        reading = both.create_task(_read(websocket, caller))
        writing = both.create_task(_write(caller.page))
        reading.add_done_callback(lambda _: writing.cancel())
        writing.add_done_callback(lambda _: reading.cancel())


async def _write(page: Page) -> None:
    try:
        await page.write()
    except WebSocketDisconnect:
        page.is_gone = True


async def _farewell(websocket: WebSocket, hub: Hub, page: Page) -> None:
    if page.is_overrun:
        await websocket.send_text(frame("resync", hub.position, reason="too_slow"))
    await websocket.close(TOO_SLOW if page.is_overrun else POLICY)


async def _read(websocket: WebSocket, caller: Caller) -> None:
    errors, loop = 0, asyncio.get_running_loop()
    allowance = _Allowance(loop.time())
    while errors < ERRORS_MAX:
        received = await websocket.receive()
        if received["type"] == "websocket.disconnect":
            caller.page.is_gone = True
            return
        try:
            allowance.take(loop.time())
            await _handle(caller, received.get("text"))
        except (Refused, ThetaloomError) as error:
            errors += 1
            caller.tell("error", code=error.code, message=error.message, advice=error.advice)


async def _aside(caller: Caller, work: Awaitable[None]) -> None:
    try:
        await work
    except (Refused, ThetaloomError) as error:
        caller.tell("error", code=error.code, message=error.message, advice=error.advice)


async def _handle(caller: Caller, text: str | None) -> None:
    if text is None:
        raise Refused("malformed", "a message is text, not bytes")
    if len(text.encode()) > FRAME_BYTES_MAX:
        raise Refused("too_large", f"the message is larger than {FRAME_BYTES_MAX} bytes")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("malformed", "the message is no JSON") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str):
        raise Refused("malformed", "the message is no object with a type", 'Send {"type": "ping"}.')
    handler = MESSAGES.get(kind)
    if handler is None:
        known = ", ".join(sorted(MESSAGES))
        raise Refused("unknown_type", f"no message is called {kind[:80]!r}", f"Good ones: {known}.")
    person = caller.front.person
    demand(person, role_for_message(kind))
    too_many = caller.front.throttle.hit_message(person.id, kind)
    if too_many is not None:
        raise Refused("too_many_requests", too_many.message, f"Wait {too_many.seconds} s.")
    if kind not in SLOW:
        await handler(caller, message)
        return
    if sum(task.get_name() == _name_of(caller) for task in _UNDER_WAY) >= SLOW_MAX:
        raise Refused("busy", f"{SLOW_MAX} wishes of this page are under way", "Wait for their answers.")
    task = asyncio.get_running_loop().create_task(_aside(caller, handler(caller, message)), name=_name_of(caller))
    _UNDER_WAY.add(task)
    task.add_done_callback(_UNDER_WAY.discard)


def _name_of(caller: Caller) -> str:
    return f"wish-{id(caller.page)}"


class _Allowance:
    """So many messages a second, saved up for two seconds."""

    def __init__(self, now: float) -> None:
        self._left, self._at = float(2 * MESSAGES_A_SECOND_MAX), now

    def take(self, now: float) -> None:
        earned = (now - self._at) * MESSAGES_A_SECOND_MAX
        self._left, self._at = min(self._left + earned, 2.0 * MESSAGES_A_SECOND_MAX), now
        if self._left < 1:
            raise Refused("rate_limited", f"more than {MESSAGES_A_SECOND_MAX} messages a second", "Send fewer.")
        self._left -= 1
