"""What a person can ask of the destinations of messages."""

from dataclasses import dataclass

from thetaloom.domain.run.notifications import Destination
from thetaloom.domain.values.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveDestination:
    """Say where a user is told, and of what; in the place of the one of its name."""

    destination: Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDestination:
    """Tell a user somewhere no more."""

    user_id: UserId
    name: str


NotificationCommand = SaveDestination | RemoveDestination
