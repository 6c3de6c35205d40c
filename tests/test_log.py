"""Logs: a line that cannot be written is lost, and nothing else with it."""

import errno
import io
from contextlib import redirect_stderr

import structlog

from thetaloom import log


class FullDisk(io.StringIO):
    """A stream on a disk without room."""

    def write(self, text: str) -> int:
        """Refuse."""
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_cannot_be_written_ends_nothing() -> None:
    before, closed = structlog.get_config(), io.StringIO()
    closed.close()
    room = io.StringIO()
    log.configure("warning")
    logger = structlog.get_logger()

    for stream in (FullDisk(), closed, room):
        with redirect_stderr(stream):
            logger.warning("engine_waits")

    structlog.configure(**before)
    assert "engine_waits" in room.getvalue()
