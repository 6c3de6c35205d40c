"""The two doors for people: a name and a password, and the one-time link by which these are chosen."""

import math
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput, NotAllowed, ThetaloomError
from thetaloom.store.people import end_session, open_session, take_invitation
from thetaloom.store.queries.people import invited_by, login_of
from thetaloom.store.second_factor import passes
from thetaloom.web.asking import cookie_name
from thetaloom.web.front import Front, FrontDoor, OpenDoor
from thetaloom.web.pages.frame import Frame
from thetaloom.web.pages.render import page
from thetaloom.web.passwords import LENGTH_MIN, check_password, hash_password, is_password
from thetaloom.web.throttling import Rate

router = APIRouter()

PATH_MAX = 2000
FIRST_PAGE = "/trading/"  # where one trades from
Secret = Annotated[str, Form(max_length=1000)]
Name = Annotated[str, Form(max_length=200)]
Path = Annotated[str, Form(max_length=PATH_MAX)]
WRONG = "That name and password do not belong together."
VOID = "This link was used, was replaced by a newer one, or is too old."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginView:
    """The page to sign in on."""

    frame: Frame | None = None
    name: str
    next: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeView:
    """The page on which a name and a password are chosen; without a key, that the link is void."""

    frame: Frame | None = None
    name: str
    key: str
    problem: str
    length_min: int = LENGTH_MIN


@router.get("/login")
def login(next: Annotated[str, Query(max_length=PATH_MAX)] = "") -> HTMLResponse:  # the address's word
    """Show the page to sign in on."""
    return page("login.html", LoginView(name="", next=own_path(next), problem=""))


@router.post("/login")
def sign_in(
    front: OpenDoor,
    request: Request,
    name: Name = "",
    password: Secret = "",
    code: Name = "",
    next: Path = "",  # the field's word
) -> Response:
    """Open a session for the person of this name and password; every refusal reads the same."""
    wanted, address = name.strip().casefold(), "" if request.client is None else request.client.host
    spent = front.throttle.hit(Rate.SIGN_IN, wanted, address) or front.throttle.is_spent(Rate.SIGN_IN_ADDRESS, address)
    if spent is not None:
        told = f"Too many tries. Wait {math.ceil(spent.seconds / 60)} min."
        refused = page("login.html", LoginView(name=name, next=own_path(next), problem=told), 429)
        refused.headers["Retry-After"] = str(spent.seconds)
        return refused
    found = login_of(front.database, wanted)
    is_right = is_password(None if found is None else found.password_hash, password)
    now = front.platform.wall.now()
    if is_right and found is not None:  # the code is asked for last, so that it tells nothing of the password
        is_right = passes(front.database, front.platform.vault, found.id, code, now)
    if found is None or not is_right or found.is_disabled:
        front.throttle.hit(Rate.SIGN_IN_ADDRESS, address)
        return page("login.html", LoginView(name=name, next=own_path(next), problem=WRONG), 401)
    front.throttle.forget(Rate.SIGN_IN, wanted, address)
    return _opened(front, request, found.id, own_path(next) or FIRST_PAGE)


@router.get("/welcome")
def welcome(front: OpenDoor, key: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    """Show the page on which a name and a password are chosen."""
    found = invited_by(front.database, key, front.platform.wall.now())
    if found is None:
        return page("welcome.html", WelcomeView(name="", key="", problem=VOID), 404)
    return page("welcome.html", WelcomeView(name=found.name, key=key, problem=""))


@router.post("/welcome")
def choose(
    front: OpenDoor, request: Request, key: Secret = "", name: Name = "", password: Secret = "", again: Secret = ""
) -> Response:
    """Set name and password, and open the first session; the link is used up."""
    now, wanted = front.platform.wall.now(), name.strip()
    found = invited_by(front.database, key, now)
    if found is None:
        return page("welcome.html", WelcomeView(name="", key="", problem=VOID), 404)
    try:
        check_password(password, again, wanted)
        taken = take_invitation(front.database, found.id, key, wanted, hash_password(password), now)
    except (InvalidInput, NotAllowed) as error:
        return page("welcome.html", WelcomeView(name=name, key=key, problem=_told(error)), 422)
    if not taken:
        return page("welcome.html", WelcomeView(name="", key="", problem=VOID), 404)
    return _opened(front, request, found.id, FIRST_PAGE)


@router.post("/logout")
def sign_out(front: FrontDoor, request: Request) -> Response:
    """End this session."""
    if front.person.session_id:
        end_session(front.database, front.person.id, front.person.session_id, front.platform.wall.now())
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie_name(request.url.scheme), path="/", httponly=True, samesite="strict")
    return answer


def own_path(wanted: str) -> str:
    """Return a path of this server; empty for anything that could lead elsewhere."""
    is_own = wanted.isprintable() and "\\" not in wanted and wanted.startswith("/") and not wanted.startswith("//")
    return wanted if is_own else ""


def _opened(front: Front, request: Request, user: UserId, path: str) -> Response:
    secret = open_session(front.database, user, request.headers.get("user-agent", ""), front.platform.wall.now())
    answer = RedirectResponse(path, 303)
    is_safe = request.url.scheme == "https"
    name = cookie_name(request.url.scheme)
    answer.set_cookie(name, secret, path="/", httponly=True, samesite="strict", secure=is_safe)
    return answer


def _told(error: ThetaloomError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:]}. {error.advice}".strip()
