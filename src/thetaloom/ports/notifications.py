"""What the store keeps of notifications: destinations, deliveries, and how far events were read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from thetaloom.domain.run.notifications import Delivery, Destination
from thetaloom.domain.values.ids import UserId

Place = tuple[UserId, str]  # a user's destination by its name


@dataclass(frozen=True, slots=True, kw_only=True)
class PostState:
    """How far facts were turned into messages."""

    sequence: int  # of the newest event that was read
    summed_at: datetime  # by the market's clock: summaries up to here are written


class Notifications(Protocol):
    """Destinations and deliveries; a message is written to a destination once, whoever tries."""

    def state(self) -> PostState | None: ...
    def save_state(self, state: PostState) -> None:
        """Write how far facts were read; a state that is further already stays."""
        ...

    def newest_event(self) -> int: ...
    def take_turn(self) -> None:
        """Let one reader of events at a time go on, until this transaction ends."""
        ...

    def destination(self, user: UserId, name: str) -> Destination | None: ...
    def destinations(self, user: UserId | None = None) -> Sequence[Destination]: ...
    def save_destination(self, destination: Destination) -> None: ...
    def remove_destination(self, user: UserId, name: str) -> bool:
        """Take a destination out and drop what still waits for it; False when there was none."""
        ...

    def add(self, delivery: Delivery) -> bool:
        """Write a message to a destination; False when it is there already."""
        ...

    def due(self, now: datetime, limit: int, but: Collection[Place] = ()) -> Sequence[Delivery]:
        """Return what waits and is due, the urgent first, then the oldest, nothing of the destinations in ``but``."""
        ...

    def claim(self, delivery: Delivery, until: datetime) -> Delivery | None:
        """Take a delivery that nobody else has taken; it is due again at ``until`` if nothing becomes of it."""
        ...

    def settle(self, delivery: Delivery) -> None:
        """Write what became of a claimed delivery; what was sent stays sent."""
        ...

    def sent_since(self, user: UserId, destination: str, since: datetime) -> Sequence[datetime]:
        """Return when messages went out, oldest first."""
        ...
