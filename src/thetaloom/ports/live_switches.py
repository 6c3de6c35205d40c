"""The switches of live trading as they stand now: a person may turn one off while the engine runs."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What the settings say of real money."""

    wants_live: bool = False  # mode = live
    allows_live: bool = False  # allow_live


class LiveSwitches(Protocol):
    """Reads the switches."""

    def now(self) -> Switches:
        """Return them as they stand; what cannot be read is off."""
        ...


class SwitchedOff:
    """Never real money: paper trading, demos and tests."""

    def now(self) -> Switches:
        """Return both off."""
        return Switches()
