"""How a connection to the outside stands: up or down, since when, and what it last said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """One connection of a broker or a source at one moment."""

    name: str  # as "tastytrade account stream"
    is_up: bool
    since: datetime | None  # it has been so; None: it never was up
    heard_at: datetime | None  # the last message of the other side; None: none yet
    attempts: int  # to come up again, since it was up last
    reason: str = ""  # why it is down, in words for people
    drops: int = 0  # how often it was lost so far, in this process
    is_needed: bool = True  # False: nobody waits for it, as for a source behind one that speaks


@runtime_checkable
class Linked(Protocol):
    """A broker or a source that stands on connections, which can be lost."""

    def links(self) -> Sequence[LinkStatus]:
        """Return how its connections stand."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChoice:
    """Who speaks for one symbol, since when, and why those before it in the order do not."""

    symbol: str
    source: str | None  # None: nobody
    since: datetime
    as_of: datetime | None  # the newest word of who speaks
    passed_over: tuple[tuple[str, str], ...]  # source and reason, in order of preference


@runtime_checkable
class Choosing(Protocol):
    """A market that stands on several sources, one of which speaks for each symbol."""

    def choices(self) -> Sequence[SourceChoice]:
        """Return who speaks for each symbol that was asked for, and why."""
        ...
