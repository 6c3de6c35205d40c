"""What a network says when it fails, in words for people instead of the numbers of an operating system."""

import errno
import re
import socket

_NUMBERED = re.compile(r"\[(?:Errno|WinError) -?\d+\] ?")
_ADDRESS = re.compile(r"\('([^']+)', (\d+)\b")  # as asyncio writes whom it could not reach
_WORDS = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.ECONNRESET: "the other side hung up",
    errno.EPIPE: "the other side hung up",
    errno.ECONNABORTED: "the line was cut",
    errno.ENETUNREACH: "this computer has no way to that network",
    errno.EHOSTUNREACH: "that computer cannot be reached",
    errno.ENETDOWN: "this computer is not online",
    errno.ETIMEDOUT: "no answer in time",
}


def words_of(error: BaseException) -> str:
    """Return an error's words for people; an error without words by its name."""
    message = getattr(error, "message", "")
    if message:
        return str(message)
    if isinstance(error, socket.gaierror):
        return "its name was not found: this computer may be offline, or the address wrong"
    if isinstance(error, OSError) and error.errno in _WORDS:
        found = _ADDRESS.search(str(error))
        return _WORDS[error.errno] + (f", at {found[1]}:{found[2]}" if found else "")
    silent = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    return _NUMBERED.sub("", str(error)) or silent


def deepest(error: BaseException) -> BaseException:
    """Return what an error began with, below all that wrapped it."""
    found = error
    while (below := found.__cause__ or found.__context__) is not None:
        found = below
    return found
