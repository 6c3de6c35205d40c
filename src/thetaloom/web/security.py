"""The guard before every route: from where, who, whether they may, how much at once, and whether they meant it.

Nobody may reach the server through somebody else's page: a foreign name in ``Host`` (DNS rebinding) and a foreign
origin of a change (CSRF) are refused. Everything else needs a person, unless the table of permissions says otherwise.
"""

import asyncio
import re
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.people import Role
from thetaloom.domain.values.reasons import Reason
from thetaloom.errors import ThetaloomError
from thetaloom.ports.clock import Clock
from thetaloom.store.database import Database
from thetaloom.web.asking import ASKER, Asker, find_asker, is_meant
from thetaloom.web.auditing import Witness
from thetaloom.web.headers import HEADERS, HTTPS_ALWAYS
from thetaloom.web.permissions import READS, is_open, needs_account, needs_session, role_needed, too_low
from thetaloom.web.problems import answer_of, problem_response, wants_page
from thetaloom.web.throttling import Throttle

BODY_BYTES_MAX = 1024 * 1024
# Of a body that is refused this much is still taken in: who sends it hears nothing before all of it is sent.
UNREAD_BYTES_MAX, UNREAD_SECONDS_MAX = 64 * 1024 * 1024, 10
LENGTH = re.compile(r"[0-9]{1,18}")
OWN_SITES = frozenset({"same-origin", "none"})  # none: typed or bookmarked. same-site is another port: foreign
ACCOUNT_ADVICE = "An admin can add you to another's books: `thetaloom user add NAME --books NAME`."
SIGN_IN = "Sign in, or send `Authorization: Bearer` with a token of `thetaloom token create`."


class Guard:
    """Refuses what no route should see, finds out who asks, and puts the security headers on every answer."""

    def __init__(
        self, app: ASGIApp, *, host: str, database: Database, wall: Clock, owner: UserId, throttle: Throttle
    ) -> None:
        self._app = app
        self._host = host.lower()
        self._database = database
        self._wall = wall
        self._owner = owner
        self._throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "websocket":
            await self._guard_socket(scope, receive, send)
        elif scope["type"] == "http":
            witness = Witness(scope, _with_headers(send, scope["path"], scope["scheme"]), self._database, self._wall)
            try:
                refused, body = await self._judge(scope, receive)
                witness.body = body or b""
                if refused is not None:
                    await refused(scope, receive, witness.send)
                else:
                    await self._app(scope, receive if body is None else _replayed(body, receive), witness.send)
            finally:
                await witness.write_down()
        else:
            await self._app(scope, receive, send)

    async def _judge(self, scope: Scope, receive: Receive) -> tuple[Response | None, bytes | None]:
        foreign = self._refusal(scope)
        if foreign is not None:
            return foreign, None
        asker = None
        if not is_open(scope["method"], scope["path"]):
            try:
                admitted = await self._admit(scope)
            except ThetaloomError as error:  # no handler of the application stands before us
                return problem_response(503, error.code, error.message, advice=error.advice), None
            if isinstance(admitted, Response):
                return admitted, None
            asker = admitted
        if scope["method"] in READS:
            return None, None
        body = await _read_body(Headers(scope=scope), receive)
        if isinstance(body, Response):
            return body, None
        if asker is not None and not is_meant(asker, Headers(scope=scope), body):
            message = "the change does not carry the mark of this session's pages"
            advice = "Load the page again, and send it from there."
            return await _refuse(scope, 403, "csrf_missing", message, advice), None
        return None, body

    async def _admit(self, scope: Scope) -> Asker | Response:
        asker = await run_in_threadpool(find_asker, scope, self._database, self._wall.now())
        if asker is None:
            return _unknown(scope)
        scope[ASKER] = asker
        too_many = self._throttle.hit_route(asker.person.id, scope["method"], scope["path"])
        if too_many is not None:
            return problem_response(
                429,
                "too_many_requests",
                too_many.message,
                advice="Wait; the header Retry-After says how long.",
                details={"seconds": too_many.seconds},
                headers={"Retry-After": str(too_many.seconds)},
            )
        needed = role_needed(scope["method"], scope["path"])
        if asker.person.may(needed):
            if asker.person.token_id and needs_session(scope["method"], scope["path"]):
                message = "a token cannot do this: it needs a person who is signed in"
                return await _refuse(scope, 403, "session_needed", message, "Sign in with a browser.")
            if asker.person.books == self._owner or not needs_account(scope["method"], scope["path"]):
                return asker
            message = f"{asker.person.name} works on books of their own, which no trading account belongs to"
            return await _refuse(scope, 409, Reason.NO_ACCOUNT.value, message, ACCOUNT_ADVICE)
        code, message, advice = too_low(asker.person, needed)
        return await _refuse(scope, 403, code, message, advice)

    async def _guard_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal({**scope, "method": "WS"})
        asker = None
        if refusal is None:
            asker = await run_in_threadpool(find_asker, scope, self._database, self._wall.now())
            if asker is None:
                refusal = _unauthenticated()
            elif not asker.person.may(role_needed("WS", scope["path"])):
                refusal = problem_response(403, *too_low(asker.person, Role.VIEWER)[:2])
        if refusal is None:
            scope[ASKER] = asker
            await self._app(scope, receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            await _refuse_socket(refusal, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own_host(host):
            advice = "Open the address that `thetaloom up` printed."
            return problem_response(403, "foreign_host", f"this server is not called {host[:80]!r}", advice=advice)
        if scope["method"] in READS:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        foreign = (site is not None and site not in OWN_SITES) or (
            origin is not None and origin.lower() != f"{_http(scope['scheme'])}://{host.lower()}"
        )
        if foreign:
            advice = "Changes are taken from this server's own pages and from programs that send no Origin."
            message = f"a change asked for by {(origin or site or '')[:80]!r} is refused"
            return problem_response(403, "foreign_origin", message, advice=advice)
        return None

    def _is_own_host(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name or "@" in host:
            return False
        return name == self._host or name == "localhost" or _is_loopback(name)


def _http(scheme: str) -> str:
    return {"ws": "http", "wss": "https"}.get(scheme, scheme)


def _unknown(scope: Scope) -> Response:
    request = Request(scope)
    if not wants_page(request):
        return _unauthenticated({"HX-Redirect": "/login"} if "hx-request" in request.headers else {})
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    is_there = scope["method"] == "GET" and wanted != "/"
    return RedirectResponse(f"/login?next={quote(wanted, safe='/')}" if is_there else "/login", HTTPStatus.SEE_OTHER)


def _unauthenticated(more: dict[str, str] | None = None) -> Response:
    headers = {"WWW-Authenticate": "Bearer", **(more or {})}
    return problem_response(
        401, "unauthenticated", "this needs somebody to be signed in", advice=SIGN_IN, headers=headers
    )


async def _refuse(scope: Scope, status: int, code: str, message: str, advice: str) -> Response:
    # the page of a refusal reads the database
    return await run_in_threadpool(answer_of, Request(scope), status, code, message, advice=advice)


async def _refuse_socket(refusal: Response, send: Send) -> None:
    headers = list(refusal.raw_headers)
    await send({"type": "websocket.http.response.start", "status": refusal.status_code, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": refusal.body})


def _too_large() -> Response:
    return problem_response(
        413,
        "body_too_large",
        f"the body is larger than {BODY_BYTES_MAX} bytes",
        advice="Send less at once.",
        details={"bytes_max": BODY_BYTES_MAX},
        headers={"Connection": "close"},
    )


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _incomplete() -> Response:
    return problem_response(
        400,
        "malformed",
        "the connection ended before the whole body was here",
        advice="Nothing was done: send it again.",
    )


async def _read_body(headers: Headers, receive: Receive) -> bytes | Response:
    announced = headers.get("content-length", "0")
    if not LENGTH.fullmatch(announced) or int(announced) > BODY_BYTES_MAX:
        if "expect" not in headers:  # else nothing is sent before we ask for it
            await _let_pass(receive)
        return _too_large()
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":  # a part of a change may say something else than the whole
            return _incomplete()
        body += bytes(message.get("body", b""))
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES_MAX:
            if more:
                await _let_pass(receive)
            return _too_large()
        if not more:
            return body


async def _let_pass(receive: Receive) -> None:
    """Take in what is left of a body, within bounds: a connection that ends unread takes the answer with it."""
    left = UNREAD_BYTES_MAX
    with suppress(TimeoutError):
        async with asyncio.timeout(UNREAD_SECONDS_MAX):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _replayed(body: bytes, receive: Receive) -> Receive:
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


def _with_headers(send: Send, path: str, scheme: str) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, text in HEADERS.items():
                headers[name] = text
            if scheme == "https":
                headers["Strict-Transport-Security"] = HTTPS_ALWAYS
            if not path.startswith("/static/"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return answer
