"""tastytrade on loopback: what it refuses is refused here, and what it does not know is written down as a fault."""

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from thetaloom.testing.broker_servers.backend import Backend, Change, Changed, ServerTrouble
from thetaloom.testing.broker_servers.tastytrade.account_socket import AccountSocket
from thetaloom.testing.broker_servers.tastytrade.dxlink import DxLink
from thetaloom.testing.broker_servers.tastytrade.rest import Rest
from thetaloom.testing.broker_servers.tastytrade.told import error_json
from thetaloom.testing.broker_servers.tastytrade.wire import Asked, LineCut, LoopbackServer, NoAnswer, SocketLine, Told

CLIENT_SECRET, REFRESH_TOKEN = "sim-client-secret", "sim-refresh-token"  # of this server alone
TOKEN_SECONDS = 900
AGENT = re.compile(r"[^/\s]+/[^/\s]+.*")
BEFORE = {
    ServerTrouble.BUSY: 429,
    ServerTrouble.DOWN: 503,
    ServerTrouble.MAINTENANCE: 503,
    ServerTrouble.TOKEN_EXPIRED: 401,
}
TAKING = frozenset(
    {
        ServerTrouble.SILENT_AFTER_TAKING,
        ServerTrouble.ERROR_AFTER_TAKING,
        ServerTrouble.CUT_AFTER_TAKING,
        ServerTrouble.LATE,
        ServerTrouble.TWICE,
        ServerTrouble.NOT_TOLD,
    }
)
CALLS = {"POST": "submit", "PUT": "replace", "DELETE": "cancel", "GET": "read"}


class TastytradeServer:
    """The REST interface, the account streamer and DXLink of one account."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.faults: list[str] = []
        self.refreshes = 0
        self.token_seconds = TOKEN_SECONDS
        self._tokens: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._is_muted = False
        self._streams: set[SocketLine] = set()
        self._loopback = LoopbackServer(self._answer, self._serve)
        self.rest = Rest(backend, self.faults, self._soon, lambda: self._dxlink_url)
        self.account_socket = AccountSocket(self.rest, self.is_token, self.faults)
        self.dxlink = DxLink(backend, self.faults)
        backend.on_change(lambda change: self._loopback.soon(self._changed, change))
        backend.market.on_change(lambda: self._loopback.soon(self.dxlink.changed))

    @property
    def options(self) -> dict[str, str]:
        """What the adapter needs to reach it."""
        at = f"127.0.0.1:{self._loopback.port}"
        return {
            "api_url": f"http://{at}",
            "stream_url": f"ws://{at}/account",
            "request_timeout_seconds": "1.5",
            "silence_seconds": "1",
            "heartbeat_seconds": "0.2",
            "fresh_seconds": "0",
        }

    @property
    def secrets(self) -> dict[str, str]:
        """What the adapter needs to sign in."""
        return {"client-secret": CLIENT_SECRET, "refresh-token": REFRESH_TOKEN}

    @property
    def account(self) -> str:
        """The number of the account."""
        return self.backend.account_number

    def start(self) -> None:
        """Listen on a free port."""
        self._loopback.start()

    def stop(self) -> None:
        """Hang up and end."""
        self._loopback.stop()

    def drop_streams(self) -> None:
        """Cut every web socket that is open."""
        self._loopback.done(self._cut_streams)

    def mute(self, on: bool) -> None:
        """Keep the web sockets open and say nothing more on them, or speak again."""
        self._is_muted = on
        self.account_socket.is_muted = on
        self.dxlink.is_muted = on

    def expire_tokens(self) -> None:
        """Let every token that was given out end now."""
        self._tokens.clear()

    def go_down(self, on: bool) -> None:
        """Refuse every connection, or come back on the same port."""
        self._loopback.listen(not on)

    def in_thread(self, call: Callable[[], object]) -> None:
        """Have something done in the server's thread, and wait until it is."""
        self._loopback.done(call)

    def is_token(self, token: str) -> bool:
        """Tell whether a token is good now."""
        until = self._tokens.get(token)
        return until is not None and self.backend.clock.now() < until

    @property
    def _dxlink_url(self) -> str:
        return f"ws://127.0.0.1:{self._loopback.port}/dxlink"

    def _soon(self, call: Callable[..., object], *given: object) -> None:
        self._loopback.soon(call, *given)

    def _changed(self, change: Change) -> None:
        self.rest.desk.sync()
        number = change.broker_order_id
        if change.of is not Changed.ACCOUNT and number is not None and number.isdecimal():
            self.account_socket.tell_order(int(number))
        for one in self.rest.desk.placed.values():  # those whose ids are not the exchange's, and their partners
            if one.complex_id is not None and one.number != int(number or 0):
                self.account_socket.tell_order(one.number)

    def _cut_streams(self) -> None:
        for line in tuple(self._streams):
            line.cut()

    async def _serve(self, asked: Asked, line: SocketLine) -> None:
        self._streams.add(line)
        try:
            if asked.path == "/dxlink":
                await self.dxlink.serve(line)
            elif asked.path == "/account":
                await self.account_socket.serve(line)
            else:
                self.faults.append(f"a web socket at {asked.path}")
        finally:
            self._streams.discard(line)

    async def _answer(self, asked: Asked) -> Told:
        if not AGENT.fullmatch(asked.headers.get("user-agent", "")):
            return self._denied("a request without a User-Agent of the form product/version")
        if asked.path == "/oauth/token":
            return self._token(asked)
        if not self.is_token(asked.headers.get("authorization", "").removeprefix("Bearer ")):
            return Told(status=401, body=error_json("invalid_token", "This token is invalid or has expired"))
        is_dry = asked.path.endswith("/dry-run")
        trouble = self.backend.take_trouble("read" if is_dry else CALLS.get(asked.method, "read"))
        return self._with_trouble(asked, trouble)

    def _with_trouble(self, asked: Asked, trouble: ServerTrouble | None) -> Told:
        if trouble is ServerTrouble.CUT_BEFORE_TAKING:
            raise LineCut
        if trouble is ServerTrouble.TOKEN_EXPIRED:
            self.expire_tokens()
        if trouble in BEFORE:
            words = "The system is down for maintenance" if trouble is ServerTrouble.MAINTENANCE else "not now"
            return Told(status=BEFORE[trouble], body=error_json(str(trouble), words))
        if trouble is ServerTrouble.REFUSED:
            return Told(
                status=422,
                body=error_json(
                    "preflight_check_failure",
                    "One or more preflight checks failed",
                    [("margin_check_failed", "The account does not have sufficient buying power for this order.")],
                ),
            )
        told = self.rest.answer(asked, late=trouble is ServerTrouble.LATE)
        if trouble is ServerTrouble.SILENT_AFTER_TAKING:
            raise NoAnswer
        if trouble is ServerTrouble.CUT_AFTER_TAKING:
            raise LineCut
        if trouble is ServerTrouble.ERROR_AFTER_TAKING:
            return Told(status=502, body=error_json("internal_error", "Bad gateway"))
        return told

    def _token(self, asked: Asked) -> Told:
        body = asked.json()
        if "authorization" in asked.headers:
            self.faults.append("a request for a token came with an Authorization")
        good = {"grant_type": "refresh_token", "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
        if body != good:
            return Told(status=401, body={"error_code": "invalid_grant", "error_description": "Grant revoked"})
        self.refreshes += 1
        token = f"sim-token-{next(self._numbers)}"
        self._tokens[token] = self.backend.clock.now() + timedelta(seconds=self.token_seconds)
        return Told(body={"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds})

    def _denied(self, what: str) -> Told:
        self.faults.append(what)
        return Told(status=401, body=error_json("unauthorized", what))
