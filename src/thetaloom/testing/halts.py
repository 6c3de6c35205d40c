"""Halt flags in memory, for desks that need no folder."""

from collections.abc import Mapping

from thetaloom.domain.book.halts import StandingHalt


class HeldFlags:
    """Implements ``ports.halt_flags.HaltFlags``; ``is_broken`` makes raising and lowering fail like a dead disk."""

    def __init__(self) -> None:
        self._up: dict[str, StandingHalt] = {}
        self.is_broken = False

    def raised(self) -> Mapping[str, StandingHalt]:
        """Return the flags that are up."""
        return dict(self._up)

    def hoist(self, halt: StandingHalt) -> None:
        """Put a flag up."""
        self._check()
        self._up.setdefault(halt.scope, halt)

    def lower(self, scope: str) -> None:
        """Take a flag down."""
        self._check()
        self._up.pop(scope, None)

    def _check(self) -> None:
        if self.is_broken:
            raise OSError("the disk is broken, as planned")
