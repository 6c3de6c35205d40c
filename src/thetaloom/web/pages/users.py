"""Who may sign in, and what they may do: for those who administer."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, Response

from thetaloom.domain.values.people import Role
from thetaloom.store import people
from thetaloom.store.people import INVITATION_DAYS
from thetaloom.store.queries.people import Account, list_people, user_named
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.forms import Notice, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/users")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersView:
    """Everybody, and the link of whoever was added just now."""

    frame: Frame
    people: tuple[Account, ...]
    roles: tuple[Role, ...]
    invited: str
    link: str  # shown this once
    days: int = INVITATION_DAYS


@router.get("")
def users(front: FrontDoor, notice: Notice = "") -> HTMLResponse:
    """Show everybody."""
    return _page(front, notice)


@router.post("")
def add(front: FrontDoor, name: Word = "", role: Annotated[Role, Form()] = Role.TRADER, books: Word = "") -> Response:
    """Add a person, and show the link by which they choose a password."""
    added = people.add_person(front.database, name.strip(), role, books.strip() or None, front.platform.wall.now())
    return _invited(front, added)


@router.post("/{user}/link")
def link(front: FrontDoor, user: str) -> Response:
    """Show a new link for a person to choose a password."""
    return _invited(front, user)


@router.post("/{user}/role")
def give_role(front: FrontDoor, user: str, role: Annotated[Role, Form()]) -> Response:
    """Give a person another role, from their next request on."""
    people.set_role(front.database, user_named(front.database, user), role)
    return see("/users", "role_given")


@router.post("/{user}/disabling")
def disable(front: FrontDoor, user: str) -> Response:
    """Let a person in no more."""
    people.disable(front.database, user_named(front.database, user), front.platform.wall.now())
    return see("/users", "person_disabled")


@router.post("/{user}/enabling")
def enable(front: FrontDoor, user: str) -> Response:
    """Let a person in again."""
    people.enable(front.database, user_named(front.database, user))
    return see("/users", "person_enabled")


def _invited(front: Front, user: str) -> HTMLResponse:
    meant = user_named(front.database, user)
    key = people.invite(front.database, meant, front.platform.wall.now())
    return _page(front, "", invited=meant, link=f"{front.platform.settings.link_base}/welcome?key={key}")


def _page(front: Front, notice: str, *, invited: str = "", link: str = "") -> HTMLResponse:
    view = UsersView(
        frame=frame_of(front, "users", notice),
        people=list_people(front.database),
        roles=tuple(Role),
        invited=invited,
        link=link,
    )
    return page("users.html", view)
