"""What goes into the audit of a request: written after its answer, so that nobody waits for it.

The request itself is over only when the row is written, hence a server that stops in good order has written all; a
row that cannot be written goes into the log as an error, in full.
"""

import json
from dataclasses import asdict
from urllib.parse import parse_qsl

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

from thetaloom.errors import ThetaloomError
from thetaloom.ports.clock import Clock
from thetaloom.store.audit import FIELDS_MAX, LENGTH_MAX, AuditEntry, write_entry
from thetaloom.store.database import Database
from thetaloom.web.asking import ASKER, CSRF_FIELD, Asker
from thetaloom.web.permissions import READS, route_of

log = structlog.get_logger()

FAILED = 500
NAME_MAX = 40
UNPROVED = frozenset({"/login", "/welcome"})  # changes of people whom nobody knows yet; signals have their own trail


class Witness:
    """Sees the answer to one request, and writes down what was asked and how it ended."""

    def __init__(self, scope: Scope, send: Send, database: Database, wall: Clock) -> None:
        self._scope = scope
        self._send = send
        self._database = database
        self._wall = wall
        self._status = FAILED
        self.body = b""

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    async def write_down(self) -> None:
        """Write the row of a change; reading leaves none."""
        asker = self._scope.get(ASKER)
        if self._scope["method"] in READS or (not isinstance(asker, Asker) and self._scope["path"] not in UNPROVED):
            return
        await run_in_threadpool(lambda: write_audit(self._database, self._entry(asker)))

    def _entry(self, asker: Asker | None) -> AuditEntry:
        scope = self._scope
        client, route = scope.get("client"), route_of(scope["method"], scope["path"])
        return AuditEntry(
            at=self._wall.now(),
            user_id="" if asker is None else asker.person.id,
            token_id="" if asker is None else asker.person.token_id,
            address=client[0] if client else "",
            action=f"{scope['method']} {route or scope['path'][:LENGTH_MAX]}",
            subject=_ids(route, scope["path"]),
            status=self._status,
            fields=_fields(Headers(scope=scope).get("content-type", ""), self.body),
        )


def write_audit(database: Database, entry: AuditEntry) -> None:
    """Write a row; where that fails, the log gets it."""
    try:
        write_entry(database, entry)
    except ThetaloomError as error:
        log.error("audit_row_not_written", code=error.code, row=asdict(entry))


def _ids(route: str, path: str) -> str:
    pairs = zip(route.split("/"), path.split("/"), strict=False)
    return "/".join(given for wanted, given in pairs if wanted.startswith("{}"))


def _fields(kind: str, body: bytes) -> tuple[str, ...]:
    names: list[str] = []
    try:
        if kind.startswith("application/json"):
            given = json.loads(body)
            names = [*given] if isinstance(given, dict) else []
        elif kind.startswith("application/x-www-form-urlencoded"):
            names = [name for name, _ in parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=1000)]
    except (ValueError, RecursionError):
        return ()  # it was refused, or is of no form that we read
    return tuple(dict.fromkeys(name[:NAME_MAX] for name in names[:FIELDS_MAX] if name != CSRF_FIELD))
