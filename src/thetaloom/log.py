"""Logs are events with keys, one line each on standard error."""

import logging
import sys
from contextlib import suppress

import structlog


class _StandardError:
    """Writes to whatever standard error is at the moment, and loses a line that cannot be written.

    A full disk, or a reader that went away, must not end the engine in the middle of what the line tells of.
    """

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):  # the second is of a stream that was closed
            print(message, file=sys.stderr, flush=True)  # noqa: T201  # this is where logs go

    debug = info = warning = error = critical = exception = fatal = log = msg


def to_standard_error() -> None:
    """Have everything logged on standard error, for commands whose standard output others read."""
    structlog.configure(logger_factory=lambda *names: _StandardError())


def configure(level: str) -> None:
    """Log events of ``level`` and above, as text on a terminal and as JSON elsewhere."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not terminal else structlog.processors.ExceptionPrettyPrinter(),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *names: _StandardError(),
        cache_logger_on_first_use=True,
    )
