"""Notifications: where people are told, of what, and what became of each message."""

from datetime import datetime, time
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field, StringConstraints

from thetaloom.domain.run.notifications import CHOICES, RATE_MAX, DeliveryStatus, Topic
from thetaloom.domain.run.schedules import EXCHANGE_ZONE
from thetaloom.engine.notification_commands import RemoveDestination
from thetaloom.store.queries.notifications import destination_named, list_deliveries, list_destinations
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Page, Record, paged
from thetaloom.web.api.workflow import Asked
from thetaloom.web.destinations import DestinationWish, save_destination, send_test
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(prefix="/notifications", tags=["notifications"])
Address = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class Destination(Record):
    """Where the user is told; its address is never shown."""

    name: str
    service: str
    shown: str = Field(description="The address without its secrets.")
    topics: list[Topic]
    quiet_from: time | None
    quiet_to: time | None
    zone: str
    rate_per_hour: int
    enabled: bool
    saved_at: datetime


class Delivery(Record):
    """One message to one destination, and what became of it."""

    id: str
    destination: str
    topic: Topic
    title: str
    body: str
    link: str
    is_urgent: bool
    status: DeliveryStatus
    attempts: int
    made_at: datetime = Field(description="By the wall's clock, as all times of messages.")
    due_at: datetime | None
    sent_at: datetime | None
    error: str


class SaveAsked(Asked):
    """Where to tell the user, of what, and when not."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "ntfy://127.0.0.1/desk", "topics": ["approval", "alert"]}]},
    )

    url: Address | None = Field(default=None, description="null: as it was. It is stored apart and never shown.")
    topics: list[Topic] = Field(default_factory=lambda: list[Topic](CHOICES), max_length=len(CHOICES))
    quiet_from: time | None = None
    quiet_to: time | None = None
    zone: Annotated[str, StringConstraints(max_length=60)] = EXCHANGE_ZONE
    rate_per_hour: int = Field(default=30, ge=1, le=RATE_MAX)
    enabled: bool = True


@router.get("/destinations", responses=documented())
def destinations(front: FrontDoor) -> list[Destination]:
    """List the destinations by name."""
    return [Destination.model_validate(one) for one in list_destinations(front.database, front.user)]


@router.put("/destinations/{name}", responses=COMMANDED)
async def save(front: FrontDoor, name: Id, asked: SaveAsked) -> Destination:
    """Add a destination, or write it anew."""
    wish = DestinationWish(name=name, **dict(asked))
    return Destination.model_validate(await save_destination(front, wish))


@router.delete("/destinations/{name}", responses=COMMANDED)
async def remove(front: FrontDoor, name: Id) -> Destination:
    """Take a destination out and forget its address."""
    found = await front.read(lambda: destination_named(front.database, front.user, name))
    await front.tell(RemoveDestination(user_id=front.user, name=name))
    front.platform.destination_urls.remove(front.user, name)
    return Destination.model_validate(found)


@router.post("/destinations/{name}/test", responses=COMMANDED)
async def test(front: FrontDoor, name: Id) -> Delivery:
    """Send a test message now; `status` says whether the service took it."""
    return Delivery.model_validate(await send_test(front, name))


@router.get("/deliveries", responses=documented())
def deliveries(
    front: FrontDoor,
    window: PageWindow,
    destination: Annotated[str | None, Query(max_length=40)] = None,
    status: DeliveryStatus | None = None,
) -> Page[Delivery]:
    """List messages, newest first."""
    found = list_deliveries(front.database, front.user, destination=destination, status=status, window=window)
    return paged(found, Delivery)
