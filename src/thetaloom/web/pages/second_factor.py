"""The second factor of one's own account: set up, confirmed by a code, and switched off by the password."""

from dataclasses import dataclass

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from thetaloom.errors import NotAllowed
from thetaloom.store.queries.people import login_of
from thetaloom.store.second_factor import (
    address_of,
    begin_second_factor,
    confirm_second_factor,
    has_second_factor,
    remove_second_factor,
)
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.forms import Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.signing_in import Secret
from thetaloom.web.passwords import is_password
from thetaloom.web.throttling import Rate

router = APIRouter(prefix="/account/second-factor")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorView:
    """A secret to scan, or the recovery codes; each is shown once."""

    frame: Frame
    secret: str
    picture: Markup
    codes: tuple[str, ...]


@router.post("")
def begin(front: FrontDoor) -> HTMLResponse:
    """Show a new secret as a picture for an authenticator."""
    person = front.person
    if has_second_factor(front.database, person.id):
        raise NotAllowed("second_factor_on", "a second factor is on already", advice="Switch it off before.")
    secret = begin_second_factor(front.database, front.platform.vault, person.id)
    import segno  # for this one page

    drawn = segno.make(address_of(secret, person.name)).svg_inline(scale=5, light="white")
    view = SecondFactorView(frame=frame_of(front, "account"), secret=secret, picture=Markup(drawn), codes=())
    return page("second_factor.html", view)


@router.post("/confirmation")
def confirm(front: FrontDoor, code: Word = "") -> HTMLResponse:
    """Switch it on by a code, and show the recovery codes."""
    person = front.person
    if has_second_factor(front.database, person.id):
        raise NotAllowed("second_factor_on", "a second factor is on already", advice="Switch it off before.")
    _refuse_guessing(front, person.name)
    codes = confirm_second_factor(front.database, front.platform.vault, person.id, code, front.platform.wall.now())
    if codes is None:
        raise NotAllowed(
            "code_wrong", "that is not the code of this half minute", advice="Is the clock of the phone right?"
        )
    view = SecondFactorView(frame=frame_of(front, "account"), secret="", picture=Markup(), codes=codes)
    return page("second_factor.html", view)


@router.post("/removal")
def remove(front: FrontDoor, password: Secret = "") -> Response:
    """Switch it off, by the password."""
    person = front.person
    _refuse_guessing(front, person.name)
    found = login_of(front.database, person.name)
    if not is_password(None if found is None else found.password_hash, password):
        raise NotAllowed("password_wrong", "the password is another", advice="Go back and type it again.")
    remove_second_factor(front.database, person.id)
    return see("/account", "second_factor_off")


def _refuse_guessing(front: Front, name: str) -> None:
    spent = front.throttle.hit(Rate.SIGN_IN, name.casefold(), "account")
    if spent is not None:
        raise NotAllowed("too_many_tries", spent.message, details={"seconds": spent.seconds})
