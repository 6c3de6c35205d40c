"""What happened in a simulated world, line by line, so that one seed can be compared with itself."""

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b


class History:
    """Lines with their instants; two plays of one seed must agree in every byte."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.lines: list[str] = []
        self._now = now

    def note(self, who: str, what: str) -> None:
        """Add a line."""
        self.lines.append(f"{self._now():%m-%d %H:%M:%S.%f}"[:-3] + f" {who:<7} {what}")

    @property
    def digest(self) -> str:
        """Return a digest of all lines."""
        return blake2b("\n".join(self.lines).encode(), digest_size=16).hexdigest()
