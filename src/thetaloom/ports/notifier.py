"""Who carries a message to a person: e-mail, chat services, webhooks."""

from dataclasses import dataclass
from typing import Protocol

from thetaloom.domain.values.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message as it leaves the house."""

    id: str  # the same whenever it is sent again, so that a receiver can tell
    title: str
    body: str
    is_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Why a letter did not arrive, in words without secrets; ``is_final``: another try would change nothing."""

    reason: str
    is_final: bool = False


class Notifier(Protocol):
    """Carries letters."""

    def send(self, user: UserId, destination: str, letter: Letter) -> NotSent | None:
        """Carry a letter to a user's destination by its name; ``None`` when the service took it."""
        ...
