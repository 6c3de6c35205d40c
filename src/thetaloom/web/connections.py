"""Connections with bounds: who sends a request too slowly, or never reads its answer, is let go and holds up nobody.

uvicorn bounds the rest between two requests alone; a connection that never says what it wants stays for ever.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 30.0  # from its first byte, or from the connection, until a request is here whole
ANSWER_SECONDS = 30.0  # that one may go without reading anything of an answer
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedConnection(H11Protocol):
    """One connection, of which each request and each answer has its time."""

    request_seconds = REQUEST_SECONDS
    answer_seconds = ANSWER_SECONDS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._asking: asyncio.TimerHandle | None = None
        self._answering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; the first part begins its time, the last ends it."""
        self._wait_for_request()
        super().data_received(data)
        if self._is_whole():
            self._stop_asking()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over, whose bounds are others from here on."""
        self._stop_asking()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        """Wait for somebody who does not read what is sent."""
        super().pause_writing()
        if self._answering is None:
            self._answering = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stop_answering()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_asking()
        self._stop_answering()
        super().connection_lost(exc)
        self._stop_answering()

    def _wait_for_request(self) -> None:
        if self._asking is None:
            self._asking = self.loop.call_later(self.request_seconds, self._give_up)

    def _is_whole(self) -> bool:
        return self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}

    def _give_up(self) -> None:
        self._asking = None
        if self.transport.is_closing() or self._is_whole():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(TOO_SLOW)
        self.transport.close()

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _stop_answering(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None
