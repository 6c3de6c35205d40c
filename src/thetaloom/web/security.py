"""The guard before every route: who may ask, from where, and how much at once.

There are no accounts yet, so whoever reaches the server is its owner. Hence nobody may reach it through somebody
else's page: a foreign name in ``Host`` (DNS rebinding) and a foreign origin of a change (CSRF) are refused.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thetaloom.web.headers import HEADERS
from thetaloom.web.problems import problem_response

BODY_BYTES_MAX = 1024 * 1024
READS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})  # none: typed or bookmarked. same-site is another port: foreign


class Guard:
    """Refuses what no route should see, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        self._app = app
        self._host = host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "websocket":
            refused = self._refusal({**scope, "method": "CONNECT", "scheme": _page_scheme(scope)})
            if refused is None:
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refused[0]})  # HTTP 403: not accepted
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send, scope["path"])
        refusal = self._refusal(scope)
        if refusal is not None:
            code, message, advice = refusal
            await problem_response(403, code, message, advice=advice)(scope, receive, answer)
            return
        body = None if scope["method"] in READS else await _read_body(Headers(scope=scope), receive)
        if scope["method"] not in READS and body is None:
            large = problem_response(
                413,
                "body_too_large",
                f"the body is larger than {BODY_BYTES_MAX} bytes",
                advice="Send less at once.",
                details={"bytes_max": BODY_BYTES_MAX},
                headers={"Connection": "close"},
            )
            await large(scope, receive, answer)
            return
        await self._app(scope, receive if body is None else _replayed(body, receive), answer)

    def _refusal(self, scope: Scope) -> tuple[str, str, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own_host(host):
            advice = "Open the address that `thetaloom up` printed."
            return "foreign_host", f"this server is not called {host[:80]!r}", advice
        if scope["method"] in READS:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        foreign = (site is not None and site not in OWN_SITES) or (
            origin is not None and origin.lower() != f"{scope['scheme']}://{host.lower()}"
        )
        if foreign:
            advice = "Changes are taken from this server's own pages and from programs that send no Origin."
            return "foreign_origin", f"a change asked for by {(origin or site or '')[:80]!r} is refused", advice
        return None

    def _is_own_host(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name or "@" in host:
            return False
        return name == self._host or name == "localhost" or _is_loopback(name)


def _page_scheme(scope: Scope) -> str:
    return "https" if scope["scheme"] == "wss" else "http"


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


async def _read_body(headers: Headers, receive: Receive) -> bytes | None:
    announced = headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > BODY_BYTES_MAX:
        return None
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += bytes(message.get("body", b""))
        if len(body) > BODY_BYTES_MAX:
            return None
        if not message.get("more_body", False):
            return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


def _with_headers(send: Send, path: str) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, text in HEADERS.items():
                headers[name] = text
            if not path.startswith("/static/"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return answer
