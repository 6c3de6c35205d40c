"""What can go wrong between us and a broker, as a test plans it."""

from collections import defaultdict, deque
from enum import StrEnum


class ServerTrouble(StrEnum):
    """What a simulated server does wrong with one call."""

    SILENT_AFTER_TAKING = "silent_after_taking"  # it has it, and never answers
    ERROR_AFTER_TAKING = "error_after_taking"  # it has it, and answers with a fault of its own
    CUT_AFTER_TAKING = "cut_after_taking"
    CUT_BEFORE_TAKING = "cut_before_taking"
    REFUSED = "refused"
    BUSY = "busy"  # too many requests; nothing taken
    DOWN = "down"  # out of service; nothing taken
    MAINTENANCE = "maintenance"
    TOKEN_EXPIRED = "token_expired"
    LATE = "late"  # it answers, and its books and streams show it only after ``arrive``
    TWICE = "twice"  # it tells twice
    NOT_TOLD = "not_told"  # its books know, and its streams do not tell


class Troubles:
    """The troubles that are planned, by the call that they happen to: submit, replace, cancel, read, stream."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[ServerTrouble | None]] = defaultdict(deque)

    def plan(self, call: str, *troubles: ServerTrouble | None) -> None:
        """Name what goes wrong with the next calls of a kind, one each; ``None`` lets one pass."""
        self._planned[call].extend(troubles)

    def take(self, call: str) -> ServerTrouble | None:
        """Return what goes wrong with this call."""
        planned = self._planned[call]
        return planned.popleft() if planned else None
