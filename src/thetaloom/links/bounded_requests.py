"""Requests with an end: ``requests`` knows only a time for each piece of an answer, and no size at all."""

import socket
import threading
from contextlib import suppress
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError, ReadTimeout, RequestException
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

PIECE_BYTES = 1 << 16
ANSWER_BYTES_MAX = 64 << 20  # unpacked; the largest chain is some ten


class _Watch:
    """Hangs up a line after some seconds, unless it is ended before."""

    def __init__(self, seconds: float, line: Any) -> None:
        self._line = line
        self._is_late = threading.Event()
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self._timer.start()

    def ended_late(self) -> bool:
        """Stop to watch; return whether the line was hung up."""
        self._timer.cancel()
        return self._is_late.is_set()

    def _hang_up(self) -> None:
        self._is_late.set()
        with suppress(OSError, AttributeError):  # it was closed already, or never open
            socket.socket.shutdown(self._line, socket.SHUT_RDWR)


class _Watched:
    """Hangs up when an answer is not there as a whole in time, however busily it drips."""

    sock: Any
    timeout: Any

    def getresponse(self) -> Any:
        watch = _Watch(float(self.timeout), self.sock)
        try:
            response = super().getresponse()  # type: ignore[misc]  # of the class it is mixed into
        except BaseException as error:
            if watch.ended_late():
                raise TimeoutError("no answer in time") from error
            raise
        response.watch = watch
        return response


class _WatchedConnection(_Watched, HTTPConnection):
    """Without a certificate: loopback."""


class _WatchedSecureConnection(_Watched, HTTPSConnection):
    """With one."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _WatchedSecureConnection


class BoundedAdapter(HTTPAdapter):
    """Reads each answer whole, within the time of the request and no more than so many bytes of it."""

    def __init__(self, bytes_max: int = ANSWER_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have the connections watched."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """Send it, and read the answer whole."""
        response = super().send(request, True, timeout, verify, cert, proxies)
        watch = getattr(response.raw, "watch", None)
        content, broken = b"", None
        try:
            content = self._read(response, request)
        except RequestException as error:
            error.request = request
            broken = error
        if watch is not None and watch.ended_late():  # we have hung up; an answer without a length even looks whole
            raise ReadTimeout("the answer had no end in time", request=request) from broken
        if broken is not None:
            raise broken
        response._content, response._content_consumed = content, True
        return response

    def _read(self, response: Response, request: PreparedRequest) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_content(PIECE_BYTES):
            parts.append(part)
            size += len(part)
            if size > self._bytes_max:
                response.close()
                raise ContentDecodingError(f"an answer of more than {self._bytes_max:,} bytes", request=request)
        return b"".join(parts)
