"""What each route needs: the one table of who may do what. A route that is not in it is not served.

Scopes of tokens follow from roles: viewer needs read, trader trade, approver approve, admin admin.
"""

from collections.abc import Iterable, Iterator, Mapping

from thetaloom.domain.values.people import SCOPES, Person, Role
from thetaloom.errors import InvariantError, RoleTooLow

# Without a person: they prove themselves in another way, or tell nothing.
OPEN = """
GET /healthz|GET /login|GET /openapi.json|GET /readyz|GET /static/{path}|GET /welcome|POST /login|POST /webhook
POST /webhook/{source}|POST /welcome
"""
READ = """
GET /|GET /account|GET /alerts|GET /approvals|GET /approvals/{}|GET /chains|GET /chains/{}|GET /chains/{}/csv
GET /charts|GET /charts/{}|GET /halts|GET /jobs|GET /journal|GET /journal/{}|GET /keys|GET /lineage|GET /lineage/steps
GET /lineage/story|GET /lineage/{}/{}|GET /metrics|GET /notifications|GET /orders|GET /portfolio
GET /portfolio/curve.csv|GET /portfolio/equity.csv|GET /portfolio/results.csv|GET /positions|GET /positions/{}
GET /prompts|GET /prompts/compare|GET /prompts/{}|GET /rank|GET /reasons|GET /reconcile|GET /risk|GET /runs
GET /runs/{}|GET /runs/{}/report|GET /runs/{}/steps/{}|GET /runs/{}/story|GET /scans|GET /scans/{}|GET /schedules
GET /signals|GET /signals/{}|GET /strategies|GET /strategies/new|GET /strategies/{}|GET /strategies/{}/edit
GET /suggestions|GET /symbols|GET /trading|GET /trading/|GET /watchlists|GET /api|GET /api/chains/{}
GET /api/charts/run/{}|GET /api/charts/run/{}/{}.png|GET /api/charts/symbol/{}|GET /api/charts/symbol/{}/{}.png
GET /api/exit-signals|GET /api/findings|GET /api/halts|GET /api/journal|GET /api/journal/{}
GET /api/lineage/execution/{}|GET /api/lineage/execution/{}/bundle|GET /api/lineage/execution/{}/report
GET /api/lineage/execution/{}/step/{}|GET /api/lineage/executions|GET /api/lineage/recent|GET /api/lineage/search
GET /api/lineage/step/{}/statistics|GET /api/lineage/strategy/{}/recent|GET /api/lineage/verify|GET /api/market/sources
GET /api/notifications/deliveries|GET /api/notifications/destinations|GET /api/order-status/{}|GET /api/orders
GET /api/orders/quality|GET /api/paper-trading|GET /api/pending-orders|GET /api/positions|GET /api/positions/{}
GET /api/positions/{}/chain|GET /api/prompts|GET /api/prompts/compare|GET /api/prompts/names
GET /api/prompts/performance|GET /api/prompts/scores|GET /api/prompts/spent|GET /api/prompts/{}|GET /api/reasons
GET /api/risk-budget|GET /api/risk-violations|GET /api/risk/scenarios|GET /api/scans|GET /api/scans/{}
GET /api/scans/{}/pairs|GET /api/schedules|GET /api/schedules/firings|GET /api/schedules/{}|GET /api/schedules/{}/next
GET /api/signals|GET /api/signals/sources|GET /api/signals/{}|GET /api/strategies|GET /api/strategies/schema
GET /api/strategies/{}|GET /api/suggestions|GET /api/suggestions/{}|GET /api/symbols/cache/stats
GET /api/symbols/conid/{}|GET /api/symbols/search|GET /api/watchlists|GET /api/watchlists/{}|GET /api/workflow/health
GET /api/workflow/list|GET /api/workflow/pending|GET /api/workflow/stats|GET /api/workflow/status/{}
POST /account/password|POST /account/preferences|POST /account/privacy|POST /account/second-factor
POST /account/second-factor/confirmation|POST /account/second-factor/removal|POST /account/sessions/{}/ending
POST /account/tokens|POST /account/tokens/{}/revocation|POST /logout|POST /runs/{}/replay|POST /runs/{}/story/replay
POST /runs/{}/story/verification|POST /runs/{}/verification|POST /strategies/builder/live|WS /ws
POST /api/lineage/replay/{}|POST /api/prompts/render|POST /api/prompts/validate|POST /api/prompts/{}/render
POST /api/strategies/convert|POST /api/strategies/validate|POST /api/strategies/{}/test|POST /api/symbols/batch
POST /api/validate-trade-risk
"""
TRADE = """
POST /halts|POST /halts/lifting|POST /journal/{}/note|POST /notifications|POST /notifications/{}/removal
POST /notifications/{}/test|POST /orders/{}/cancellation|POST /positions/{}/adjusting|POST /positions/{}/closing
POST /positions/{}/rolling|POST /positions/{}/selling-shares|POST /positions/{}/targets|POST /prompts|POST /prompts/{}
POST /prompts/{}/removal|POST /reconcile/looks|POST /reconcile/{}/adoption|POST /reconcile/{}/assignment
POST /reconcile/{}/leaving|POST /runs|POST /runs/{}/cancellation|POST /runs/{}/pause|POST /runs/{}/resumption
POST /scans|POST /scans/watchlists|POST /scans/watchlists/{}/removal|POST /schedules|POST /schedules/{}/pause
POST /schedules/{}/removal|POST /schedules/{}/resumption|POST /strategies/builder|POST /strategies/{}/activation
POST /strategies/{}/removal|POST /trading/proposals|POST /watchlists|POST /watchlists/{}/removal
POST /api/findings/{}/adopt|POST /api/findings/{}/assign|POST /api/findings/{}/ignore|POST /api/halt
POST /api/journal/{}/note|DELETE /api/notifications/destinations/{}|PUT /api/notifications/destinations/{}
POST /api/notifications/destinations/{}/test|POST /api/orders/{}/cancel|POST /api/paper-trading
POST /api/positions/rules/apply|POST /api/positions/{}/adjust|POST /api/positions/{}/close|POST /api/positions/{}/roll
POST /api/positions/{}/sell-shares|POST /api/positions/{}/targets|POST /api/prompts|DELETE /api/prompts/{}
PUT /api/prompts/{}|POST /api/refresh-positions|POST /api/resume|POST /api/scans|POST /api/schedules
DELETE /api/schedules/{}|POST /api/schedules/{}/pause|POST /api/schedules/{}/resume|POST /api/strategies
DELETE /api/strategies/{}|PUT /api/strategies/{}|POST /api/suggestions/{}/generate|POST /api/sync-positions
DELETE /api/watchlists/{}|PUT /api/watchlists/{}|POST /api/workflow/cancel/{}|POST /api/workflow/pause/{}
POST /api/workflow/resume/{}|POST /api/workflow/start
"""
APPROVE = """
POST /approvals/bulk|POST /approvals/{}/approval|POST /approvals/{}/rejection|POST /trading/proposals/{}/execution
POST /trading/proposals/{}/rejection|POST /trading/proposals/{}/version|POST /api/suggestions/{}/execute
POST /api/suggestions/{}/modify|POST /api/suggestions/{}/reject|POST /api/workflow/approve/bulk
POST /api/workflow/approve/{}|POST /api/workflow/reject/bulk|POST /api/workflow/reject/{}
"""
ADMINISTER = """
GET /audit|GET /settings|GET /users|GET /api/audit|POST /settings/limits|POST /users|POST /users/{}/disabling
POST /users/{}/enabling|POST /users/{}/link|POST /users/{}/role
"""
# What reads or moves the trading account: only for those who work on the books that it belongs to.
ACCOUNT = """
GET /halts|GET /jobs|GET /metrics|GET /rank|GET /reconcile|GET /risk|GET /api/halts|GET /api/risk-budget
GET /api/risk/scenarios|GET /api/workflow/health|POST /halts|POST /halts/lifting|POST /reconcile/looks|POST /runs
POST /scans|POST /schedules|POST /api/halt|POST /api/positions/rules/apply|POST /api/refresh-positions
POST /api/resume|POST /api/scans|POST /api/schedules|POST /api/strategies/{}/test|POST /api/sync-positions
POST /api/validate-trade-risk|POST /api/workflow/start
"""
# In person alone: no token may make another one, or change how its person signs in.
IN_PERSON = """
POST /account/password|POST /account/second-factor|POST /account/second-factor/confirmation
POST /account/second-factor/removal|POST /account/sessions/{}/ending|POST /account/tokens
POST /account/tokens/{}/revocation
"""
MESSAGES: Mapping[str, Role] = {  # of the WebSocket
    "ping": Role.VIEWER,
    "resume": Role.VIEWER,
    "subscribe_quotes": Role.VIEWER,
    "generate_suggestion": Role.TRADER,
    "execute_order": Role.APPROVER,
}
STATIC = "/static/"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
Route = tuple[str, str]


def _routes(text: str) -> Iterator[Route]:
    for row in text.replace("\n", "|").split("|"):
        if row.strip():
            method, _, path = row.strip().partition(" ")
            yield method, _nameless(path)


def _rows() -> Iterator[tuple[Route, Role | None]]:
    needs = {OPEN: None, READ: Role.VIEWER, TRADE: Role.TRADER, APPROVE: Role.APPROVER, ADMINISTER: Role.ADMIN}
    for text, role in needs.items():
        for route in _routes(text):
            yield route, role


def _nameless(path: str) -> str:
    # the names of a path's parts do not matter here
    return "/".join(f"{{}}{part.partition('}')[2]}" if part.startswith("{") else part for part in path.split("/"))


NEEDED: Mapping[Route, Role | None] = dict(_rows())
NOT_BY_TOKEN = frozenset(_routes(IN_PERSON))
OF_THE_ACCOUNT = frozenset(_routes(ACCOUNT))


def check(served: Iterable[Route]) -> None:
    """Refuse to serve a route that the table does not know."""
    unknown = sorted(f"{method} {path}" for method, path in served if (method, _nameless(path)) not in NEEDED)
    if unknown:
        raise InvariantError(
            f"nobody said who may ask for {', '.join(unknown)}", advice="Give it a row in web/permissions.py."
        )


def is_open(method: str, path: str) -> bool:
    """Whether this needs no person at all."""
    found = _found(method, path)
    return bool(found) and all(role is None for role in found)


def role_needed(method: str, path: str) -> Role:
    """Return the least role for a path; of what the table does not know, only reading is told to be nowhere."""
    unknown = Role.VIEWER if method in READS else Role.ADMIN
    return max((role for role in _found(method, path) if role is not None), key=list(Role).index, default=unknown)


def demand(person: Person, needed: Role) -> None:
    """Raise ``RoleTooLow`` for a part of a request that needs more than its route."""
    if person.may(needed):
        return
    code, message, advice = too_low(person, needed)
    raise RoleTooLow(code, message, advice=advice)


def too_low(person: Person, needed: Role) -> tuple[str, str, str]:
    """Return code, message and advice for who may not do what needs this role."""
    if not person.role.includes(needed):
        message = f"this needs the role {needed.value}; {person.name} is {person.role.value}"
        return "role_too_low", message, "An admin can give another role: `thetaloom user role NAME ROLE`."
    message = f"this needs a token with the scope {SCOPES[needed].value}"
    return "scope_missing", message, "Make one with `thetaloom token create --scopes`."


def needs_account(method: str, path: str) -> bool:
    """Whether this reads or moves the trading account, whose owner alone may."""
    return any((_asked(method), template) in OF_THE_ACCOUNT for template in _fitting(method, path))


def needs_session(method: str, path: str) -> bool:
    """Whether a person must be there, and no token will do."""
    return any((_asked(method), template) in NOT_BY_TOKEN for template in _fitting(method, path))


def role_for_message(kind: str) -> Role:
    """Return the least role for a message of the WebSocket; an unknown one needs the highest."""
    return MESSAGES.get(kind, Role.ADMIN)


def route_of(method: str, path: str) -> str:
    """Return the route that a path belongs to, with ``{}`` for each part that is a name; empty for none."""
    return min(_fitting(method, path), key=lambda template: template.count("{}"), default="")


def _found(method: str, path: str) -> list[Role | None]:
    if path.startswith(STATIC) and _asked(method) == "GET":
        return [None]
    return [NEEDED[_asked(method), template] for template in _fitting(method, path)]


def _asked(method: str) -> str:
    return "GET" if method == "HEAD" else method


def _fitting(method: str, path: str) -> list[str]:
    path = path.removesuffix("\n")  # as the router does, to whom the end of a line is the end of a path
    shape = (_asked(method), path.count("/"))
    return [template for template in _BY_SHAPE.get(shape, []) if fits(template, path)]


def fits(template: str, path: str) -> bool:
    """Whether a path belongs to a route, with ``{}`` for each part that is a name."""
    if template.count("/") != path.count("/"):
        return False
    pairs = zip(template.split("/"), path.split("/"), strict=True)
    return all(wanted == given or (wanted.startswith("{}") and given.endswith(wanted[2:])) for wanted, given in pairs)


def _by_shape() -> dict[tuple[str, int], list[str]]:
    shapes: dict[tuple[str, int], list[str]] = {}
    for method, path in NEEDED:
        shapes.setdefault((method, path.count("/")), []).append(path)
    return shapes


_BY_SHAPE = _by_shape()
