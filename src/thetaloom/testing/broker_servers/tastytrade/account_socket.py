"""The account streamer: connect with a token and a request id, heartbeats, then whole objects as they change."""

import json
from collections.abc import Callable
from typing import Any

from thetaloom.testing.broker_servers.tastytrade.rest import Rest
from thetaloom.testing.broker_servers.tastytrade.told import Placed
from thetaloom.testing.broker_servers.tastytrade.wire import SocketLine

ACTIONS = ("connect", "heartbeat", "public-watchlists-subscribe", "quote-alerts-subscribe")
FIELDS = {"action", "auth-token", "request-id", "source", "value"}


class AccountSocket:
    """Serves every client of the account streamer. Only the server's thread calls."""

    def __init__(self, rest: Rest, is_token: Callable[[str], bool], faults: list[str]) -> None:
        self.is_muted = False
        self.heartbeats = 0
        self._told = 0
        self.keeps_legs_back = False  # as the real one does: the first message lacks the fills of all legs but one
        self._rest = rest
        self._is_token = is_token
        self._faults = faults
        self._connected: set[SocketLine] = set()
        rest.tell = self._tell

    async def serve(self, line: SocketLine) -> None:
        """Talk with one client until it hangs up."""
        try:
            while (text := await line.hear()) is not None:
                if not self.is_muted:
                    line.say(self._answer(line, json.loads(text)))
        finally:
            self._connected.discard(line)

    def tell_order(self, number: int) -> None:
        """Tell every client of an order."""
        one = self._rest.desk.placed.get(number)
        if one is not None and not one.is_hidden:
            self._tell(one)

    def tell_other(self, kind: str, data: Any) -> None:
        """Tell every client of something that is no order."""
        for line in tuple(self._connected):
            line.say({"type": kind, "data": data, "timestamp": 0})

    def _tell(self, one: Placed) -> None:
        if self.is_muted or one.is_hidden:
            return
        shown = self._rest.shown(one)
        if self.keeps_legs_back:
            for leg in shown["legs"][1:]:
                leg["fills"] = []
        at = int(self._rest.backend.clock.now().timestamp() * 1000)
        self._told += 1
        for line in tuple(self._connected):
            line.say({"type": "Order", "data": shown, "timestamp": at, "ws-sequence": self._told})

    def _answer(self, line: SocketLine, said: dict[str, Any]) -> dict[str, Any]:
        action, number = said.get("action"), said.get("request-id")
        told = {"action": action, "request-id": number, "web-socket-session-id": "sim"}
        if set(said) - FIELDS or action not in ACTIONS:
            self._faults.append(f"the account streamer was told {sorted(said)} with action {action!r}")
            return told | {"status": "error", "message": "not understood"}
        token = str(said.get("auth-token", ""))
        if not self._is_token(token.removeprefix("Bearer ")):
            return told | {"status": "error", "message": "failed authorization"}
        if action == "connect":
            if said.get("value") != [self._rest.account]:
                return told | {"status": "error", "message": "invalid account"}
            self._connected.add(line)
        elif line not in self._connected:
            return told | {"status": "error", "message": "connect-not-completed"}
        self.heartbeats += action == "heartbeat"
        return told | {"status": "ok", "value": said.get("value")}
