"""What was changed, by whom and from where: for those who administer."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from thetaloom.store.queries.audit import AuditRow, list_audit
from thetaloom.store.queries.people import Account, list_people
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import PageNumber
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """Changes, the newest first."""

    frame: Frame
    rows: tuple[AuditRow, ...]
    pager: Pager
    people: tuple[Account, ...]
    user: str


@router.get("")
def audit(
    front: FrontDoor,
    user: Annotated[str, Query(max_length=64)] = "",
    number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> HTMLResponse:
    """Show what was changed."""
    found = list_audit(front.database, user=user or None, window=window_of(number))
    view = AuditView(
        frame=frame_of(front, "audit"),
        rows=tuple(found.rows),
        pager=pager_of("/audit", found, user=user),
        people=list_people(front.database),
        user=user,
    )
    return page("audit.html", view)
