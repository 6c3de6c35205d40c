"""Commands on destinations of messages: save, remove."""

from dataclasses import replace

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.notifications import Destination
from thetaloom.engine.desk import Desk
from thetaloom.engine.notification_commands import RemoveDestination, SaveDestination
from thetaloom.engine.step import tell_user
from thetaloom.errors import InvalidInput, NotFound

DESTINATIONS_MAX = 50  # of a user


def save_destination(desk: Desk, command: SaveDestination) -> Destination:
    """Write a destination; it hears of what happens from now on."""
    now, wanted = desk.clock.now(), command.destination
    with desk.store.unit_of_work() as uow:
        known = uow.notifications.destination(wanted.user_id, wanted.name)
        if known is None and len(uow.notifications.destinations(wanted.user_id)) >= DESTINATIONS_MAX:
            raise InvalidInput(f"there are {DESTINATIONS_MAX} destinations; remove one first")
        was_heard = known is not None and known.enabled
        after = known.after if known is not None and was_heard else uow.notifications.newest_event()
        saved = replace(wanted, after=after, saved_at=now)
        uow.notifications.save_destination(saved)
        facts = {"destination": saved.name, "service": saved.service, "topics": " ".join(saved.topics)}
        tell_user(uow, saved.user_id, EventKind.DESTINATION_SAVED, now, **facts)
        uow.commit()
    return saved


def remove_destination(desk: Desk, command: RemoveDestination) -> None:
    """Take a destination out; what was sent stays in the log."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        if not uow.notifications.remove_destination(command.user_id, command.name):
            raise NotFound(f"no destination is called {command.name!r}", advice="`thetaloom notify list` shows them.")
        tell_user(uow, command.user_id, EventKind.DESTINATION_REMOVED, now, destination=command.name)
        uow.commit()
