"""What was changed, by whom and from where."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from thetaloom.store.queries.audit import list_audit
from thetaloom.web.api.queries import PageWindow
from thetaloom.web.api.records import Page, Record, paged
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented

router = APIRouter(prefix="/audit", tags=["people"])


class Change(Record):
    """A change, or a try at one."""

    id: int
    at: datetime = Field(description="By the wall's clock.")
    user_id: str = Field(description="Empty where nobody was signed in.")
    name: str
    token_id: str = Field(description="Empty for a browser.")
    address: str = Field(description="Where it was asked from; cli for a command on the machine.")
    action: str = Field(description="Method and route, or the command.")
    subject: str = Field(description="What the parts of the route named.")
    status: int = Field(description="Of the answer; 0 for a command that went through.")
    fields: list[str] = Field(description="Names of what was sent, never what stood in them.")


@router.get("", responses=documented())
def audit(
    front: FrontDoor, window: PageWindow, user: Annotated[str | None, Query(max_length=64)] = None
) -> Page[Change]:
    """List changes, newest first; `user` is the id of one person."""
    return paged(list_audit(front.database, user=user, window=window), Change)
