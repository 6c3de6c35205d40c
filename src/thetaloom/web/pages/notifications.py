"""Notifications: where the user is told, and what became of each message."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query
from pydantic import Field
from starlette.responses import Response

from thetaloom.domain.run.notifications import (
    CHOICES,
    RATE_MAX,
    Delivery,
    DeliveryStatus,
    Destination,
    Topic,
    topics_of,
)
from thetaloom.domain.run.schedules import EXCHANGE_ZONE
from thetaloom.engine.notification_commands import RemoveDestination
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.notifications import DELIVERIES, list_deliveries, list_destinations
from thetaloom.web.destinations import DestinationWish, save_destination, send_test
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.forms import Notice, Word, count_of, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.log_rules import DELIVERIES_TABLE
from thetaloom.web.pages.render import page
from thetaloom.web.pages.schedules import window_of_text
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/notifications")
Url = Annotated[str, Form(max_length=2000)]
Topics = Annotated[list[Annotated[str, Field(max_length=40)]] | None, Form(max_length=20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationsPage:
    """The destinations, the log, and the form for another."""

    frame: Frame
    destinations: Sequence[Destination]
    deliveries: Sequence[Delivery]
    table: TableShown
    topics: Sequence[Topic]
    zone: str
    changed: Destination | None  # the one that the form is filled with


@router.get("")
def notifications_page(
    front: FrontDoor,
    asking: Asking,
    notice: Notice = "",
    change: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show destinations and the log of messages; ``change`` fills the form with a destination."""
    asked = read_asked(DELIVERIES_TABLE, asking)
    if asked.is_csv:
        return csv_file(DELIVERIES_TABLE, DELIVERIES.every(front.database, front.user, wish=asked.wish))
    known = list_destinations(front.database, front.user)
    found = list_deliveries(front.database, front.user, wish=asked.wish, window=asked.window)
    view = NotificationsPage(
        frame=frame_of(front, "notifications", notice),
        destinations=known,
        deliveries=found.rows,
        table=table_of(DELIVERIES_TABLE, asked, found),
        topics=CHOICES,
        zone=EXCHANGE_ZONE,
        changed=next((one for one in known if one.name == change), None),
    )
    return page("notifications.html", view)


@router.post("")
async def add(
    front: FrontDoor,
    name: Word = "",
    url: Url = "",
    topics: Topics = None,
    quiet: Word = "",
    zone: Word = EXCHANGE_ZONE,
    rate: Word = "30",
    off: Word = "",
) -> Response:
    """Add a destination, or write it anew."""
    per_hour = count_of(rate, "number of messages an hour")
    if per_hour is None:
        raise InvalidInput(f"1 to {RATE_MAX} messages an hour", details={"field": "rate"})
    start, end = window_of_text(quiet)
    wish = DestinationWish(
        name=name.strip(),
        url=url.strip() or None,
        topics=topics_of(tuple(topics or ())),
        quiet_from=start,
        quiet_to=end,
        zone=zone.strip()[:60],
        rate_per_hour=per_hour,
        enabled=not off,
    )
    await save_destination(front, wish)
    return see("/notifications", "destination_saved")


@router.post("/{name}/test")
async def test(front: FrontDoor, name: str) -> Response:
    """Send a test message now."""
    told = await send_test(front, name)
    return see("/notifications", "test_sent" if told.status is DeliveryStatus.SENT else "test_failed")


@router.post("/{name}/removal")
async def remove(front: FrontDoor, name: str) -> Response:
    """Take a destination out."""
    await front.tell(RemoveDestination(user_id=front.user, name=name))
    front.platform.destination_urls.remove(front.user, name)
    return see("/notifications", "destination_removed")
