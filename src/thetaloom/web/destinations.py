"""Where the user is told: written and tried out, for programs and pages alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from thetaloom.domain.run.notifications import CHOICES, Delivery, Destination, Topic, check_destination_name
from thetaloom.engine.notification_commands import SaveDestination
from thetaloom.errors import InvalidInput, ThetaloomError
from thetaloom.notify_parts import postman_of, read_service
from thetaloom.store.queries.notifications import destination_named, list_destinations
from thetaloom.web.front import Front


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationWish:
    """What a destination shall be; without ``url`` its address stays as it was."""

    name: str
    url: str | None
    topics: Sequence[Topic]
    quiet_from: time | None
    quiet_to: time | None
    zone: str
    rate_per_hour: int
    enabled: bool = True


async def save_destination(front: Front, wish: DestinationWish) -> Destination:
    """Write a destination and its address. Raises ``InvalidInput``, which never holds the address."""
    check_destination_name(wish.name)
    known = {one.name: one for one in list_destinations(front.database, front.user)}.get(wish.name)
    if wish.url is not None:
        service = read_service(wish.url)
        spoken, shown = service.name, service.shown
    elif known is not None:
        spoken, shown = known.service, known.shown
    else:
        raise InvalidInput(f"{wish.name} is new and needs an address", details={"part": "url"})
    wanted = Destination(
        user_id=front.user,
        name=wish.name,
        service=spoken,
        shown=shown,
        topics=tuple(topic for topic in CHOICES if topic in wish.topics),
        quiet_from=wish.quiet_from,
        quiet_to=wish.quiet_to,
        zone=wish.zone,
        rate_per_hour=wish.rate_per_hour,
        enabled=wish.enabled,
        saved_at=front.now,
    )
    urls = front.platform.destination_urls
    if wish.url is not None:
        urls.put(front.user, wish.name, wish.url)
    try:
        return await front.ask(SaveDestination(destination=wanted), Destination)
    except ThetaloomError:
        if known is None:  # no secret stays that belongs to nothing
            urls.remove(front.user, wish.name)
        raise


async def send_test(front: Front, name: str) -> Delivery:
    """Send a test message now and return what became of it."""
    found = await front.read(lambda: destination_named(front.database, front.user, name))
    platform = front.platform
    postman = postman_of(platform.settings, platform.desk, platform.destination_urls)
    return await front.read(lambda: postman.test(found))
