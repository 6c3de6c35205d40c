"""Why a line to tastytrade broke, in words for people: libraries often say it by the name of a class alone."""

import httpx2
from httpx2.websockets import WebSocketDisconnect, WebSocketNetworkError, WebSocketUpgradeError
from websockets.exceptions import ConnectionClosed

from thetaloom.links.nonsense import NONSENSE

HUNG_UP, CUT = "the other side hung up", "the connection was cut"


def why_broken(error: BaseException) -> str:
    """Say why a line broke; of several reasons in a group the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case WebSocketDisconnect():
            return _hung_up(error.code, error.reason)
        case ConnectionClosed():
            return CUT if error.rcvd is None else _hung_up(error.rcvd.code, error.rcvd.reason)
        case WebSocketNetworkError():
            return CUT
        case WebSocketUpgradeError():
            return f"no web socket is there: status {error.response.status_code}"
        case TimeoutError() | httpx2.TimeoutException():
            return "no answer in time"
        case httpx2.HTTPError() | OSError():
            return str(error) or CUT
        case _ if isinstance(error, NONSENSE):
            return "what it says cannot be read"
    return str(error) or type(error).__name__


def _hung_up(code: int, reason: str) -> str:
    return f"{HUNG_UP}, {reason or 'without a word'} ({code})"
