"""The sign of life of the live wire: the server's time, and the market's."""

from thetaloom.bootstrap import Platform
from thetaloom.errors import InvalidInput
from thetaloom.web.wire.messages import frame, milliseconds


def heartbeat(platform: Platform, seq: int) -> str:
    """Return a sign of life."""
    now = platform.clock.now()
    try:
        is_open: bool | None = platform.desk.calendar.is_open(now)
    except InvalidInput:  # beyond the end of the calendar's table
        is_open = None
    wall = milliseconds(platform.wall.now())
    return frame("heartbeat", seq, timestamp=wall, market_time=milliseconds(now), is_open=is_open)
