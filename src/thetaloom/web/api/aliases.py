"""The paths that earlier systems published, answered by the handlers of ours."""

import re
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
    ("GET", "/paper-trading"): "/api/paper-trading",
    ("POST", "/paper-trading"): "/api/paper-trading",
    ("POST", "/refresh-positions"): "/api/refresh-positions",
    ("GET", "/trading/api/risk-budget/"): "/api/risk-budget",
    ("POST", "/trading/api/validate-trade-risk/"): "/api/validate-trade-risk",
    ("GET", "/trading/api/pending-orders/"): "/api/pending-orders",
    ("POST", "/trading/api/sync-positions/"): "/api/sync-positions",
    ("GET", "/trading/api/suggestions/"): "/api/suggestions",
    ("GET", "/trading/api/watchlist/search/"): "/api/symbols/search",
}
# The same with an id or a name in the path; a trailing slash may be left out.
PATTERNS: Mapping[tuple[str, str], str] = {
    ("POST", "/trading/api/suggestions/{id}/execute/"): "/api/suggestions/{id}/execute",
    ("POST", "/trading/api/suggestions/{id}/reject/"): "/api/suggestions/{id}/reject",
    ("POST", "/trading/api/{strategy}/suggestions/{id}/execute/"): "/api/suggestions/{id}/execute",
    ("POST", "/trading/api/{strategy}/suggestions/{id}/reject/"): "/api/suggestions/{id}/reject",
    ("POST", "/trading/api/{strategy}/generate/"): "/api/suggestions/{strategy}/generate",
    ("GET", "/trading/api/suggestions/{id}/"): "/api/suggestions/{id}",
    ("GET", "/trading/api/orders/{id}/status/"): "/api/order-status/{id}",
    ("POST", "/trading/api/trades/{id}/cancel/"): "/api/orders/{id}/cancel",
    ("GET", "/trading/api/positions/{id}/details/"): "/api/positions/{id}",
}
# These are pages too: a program gets the list by `Accept: application/json`.
PAGES = frozenset({"/signals", "/positions", "/orders"})
TRADING = "/trading/api/"


class Aliases:
    """Hands a request for an earlier path on to ours; the query stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            path = scope["path"]
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            ours = path_of_ours(method, path)
            if ours is not None and (path not in PAGES or _wants_json(Headers(scope=scope).get("accept", ""))):
                scope = {**scope, "path": ours, "raw_path": ours.encode()}
        await self._app(scope, receive, send)


def path_of_ours(method: str, path: str) -> str | None:
    """Return the path of ours that answers an earlier one; ``None`` for any other path."""
    exact = ALIASES.get((method, path))
    if exact is not None or not path.startswith(TRADING):
        return exact
    path = path if path.endswith("/") else f"{path}/"
    if (method, path) in ALIASES:
        return ALIASES[method, path]
    for verb, pattern, ours in _COMPILED:
        found = pattern.fullmatch(path) if verb == method else None
        if found is not None:
            return ours.format(**found.groupdict())
    return None


def _wants_json(accept: str) -> bool:
    return "application/json" in accept and "text/html" not in accept


_COMPILED = tuple(
    (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", earlier)), ours)
    for (method, earlier), ours in PATTERNS.items()
)
