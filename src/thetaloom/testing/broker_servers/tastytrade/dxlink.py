"""DXLink as its specification writes it: the handshake in its order, channels, feeds in the compact format."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.tastytrade.feed import Feed
from thetaloom.testing.broker_servers.tastytrade.wire import SocketLine

TOKEN = "sim-quote-token"  # of this server alone
MESSAGE_BYTES_MAX = 64 * 1024  # of a subscription; a longer one ends the line with 1009
EVENTS_MAX = 1000  # of one message
CANDLES_MAX = 100  # of a message: the SDK's socket takes 64 KiB at once
ASK_SECONDS = 0.01  # after SETUP, until AUTH_STATE asks for the token: an AUTH before it is not heard


@dataclass(slots=True)
class _Channel:
    fields: dict[str, list[str]] = field(default_factory=dict)
    subscribed: dict[tuple[str, str], int] = field(default_factory=dict)  # type and symbol: from when
    told: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Client:
    line: SocketLine
    is_set_up: bool = False
    is_asked: bool = False
    is_authorized: bool = False
    channels: dict[int, _Channel] = field(default_factory=dict)


class DxLink:
    """Serves every client of the feed. Only the server's thread calls, but for ``is_muted``."""

    def __init__(self, backend: Backend, faults: list[str]) -> None:
        self.is_muted = False
        self.keepalives = 0
        self.subscription_bytes_max = MESSAGE_BYTES_MAX
        self.ask_seconds = ASK_SECONDS
        self._feed = Feed(backend)
        self._faults = faults
        self._clients_by_id: dict[int, _Client] = {}

    async def serve(self, line: SocketLine) -> None:
        """Talk with one client until it hangs up."""
        client = _Client(line)
        self._clients_by_id[id(client)] = client
        try:
            while (text := await line.hear()) is not None:
                if len(text) > self.subscription_bytes_max:
                    line.end(1009, "message too long")
                    return
                if not self.is_muted:
                    self._take(client, json.loads(text))
                    await line.drain()
        finally:
            del self._clients_by_id[id(client)]

    def changed(self) -> None:
        """Tell every client what is new of what it subscribed to."""
        if self.is_muted:
            return
        for client in tuple(self._clients_by_id.values()):
            for number, channel in client.channels.items():
                self._tell(client, number, channel, channel.subscribed)

    def say_raw(self, text: str) -> None:
        """Send any message to every client."""
        for client in tuple(self._clients_by_id.values()):
            client.line.say(text)

    def _take(self, client: _Client, said: Mapping[str, Any]) -> None:
        kind, number = said.get("type"), said.get("channel")
        if not isinstance(number, int):
            self._fault(client, 0, "INVALID_MESSAGE", f"{kind} without a channel")
            return
        if kind == "KEEPALIVE":
            self.keepalives += 1
            client.line.say({"type": "KEEPALIVE", "channel": 0})
        elif kind == "SETUP":
            self._set_up(client, said)
        elif kind == "AUTH":
            self._authorize(client, said)
        elif not client.is_authorized:
            self._fault(client, number, "UNAUTHORIZED", f"{kind} before AUTH_STATE AUTHORIZED")
        elif kind == "CHANNEL_REQUEST":
            self._open(client, number, said)
        elif number not in client.channels:
            self._fault(client, number, "BAD_ACTION", f"{kind} on a channel that is not open")
        else:
            self._feed_message(client, number, kind, said)

    def _set_up(self, client: _Client, said: Mapping[str, Any]) -> None:
        if said.get("channel") != 0 or not said.get("version") or client.is_set_up:
            self._fault(client, 0, "UNSUPPORTED_PROTOCOL", "SETUP comes once, on channel 0, with a version")
            return
        client.is_set_up = True
        client.line.say(
            {"type": "SETUP", "channel": 0, "keepaliveTimeout": 60, "acceptKeepaliveTimeout": 60, "version": "1.0-sim"}
        )
        asyncio.get_running_loop().call_later(self.ask_seconds, self._ask, client)

    def _ask(self, client: _Client) -> None:
        client.is_asked = True
        client.line.say({"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"})

    def _authorize(self, client: _Client, said: Mapping[str, Any]) -> None:
        if not client.is_asked:
            self._fault(client, 0, "UNAUTHORIZED", "AUTH before AUTH_STATE asked for it")
        elif said.get("token") != TOKEN:
            client.line.say({"type": "ERROR", "channel": 0, "error": "UNAUTHORIZED", "message": "wrong token"})
        else:
            client.is_authorized = True
            client.line.say({"type": "AUTH_STATE", "channel": 0, "state": "AUTHORIZED", "userId": "sim"})

    def _open(self, client: _Client, number: int, said: Mapping[str, Any]) -> None:
        contract = said.get("parameters", {}).get("contract")
        if number % 2 == 0 or said.get("service") != "FEED" or contract not in {"AUTO", "TICKER", "HISTORY", "STREAM"}:
            self._fault(client, number, "BAD_ACTION", "a client's channel is odd, of FEED, with a contract")
            return
        client.channels[number] = _Channel()
        client.line.say(
            {
                "type": "CHANNEL_OPENED",
                "channel": number,
                "service": "FEED",
                "parameters": {"contract": contract, "subFormat": "LIST"},
            }
        )

    def _feed_message(self, client: _Client, number: int, kind: object, said: Mapping[str, Any]) -> None:
        channel = client.channels[number]
        if kind == "FEED_SETUP":
            channel.fields |= said.get("acceptEventFields", {})
            client.line.say(
                {
                    "type": "FEED_CONFIG",
                    "channel": number,
                    "aggregationPeriod": said.get("acceptAggregationPeriod", 0.1),
                    "dataFormat": "COMPACT",
                    "eventFields": channel.fields,
                }
            )
        elif kind == "FEED_SUBSCRIPTION":
            self._subscribe(client, number, channel, said)
        elif kind == "CHANNEL_CANCEL":
            del client.channels[number]
            client.line.say({"type": "CHANNEL_CLOSED", "channel": number})
        else:
            self._fault(client, number, "BAD_ACTION", f"{kind} is not known")

    def _subscribe(self, client: _Client, number: int, channel: _Channel, said: Mapping[str, Any]) -> None:
        if said.get("reset"):
            channel.subscribed.clear()
            channel.told.clear()
        for one in said.get("remove", ()):
            channel.subscribed.pop((one["type"], one["symbol"]), None)
        added = {(one["type"], one["symbol"]): int(one.get("fromTime", 0)) for one in said.get("add", ())}
        unknown = {kind for kind, _ in added} - set(channel.fields)
        if unknown:
            self._fault(client, number, "BAD_ACTION", f"{sorted(unknown)} were not set up")
            return
        channel.subscribed |= added
        for key in added:
            channel.told.pop(key, None)
        self._tell(client, number, channel, added)

    def _tell(self, client: _Client, number: int, channel: _Channel, wanted: Mapping[tuple[str, str], int]) -> None:
        by_type: dict[str, list[dict[str, Any]]] = {}
        for (kind, symbol), since in wanted.items():
            events = self._feed.events(kind, symbol, since)
            seen = tuple(tuple(sorted(one.items())) for one in events)
            if events and channel.told.get((kind, symbol)) != seen:
                channel.told[kind, symbol] = seen
                by_type.setdefault(kind, []).extend(events)
        for kind, events in by_type.items():
            at_once = CANDLES_MAX if kind == "Candle" else EVENTS_MAX
            for at in range(0, len(events), at_once):
                client.line.say(_compact(number, kind, channel.fields[kind], events[at : at + at_once]))

    def _fault(self, client: _Client, number: int, error: str, message: str) -> None:
        self._faults.append(f"DXLink: {message}")
        client.line.say({"type": "ERROR", "channel": number, "error": error, "message": message})


def _compact(number: int, kind: str, names: Iterable[str], events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    names = tuple(names)
    flat = [one.get(name, "NaN") for one in events for name in names]
    return {"type": "FEED_DATA", "channel": number, "data": [kind, flat]}
