"""The flags that halt new risk: they are looked at right before each send and need no database."""

from collections.abc import Mapping
from typing import Protocol

from thetaloom.domain.book.halts import StandingHalt


class HaltFlags(Protocol):
    """Flags that every process of this installation sees at once."""

    def raised(self) -> Mapping[str, StandingHalt]:
        """Return the halts in force by scope, read now; flags that cannot be read halt everything."""
        ...

    def hoist(self, halt: StandingHalt) -> None:
        """Halt a scope; a flag that stands keeps its reason. Raises ``OSError`` where it cannot be raised."""
        ...

    def lower(self, scope: str) -> None:
        """Take the flag of a scope down, if it is up. Raises ``OSError`` where it cannot be taken down."""
        ...
