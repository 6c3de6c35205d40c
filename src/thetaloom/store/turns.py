"""Whose turn it is to write: one thread at a time, in the order in which they asked."""

from collections import deque
from threading import Lock


class Turns:
    """A lock that is handed on to who has waited longest.

    With a plain lock a thread that writes often, as the engine's, takes it again before those that wait wake up.
    """

    def __init__(self) -> None:
        self._guard = Lock()  # over what follows
        self._is_taken = False
        self._waiting: deque[Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait for so many seconds for the turn; return whether it came."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        try:
            return mine.acquire(timeout=timeout) or self._leave(mine)
        except BaseException:  # such as Ctrl-C: a turn that nobody takes would be the last one
            if self._leave(mine):
                self.release()
            raise

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def release(self) -> None:
        """Hand the turn on."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False

    def _leave(self, mine: Lock) -> bool:
        """Stop waiting; return True when the turn came in this very moment."""
        with self._guard:
            if mine not in self._waiting:
                return True
            self._waiting.remove(mine)
            return False
