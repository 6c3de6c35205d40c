"""The paths that earlier systems published, answered by the handlers of ours."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

# Method and earlier path → ours. `/webhook` has kept its path.
ALIASES: Mapping[tuple[str, str], str] = {
    ("GET", "/signals"): "/api/signals",
    ("GET", "/positions"): "/api/positions",
    ("GET", "/orders"): "/api/orders",
    ("GET", "/exit-signals"): "/api/exit-signals",
    ("GET", "/risk-violations"): "/api/risk-violations",
    ("POST", "/refresh-positions"): "/api/refresh-positions",
    ("GET", "/trading/api/risk-budget/"): "/api/risk-budget",
    ("POST", "/trading/api/validate-trade-risk/"): "/api/validate-trade-risk",
    ("GET", "/trading/api/pending-orders/"): "/api/pending-orders",
    ("POST", "/trading/api/sync-positions/"): "/api/sync-positions",
}
# These are pages too: a program gets the list by `Accept: application/json`.
PAGES = frozenset({"/signals", "/positions", "/orders"})


class Aliases:
    """Hands a request for an earlier path on to ours; the query stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            path = scope["path"]
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            ours = ALIASES.get((method, path))
            if ours is not None and (path not in PAGES or _wants_json(Headers(scope=scope).get("accept", ""))):
                scope = {**scope, "path": ours, "raw_path": ours.encode()}
        await self._app(scope, receive, send)


def _wants_json(accept: str) -> bool:
    return "application/json" in accept and "text/html" not in accept
