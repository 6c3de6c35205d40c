"""How long to wait before the next try, growing with each failure up to a cap."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Backoff:
    """Pauses that grow by ``factor`` from the first to the cap, and begin anew after a success."""

    first_seconds: float = 0.25
    cap_seconds: float = 30.0
    factor: float = 2.0
    failures: int = 0

    def next_seconds(self) -> float:
        """Return how long to wait now, and count a failure."""
        steps = min(self.failures, 64)  # far beyond any cap, and no float overflows
        self.failures += 1
        return min(self.cap_seconds, self.first_seconds * self.factor**steps)

    def reset(self) -> None:
        """Begin anew, after a success."""
        self.failures = 0
