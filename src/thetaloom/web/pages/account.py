"""One's own account: password, sessions, tokens, and how the pages are to look."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, Response

from thetaloom.domain.values.people import SCOPES, Scope, Theme
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.store import people
from thetaloom.store.people import MadeToken
from thetaloom.store.queries.people import OpenSession, TokenEntry, list_tokens, login_of, sessions_of
from thetaloom.store.second_factor import has_second_factor
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.forms import Notice, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.signing_in import Path, Secret, own_path
from thetaloom.web.passwords import LENGTH_MIN, check_password, hash_password, is_password

router = APIRouter(prefix="/account")

Days = Annotated[str, Form(max_length=4)]
ZONE_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """Who one is here, from where one is signed in, and by which tokens."""

    frame: Frame
    sessions: tuple[OpenSession, ...]
    tokens: tuple[TokenEntry, ...]
    scopes: tuple[Scope, ...]  # that the role allows
    themes: tuple[Theme, ...]
    has_second_factor: bool
    made: MadeToken | None  # shown this once
    now: datetime
    length_min: int = LENGTH_MIN


@router.get("")
def account(front: FrontDoor, notice: Notice = "") -> HTMLResponse:
    """Show one's own account."""
    return _page(front, notice)


@router.post("/password")
def change_password(front: FrontDoor, old: Secret = "", password: Secret = "", again: Secret = "") -> Response:
    """Change the password; every other session ends."""
    person = front.person
    found = login_of(front.database, person.name)
    if not is_password(None if found is None else found.password_hash, old):
        raise NotAllowed("password_wrong", "the present password is another", advice="Go back and type it again.")
    check_password(password, again, person.name)
    now = front.platform.wall.now()
    people.set_password(front.database, person.id, hash_password(password), now, keep=person.session_id)
    return see("/account", "password_changed")


@router.post("/sessions/{session_id}/ending")
def end_session(front: FrontDoor, session_id: str) -> Response:
    """End one of one's sessions."""
    people.end_session(front.database, front.person.id, session_id, front.platform.wall.now())
    return see("/account", "session_ended")


@router.post("/tokens")
def make_token(
    front: FrontDoor,
    name: Word = "",
    days: Days = "",
    scopes: Annotated[tuple[Scope, ...], Form()] = (),
) -> HTMLResponse:
    """Make a token and show it this once."""
    typed = days.strip()
    if typed and not (typed.isascii() and typed.isdecimal()):
        raise InvalidInput(f"{typed!r} is no number of days; a good one: 90", details={"field": "days"})
    now = front.platform.wall.now()
    made = people.make_token(front.database, front.person.id, name.strip(), scopes, int(typed) if typed else None, now)
    return _page(front, "", made)


@router.post("/tokens/{token_id}/revocation")
def revoke_token(front: FrontDoor, token_id: str) -> Response:
    """Make one of one's tokens void."""
    people.revoke_token(front.database, token_id, front.platform.wall.now(), user=front.person.id)
    return see("/account", "token_revoked")


@router.post("/preferences")
def set_preferences(front: FrontDoor, theme: Annotated[Theme, Form()] = Theme.DARK, zone: Word = "") -> Response:
    """Keep how the pages are to look."""
    wanted = zone.strip()
    if wanted and not _is_zone(wanted):
        raise InvalidInput(
            f"{wanted[:ZONE_MAX]!r} is no time zone; a good one: Europe/Berlin", details={"field": "zone"}
        )
    person = front.person
    people.set_preferences(front.database, person.id, theme=theme, zone=wanted, is_private=person.is_private)
    return see("/account", "preferences_kept")


@router.post("/privacy")
def set_privacy(front: FrontDoor, private: Word = "", next: Path = "") -> Response:  # the field's word
    """Blur all money, or show it again; it is remembered for this person."""
    person = front.person
    people.set_preferences(front.database, person.id, theme=person.theme, zone=person.zone, is_private=private == "yes")
    return see(own_path(next) or "/account")


def _page(front: Front, notice: str, made: MadeToken | None = None) -> HTMLResponse:
    now, person = front.platform.wall.now(), front.person
    allowed = tuple(scope for role, scope in SCOPES.items() if person.role.includes(role))
    view = AccountView(
        frame=frame_of(front, "account", notice),
        sessions=sessions_of(front.database, person.id, now),
        tokens=list_tokens(front.database, person.id),
        scopes=allowed,
        themes=tuple(Theme),
        has_second_factor=has_second_factor(front.database, person.id),
        made=made,
        now=now,
    )
    return page("account.html", view)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
